//! Where a session stands.

use super::attempt::Charging;
use super::stripe_checkout::{CloseReason, StripeCheckout, StripeCheckoutAttempt};
use crate::domain::ids::{OrderId, PaymentIntentId};
use crate::domain::pricing::{PricingProblem, Quote};
use serde::{Deserialize, Serialize};

/// Where a session stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// It cannot be paid yet.
    Open {
        /// What is missing; `None` after an attempt that proved never to have happened, when a new revision must
        /// be shown before another payment.
        problem: Option<PricingProblem>,
    },
    /// It has a quote and can be paid until the quote expires.
    Ready {
        /// The quote.
        quote: Quote,
    },
    /// An attempt is undecided.
    Charging(Charging),
    /// A page at Stripe is being opened; nobody knows its address yet.
    OpeningHosted(StripeCheckoutAttempt),
    /// The shopper may pay on a page at Stripe.
    AwaitingHosted {
        /// What is asked for.
        hosted: StripeCheckoutAttempt,
        /// The page.
        page: StripeCheckout,
    },
    /// The page is being closed, because something else is wanted.
    ClosingHosted {
        /// What is asked for.
        hosted: StripeCheckoutAttempt,
        /// The page.
        page: StripeCheckout,
        /// What it is closed for.
        reason: CloseReason,
    },
    /// The charge cannot be known by any reading; an operator decides.
    Frozen {
        /// What was under way.
        charging: Charging,
        /// Why.
        reason: FreezeReason,
    },
    /// Paid.
    Completed {
        /// The quote that was paid.
        quote: Quote,
        /// The order made of it.
        order: OrderId,
        /// The PaymentIntent that paid it.
        intent: PaymentIntentId,
    },
    /// Ended unpaid on purpose.
    Canceled {
        /// By whom or what.
        reason: CancelReason,
    },
    /// Ended unpaid by time.
    Expired,
}

impl State {
    /// The state's name, as the store and the logs write it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Open { .. } => "open",
            Self::Ready { .. } => "ready",
            Self::Charging(_) => "charging",
            Self::OpeningHosted(_) => "opening_hosted",
            Self::AwaitingHosted { .. } => "awaiting_hosted",
            Self::ClosingHosted { .. } => "closing_hosted",
            Self::Frozen { .. } => "frozen",
            Self::Completed { .. } => "completed",
            Self::Canceled { .. } => "canceled",
            Self::Expired => "expired",
        }
    }

    /// Whether it stays as it is. What becomes of a paid one's order is in its book.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        matches!(self, Self::Completed { .. } | Self::Canceled { .. } | Self::Expired)
    }
}

/// Why nobody but an operator can tell what became of a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FreezeReason {
    /// A succeeded payment differs from what was asked for.
    PaymentDisagrees,
    /// Stripe knows the idempotency key with another request.
    IdempotencyConflict,
    /// No complete reading came about within a day.
    Unreadable,
}

impl FreezeReason {
    /// The reason as it is told.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PaymentDisagrees => "payment_disagrees",
            Self::IdempotencyConflict => "idempotency_conflict",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Why a session ended unpaid on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    /// The shopper canceled it.
    Shopper,
    /// [`MAX_ATTEMPTS`] attempts died.
    TooManyAttempts,
    /// An operator found that nothing was charged.
    Operator,
    /// It was paid for something that a restored database does not know; the payment is flagged.
    Restored,
}
