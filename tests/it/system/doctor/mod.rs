//! `doctor` in every state that it can report, against the emulated Stripe and a proxy with TLS.

mod account;
mod address;

use std::fs;
use std::process::Output;

use merchant_gateway::domain::time::Span;
use merchant_gateway::ports::{Clock as _, SystemClock};
use serde_json::Value;
use stripe_emulator::WebhookEndpoint;

use crate::support::receiver::{Does, OrderReceiver};
use crate::support::test_gateway::{SHOP, SHOP_ACCOUNT, TestGateway, WEBHOOK_SECRET, usual_shops};

/// Runs the doctor on a world's merchants, at the gateway's own address.
fn examine(world: &TestGateway, words: &[&str]) -> Output {
    let here = format!("public.link_base={}", world.url(""));
    let command = &mut world.command("doctor");
    command.args(words).args(["--set", here.trim_end_matches('/')]).output().unwrap()
}

/// The findings of one merchant, by what was looked at: verdict, finding and remedy.
fn findings(output: &Output, merchant: &str) -> impl Fn(&str) -> (String, String) + use<> {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let report: Value = serde_json::from_str(&said).unwrap_or_else(|error| {
        panic!("{error}: {said} {}", String::from_utf8_lossy(&output.stderr));
    });
    let merchant = merchant.to_owned();
    move |check: &str| {
        let findings = report["findings"].as_array().unwrap();
        let is_asked = |finding: &&Value| {
            finding["check"] == check && finding["merchant"].as_str().unwrap_or("gateway") == merchant
        };
        let finding = findings.iter().find(is_asked).unwrap_or_else(|| panic!("{check}: {report:#}"));
        let text = |key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        (text("verdict"), format!("{}; {}", text("found"), text("remedy")))
    }
}

/// Asserts a verdict, and words of what is said.
fn says(finding: (String, String), verdict: &str, words: &[&str]) {
    let (found, said) = finding;
    assert_eq!(found, verdict, "{said}");
    for word in words {
        assert!(said.contains(word), "{word}: {said}");
    }
}

#[test]
fn a_shop_in_test_mode_is_examined_and_its_webhook_is_made() {
    let receiver = OrderReceiver::start(Does::Takes);
    let settings = [("GATEWAY__ORDER_EVENTS__ALLOW_LOOPBACK", "true")];
    let world = TestGateway::with_settings(&settings);
    let file = usual_shops()[0].file.clone();
    let with_events = format!(
        "{file}\n[webhook]\nurl = \"http://127.0.0.1:{}/orders\"\nsecret = \"file:events\"\n",
        receiver.port
    );
    world.put_secret(SHOP, "events", WEBHOOK_SECRET);
    world.put_tenant(SHOP, &with_events);
    world.log_so_far();

    let first = examine(&world, &["--json", SHOP]);
    assert_eq!(first.status.code(), Some(1), "the pages of the sample do not exist");
    let found = findings(&first, SHOP);
    says(found("Stripe account"), "PASS", &[SHOP_ACCOUNT, "test mode"]);
    says(found("key permissions"), "PASS", &["unrestricted"]);
    says(found("payment tokens"), "PASS", &["can be read"]);
    says(found("agents' wallets"), "PASS", &["a seller in US"]);
    says(found("Stripe webhook"), "WARN", &["no endpoint", "doctor --fix"]);
    says(found("MCP endpoint"), "PASS", &["answers as Harbor Coffee Roasters"]);
    says(found("search"), "PASS", &["finds"]);
    says(found("domain challenge"), "SKIP", &["chatgpt.challenge"]);
    says(found("pictures"), "WARN", &["cannot be shown", "harbor-coffee.example"]);
    says(found("terms of use"), "FAIL", &["links.terms_of_use"]);
    says(found("order events"), "PASS", &["accepted a signed test event"]);
    let event = &receiver.received(1)[0];
    assert!(event.body.contains("webhook.test") && event.headers.contains_key("webhook-signature"));
    let gateway = findings(&first, "gateway");
    says(gateway("backup"), "WARN", &["none was made"]);
    says(gateway("master key"), "PASS", &["fingerprint"]);

    // The endpoint is created, and its secret lies where the file can name it.
    let fixed = examine(&world, &["--json", "--fix", SHOP]);
    says(findings(&fixed, SHOP)("Stripe webhook"), "WARN", &["created we_", "file:stripe_webhook_secret"]);
    let secret = world.folder.path().join("secrets").join(SHOP).join("stripe_webhook_secret");
    let secret = fs::read_to_string(secret).unwrap();
    assert!(secret.starts_with("whsec_"), "{secret}");
    for output in [&fixed.stdout, &fixed.stderr] {
        assert!(!String::from_utf8_lossy(output).contains(secret.trim()), "the secret is not shown");
    }
    let unnamed = examine(&world, &["--json", SHOP]);
    says(findings(&unnamed, SHOP)("Stripe webhook"), "FAIL", &["names no secret"]);
    let named =
        with_events.replace("[stripe]", "[stripe]\nwebhook_secrets = [\"file:stripe_webhook_secret\"]");
    world.put_tenant(SHOP, &named);
    let again = examine(&world, &["--json", "--fix", SHOP]);
    says(findings(&again, SHOP)("Stripe webhook"), "PASS", &["receives 15 types of event"]);

    let backup = world.command("backup").args(["--to", "copy.sqlite3"]).output().unwrap();
    assert!(backup.status.success(), "{backup:?}");
    says(findings(&examine(&world, &["--json", SHOP]), "gateway")("backup"), "PASS", &["the last one is of"]);
}

#[test]
fn a_gateway_that_is_not_there_and_an_unknown_merchant_are_told() {
    let mut world = TestGateway::start();
    let unknown = examine(&world, &["nobody"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("has no file of nobody"), "{unknown:?}");

    assert_eq!(world.terminate(), Some(0));
    let found = findings(&examine(&world, &["--json", SHOP]), SHOP);
    says(found("MCP endpoint"), "FAIL", &["does not answer", "public.listen"]);
    says(found("search"), "SKIP", &["the endpoint does not answer"]);

    let mut without_key = world.command("doctor");
    let without_key = without_key.args(["--json", SHOP]).env_remove("GATEWAY_MASTER_KEY").output().unwrap();
    says(findings(&without_key, "gateway")("master key"), "FAIL", &["GATEWAY_MASTER_KEY", "openssl rand"]);
    says(findings(&without_key, SHOP)("Stripe account"), "PASS", &[SHOP_ACCOUNT]);

    let elsewhere = world.command("doctor").args(["--json", SHOP]).output().unwrap();
    let found = findings(&elsewhere, SHOP);
    says(found("host name"), "FAIL", &["links.example leads to no address", "DNS provider"]);
    says(found("MCP endpoint"), "SKIP", &["the host name leads nowhere"]);
}

#[test]
fn what_stripe_would_not_send_or_show_is_told() {
    let receiver = OrderReceiver::start(Does::Answers("500 Oops\r\nX: y"));
    let world = TestGateway::with_settings(&[("GATEWAY__ORDER_EVENTS__ALLOW_LOOPBACK", "true")]);
    let file = usual_shops()[0].file.clone();
    world.put_secret(SHOP, "events", WEBHOOK_SECRET);
    world.put_secret(SHOP, "stripe-webhook", WEBHOOK_SECRET);
    let file = format!(
        "{}\n[webhook]\nurl = \"http://127.0.0.1:{}/orders\"\nsecret = \"file:events\"\n",
        file.replace("[stripe]", "[stripe]\nwebhook_secrets = [\"file:stripe-webhook\"]"),
        receiver.port
    );
    world.put_tenant(SHOP, &file);
    let endpoint = WebhookEndpoint {
        enabled_events: vec!["payment_intent.succeeded".to_owned(), "customer.created".to_owned()],
        ..WebhookEndpoint::new(SHOP_ACCOUNT, &world.url("/t/harbor-coffee/webhooks/stripe"), WEBHOOK_SECRET)
    };
    world.emulator.add_webhook_endpoint(&endpoint).unwrap();
    let found = findings(&examine(&world, &["--json", SHOP]), SHOP);
    says(
        found("Stripe webhook"),
        "WARN",
        &["does not receive checkout.session.completed", "charge.dispute.closed"],
    );
    says(found("order events"), "FAIL", &["answered 500"]);
    let found = findings(&examine(&world, &["--json", "--fix", SHOP]), SHOP);
    says(found("Stripe webhook"), "PASS", &["changed we_", "receives 15 types of event"]);

    // A version without payment tokens, and a backup of last week.
    let old = examine(&world, &["--json", SHOP, "--set", "stripe.version=2026-10-28.endive"]);
    says(findings(&old, SHOP)("payment tokens"), "WARN", &["cannot read Shared Payment Tokens"]);
    let note = world.folder.path().join("merchant-gateway.sqlite3.last-backup");
    fs::write(note, (SystemClock.now() - Span::hours(200)).as_millis().to_string()).unwrap();
    says(findings(&old, "gateway")("backup"), "WARN", &["none was made"]);
    let again = examine(&world, &["--json", SHOP]);
    says(findings(&again, "gateway")("backup"), "WARN", &["the last one is of"]);
}
