//! The shop at its public address, behind a proxy with TLS, as a visitor finds it.

use std::fs;
use std::path::Path;

use merchant_gateway::domain::time::Span;
use merchant_gateway::ports::{Clock as _, Environment as _, SystemClock, SystemEnvironment};

use super::super::going_live::live_world;
use super::{examine, findings, says};
use crate::support::live::{ACCOUNT, HOST, LIVE_KEY, SHOP as LIVE_SHOP, live_file};
use crate::support::receiver::{Does, OrderReceiver};
use crate::support::test_gateway::{OTHER_SHOP, SHOP, TestGateway, WEBHOOK_SECRET, usual_shops};
use crate::support::tls_front::{OwnPage, TlsFront};

const PICTURE: OwnPage = ("/huila-washed.jpg", "image/jpeg", "a picture");
const TERMS: OwnPage = ("/terms", "text/html", "the terms");
const PRIVACY: OwnPage = ("/privacy", "text/html; charset=utf-8", "the policy");

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

/// Runs the doctor on the usual shop, with this as the base of its public addresses.
fn examine_at(world: &TestGateway, base: &str, words: &[&str]) -> std::process::Output {
    let here = format!("public.link_base={base}");
    world.command("doctor").args(["--json", SHOP, "--set", &here]).args(words).output().unwrap()
}

#[test]
fn an_address_at_which_the_shop_is_not_is_told() {
    let world = TestGateway::start();
    // No gateway listens there.
    let found = findings(&examine_at(&world, "http://127.0.0.2:9", &[]), SHOP);
    says(found("host name"), "PASS", &["127.0.0.2 leads to 127.0.0.2"]);
    says(found("MCP endpoint"), "FAIL", &["does not answer", "proxy"]);

    // Somebody else's server listens there.
    let other = OrderReceiver::start(Does::Answers("500 Oops"));
    let found = findings(&examine_at(&world, &format!("http://127.0.0.1:{}", other.port), &[]), SHOP);
    says(found("host name"), "SKIP", &["is this machine"]);
    says(found("MCP endpoint"), "FAIL", &["answers 500, and not as a gateway", "public.listen"]);

    // The gateway does not know the merchant.
    let folder = world.folder.path().join("others");
    fs::create_dir(&folder).unwrap();
    let file = usual_shops()[0].file.replace("coffee.localhost", "tea.localhost");
    let file = file.replace("MERCHANT_HARBOR_COFFEE__", "MERCHANT_HARBOR_TEA__");
    fs::write(folder.join("harbor-tea.toml"), file).unwrap();
    let here = format!("public.link_base={}", world.url("").trim_end_matches('/'));
    let mut command = world.command("doctor");
    command.args(["--json", "harbor-tea", "--set", &here, "--set", "tenants.dir=others"]);
    command.env("MERCHANT_HARBOR_TEA__STRIPE_KEY", world.shops[0].key());
    let found = findings(&command.output().unwrap(), "harbor-tea");
    says(found("MCP endpoint"), "FAIL", &["no shop is known there", "Host header"]);

    // A name of this machine under https leads nobody to it.
    let found = findings(&examine_at(&world, "https://coffee.localhost", &[]), SHOP);
    says(found("MCP endpoint"), "SKIP", &["not reachable from elsewhere"]);
}

#[test]
fn what_a_shop_does_not_have_is_not_examined() {
    let world = TestGateway::start();
    let file: String = usual_shops()[1]
        .file
        .lines()
        .filter(|line| !line.trim_start().starts_with("image"))
        .fold(String::new(), |file, line| file + line + "\n");
    world.put_tenant(OTHER_SHOP, &file);
    let found = findings(&examine(&world, &["--json", OTHER_SHOP]), OTHER_SHOP);
    says(found("pictures"), "SKIP", &["no product has a picture"]);
    says(found("terms of use"), "SKIP", &["links.terms_of_use is not set"]);
    says(found("privacy policy"), "SKIP", &["links.privacy_policy is not set"]);
    says(found("order events"), "SKIP", &["no system of the merchant's is told of orders"]);

    // A receiver that is not there.
    world.put_secret(OTHER_SHOP, "events", WEBHOOK_SECRET);
    world.put_tenant(OTHER_SHOP, &format!("status = \"suspended\"\n{file}"));
    let suspended = findings(&examine(&world, &["--json", OTHER_SHOP]), OTHER_SHOP);
    says(suspended("status"), "WARN", &["sells nothing", "active"]);
    let webhook = "\n[webhook]\nurl = \"http://127.0.0.1:9/orders\"\nsecret = \"file:events\"\n";
    world.put_tenant(OTHER_SHOP, &(file + webhook));
    let allowed = ["--json", OTHER_SHOP, "--set", "order_events.allow_loopback=true"];
    says(
        findings(&examine(&world, &allowed), OTHER_SHOP)("order events"),
        "FAIL",
        &["127.0.0.1 did not answer", "start the receiver"],
    );

    let empty = world.folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let nobody = examine(&world, &["--json", "--set", "tenants.dir=empty"]);
    says(
        findings(&nobody, "gateway")("merchants"),
        "WARN",
        &["no merchant that can be served", "tenant new"],
    );
}
