//! Events: what happened to an object, and how the object was at that moment.
//!
//! Must not import tokens or the HTTP server. Invariant: an event's snapshot never changes.

use serde_json::{Value, json};

use super::paging::Listed;
use super::turn::Cause;
use super::version::ACCOUNT_DEFAULT;

/// Something that happened.
#[derive(Clone, Debug)]
pub(super) struct Event {
    /// `evt_…`.
    pub(super) id: String,
    /// When.
    pub(super) created: i64,
    /// What, such as `payment_intent.succeeded`.
    pub(super) kind: &'static str,
    /// How many webhook endpoints have not confirmed it.
    pub(super) pending: usize,
    /// The object as it was then.
    pub(super) object: Value,
    /// The mode that it happened in.
    pub(super) livemode: bool,
    /// The request that it came from.
    pub(super) cause: Cause,
}

impl Event {
    /// The object as Stripe shows it.
    pub(super) fn to_json(&self) -> Value {
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

/// Whether a name or a pattern such as `charge.*` means this kind of event.
pub(super) fn matches(pattern: &str, kind: &str) -> bool {
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
