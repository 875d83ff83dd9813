//! The Stripe account: its keys, what they may do, and the endpoint that receives its events.

use std::fs;

use stripe_emulator::{AccountSeed, Fault, FaultPlan, KeySeed, RequestKind, Scripted, WebhookEndpoint};

use super::super::going_live::live_world;
use super::{examine, findings, says};
use crate::support::client::{Speaks, total};
use crate::support::live::{self, ACCOUNT, HOST, SHOP as LIVE_SHOP};
use crate::support::receiver::{Does, OrderReceiver};
use crate::support::test_gateway::{
    OTHER_SHOP, SHOP, SHOP_ACCOUNT, SHOP_KEY, TestGateway, WEBHOOK_SECRET, account, usual_shops,
};

#[test]
fn what_a_key_lacks_is_named_by_its_permission() {
    let world = TestGateway::start();
    let restricted = |forbidden: &[RequestKind]| world.emulator.forbid(world.shops[1].key(), forbidden);
    let found = findings(&examine(&world, &["--json", OTHER_SHOP]), OTHER_SHOP);
    says(found("Stripe account"), "WARN", &["only the file says which one it is"]);
    says(found("key permissions"), "PASS", &["all 7 are granted"]);

    restricted(&[RequestKind::CancelIntent, RequestKind::CreateRefund, RequestKind::ReadToken]);
    let found = findings(&examine(&world, &["--json", OTHER_SHOP]), OTHER_SHOP);
    says(
        found("key permissions"),
        "FAIL",
        &[
            "PaymentIntents: write (rak_payment_intent_write)",
            "Charges and Refunds: write (rak_charge_write)",
        ],
    );
    says(found("payment tokens"), "FAIL", &["Shared Payment Tokens: read"]);

    restricted(&[RequestKind::ListWebhookEndpoints]);
    let found = findings(&examine(&world, &["--json", OTHER_SHOP]), OTHER_SHOP);
    says(found("Stripe webhook"), "SKIP", &["may not read webhook endpoints"]);

    restricted(&[RequestKind::CreateWebhookEndpoint]);
    let found = findings(&examine(&world, &["--json", "--fix", OTHER_SHOP]), OTHER_SHOP);
    says(found("Stripe webhook"), "FAIL", &["the key lacks rak_webhook_write"]);
}

#[test]
fn a_key_and_an_account_that_do_not_fit_are_told() {
    let world = TestGateway::start();
    let file = &usual_shops()[0].file;
    world.put_tenant(SHOP, &file.replace("[stripe]", "[stripe]\naccount_id = \"acct_another\""));
    let found = findings(&examine(&world, &["--json", SHOP]), SHOP);
    says(found("Stripe account"), "FAIL", &["opens acct_harbor, and stripe.account_id names acct_another"]);

    world.put_secret(SHOP, "next", "sk_test_unknown");
    world.put_tenant(SHOP, &file.replace("[stripe]", "[stripe]\nnext_secret_key = \"file:next\""));
    let found = findings(&examine(&world, &["--json", SHOP]), SHOP);
    says(found("next Stripe key"), "FAIL", &["Stripe refuses the key"]);

    world.put_tenant(SHOP, &file.replace("env:MERCHANT_HARBOR_COFFEE__STRIPE_KEY", "file:gone"));
    let found = findings(&examine(&world, &["--json", SHOP]), SHOP);
    says(found("file"), "FAIL", &["stripe.secret_key", "does not exist"]);

    world.put_tenant(SHOP, file);
    let replaced = AccountSeed {
        secret_keys: vec![KeySeed { key: format!("{SHOP_KEY}New"), may_read_account: true }],
        ..world.shops[0].account.clone()
    };
    world.emulator.add_account(&replaced).unwrap();
    let found = findings(&examine(&world, &["--json", SHOP]), SHOP);
    says(
        found("Stripe account"),
        "FAIL",
        &["Stripe refuses the key", "create a restricted key for test mode"],
    );
    says(found("Stripe webhook"), "SKIP", &["the account could not be read"]);
}

#[test]
fn an_account_that_cannot_be_read_is_told_with_the_reason() {
    let world = TestGateway::start();
    let found =
        findings(&examine(&world, &["--json", SHOP, "--set", "stripe.api_base=http://127.0.0.1:9"]), SHOP);
    says(found("Stripe account"), "FAIL", &["stripe.api_base", "firewall"]);
    says(found("key permissions"), "SKIP", &["the account could not be read"]);

    let late = OrderReceiver::start(Does::Answers("200 OK\r\nDate: Mon, 30 Nov 2020 00:00:00 GMT"));
    let there = format!("stripe.api_base=http://127.0.0.1:{}", late.port);
    let found = findings(&examine(&world, &["--json", SHOP, "--set", &there]), SHOP);
    says(found("Stripe account"), "FAIL", &["clock", "NTP"]);

    // A key that may not read its account, which the file does not name either.
    let file: String = usual_shops()[1]
        .file
        .lines()
        .filter(|line| !line.starts_with("account_id"))
        .fold(String::new(), |file, line| file + line + "\n");
    world.put_tenant(OTHER_SHOP, &file);
    let found = findings(&examine(&world, &["--json", OTHER_SHOP]), OTHER_SHOP);
    says(found("Stripe account"), "FAIL", &["or set stripe.account_id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_takes_no_real_payments_yet_is_told() {
    let world = live_world();
    world.emulator.deactivate(SHOP_ACCOUNT).unwrap();
    world.emulator.deactivate(ACCOUNT).unwrap();
    let found = findings(&examine(&world, &["--json", SHOP]), SHOP);
    says(found("Stripe account"), "WARN", &[SHOP_ACCOUNT, "test payments only"]);
    let found = findings(&examine(&world, &["--json", LIVE_SHOP]), LIVE_SHOP);
    says(found("Stripe account"), "FAIL", &[ACCOUNT, "may not take payments yet", "Settings, Business"]);
    says(found("Stripe webhook"), "FAIL", &["no endpoint"]);

    // A shopper who pays there nevertheless is told that nothing was charged.
    let client = world.client_on(HOST, Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let token = live::token_of(&world, ACCOUNT, total(&sheet));
    let answer = client.complete(&sheet["id"], &token).await;
    assert_ne!(answer["structuredContent"]["status"], "completed", "{answer}");
    assert!(world.ledger().is_empty());
}

#[test]
fn a_next_key_is_examined_beside_the_present_one() {
    let world = TestGateway::start();
    let key = |key: &str| KeySeed { key: key.to_owned(), may_read_account: true };
    let both = AccountSeed {
        secret_keys: vec![key(SHOP_KEY), key("rk_test_nextofharbor")],
        ..world.shops[0].account.clone()
    };
    world.emulator.add_account(&both).unwrap();
    world.emulator.add_account(&account("acct_third", "sk_test_third", true, "profile_test_third")).unwrap();
    let file = usual_shops()[0].file.replace("[stripe]", "[stripe]\nnext_secret_key = \"file:next\"");
    world.put_secret(SHOP, "next", "rk_test_nextofharbor");
    world.put_tenant(SHOP, &file);
    let found = findings(&examine(&world, &["--json", SHOP]), SHOP);
    says(found("next Stripe key"), "PASS", &[SHOP_ACCOUNT]);
    says(found("next key permits"), "PASS", &["all 7 are granted"]);

    world.put_secret(SHOP, "next", "sk_test_third");
    let found = findings(&examine(&world, &["--json", SHOP]), SHOP);
    says(found("next Stripe key"), "FAIL", &["opens acct_third, and the present key opens acct_harbor"]);

    world.put_secret(SHOP, "next", "rk_test_nextofharbor");
    world.put_secret(SHOP, "present", "sk_test_unknown");
    world.put_tenant(SHOP, &file.replace("env:MERCHANT_HARBOR_COFFEE__STRIPE_KEY", "file:present"));
    let found = findings(&examine(&world, &["--json", SHOP]), SHOP);
    says(found("next Stripe key"), "WARN", &["the account of the present key is not known"]);
}

#[test]
fn questions_that_stripe_leaves_open_are_told_as_open() {
    let world = TestGateway::start();
    let fails = |requests: &[RequestKind]| {
        let scripted = |&requests: &RequestKind| Scripted {
            requests,
            times: 9,
            fault: Fault::ErrorBefore { should_retry: None },
        };
        let script = requests.iter().map(scripted).collect();
        world.emulator.set_faults(FaultPlan { script, chance: None });
    };
    fails(&[RequestKind::ListRefunds, RequestKind::ReadToken, RequestKind::ListWebhookEndpoints]);
    let found = findings(&examine(&world, &["--json", OTHER_SHOP]), OTHER_SHOP);
    says(found("key permissions"), "WARN", &["not tried: Charges and Refunds: read: status 500"]);
    says(found("payment tokens"), "WARN", &["not tried: status 500", "later"]);
    says(found("Stripe webhook"), "WARN", &["did not list the webhook endpoints"]);

    fails(&[RequestKind::CreateWebhookEndpoint]);
    let found = findings(&examine(&world, &["--json", "--fix", OTHER_SHOP]), OTHER_SHOP);
    says(found("Stripe webhook"), "FAIL", &["not changed: status 500"]);
    let secrets = world.folder.path().join("secrets").join(OTHER_SHOP);
    assert_eq!(fs::read_dir(secrets).unwrap().count(), 0, "no empty file of a secret is left");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_is_disabled_is_told_and_enabled() {
    let world = TestGateway::start();
    let url = world.url("/t/harbor-coffee/webhooks/stripe");
    let endpoint = WebhookEndpoint::new(SHOP_ACCOUNT, &url, WEBHOOK_SECRET);
    let id = world.emulator.add_webhook_endpoint(&endpoint).unwrap();
    let change = format!("{}/v1/webhook_endpoints/{id}", world.emulator.base_url());
    let request = world.client(Speaks::Modern).http.post(change).bearer_auth(SHOP_KEY);
    let request = request.header("content-type", "application/x-www-form-urlencoded").body("disabled=true");
    let request =
        request.header("stripe-version", "2026-09-30.preview").header("idempotency-key", "disable-it");
    assert_eq!(request.send().await.unwrap().status().as_u16(), 200);
    let found = findings(&examine(&world, &["--json", SHOP]), SHOP);
    says(found("Stripe webhook"), "WARN", &["is disabled", "doctor --fix"]);
    let found = findings(&examine(&world, &["--json", "--fix", SHOP]), SHOP);
    says(found("Stripe webhook"), "FAIL", &["changed we_", "the file names no secret of it"]);
    let found = findings(&examine(&world, &["--json", SHOP]), SHOP);
    says(found("Stripe webhook"), "FAIL", &["copy its signing secret"]);
}

#[test]
fn no_endpoint_is_made_whose_secret_has_no_place() {
    let world = TestGateway::start();
    let secrets = world.folder.path().join("secrets");
    fs::create_dir_all(&secrets).unwrap();
    fs::write(secrets.join(SHOP), "a file where a folder should be").unwrap();
    let found = findings(&examine(&world, &["--json", "--fix", SHOP]), SHOP);
    says(found("Stripe webhook"), "FAIL", &["not created", "cannot be written"]);
    let made =
        world.emulator.exchanges().iter().filter(|asked| asked.path == "/v1/webhook_endpoints").count();
    assert_eq!(made, 1, "the endpoints are listed, and none is made");
}
