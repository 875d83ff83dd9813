//! Stripe's own client library as a judge over the emulator.

use super::{SHOP_KEY, Stripe};
use crate::support::python;

#[tokio::test]
async fn the_official_stripe_package_pays_declines_and_repeats_against_the_emulator() {
    let stripe = Stripe::start();
    let base = stripe.emulator.base_url();
    let Some(output) = python::run("stripe_official.py", &[&base, SHOP_KEY]) else { return };
    let succeeded: serde_json::Value = serde_json::from_str(&python::said(&output)).unwrap();
    let ledger = stripe.emulator.ledger();
    assert_eq!(ledger.len(), 1, "one payment succeeded, and was repeated");
    assert_eq!(succeeded["payment_intent"], ledger[0].payment_intent.as_str());
}

#[tokio::test]
async fn the_official_stripe_package_retries_under_the_same_key_where_that_helps() {
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
