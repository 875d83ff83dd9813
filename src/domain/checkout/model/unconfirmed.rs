//! An attempt that was called unpaid although a payment of it may still come to light.

use crate::domain::ids::{AttemptNumber, PaymentIntentId};
use crate::domain::retry::Retry;
use crate::domain::sends::Sends;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// What is still to be read of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unconfirmed {
    /// The attempt.
    pub attempt: AttemptNumber,
    /// Its PaymentIntent, where one was seen; else the payments of the attempt's time are listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent: Option<PaymentIntentId>,
    /// Until when its request might have been sent.
    pub repeat_until: Timestamp,
    /// The sends of its request.
    pub sends: Sends,
    /// When it is read again.
    pub retry: Retry,
    /// Where silence called it unpaid: from when on nothing of it can arrive any more. No reading before that is made, or counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arrived_by: Option<Timestamp>,
}
