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
