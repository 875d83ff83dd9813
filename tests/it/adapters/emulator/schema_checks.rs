//! The schema check itself: it finds exchanges that are known to be wrong in one place.

use serde_json::{Value, json};
use stripe_emulator::Exchange;

use super::Stripe;
use crate::support::stripe_schema::StripeSchema;

/// What is wrong, and how an exchange is spoiled like that.
type Fault = (&'static str, fn(&mut Exchange));

/// A payment that went well, as it was recorded.
async fn good_payment() -> Exchange {
    let stripe = Stripe::start();
    let token = stripe.token("pm_card_visa");
    stripe.pay(&token).send().await;
    stripe.emulator.exchanges().pop().unwrap()
}

#[tokio::test]
async fn an_exchange_with_one_fault_is_found_out() {
    let Some(schema) = StripeSchema::load() else { return };
    let good = good_payment().await;
    assert_eq!(schema.check_exchange(&good), Vec::<String>::new());
    let faults: [Fault; 14] = [
        ("no version", |exchange| exchange.headers.stripe_version = None),
        ("no idempotency key", |exchange| exchange.headers.idempotency_key = None),
        ("no such address", |exchange| exchange.path = "/v1/payment_intent".to_owned()),
        ("a query on a POST", |exchange| exchange.query.push(("limit".to_owned(), "1".to_owned()))),
        ("an unknown parameter", |exchange| exchange.body["colour"] = json!("red")),
        ("an unknown nested parameter", |exchange| {
            exchange.body["payment_method_data"]["token"] = json!("spt_1");
        }),
        ("the old name of the token", |exchange| {
            exchange.body["shared_payment_granted_token"] = json!("spt_1");
        }),
        ("no amount", |exchange| drop(exchange.body.as_object_mut().unwrap().remove("amount"))),
        ("an amount that is no number", |exchange| exchange.body["amount"] = json!("10.00")),
        ("a word outside its enum", |exchange| exchange.body["capture_method"] = json!("later")),
        ("neither token nor type", |exchange| exchange.body["payment_method_data"] = json!({})),
        ("an answer without its status", |exchange| {
            drop(exchange.response.as_object_mut().unwrap().remove("status"));
        }),
        ("an answer with a field of no meaning", |exchange| exchange.response["colour"] = json!("red")),
        ("an answer of the wrong type", |exchange| exchange.response["amount"] = json!("10000")),
    ];
    for (fault, spoil) in faults {
        let mut spoiled = good.clone();
        spoil(&mut spoiled);
        assert!(!schema.check_exchange(&spoiled).is_empty(), "{fault} was not found");
    }
}

#[tokio::test]
async fn unknown_enum_values_and_indexed_arrays_pass_the_schema_check() {
    let Some(schema) = StripeSchema::load() else { return };
    let mut exchange = good_payment().await;
    exchange.response["status"] = json!("requires_patience");
    exchange.body["expand"] = json!({"0": "latest_charge", "1": "customer"});
    exchange.body["confirm"] = Value::from("false");
    assert_eq!(schema.check_exchange(&exchange), Vec::<String>::new());
}
