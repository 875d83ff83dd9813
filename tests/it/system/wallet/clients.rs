//! Clients of the protocol that others have written pay a checkout.

use serde_json::{Value, json};

use crate::support::client::{Speaks, session_name, total};
use crate::support::test_gateway::{SHOP_KEY, TestGateway};
use crate::support::wallet::{Wallet, payable};
use crate::support::{node, python};

/// The checkout that a client of the protocol is to pay, and the arguments that it needs.
async fn to_be_paid(world: &TestGateway) -> (Value, String) {
    let (sheet, offered) = payable(&world.client(Speaks::Modern)).await;
    let url = Wallet::of(world, &offered).url;
    (sheet, url)
}

/// The ledger has one payment: of this checkout, at its total.
fn paid_once(world: &TestGateway, sheet: &Value) {
    let [paid] = &world.ledger()[..] else { panic!("{:?}", world.ledger()) };
    assert_eq!(paid.amount_received, total(sheet));
    assert_eq!(paid.metadata["checkout_session"], session_name(&sheet["id"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_client_in_typescript_pays_once() {
    let world = TestGateway::start();
    let (sheet, url) = to_be_paid(&world).await;
    let mint = format!("{}/v1/test_helpers/shared_payment/granted_tokens", world.emulator.base_url());
    let run = || {
        let words = [url.as_str(), "-X", "POST", "-M", "paymentMethod=pm_card_visa", "-i"];
        let mut command = node::command("node_modules/mppx/dist/bin.js", &words)?;
        let home = world.folder.path();
        command.env("MPPX_STRIPE_SECRET_KEY", SHOP_KEY).env("MPPX_STRIPE_SPT_URL", &mint).env("HOME", home);
        Some(node::said(&command.output().unwrap()))
    };
    let Some(said) = run() else { return };
    assert!(said.contains("200") && said.to_lowercase().contains("payment-receipt"), "{said}");
    assert!(said.contains("\"status\":\"completed\""), "{said}");
    paid_once(&world, &sheet);
    // The same command again pays nothing.
    let again = run().unwrap();
    assert!(again.contains("\"status\":\"completed\""), "{again}");
    paid_once(&world, &sheet);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_in_python_pays_once() {
    let world = TestGateway::start();
    let (sheet, url) = to_be_paid(&world).await;
    let Some(output) = python::run("mpp_pays.py", &[&url, &world.emulator.base_url(), SHOP_KEY]) else {
        return;
    };
    let paid: Value = serde_json::from_str(&python::said(&output)).unwrap();
    assert_eq!((&paid["status"], &paid["order"]["status"]), (&json!(200), &json!("completed")), "{paid}");
    paid_once(&world, &sheet);
    assert_eq!(paid["receipt"]["reference"], world.ledger()[0].payment_intent.as_str());
    assert_eq!(paid["receipt"]["status"], "success");
}
