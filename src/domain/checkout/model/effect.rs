//! A session's requests to Stripe, as data. The result of each returns as an [`Event`](super::event::Event).

use super::observation::Inconclusive;
use super::order::{OrderObservation, RefundAnswer};
use crate::domain::ids::{AccountId, AttemptNumber, PaymentIntentId, RefundNumber, StripeCheckoutId};
use crate::domain::time::Timestamp;

/// A request to Stripe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send the stored request of the attempt.
    Charge(AttemptNumber),
    /// Read the outcome of the attempt.
    Read {
        attempt: AttemptNumber,
        /// The PaymentIntent, if it is known; else the PaymentIntents from the attempt's time are listed.
        intent: Option<PaymentIntentId>,
        /// The last moment at which that can have been made; `None` if it is not known.
        made_by: Option<Timestamp>,
    },
    /// Cancel the PaymentIntent of the attempt, and read it if Stripe refuses to cancel it.
    Cancel {
        attempt: AttemptNumber,
        intent: PaymentIntentId,
        cause: CancelCause,
        /// How often it was tried before. Each try is a request of its own, since Stripe replays a stored failure.
        tries: u32,
    },
    /// Send the stored request that creates the attempt's Stripe Checkout.
    CreateStripeCheckout(AttemptNumber),
    /// Read the attempt's Stripe Checkout.
    ReadStripeCheckout {
        attempt: AttemptNumber,
        checkout: StripeCheckoutId,
        /// Whether a caller waits for what it shows, or a notification said that it was paid.
        awaited: bool,
    },
    /// Close the attempt's Stripe Checkout, and read it if Stripe refuses to close it.
    ExpireStripeCheckout {
        attempt: AttemptNumber,
        checkout: StripeCheckoutId,
        /// How often it was tried before, as in [`Effect::Cancel`].
        tries: u32,
    },
    /// A request for a paid order.
    Order(OrderEffect),
    /// Read an unmatched payment of the session.
    ReadPayment {
        payment: PaymentIntentId,
        /// The account to read it on; `None` while the session has none of its own.
        account: Option<AccountId>,
    },
}

/// Why a payment is canceled. The tries for each cause are counted separately, so that each try is a request of its
/// own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CancelCause {
    Ending,
    /// An operator has decided without a reading that its attempt is unpaid.
    Unconfirmed,
}

impl CancelCause {
    /// The text that separates a try for this cause from all others.
    #[must_use]
    pub fn distinction(self, tries: u32) -> String {
        match self {
            Self::Ending => tries.to_string(),
            Self::Unconfirmed => format!("unconfirmed-{tries}"),
        }
    }
}

/// A request to Stripe for a paid order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderEffect {
    /// Send the stored request of the refund.
    Refund(RefundNumber),
    /// Read every refund and dispute of the payment.
    Read {
        payment: PaymentIntentId,
        /// The account that was paid; a reading of any other proves nothing.
        account: Option<AccountId>,
        /// Whether it may decide a refund whose outcome is not known.
        undecided: bool,
    },
}

impl OrderEffect {
    /// The observation when no answer came.
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
    /// The attempt that the request is for, if any.
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
