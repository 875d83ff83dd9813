//! Clients of the protocol that others have written pay a checkout.

use std::process::Output;

use serde_json::{Value, json};

use crate::support::client::{Speaks, session_name, total};
use crate::support::test_gateway::{SHOP_KEY, TestGateway, usual_shops};
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

/// Runs the command of the protocol's client in TypeScript; `None` where there is no Node.
pub(super) fn mppx(world: &TestGateway, words: &[&str]) -> Option<Output> {
    let mint = format!("{}/v1/test_helpers/shared_payment/granted_tokens", world.emulator.base_url());
    let mut command = node::command("node_modules/mppx/dist/bin.js", words)?;
    let home = world.folder.path();
    command.env("MPPX_STRIPE_SECRET_KEY", SHOP_KEY).env("MPPX_STRIPE_SPT_URL", &mint).env("HOME", home);
    Some(command.output().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_client_in_typescript_pays_once() {
    let world = TestGateway::start();
    let (sheet, url) = to_be_paid(&world).await;
    let run = |card: &str| {
        let card = format!("paymentMethod={card}");
        Some(node::said(&mppx(&world, &[&url, "-X", "POST", "-M", &card, "-i"])?))
    };
    // A card that is declined, and then the same command with another one.
    let declined = ["-X", "POST", "-M", "paymentMethod=pm_card_chargeDeclined", "-i"];
    let Some(declined) = mppx(&world, &[&[url.as_str()], &declined[..]].concat()) else { return };
    let declined = String::from_utf8_lossy(&declined.stdout).into_owned();
    assert!(declined.contains("402") && declined.contains("Payment rejected"), "{declined}");
    assert!(world.ledger().is_empty());
    let said = run("pm_card_visa").unwrap();
    assert!(said.contains("200") && said.to_lowercase().contains("payment-receipt"), "{said}");
    assert!(said.contains("\"status\":\"completed\""), "{said}");
    paid_once(&world, &sheet);
    // The same command again pays nothing.
    let again = run("pm_card_visa").unwrap();
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

#[tokio::test(flavor = "multi_thread")]
async fn the_validator_of_the_protocol_finds_no_fault_at_a_wallets_address() {
    let world = TestGateway::start();
    let (sheet, url) = to_be_paid(&world).await;
    let (base, path) = url.split_at(url.find("/t/").unwrap());
    let endpoint = format!("POST:{path}");
    let Some(output) = mppx(&world, &["validate", base, "-e", &endpoint, "-j"]) else { return };
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let found = &said["endpoints"][0];
    for phase in ["challenge", "errorHandling", "payment"] {
        let checks = found[phase].as_array().unwrap();
        let of = |severity: &str| checks.iter().filter(|check| check["severity"] == severity).count();
        assert_eq!(of("fail"), 0, "{found:#}");
        assert!(of("pass") >= 2, "{found:#}");
    }
    // Only a document of the whole host, which leads to no one checkout, is missing.
    assert_eq!(said["summary"]["failed"], 1, "{said:#}");
    assert_eq!(said["discovery"]["found"], false, "{said:#}");
    paid_once(&world, &sheet);
}

/// A world whose first shop takes payments inside MCP.
fn paid_in_mcp() -> TestGateway {
    let mut shops = usual_shops();
    shops[0].file = shops[0].file.replace("mcp_payment = false", "mcp_payment = true");
    TestGateway::of_shops(shops)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mcp_sdk_with_a_paying_wrapper_pays_by_the_tool_once() {
    let world = paid_in_mcp();
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let session = sheet["id"].as_str().unwrap();
    let words = [&client.url, &world.emulator.base_url(), SHOP_KEY, session];
    let Some(output) = node::run("pay_in_mcp.mjs", &words) else { return };
    let told: Value = serde_json::from_str(&node::said(&output)).unwrap();
    assert_eq!(told["offered"], json!({ "methods": { "stripe": { "intents": ["charge"] } } }));
    // Reading never asks for a payment; of the two calls that pay, one did.
    assert_eq!((&told["askedByReading"], &told["asked"]), (&json!(0), &json!(1)), "{told:#}");
    paid_once(&world, &sheet);
    let paid = &told["paid"];
    assert_eq!(paid["structuredContent"]["status"], "completed", "{told:#}");
    assert_eq!(paid["receipt"]["reference"], world.ledger()[0].payment_intent.as_str());
    assert!(paid["receipt"]["challengeId"].is_string(), "{told:#}");
    assert_eq!(told["again"]["structuredContent"], paid["structuredContent"]);
    assert_eq!(
        world.ledger()[0].metadata["mpp_challenge_id"],
        paid["receipt"]["challengeId"].as_str().unwrap()
    );
}

#[tokio::test]
async fn a_payment_inside_mcp_hears_what_one_over_http_hears() {
    let world = paid_in_mcp();
    let client = world.client(Speaks::Legacy);
    let sheet = client.ready_checkout().await;
    let pay = async |credential: Option<Value>| {
        let arguments = json!({ "checkout_session_id": sheet["id"] });
        let mut call = json!({ "name": "complete_checkout", "arguments": arguments });
        if let Some(credential) = credential {
            call["_meta"] = json!({ "org.paymentauth/credential": credential });
        }
        client.request("tools/call", call).await.json()["result"].clone()
    };
    let asked = pay(None).await;
    let required = |result: &Value| result["_meta"]["org.paymentauth/payment-required"].clone();
    assert_eq!((&asked["isError"], &required(&asked)["httpStatus"]), (&json!(true), &json!(402)), "{asked}");
    let challenge = required(&asked)["challenges"][0].clone();
    assert_eq!(challenge["request"]["amount"], total(&sheet).to_string());

    let token = world.token("pm_card_visa", total(&sheet));
    let small = world.token("pm_card_visa", total(&sheet) - 1);
    let declines = world.token("pm_card_chargeDeclined", total(&sheet));
    let mut cheap = challenge.clone();
    cheap["request"]["amount"] = "1".into();
    let of = |challenge: &Value, token: &str| json!({ "challenge": challenge, "payload": { "spt": token } });
    for (sent, code) in [
        (of(&cheap, &token), "invalid-challenge"),
        (of(&json!({ "id": "x" }), &token), "malformed-credential"),
        (json!("no credential"), "malformed-credential"),
        (json!({ "challenge": challenge, "payload": {} }), "invalid-payload"),
        (of(&challenge, &small), "payment-insufficient"),
        (of(&challenge, &declines), "verification-failed"),
    ] {
        let told = pay(Some(sent)).await;
        let problem = required(&told)["problem"]["type"].as_str().unwrap_or_default().to_owned();
        assert!(problem.ends_with(code), "{code}: {told}");
    }
    assert!(world.ledger().is_empty());
    let paid = pay(Some(of(&challenge, &token))).await;
    assert_eq!(paid["structuredContent"]["status"], "completed", "{paid}");
    assert_eq!(paid["_meta"]["org.paymentauth/receipt"]["status"], "success", "{paid}");
    paid_once(&world, &sheet);
    assert!(!world.log_so_far().contains(&token), "no token is logged");

    // Whoever was shown another total than the present one is neither challenged nor charged.
    let made = client.ready_checkout().await;
    let items = json!([{ "id": "huila-washed-250-beans", "quantity": 1 }]);
    client.works("update_checkout", json!({ "checkout_session_id": made["id"], "items": items })).await;
    let stale = json!({ "checkout_session_id": made["id"] });
    let told = client.call("complete_checkout", stale).await;
    assert_eq!((&told["isError"], required(&told)), (&json!(true), Value::Null), "{told}");
    // What a wallet cannot bring is not dropped.
    let with_buyer = json!({ "checkout_session_id": made["id"], "buyer": { "email": "b@example.com" } });
    let said = client.refuses("complete_checkout", with_buyer).await;
    assert!(said.contains("buyer") && said.contains("update_checkout"), "{said}");

    // A shop that does not take payments so misses the sheet's payment.
    let usual = TestGateway::start();
    let client = usual.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let said = client.refuses("complete_checkout", json!({ "checkout_session_id": sheet["id"] })).await;
    assert!(said.contains("payment_data is missing"), "{said}");
    let known = client.open().await;
    assert_eq!(known["capabilities"]["experimental"], Value::Null);
}
