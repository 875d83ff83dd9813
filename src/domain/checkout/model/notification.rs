//! A notification about Stripe: a webhook, or a shopper who returns from a Stripe Checkout.

use crate::domain::ids::PaymentIntentId;
use crate::domain::retry::Retry;
use serde::{Deserialize, Serialize};

/// The part of our data that an event may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Affected {
    /// The payment of a session.
    Payment,
    /// An order after payment: its refunds and disputes.
    Order,
}

/// A notification. It is a reason to read Stripe, and no proof.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StripeNotification {
    /// What may have changed.
    pub affected: Affected,
    /// The payment that the event is about, if it is known.
    pub payment: Option<PaymentIntentId>,
}

impl StripeNotification {
    /// A notification that a session's payment may have changed.
    #[must_use]
    pub const fn payment() -> Self {
        Self { affected: Affected::Payment, payment: None }
    }
}

/// A payment that a notification named and that its session cannot account for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnmatchedPayment {
    pub payment: PaymentIntentId,
    /// When it is read again.
    pub retry: Retry,
}
