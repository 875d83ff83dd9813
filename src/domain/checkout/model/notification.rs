//! What somebody says has happened at Stripe: a webhook, or a shopper who comes back from its page.

use crate::domain::ids::PaymentIntentId;
use crate::domain::retry::Retry;
use serde::{Deserialize, Serialize};

/// What of ours an event may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Affected {
    /// Whether a session is paid.
    Payment,
    /// What became of an order afterwards: refunds and disputes.
    Order,
}

/// What somebody says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StripeNotification {
    /// What may have changed.
    pub affected: Affected,
    /// The payment that it happened to, where it is known.
    pub payment: Option<PaymentIntentId>,
}

impl StripeNotification {
    /// That there may be something to see of a session's payment.
    #[must_use]
    pub const fn payment() -> Self {
        Self { affected: Affected::Payment, payment: None }
    }
}

/// A payment that was told of and that its session cannot account for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnmatchedPayment {
    /// The payment.
    pub payment: PaymentIntentId,
    /// When it is read again.
    pub retry: Retry,
}
