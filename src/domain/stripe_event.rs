//! The trusted part of a Stripe event: which object it is about, and never the object's data.
//!
//! Invariant: an event holds no amount and no state of an object; its consumers read Stripe instead.

use super::ids::{PaymentIntentId, SessionId, StripeEventId, StripeEventType, StripeObjectId};
use super::time::Timestamp;

/// An event that Stripe has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StripeEvent {
    /// Stripe's id, the same in every copy.
    pub id: StripeEventId,
    pub kind: StripeEventType,
    pub object: Option<StripeObjectId>,
    /// The session that the object names; whether the session exists, and which tenant owns it, is not known.
    pub session: Option<SessionId>,
    pub intent: Option<PaymentIntentId>,
    pub received: Timestamp,
}
