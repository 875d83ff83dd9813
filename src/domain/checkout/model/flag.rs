//! A payment that an operator must check.

use crate::domain::ids::{PaymentIntentId, SessionId};
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};

/// A flag on a payment, for example a second or a late one, that an operator must check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flag {
    pub id: crate::domain::ids::FlagId,
    /// The session that the payment names.
    pub session: SessionId,
    pub intent: PaymentIntentId,
    /// Why it is flagged.
    pub reason: FlagReason,
    /// When the payment was observed.
    pub seen: Timestamp,
}

/// Why a payment needs an operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, EnumString)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum FlagReason {
    /// The session had ended unpaid.
    PaidAfterEnd,
    /// The session is unpaid and its attempt was considered failed.
    PaidByFailedAttempt,
    /// The session was paid by another payment.
    PaidTwice,
    /// The payment differs from the expected one, and the session waits for an operator.
    PaymentDisagrees,
    /// A restored database does not know what was paid.
    LostByRestore,
    /// The database does not have the session.
    NoCheckout,
    /// A notification named it, and Stripe has not shown its end in a month.
    NotShown,
}
