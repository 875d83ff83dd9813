//! Stripe's own client library reads what the emulator answers.

use merchant_gateway::ports::{Clock as _, SystemClock};
use serde_json::Value;
use stripe_emulator::Exchange;

use super::{SHOP, SHOP_KEY, Stripe};
use crate::support::python;

/// What the published subset leaves open, and the package's types do not.
const JUDGED: [&str; 3] = ["checkout.session", "item", "dispute"];

/// Every object of these kinds within a value.
fn objects(value: &Value, found: &mut Vec<Value>) {
    match value {
        Value::Object(fields) => {
            if fields.get("object").and_then(Value::as_str).is_some_and(|kind| JUDGED.contains(&kind)) {
                found.push(value.clone());
            }
            fields.values().for_each(|field| objects(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| objects(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn the_official_package_refunds_in_parts_and_lists_the_refunds() {
    let stripe = Stripe::start();
    let base = stripe.emulator.base_url();
    let Some(output) = python::run("stripe_refunds.py", &[&base, SHOP_KEY]) else { return };
    let listed: Vec<String> = serde_json::from_str(&python::said(&output)).unwrap();
    assert_eq!(listed.len(), stripe.emulator.refunds(SHOP).len());
}

/// What the types of Stripe's package say against these objects.
fn judged(objects: &[Value]) -> Option<Vec<String>> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), Value::from(objects).to_string()).unwrap();
    let output = python::run("stripe_types.py", &[file.path().to_str().unwrap()])?;
    Some(serde_json::from_str(&python::said(&output)).unwrap())
}

#[tokio::test]
async fn the_official_package_types_detect_an_object_with_one_fault() {
    let stripe = Stripe::start();
    let good = stripe.session().await.body;
    let spoilt = |spoil: fn(&mut Value)| {
        let mut object = good.clone();
        spoil(&mut object);
        object
    };
    let faults = [
        spoilt(|session| drop(session.as_object_mut().unwrap().remove("expires_at"))),
        spoilt(|session| session["colour"] = "red".into()),
        spoilt(|session| session["amount_total"] = "3000".into()),
        spoilt(|session| session["automatic_tax"]["status"] = 1.into()),
        spoilt(|session| session["custom_fields"] = Value::Null),
    ];
    for fault in faults {
        let Some(wrong) = judged(&[good.clone(), fault]) else { return };
        assert_eq!(wrong.len(), 1, "{wrong:?}");
    }
}

/// Holds the objects of these answers to the types of Stripe's package.
fn hold_to_types(exchanges: &[Exchange]) {
    let mut found = Vec::new();
    for exchange in exchanges {
        objects(&exchange.response, &mut found);
    }
    for kind in JUDGED {
        assert!(found.iter().any(|object| object["object"] == kind), "there is no {kind} to check");
    }
    let Some(wrong) = judged(&found) else { return };
    assert!(wrong.is_empty(), "not as Stripe's package has it:\n{}", wrong.join("\n"));
}

#[tokio::test]
async fn the_official_package_opens_reads_lists_and_expires_sessions() {
    let stripe = Stripe::start_at(SystemClock.now());
    let base = stripe.emulator.base_url();
    let Some(output) = python::run("stripe_checkout.py", &[&base, SHOP_KEY]) else { return };
    let paid: Value = serde_json::from_str(&python::said(&output)).unwrap();
    let ledger = stripe.emulator.ledger();
    assert_eq!(ledger.len(), 1, "one session was paid");
    assert_eq!(paid["payment_intent"], ledger[0].payment_intent.as_str());
    let disputed = stripe.paid("pm_card_createDispute").await;
    assert_eq!(stripe.get("/v1/disputes").send().await.body["data"][0]["payment_intent"], disputed.as_str());
    stripe.emulator.close_dispute(stripe.emulator.disputes(SHOP)[0]["id"].as_str().unwrap(), true).unwrap();
    stripe.events().await;
    hold_to_types(&stripe.emulator.exchanges());
}

#[tokio::test]
async fn the_official_package_pays_declines_and_repeats() {
    let stripe = Stripe::start();
    let base = stripe.emulator.base_url();
    let Some(output) = python::run("stripe_official.py", &[&base, SHOP_KEY]) else { return };
    let succeeded: serde_json::Value = serde_json::from_str(&python::said(&output)).unwrap();
    let ledger = stripe.emulator.ledger();
    assert_eq!(ledger.len(), 1, "one payment succeeded, and was repeated");
    assert_eq!(succeeded["payment_intent"], ledger[0].payment_intent.as_str());
}

#[tokio::test]
async fn the_official_package_retries_under_the_same_key() {
    let stripe = Stripe::start();
    let base = stripe.emulator.base_url();
    let Some(output) = python::run("stripe_retries.py", &[&base, SHOP_KEY]) else { return };
    let told: Vec<String> = serde_json::from_str(&python::said(&output)).unwrap();
    // What the package told, how many requests reached Stripe under the key, and how many payments they made.
    let expected = [
        ("key_in_use", "succeeded", 2, 1),
        // Stripe replays its 500s: the package tries four times, and gives up.
        ("error_before", "APIError", 4, 0),
        ("error_after", "APIError", 4, 1),
        ("error_after, should_retry false", "APIError", 1, 1),
        ("rate_limited", "RateLimitError", 1, 0),
        ("rate_limited, should_retry true", "succeeded", 2, 1),
        ("lock_timeout", "succeeded", 2, 1),
        ("drop_before", "succeeded", 1, 1),
        ("drop_after", "succeeded", 2, 1),
        ("reset_before", "succeeded", 1, 1),
        ("reset_after", "succeeded", 2, 1),
        ("bad_gateway_before", "succeeded", 1, 1),
        ("bad_gateway_after", "succeeded", 2, 1),
    ];
    assert_eq!(told.len(), expected.len());
    let (exchanges, ledger) = (stripe.emulator.exchanges(), stripe.emulator.ledger());
    for (number, (told, (fault, status, requests, payments))) in told.iter().zip(expected).enumerate() {
        let key = format!("case-{number}");
        let seen =
            exchanges.iter().filter(|seen| seen.headers.idempotency_key.as_ref() == Some(&key)).count();
        let paid = ledger.iter().filter(|paid| paid.metadata["case"] == key).count();
        assert_eq!((told.as_str(), seen, paid), (status, requests, payments), "{fault}");
    }
}
