//! What an operator decides about a frozen session, whose charge no reading could tell.

use crate::domain::ids::{AttemptNumber, PaymentIntentId};
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "decision", rename_all = "snake_case", deny_unknown_fields)]
pub enum Decision {
    /// The shopper was charged, by this payment.
    Charged {
        /// The PaymentIntent; it is read before anything is believed.
        payment_intent: PaymentIntentId,
    },
    /// The shopper was not charged.
    NotCharged {
        /// Whether that is to be believed where Stripe cannot be read. It is read afterwards, until a reading comes to its
        /// end.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        override_unread: bool,
    },
}

impl Decision {
    /// The decision's name, as it is asked for.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Charged { .. } => "charged",
            Self::NotCharged { .. } => "not_charged",
        }
    }

    /// The payment that it names.
    #[must_use]
    pub const fn payment(&self) -> Option<&PaymentIntentId> {
        match self {
            Self::Charged { payment_intent } => Some(payment_intent),
            Self::NotCharged { .. } => None,
        }
    }
}

/// What is looked at before a decision counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verification {
    /// The attempt that is decided.
    pub attempt: AttemptNumber,
    /// Its PaymentIntent, where one was seen.
    pub known: Option<PaymentIntentId>,
    /// The last moment at which that can have been made; `None` where it is not known.
    pub made_by: Option<Timestamp>,
    /// The decision.
    pub decision: Decision,
}
