//! An event of Stripe's, as far as it is believed: what it is about, and never what it says of it.
//!
//! Invariant: no amount and no state of an object is kept of an event; whoever follows one reads Stripe.

use super::checkout::notification::StripeNotification;
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

/// What of ours an event may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Affected {
    /// Whether a session is paid.
    Payment,
    /// What became of an order afterwards: refunds and disputes.
    Order,
}

/// The kinds that tell of money that has come.
const TELL_OF_MONEY: [&str; 3] =
    ["payment_intent.succeeded", "checkout.session.completed", "checkout.session.async_payment_succeeded"];

/// The kinds that are followed; `*` stands for any end.
const FOLLOWED: [(&str, Affected); 6] = [
    ("payment_intent.*", Affected::Payment),
    ("checkout.session.*", Affected::Payment),
    ("charge.refunded", Affected::Order),
    ("charge.refund.updated", Affected::Order),
    ("charge.dispute.*", Affected::Order),
    ("refund.*", Affected::Order),
];

impl StripeEvent {
    /// What its session is told; `None` where it is nothing of ours.
    #[must_use]
    pub fn notification(&self) -> Option<StripeNotification> {
        let affected = Affected::of(&self.kind)?;
        // Only of money that may have come is it to be known whose it is.
        let payment = self.intent.clone().filter(|_| TELL_OF_MONEY.contains(&self.kind.as_str()));
        Some(StripeNotification { affected, payment })
    }
}

impl Affected {
    /// What a kind of event may have changed; `None` where it is nothing of ours.
    #[must_use]
    pub fn of(kind: &StripeEventType) -> Option<Self> {
        let means = |pattern: &str| match pattern.strip_suffix('*') {
            Some(group) => kind.as_str().starts_with(group),
            None => kind.as_str() == pattern,
        };
        FOLLOWED.iter().find(|(pattern, _)| means(pattern)).map(|(_, affected)| *affected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(Affected::of(&kind.parse().unwrap()), affected, "{kind}");
        }
    }
}
