//! Notifications to a merchant about an order, as data: the event, its number within the order, and the text that is
//! sent.
//!
//! Invariants: the events of an order are numbered from 1 without a gap, in the order in which they became durable; the
//! text of an event is fixed by the commit that makes it durable, so that every try sends the same bytes.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use strum::{EnumString, IntoStaticStr, VariantArray};

use super::ids::{OrderEventId, OrderId, OrderNumber, Tenant};
use super::time::Timestamp;

/// What happened to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, EnumString, VariantArray)]
#[strum(const_into_str)]
pub enum EventKind {
    /// It was paid, and so created.
    #[strum(serialize = "order.created")]
    Created,
    /// Money was refunded.
    #[strum(serialize = "order.refunded")]
    Refunded,
    /// The buyer's bank disputes the payment.
    #[strum(serialize = "order.disputed")]
    Disputed,
    /// Goods were sent.
    #[strum(serialize = "order.fulfilled")]
    Fulfilled,
}

/// The number of an event among those of its order; the first is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sequence(pub u32);

impl Sequence {
    /// The number of an order's first event.
    pub const FIRST: Self = Self(1);

    /// The number after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An event on its way into the store, which gives it its [`Sequence`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderEvent {
    pub id: OrderEventId,
    pub kind: EventKind,
    pub order: OrderId,
    pub at: Timestamp,
    /// The members of `data` besides those of every event (`livemode`, `merchant`, `sequence`, `order_number`).
    pub facts: Map<String, Value>,
    /// Whether it is to be sent. If the merchant has no receiver, the event is stored parked, to keep the numbers
    /// complete, and can be sent by hand once there is one.
    pub wanted: bool,
}

/// The form of Standard Webhooks: `type`, `timestamp`, `data`
/// (github.com/standard-webhooks/standard-webhooks, "Payload structure").
#[derive(Serialize)]
struct Payload<'a> {
    r#type: &'static str,
    timestamp: String,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    livemode: bool,
    merchant: &'a str,
    sequence: Sequence,
    order_number: OrderNumber,
    #[serde(flatten)]
    facts: &'a Map<String, Value>,
}

impl OrderEvent {
    /// The text that is sent: JSON on one line.
    #[must_use]
    pub fn payload(&self, tenant: &Tenant, sequence: Sequence, order_number: OrderNumber) -> String {
        let payload = Payload {
            r#type: self.kind.into_str(),
            timestamp: self.at.to_string(),
            data: Data {
                livemode: tenant.mode.livemode(),
                merchant: tenant.merchant.as_str(),
                sequence,
                order_number,
                facts: &self.facts,
            },
        };
        // Only texts, numbers and maps with text keys, which JSON can always represent.
        serde_json::to_string(&payload).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::ids::Mode;

    #[test]
    fn an_event_says_its_mode_its_merchant_and_its_number() {
        let mut event = OrderEvent {
            id: OrderEventId::from_random(1),
            kind: EventKind::Refunded,
            order: OrderId::from_random(2),
            at: Timestamp::from_seconds(1_790_000_000),
            facts: Map::new(),
            wanted: true,
        };
        event.facts.insert("order".to_owned(), json!({ "id": "ord_1" }));
        for (mode, livemode) in [(Mode::Test, false), (Mode::Live, true)] {
            let tenant = Tenant { merchant: "harbor-coffee".parse().unwrap(), mode };
            let payload: Value =
                serde_json::from_str(&event.payload(&tenant, Sequence(3), OrderNumber(1007))).unwrap();
            let data = json!({
                "livemode": livemode, "merchant": "harbor-coffee", "sequence": 3, "order_number": 1007,
                "order": { "id": "ord_1" },
            });
            let whole =
                json!({ "type": "order.refunded", "timestamp": "2026-09-21T14:13:20Z", "data": data });
            assert_eq!(payload, whole);
        }
    }
}
