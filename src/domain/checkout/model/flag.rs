//! A payment that an operator must look at.

use crate::domain::ids::{PaymentIntentId, SessionId};
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A reading of Stripe that may find a second or late payment: what an operator must look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flag {
    /// The flag's id.
    pub id: crate::domain::ids::FlagId,
    /// The session that the payment names.
    pub session: SessionId,
    /// The payment.
    pub intent: PaymentIntentId,
    /// Why it is flagged.
    pub reason: FlagReason,
    /// When it was seen.
    pub seen: Timestamp,
}

/// Why a payment needs an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlagReason {
    /// The session had ended unpaid.
    PaidAfterEnd,
    /// The session is unpaid and its attempt was taken for dead.
    PaidByFailedAttempt,
    /// The session was paid by another payment.
    PaidTwice,
    /// The payment differs from what was asked for, and the session waits for an operator.
    PaymentDisagrees,
    /// A restored database does not know what was paid.
    LostByRestore,
    /// The database does not have the session.
    NoCheckout,
    /// It was told of, and Stripe has not shown its end in a month.
    NotShown,
}
