//! An event of Stripe's, as far as it is believed: what it is about, and never what it says of it.
//!
//! Invariant: no amount and no state of an object is kept of an event; whoever follows one reads Stripe.

use super::ids::{PaymentIntentId, SessionId, StripeEventId, StripeEventType, StripeObjectId};
use super::time::Timestamp;

/// An event that Stripe has sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StripeEvent {
    /// Stripe's own id of it, the same in every copy.
    pub id: StripeEventId,
    /// What kind of thing happened.
    pub kind: StripeEventType,
    /// The object that it happened to, where it has a name.
    pub object: Option<StripeObjectId>,
    /// The session that the object names; whether there is one, and whose, is not known.
    pub session: Option<SessionId>,
    /// The payment that it happened to.
    pub intent: Option<PaymentIntentId>,
    /// When it came.
    pub received: Timestamp,
}
