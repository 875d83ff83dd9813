//! What is told of an order, in the words of its documentation.

use merchant_gateway::domain::ids::{OrderEventId, OrderNumber};
use merchant_gateway::domain::order_event::{EventKind, Sequence};
use merchant_gateway::protocol::order_events;
use serde_json::Value;
use strum::VariantArray;

use crate::adapters::store::values::{harbor, order};

fn document() -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ORDER_EVENTS.md");
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_example_of_the_documentation_is_an_event_as_it_is_sent() {
    let document = document();
    let example = document.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let example: Value = serde_json::from_str(example).unwrap();
    let mut placed = order(1);
    placed.order.buyer.name = Some("Ada Lovelace".to_owned());
    placed.order.buyer.email = Some("ada@example.com".to_owned());
    let event = order_events::created(OrderEventId::from_random(1), &placed.order, &placed.permalink, true);
    let sent: Value =
        serde_json::from_str(&event.payload(&harbor(), Sequence::FIRST, OrderNumber::FIRST)).unwrap();
    assert_eq!(example, sent, "the page says otherwise than is sent:\n{sent:#}");
}

#[test]
fn every_kind_of_event_is_documented() {
    let document = document();
    for kind in EventKind::VARIANTS {
        assert!(document.contains(&format!("`{}`", kind.into_str())), "{}", kind.into_str());
    }
}

#[test]
fn nothing_is_sent_of_goods_that_are_not_sent() {
    let mut placed = order(1);
    placed.order.address = None;
    placed.order.quote.option_id = None;
    let facts = order_events::order_facts(&placed.order, &placed.permalink);
    assert_eq!((&facts["order"]["shipping"], &facts["order"]["address"]), (&Value::Null, &Value::Null));
}
