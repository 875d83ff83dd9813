//! An attempt that was called unpaid although a payment of it may still appear.

use crate::domain::ids::{AttemptNumber, PaymentIntentId};
use crate::domain::retry::Retry;
use crate::domain::sends::Sends;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// The reading that is still to be made of such an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unconfirmed {
    pub attempt: AttemptNumber,
    /// Its PaymentIntent, if one was observed; else the PaymentIntents from the attempt's time are listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<PaymentIntentId>,
    /// The end of the time in which its request might have been sent.
    pub repeat_until: Timestamp,
    pub sends: Sends,
    /// When it is read again.
    pub retry: Retry,
    /// For an attempt called unpaid because no reading showed a payment: the moment from which nothing of it can
    /// arrive any more. No earlier reading is made, or counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrived_by: Option<Timestamp>,
}
