//! `doctor` in every state that it can report, against the emulated Stripe and a proxy with TLS.

use std::fs;
use std::path::Path;
use std::process::Output;

use merchant_gateway::domain::time::Span;
use merchant_gateway::ports::{Clock as _, Environment as _, SystemClock, SystemEnvironment};
use serde_json::Value;
use stripe_emulator::{AccountSeed, KeySeed, RequestKind, WebhookEndpoint};

use super::going_live::live_world;
use crate::support::live::{ACCOUNT, HOST, LIVE_KEY, SHOP as LIVE_SHOP, live_file};
use crate::support::receiver::{Does, OrderReceiver};
use crate::support::test_gateway::{
    OTHER_SHOP, SHOP, SHOP_ACCOUNT, SHOP_KEY, TestGateway, WEBHOOK_SECRET, usual_shops,
};
use crate::support::tls_front::{OwnPage, TlsFront};

const PICTURE: OwnPage = ("/huila-washed.jpg", "image/jpeg", "a picture");
const TERMS: OwnPage = ("/terms", "text/html", "the terms");
const PRIVACY: OwnPage = ("/privacy", "text/html; charset=utf-8", "the policy");

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
fn a_gateway_that_is_not_there_and_an_unknown_merchant_are_told() {
    let mut world = TestGateway::start();
    let unknown = examine(&world, &["nobody"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("has no file of nobody"), "{unknown:?}");

    assert_eq!(world.terminate(), Some(0));
    let found = findings(&examine(&world, &["--json", SHOP]), SHOP);
    says(found("MCP endpoint"), "FAIL", &["does not answer", "public.listen"]);
    says(found("search"), "SKIP", &["the endpoint does not answer"]);

    let elsewhere = world.command("doctor").args(["--json", SHOP]).output().unwrap();
    let found = findings(&elsewhere, SHOP);
    says(found("host name"), "FAIL", &["links.example leads to no address", "DNS provider"]);
    says(found("MCP endpoint"), "SKIP", &["the host name leads nowhere"]);
}

/// Compares what the doctor says with `docs/ONBOARDING.md`, where it stands without what differs from run to run.
fn shown_in_the_document(said: &str, world: &TestGateway, via: &str) {
    const BEGIN: &str = "<!-- doctor: begin -->";
    const END: &str = "<!-- doctor: end -->";
    let with_moment = |line: &str| match line.split_once("the last one is of ") {
        Some((start, _)) => format!("{start}the last one is of 2026-11-30T06:00:00Z"),
        None => line.to_owned(),
    };
    let said = said
        .replace(&format!("{}/", world.emulator.base_url()), "https://api.stripe.com/")
        .replace(via, "203.0.113.7:443");
    let lines: Vec<String> = said.trim_end().lines().map(with_moment).collect();
    let block = format!("{BEGIN}\n```text\n{}\n```\n{END}", lines.join("\n"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/ONBOARDING.md");
    let document = fs::read_to_string(&path).unwrap();
    let start = document.find(BEGIN).expect("a place for doctor's output");
    let end = document.find(END).expect("its end") + END.len();
    if SystemEnvironment.var("UPDATE_DOCUMENTS").is_some() {
        fs::write(&path, format!("{}{block}{}", &document[..start], &document[end..])).unwrap();
    } else {
        assert_eq!(&document[start..end], block, "run make onboarding");
    }
}

fn live_and_well() -> String {
    let mut file = String::new();
    let mut pictures = 0;
    for line in live_file().lines() {
        let line = match line.trim_start() {
            picture if picture.starts_with("image =") || picture.starts_with("\"https://") => {
                pictures += 1;
                let url = format!("\"https://{HOST}/huila-washed.jpg\"");
                if picture.starts_with("image") { format!("image = {url}") } else { format!("{url},") }
            }
            link if link.starts_with("terms_of_use") => format!("terms_of_use = \"https://{HOST}/terms\""),
            link if link.starts_with("privacy_policy") => {
                format!("privacy_policy = \"https://{HOST}/privacy\"")
            }
            _ => line.to_owned(),
        };
        file.push_str(&line);
        file.push('\n');
    }
    assert!(pictures > 1);
    let file = file.replace("name = \"Harbor Coffee Roasters\"", "name = \"Blue Door\"");
    file.replace("\n[chatgpt]\n", "\n[chatgpt]\nchallenge = \"a-token-of-openai\"\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_live_shop_is_examined_through_its_proxy_and_certificate() {
    let world = live_world();
    world.put_tenant(LIVE_SHOP, &live_and_well());
    world.wait_for("\"tenant_changed\"", 1);
    let front = TlsFront::start(HOST, world.socket(), vec![PICTURE, TERMS, PRIVACY]).await;
    let via = front.address.to_string();
    let run = |words: &[&str]| {
        let mut command = world.command("doctor");
        command.args(words).args([LIVE_SHOP, "--via", &via]).env("SSL_CERT_FILE", front.authority());
        command.output().unwrap()
    };
    let found = findings(&run(&["--json", "--fix"]), LIVE_SHOP);
    says(found("Stripe account"), "PASS", &[ACCOUNT, "live mode"]);
    says(found("key permissions"), "PASS", &["all 7 are granted"]);
    says(found("host name"), "SKIP", &[HOST, &via]);
    says(found("certificate"), "PASS", &["valid until 2036-01-01"]);
    says(found("MCP endpoint"), "PASS", &[&format!("https://{HOST}/mcp answers as ")]);
    says(found("search"), "PASS", &[]);
    says(found("domain challenge"), "PASS", &["answers the token"]);
    says(found("pictures"), "PASS", &["1 picture is there"]);
    says(found("terms of use"), "PASS", &[]);
    says(found("privacy policy"), "PASS", &[]);
    says(found("Stripe webhook"), "WARN", &["created we_"]);
    let secrets = "webhook_secrets = [\"file:stripe_webhook_secret\"]";
    let file = live_and_well().replace("webhook_secrets = [\"file:stripe-webhook-secret\"]", secrets);
    world.put_tenant(LIVE_SHOP, &file);
    world.wait_for("\"tenant_changed\"", 2);
    let backup = world.command("backup").args(["--to", "copy.sqlite3"]).output().unwrap();
    assert!(backup.status.success(), "{backup:?}");
    let well = run(&[]);
    assert_eq!(well.status.code(), Some(0), "{}", String::from_utf8_lossy(&well.stdout));
    let said = String::from_utf8(well.stdout).unwrap();
    shown_in_the_document(&said, &world, &via);
    assert!(
        said.contains("0 failed") && said.contains("[ ] buy for a small amount with a real card"),
        "{said}"
    );

    // An authority that nobody knows.
    let distrusted = world.command("doctor").args(["--json", LIVE_SHOP, "--via", &via]).output().unwrap();
    says(findings(&distrusted, LIVE_SHOP)("MCP endpoint"), "FAIL", &["certificate"]);
    assert!(!said.contains(LIVE_KEY));
}

/// The day that is so many days from now.
fn in_days(days: i64) -> (i32, u8, u8) {
    let moment = SystemClock.now() + Span::hours(24 * days);
    let day: Vec<i32> =
        moment.to_string()[..10].split('-').map(|part| part.parse().expect("a number")).collect();
    (day[0], day[1].try_into().unwrap(), day[2].try_into().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_visitor_would_not_get_is_told() {
    let world = live_world();
    world.put_tenant(LIVE_SHOP, &live_and_well());
    world.wait_for("\"tenant_changed\"", 1);
    let no_picture: OwnPage = ("/huila-washed.jpg", "text/html", "<p>gone</p>");
    let challenge: OwnPage = ("/.well-known/openai-apps-challenge", "text/plain", "another token");
    let pages = vec![no_picture, challenge, TERMS];
    let front = TlsFront::until(in_days(3), HOST, world.socket(), pages).await;
    let run = |words: &[&str]| {
        let mut command = world.command("doctor");
        let via = front.address.to_string();
        command.args(["--json", LIVE_SHOP, "--via", &via]).args(words);
        command.env("SSL_CERT_FILE", front.authority()).output().unwrap()
    };
    let found = findings(&run(&[]), LIVE_SHOP);
    says(found("certificate"), "WARN", &["ends soon"]);
    says(found("domain challenge"), "FAIL", &["without the token"]);
    says(found("pictures"), "WARN", &["is no picture (text/html)"]);
    says(found("privacy policy"), "FAIL", &["answers 404"]);

    // The gateway serves another version of the file than the one that is looked at.
    let others = world.folder.path().join("others");
    fs::create_dir(&others).unwrap();
    let file = live_and_well().replace("name = \"Blue Door\"", "name = \"Green Door\"");
    fs::write(others.join(format!("{LIVE_SHOP}.toml")), file).unwrap();
    let found = findings(&run(&["--set", "tenants.dir=others"]), LIVE_SHOP);
    says(found("MCP endpoint"), "WARN", &["as another shop, or by another version of the file"]);
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
