//! The Stripe events that are followed, and the data that each may have changed.
//!
//! Source: Stripe API `2026-09-30.preview`, event types.

use crate::domain::checkout::model::{Affected, StripeNotification};
use crate::domain::ids::StripeEventType;
use crate::domain::stripe_event::StripeEvent;

/// The event types that report received money.
const PAYMENT_EVENTS: [&str; 3] =
    ["payment_intent.succeeded", "checkout.session.completed", "checkout.session.async_payment_succeeded"];

/// The event types that an endpoint at Stripe must receive.
pub const EVENT_TYPES: [&str; 15] = [
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.expired",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "charge.refunded",
    "charge.refund.updated",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
];

/// The event types that are followed; `*` matches any end.
const FOLLOWED: [(&str, Affected); 6] = [
    ("payment_intent.*", Affected::Payment),
    ("checkout.session.*", Affected::Payment),
    ("charge.refunded", Affected::Order),
    ("charge.refund.updated", Affected::Order),
    ("charge.dispute.*", Affected::Order),
    ("refund.*", Affected::Order),
];

/// The notification to the session that an event names; `None` if the event concerns no data of ours.
#[must_use]
pub fn notification_of(event: &StripeEvent) -> Option<StripeNotification> {
    let affected = affected_by(&event.kind)?;
    // Only for money that may have arrived must the session find out which payment it was.
    let payment = event.intent.clone().filter(|_| PAYMENT_EVENTS.contains(&event.kind.as_str()));
    Some(StripeNotification { affected, payment })
}

/// The data that a type of event may have changed; `None` if it concerns no data of ours.
#[must_use]
pub fn affected_by(kind: &StripeEventType) -> Option<Affected> {
    let matches = |pattern: &str| match pattern.strip_suffix('*') {
        Some(group) => kind.as_str().starts_with(group),
        None => kind.as_str() == pattern,
    };
    FOLLOWED.iter().find(|(pattern, _)| matches(pattern)).map(|(_, affected)| *affected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_that_an_endpoint_receives_is_followed() {
        for kind in EVENT_TYPES {
            assert!(affected_by(&kind.parse().unwrap()).is_some(), "{kind}");
        }
    }

    #[test]
    fn only_kinds_that_can_change_something_here_are_followed() {
        for (kind, affected) in [
            ("payment_intent.succeeded", Some(Affected::Payment)),
            ("checkout.session.async_payment_failed", Some(Affected::Payment)),
            ("charge.refunded", Some(Affected::Order)),
            ("charge.refund.updated", Some(Affected::Order)),
            ("refund.failed", Some(Affected::Order)),
            ("charge.dispute.funds_withdrawn", Some(Affected::Order)),
            ("charge.succeeded", None),
            ("charge.refunded.not", None),
            ("payment_intents", None),
            ("customer.created", None),
        ] {
            assert_eq!(affected_by(&kind.parse().unwrap()), affected, "{kind}");
        }
    }
}
