//! Events: the change of an object, and a snapshot of the object at that moment.
//!
//! Must not import tokens or the HTTP server. Invariant: an event's snapshot never changes.

use serde_json::{Value, json};

use crate::stripe::change::Cause;
use crate::stripe::params::paging::Listed;
use crate::stripe::version::ACCOUNT_DEFAULT;

/// An event.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// `evt_…`.
    pub(crate) id: String,
    /// When it happened.
    pub(crate) created: i64,
    /// Its type, such as `payment_intent.succeeded`.
    pub(crate) kind: &'static str,
    /// How many webhook endpoints have not confirmed it.
    pub(crate) pending: usize,
    /// The snapshot of the object.
    pub(crate) object: Value,
    /// The object's mode.
    pub(crate) livemode: bool,
    /// The request that caused it.
    pub(crate) cause: Cause,
}

impl Event {
    /// The object as Stripe shows it.
    pub(crate) fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "object": "event",
            "account": null,
            "api_version": ACCOUNT_DEFAULT,
            "context": null,
            "created": self.created,
            "data": {"object": self.object},
            "livemode": self.livemode,
            "pending_webhooks": self.pending,
            "request": {"id": self.cause.request_id, "idempotency_key": self.cause.idempotency_key},
            "type": self.kind,
        })
    }
}

/// Whether a name or a pattern such as `charge.*` matches this type of event.
pub(crate) fn matches(pattern: &str, kind: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(group) => kind.starts_with(group),
        None => pattern == kind,
    }
}

impl Listed for Event {
    const KIND: &'static str = "event";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}
