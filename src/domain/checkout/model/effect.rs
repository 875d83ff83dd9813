//! What a session wants done at Stripe, as data. What comes of it returns as an [`Event`](super::event::Event).

use super::observation::Inconclusive;
use super::order::{OrderObservation, RefundAnswer};
use crate::domain::ids::{AccountId, AttemptNumber, PaymentIntentId, RefundNumber, StripeCheckoutId};
use crate::domain::time::Timestamp;

/// Something to do at Stripe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send the stored request of the attempt.
    Charge(AttemptNumber),
    /// Read what became of the attempt.
    Read {
        /// The attempt.
        attempt: AttemptNumber,
        /// The PaymentIntent, where it is known; else those of the attempt's time are listed.
        intent: Option<PaymentIntentId>,
        /// The last moment at which that can have been made; `None` where it is not known.
        made_by: Option<Timestamp>,
    },
    /// Cancel the PaymentIntent of the attempt, and read it where that is refused.
    Cancel {
        /// The attempt.
        attempt: AttemptNumber,
        /// Its PaymentIntent.
        intent: PaymentIntentId,
        /// For what it is canceled.
        cause: CancelCause,
        /// How often it was tried before: each try is a request of its own, since Stripe replays a stored failure.
        tries: u32,
    },
    /// Send the stored request that opens the attempt's page.
    CreateStripeCheckout(AttemptNumber),
    /// Read the attempt's page.
    ReadStripeCheckout {
        /// The attempt.
        attempt: AttemptNumber,
        /// Its page.
        checkout: StripeCheckoutId,
        /// Whether somebody waits for what it shows, or says that it was paid.
        awaited: bool,
    },
    /// Close the attempt's page, and read it where that is refused.
    ExpireStripeCheckout {
        /// The attempt.
        attempt: AttemptNumber,
        /// Its page.
        checkout: StripeCheckoutId,
        /// How often it was tried before, as of [`Effect::Cancel`].
        tries: u32,
    },
    /// Something for a paid order.
    Order(OrderEffect),
    /// Read a payment that the session cannot account for.
    ReadPayment {
        /// Which.
        payment: PaymentIntentId,
        /// The account that it is looked for on; `None` while the session has none of its own.
        account: Option<AccountId>,
    },
}

/// What a payment is canceled for. The tries of each are counted apart, so that they are requests of their own, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelCause {
    /// Its attempt is to end.
    Ending,
    /// An operator has called its attempt unpaid without a reading.
    Unconfirmed,
}

impl CancelCause {
    /// What tells a try for this cause from every other.
    #[must_use]
    pub fn distinction(self, tries: u32) -> String {
        match self {
            Self::Ending => tries.to_string(),
            Self::Unconfirmed => format!("unconfirmed-{tries}"),
        }
    }
}

/// Something to do at Stripe for a paid order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderEffect {
    /// Send the stored request of the refund.
    Refund(RefundNumber),
    /// Read every refund and dispute of the payment.
    Read {
        /// The payment.
        payment: PaymentIntentId,
        /// The account that was paid; no other is believed.
        account: Option<AccountId>,
        /// Whether it may decide a refund whose outcome is not known.
        undecided: bool,
    },
}

impl OrderEffect {
    /// What is known when no answer came.
    #[must_use]
    pub fn unanswered(&self) -> OrderObservation {
        match self {
            Self::Refund(number) => OrderObservation::RefundAnswered {
                number: *number,
                answer: RefundAnswer::Inconclusive(Inconclusive::default()),
            },
            Self::Read { .. } => OrderObservation::ReadFailed,
        }
    }
}

impl Effect {
    /// The attempt that it is for, if it is for one.
    #[must_use]
    pub const fn attempt(&self) -> Option<AttemptNumber> {
        match self {
            Self::Charge(attempt)
            | Self::Read { attempt, .. }
            | Self::Cancel { attempt, .. }
            | Self::CreateStripeCheckout(attempt)
            | Self::ReadStripeCheckout { attempt, .. }
            | Self::ExpireStripeCheckout { attempt, .. } => Some(*attempt),
            Self::Order(_) | Self::ReadPayment { .. } => None,
        }
    }
}
