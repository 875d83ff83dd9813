//! Stripe's own client library as a judge over the emulator.

use std::path::PathBuf;

use merchant_gateway::ports::{Environment, SystemEnvironment};

use super::{SHOP_KEY, Stripe};

#[tokio::test]
async fn the_official_stripe_package_pays_declines_and_repeats_against_the_emulator() {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let python = SystemEnvironment
        .var("TEST_PYTHON")
        .map_or_else(|| manifest.join(".tools/python/bin/python"), PathBuf::from);
    if !python.exists() {
        let why = format!(
            "{} is not here; make a virtual environment from tests/python/requirements.txt or set TEST_PYTHON",
            python.display()
        );
        assert!(SystemEnvironment.var("CI").as_deref() != Some("true"), "{why}");
        eprintln!("skipped: {why}");
        return;
    }
    let stripe = Stripe::start();
    let output = std::process::Command::new(python)
        .arg(manifest.join("tests/python/stripe_official.py"))
        .args([stripe.emulator.base_url().as_str(), SHOP_KEY])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let succeeded: serde_json::Value = serde_json::from_str(&said).unwrap();
    let ledger = stripe.emulator.ledger();
    assert_eq!(ledger.len(), 1, "one payment succeeded, and was repeated");
    assert_eq!(succeeded["payment_intent"], ledger[0].payment_intent.as_str());
}
