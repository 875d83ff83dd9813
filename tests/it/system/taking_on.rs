//! An agency takes a merchant on with `tenant new`, while the gateway runs.

use std::process::Output;

use serde_json::json;

use super::going_live::live_world;
use crate::support::client::{Speaks, total};
use crate::support::live::{ACCOUNT, HOST, SHOP as LIVE_SHOP};
use crate::support::test_gateway::{TestGateway, account};

const NEW: &str = "corner-books";
const KEY: &str = "sk_test_cornerbooks1";

fn run(world: &TestGateway, words: &[&str]) -> Output {
    world.command("tenant").arg("new").args(words).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

const ANSWERS: [&str; 9] = [
    NEW,
    "--name",
    "Corner \"Books\" & Café",
    "--host",
    "books.localhost",
    "--currency",
    "usd",
    "--network-id",
    "profile_test_cornerbooks",
];

#[tokio::test]
async fn a_merchant_is_taken_on_by_one_command_and_a_key() {
    let world = TestGateway::start();
    world.emulator.add_account(&account("acct_corner", KEY, true, "profile_test_cornerbooks")).unwrap();
    world.put_secret(NEW, "stripe_key", KEY);
    let written = run(&world, &[&ANSWERS[..], &["--country", "US", "--country", "ca"]].concat());
    assert!(written.status.success(), "{}", said(&written));
    for step in [
        "wrote tenants/corner-books.toml",
        "secrets/corner-books/stripe_key",
        "check tenants",
        "doctor corner-books",
    ] {
        assert!(said(&written).contains(step), "{step}: {}", said(&written));
    }
    let check = world.command("check").arg("tenants/corner-books.toml").output().unwrap();
    assert!(check.status.success(), "{}", said(&check));
    assert!(
        said(&check).contains("Corner \"Books\" & Café") && said(&check).contains("to US, CA"),
        "{}",
        said(&check)
    );

    world.wait_for("\"stripe_account_known\"", 3);
    let client = world.client_of(NEW, Speaks::Modern);
    let address = json!({
        "name": "Ada Lovelace", "line_one": "12 Mill Lane", "city": "Los Angeles", "state": "CA", "country": "US",
        "postal_code": "90001",
    });
    let items = json!([{ "id": "first-product", "quantity": 1 }]);
    let made =
        client.works("create_checkout", json!({ "items": items, "fulfillment_address": address })).await;
    let sheet = &made["checkout_session"];
    let token = world.token_of("acct_corner", "pm_card_visa", "usd", total(sheet));
    let paid = client.complete(&sheet["id"], &token).await;
    assert_eq!(paid["structuredContent"]["status"], "completed", "{paid}");
    assert_eq!(world.ledger()[0].amount, 1500);
}

#[test]
fn a_file_that_exists_and_answers_that_are_wrong_write_nothing() {
    let world = TestGateway::start();
    let file = world.tenant_file(NEW);
    let missing = run(&world, &ANSWERS);
    assert!(said(&missing).contains("--country is missing"), "{}", said(&missing));
    let wrong = run(&world, &[&ANSWERS[..], &["--country", "USA"]].concat());
    assert!(
        said(&wrong).contains("has no country") || said(&wrong).contains("write \"US\""),
        "{}",
        said(&wrong)
    );
    let network = run(&world, &[&ANSWERS[..8], &["profile_live", "--country", "US"]].concat());
    assert!(said(&network).contains("stripe.network_id"), "{}", said(&network));
    let id = run(&world, &["Corner_Books"]);
    assert!(!id.status.success() && said(&id).contains("Corner_Books"), "{}", said(&id));
    for (host, why) in [
        ("coffee.localhost", "is a host of tenants/harbor-coffee.toml"),
        ("localhost", "the gateway's own hosts"),
    ] {
        let words = [&ANSWERS[..3], &["--host", host], &ANSWERS[5..], &["--country", "US"]].concat();
        let taken = run(&world, &words);
        assert!(
            said(&taken).contains(why) && said(&taken).contains("nothing was written"),
            "{}",
            said(&taken)
        );
    }
    assert!(!file.exists());

    world.put_tenant(NEW, "# mine");
    let again = run(&world, &[&ANSWERS[..], &["--country", "US"]].concat());
    assert!(said(&again).contains("exists already"), "{}", said(&again));
    assert_eq!(std::fs::read_to_string(file).unwrap(), "# mine");
}

#[test]
fn what_stripe_knows_of_the_account_is_not_asked() {
    let world = TestGateway::start();
    world.emulator.add_account(&account("acct_corner", KEY, true, "profile_test_cornerbooks")).unwrap();
    let words = [
        NEW,
        "--from-stripe",
        "--name",
        "Corner Books",
        "--host",
        "books.localhost",
        "--network-id",
        "profile_test_a",
    ];
    let keyless = run(&world, &words);
    assert!(
        said(&keyless).contains("write it into secrets/corner-books/stripe_key first"),
        "{}",
        said(&keyless)
    );
    world.put_secret(NEW, "stripe_key", "sk_live_cornerbooks1");
    let live = run(&world, &words);
    assert!(said(&live).contains("is a live key"), "{}", said(&live));
    world.put_secret(NEW, "stripe_key", KEY);
    let written = run(&world, &words);
    assert!(written.status.success(), "{}", said(&written));
    let file = std::fs::read_to_string(world.tenant_file(NEW)).unwrap();
    assert!(file.contains("currency = \"usd\"") && file.contains("countries = [\"US\"]"), "{file}");
}

#[tokio::test]
async fn a_live_shop_gets_a_test_twin_by_one_command() {
    let world = live_world();
    let twin = format!("{LIVE_SHOP}-test");
    let host = format!("test.{HOST}");
    world.put_secret(&twin, "stripe_key", "sk_test_bluedoor1");
    let words = [&twin, "--test-of", LIVE_SHOP, "--host", &host, "--network-id", "profile_test_bluedoor"];
    let written = run(&world, &words);
    assert!(written.status.success(), "{}", said(&written));
    world.wait_for("\"stripe_account_known\"", 4);
    let client = world.client_on(&host, Speaks::Modern);
    let sheet = client.ready_checkout().await;
    assert_eq!(sheet["payment_mode"], "test");
    let paid =
        client.complete(&sheet["id"], &world.token_of(ACCOUNT, "pm_card_visa", "usd", total(&sheet))).await;
    assert_eq!(paid["structuredContent"]["status"], "completed", "{paid}");
    assert!(!world.ledger()[0].livemode);

    // Both tell one receiver only if somebody writes so, and then check says it.
    let webhook = "\n[webhook]\nurl = \"https://orders.blue-door.shop/\"\nsecret = \"file:events\"\n";
    for merchant in [LIVE_SHOP, &twin] {
        world.put_secret(merchant, "events", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD");
        let file = std::fs::read_to_string(world.tenant_file(merchant)).unwrap();
        world.put_tenant(merchant, &(file + webhook));
    }
    let check = world.command("check").output().unwrap();
    assert!(said(&check).contains("is also the receiver of the live merchant"), "{}", said(&check));
}
