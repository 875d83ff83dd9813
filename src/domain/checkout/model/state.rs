//! Where a session stands.

use super::attempt::{Attempt, Charging};
use super::stripe_checkout::{CloseReason, StripeCheckout, StripeCheckoutPayment};
use crate::domain::ids::{OrderId, PaymentIntentId};
use crate::domain::pricing::{PricingProblem, Quote};
use crate::domain::time::Timestamp;
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
    OpeningStripeCheckout(StripeCheckoutPayment),
    /// The shopper may pay on a page at Stripe.
    AwaitingStripeCheckout {
        /// What is asked for.
        payment: StripeCheckoutPayment,
        /// The page.
        checkout: StripeCheckout,
    },
    /// The page is being closed, because something else is wanted.
    ClosingStripeCheckout {
        /// What is asked for.
        payment: StripeCheckoutPayment,
        /// The page.
        checkout: StripeCheckout,
        /// What it is closed for.
        reason: CloseReason,
    },
    /// The charge cannot be known by any reading; an operator decides.
    Frozen {
        /// What was under way.
        attempt: Attempt,
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
            Self::OpeningStripeCheckout(_) => "opening_stripe_checkout",
            Self::AwaitingStripeCheckout { .. } => "awaiting_stripe_checkout",
            Self::ClosingStripeCheckout { .. } => "closing_stripe_checkout",
            Self::Frozen { .. } => "frozen",
            Self::Completed { .. } => "completed",
            Self::Canceled { .. } => "canceled",
            Self::Expired => "expired",
        }
    }

    /// The attempt that is not decided yet, frozen ones included.
    #[must_use]
    pub const fn attempt(&self) -> Option<&Attempt> {
        match self {
            Self::Charging(Charging { attempt, .. })
            | Self::OpeningStripeCheckout(StripeCheckoutPayment { attempt, .. })
            | Self::AwaitingStripeCheckout { payment: StripeCheckoutPayment { attempt, .. }, .. }
            | Self::ClosingStripeCheckout { payment: StripeCheckoutPayment { attempt, .. }, .. }
            | Self::Frozen { attempt, .. } => Some(attempt),
            Self::Open { .. }
            | Self::Ready { .. }
            | Self::Completed { .. }
            | Self::Canceled { .. }
            | Self::Expired => None,
        }
    }

    /// The attempt that is being decided: its answer or its reading is waited for. A frozen one waits for an operator.
    #[must_use]
    pub const fn running(&self) -> Option<&Attempt> {
        if let Self::Frozen { .. } = self { None } else { self.attempt() }
    }

    /// The payment on a page at Stripe that is being decided.
    #[must_use]
    pub const fn stripe_checkout_payment(&self) -> Option<&StripeCheckoutPayment> {
        if let Self::OpeningStripeCheckout(payment)
        | Self::AwaitingStripeCheckout { payment, .. }
        | Self::ClosingStripeCheckout { payment, .. } = self
        {
            Some(payment)
        } else {
            None
        }
    }

    pub(crate) const fn stripe_checkout_payment_mut(&mut self) -> Option<&mut StripeCheckoutPayment> {
        if let Self::OpeningStripeCheckout(payment)
        | Self::AwaitingStripeCheckout { payment, .. }
        | Self::ClosingStripeCheckout { payment, .. } = self
        {
            Some(payment)
        } else {
            None
        }
    }

    /// What is being decided is tried again then at the latest.
    pub(crate) fn poll_by(&mut self, latest: Timestamp) {
        if let Self::Charging(Charging { attempt, .. }) = self {
            attempt.retry.by(latest);
        } else if let Some(payment) = self.stripe_checkout_payment_mut() {
            payment.attempt.retry.by(latest);
        }
    }

    /// What it was paid with and for, once it is.
    #[must_use]
    pub const fn paid(&self) -> Option<(&Quote, &PaymentIntentId)> {
        if let Self::Completed { quote, intent, .. } = self { Some((quote, intent)) } else { None }
    }

    /// Whether its shopper may still change it, and pay it once it has a quote.
    #[must_use]
    pub const fn is_the_shoppers(&self) -> bool {
        matches!(self, Self::Open { .. } | Self::Ready { .. })
    }

    /// Whether a payment may begin then. A session whose page at Stripe is open may also be paid elsewhere: the page is closed
    /// first.
    #[must_use]
    pub fn is_payable(&self, now: Timestamp) -> bool {
        matches!(self, Self::AwaitingStripeCheckout { .. })
            || matches!(self, Self::Ready { quote } if quote.expires > now)
    }

    /// Whether it ended unpaid.
    #[must_use]
    pub const fn is_unpaid_end(&self) -> bool {
        matches!(self, Self::Canceled { .. } | Self::Expired)
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
