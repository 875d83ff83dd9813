//! An operator's decision about a frozen session, whose charge no reading could decide.

use crate::domain::ids::{AttemptNumber, PaymentIntentId};
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(tag = "decision", rename_all = "snake_case", deny_unknown_fields)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Decision {
    /// The shopper was charged, by this payment.
    Charged {
        /// The PaymentIntent; it is read before the decision is accepted.
        payment_intent: PaymentIntentId,
    },
    NotCharged {
        /// Whether the decision is accepted although Stripe cannot be read. The attempt is read afterwards, until a
        /// reading is complete.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        override_unread: bool,
    },
}

impl Decision {
    /// The payment that it names.
    #[must_use]
    pub const fn payment(&self) -> Option<&PaymentIntentId> {
        match self {
            Self::Charged { payment_intent } => Some(payment_intent),
            Self::NotCharged { .. } => None,
        }
    }
}

/// The data to read before a decision is accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    pub attempt: AttemptNumber,
    pub known: Option<PaymentIntentId>,
    /// The last moment at which that can have been made; `None` if it is not known.
    pub made_by: Option<Timestamp>,
    pub decision: Decision,
}
