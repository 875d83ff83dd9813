//! The states of a session.

use super::attempt::{Attempt, Charging};
use super::stripe_checkout::{CloseReason, StripeCheckout, StripeCheckoutPayment};
use crate::domain::ids::{OrderId, PaymentIntentId};
use crate::domain::pricing::{PricingProblem, Quote};
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

/// The state of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(tag = "state", rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum State {
    /// It cannot be paid yet.
    Open {
        /// The missing part; `None` after an attempt that never happened, when a new revision must be shown before
        /// another payment.
        problem: Option<PricingProblem>,
    },
    /// It has a quote and can be paid until the quote expires.
    Ready { quote: Quote },
    /// An attempt is undecided.
    Charging(Charging),
    /// A Stripe Checkout is being created; its address is not known yet.
    OpeningStripeCheckout(StripeCheckoutPayment),
    /// The shopper may pay on a Stripe Checkout.
    AwaitingStripeCheckout { payment: StripeCheckoutPayment, checkout: StripeCheckout },
    /// The Stripe Checkout is being closed, because a caller wants something else.
    ClosingStripeCheckout { payment: StripeCheckoutPayment, checkout: StripeCheckout, reason: CloseReason },
    /// No reading can decide the charge; an operator decides.
    Frozen {
        /// The undecided attempt.
        attempt: Attempt,
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
    /// Ended unpaid for a reason other than time.
    Canceled { reason: CancelReason },
    /// Ended unpaid by time.
    Expired,
}

impl State {
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

    /// The attempt that waits for an answer or a reading. A frozen one waits for an operator and does not count.
    #[must_use]
    pub const fn running(&self) -> Option<&Attempt> {
        if let Self::Frozen { .. } = self { None } else { self.attempt() }
    }

    /// The payment on a Stripe Checkout that is being decided.
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

    /// Moves the next try of the undecided payment to this moment, unless it is earlier.
    pub(crate) fn poll_by(&mut self, latest: Timestamp) {
        if let Self::Charging(Charging { attempt, .. }) = self {
            attempt.retry.by(latest);
        } else if let Some(payment) = self.stripe_checkout_payment_mut() {
            payment.attempt.retry.by(latest);
        }
    }

    /// The quote and the payment of a paid session.
    #[must_use]
    pub const fn paid(&self) -> Option<(&Quote, &PaymentIntentId)> {
        if let Self::Completed { quote, intent, .. } = self { Some((quote, intent)) } else { None }
    }

    /// Whether its shopper may still edit it, and pay it once it has a quote.
    #[must_use]
    pub const fn is_the_shoppers(&self) -> bool {
        matches!(self, Self::Open { .. } | Self::Ready { .. })
    }

    /// Whether a payment may begin at this moment. A session whose Stripe Checkout is open may also be paid
    /// elsewhere; the Stripe Checkout is then closed first.
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

    /// Whether the state is final. The refunds and shipments of a paid session are in its order activity.
    #[must_use]
    pub const fn is_terminal(&self) -> bool {
        matches!(self, Self::Completed { .. } | Self::Canceled { .. } | Self::Expired)
    }
}

/// Why only an operator can decide a charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum FreezeReason {
    /// A succeeded payment differs from the expected one.
    PaymentDisagrees,
    /// Stripe knows the idempotency key with another request.
    IdempotencyConflict,
    /// No reading was completed within a day.
    Unreadable,
}

/// Why a session ended unpaid, apart from expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelReason {
    Shopper,
    /// [`MAX_ATTEMPTS`] attempts failed.
    TooManyAttempts,
    /// An operator found that nothing was charged.
    Operator,
    /// It was paid for a quote that a restored database lacks; the payment is flagged.
    Restored,
}
