//! A merchant is taken on by a file, tested, and taken live, while the gateway runs.

use serde_json::{Value, json};
use stripe_emulator::{Fault, FaultPlan, HoldPoint, HostedOutcome, RequestKind};

use super::webhooks::{event, signature};
use crate::support::client::{Client, Speaks, session_name, total};
use crate::support::live::{
    self, ACCOUNT, HOST, LIVE_KEY, SHOP, TEST_KEY, live_file, put_live_secrets, test_file,
};
use crate::support::operator::Operator;
use crate::support::test_gateway::{TestGateway, WEBHOOK_SECRET};

const TWIN: &str = "blue-door-test";

/// A gateway that may take live payments at the emulated Stripe.
fn world() -> TestGateway {
    let world = TestGateway::with_settings(&[live::ALLOWED]);
    live::add_account(&world);
    world
}

/// A gateway with the shop in live mode.
pub fn live_world() -> TestGateway {
    let world = world();
    live::open(&world);
    world
}

async fn pays(client: &Client, token: &str, sheet: &Value) -> Value {
    client.complete(&sheet["id"], token).await["structuredContent"].clone()
}

async fn buys_in_test(world: &TestGateway, client: &Client) {
    let sheet = client.ready_checkout().await;
    assert_eq!(sheet["payment_mode"], "test", "{sheet}");
    let paid = pays(client, &world.token_of(ACCOUNT, "pm_card_visa", "usd", total(&sheet)), &sheet).await;
    assert_eq!(paid["status"], "completed", "{paid}");
}

async fn buys_live(world: &TestGateway, client: &Client) -> Value {
    let sheet = client.ready_checkout().await;
    assert_eq!(sheet["payment_mode"], Value::Null, "{sheet}");
    assert_eq!(sheet["payment_provider"]["merchant_id"], "profile_bluedoor", "{sheet}");
    let paid = pays(client, &live::token_of(world, ACCOUNT, total(&sheet)), &sheet).await;
    assert_eq!(paid["status"], "completed", "{paid}");
    paid
}

/// The keys of the merchant's problems, as the admin API lists them.
async fn problem_keys(world: &TestGateway) -> Vec<String> {
    let (status, listed) = Operator::of(world).get("problems").await;
    assert_eq!(status, 200, "{listed}");
    let problems = listed["problems"].as_array().unwrap();
    problems.iter().map(|problem| problem["key"].as_str().unwrap().to_owned()).collect()
}

async fn reloaded(world: &TestGateway) -> Vec<String> {
    let (status, reloaded) = Operator::of(world).post("reload", json!({})).await;
    assert_eq!(status, 200, "{reloaded}");
    problem_keys(world).await
}

#[tokio::test]
async fn a_merchant_goes_from_nothing_to_live_by_files_alone() {
    let world = world();

    // A file and a key: the shop sells in test mode.
    world.put_secret(SHOP, "stripe-key", TEST_KEY);
    world.put_tenant(SHOP, &test_file());
    world.wait_for("\"stripe_account_known\"", 3);
    let preview = world.client_of(SHOP, Speaks::Modern);
    buys_in_test(&world, &preview).await;

    // Going live is refused with everything that is missing, and the shop goes on in test mode.
    let mut file = test_file().replace("mode = \"test\"", "mode = \"live\"");
    file = file.replacen("countries = [\"US\"]", "# countries", 1);
    world.put_tenant(SHOP, &file);
    let missing = reloaded(&world).await;
    for key in [
        "hosts[0]",
        "checkout.countries",
        "stripe.network_id",
        "stripe.secret_key",
        "stripe.webhook_secrets",
        "links.terms_of_use",
        "links.privacy_policy",
        "products[0].image",
    ] {
        assert!(missing.contains(&key.to_owned()), "{key}: {missing:?}");
    }
    buys_in_test(&world, &preview).await;

    // Each point that is mended is gone from the list.
    let commented = "# webhook_secrets = [\"env:MERCHANT_HARBOR_COFFEE__STRIPE_WEBHOOK_SECRET\"]";
    for (key, from, to) in [
        ("hosts[0]", "blue.localhost", HOST),
        ("checkout.countries", "# countries", "countries = [\"US\"]"),
        ("stripe.network_id", "profile_test_bluedoor", "profile_bluedoor"),
        ("stripe.webhook_secrets", commented, "webhook_secrets = [\"file:stripe-webhook-secret\"]"),
        ("links.terms_of_use", "harbor-coffee.example/terms", "blue-door.shop/terms"),
        ("links.privacy_policy", "harbor-coffee.example/privacy", "blue-door.shop/privacy"),
        ("products[0].image", "harbor-coffee.example", "blue-door.shop"),
    ] {
        assert!(file.contains(from), "{from}");
        file = file.replace(from, to);
        world.put_tenant(SHOP, &file);
        let left = reloaded(&world).await;
        assert!(!left.contains(&key.to_owned()) && !left.is_empty(), "{key}: {left:?}");
        assert!(left.contains(&"stripe.secret_key".to_owned()), "{left:?}");
    }
    put_live_secrets(&world);
    assert_eq!(reloaded(&world).await, Vec::<String>::new());

    // Live: on its own host, with real money, and on no other address.
    world.wait_for("\"tenant_mode_changed\"", 1);
    world.wait_for("\"stripe_account_known\"", 4);
    let shop = world.client_on(HOST, Speaks::Modern);
    let paid = buys_live(&world, &shop).await;
    let permalink = paid["order"]["permalink_url"].as_str().unwrap();
    assert!(permalink.starts_with(&format!("https://{HOST}/orders/")), "{permalink}");
    let hidden = preview.http.post(&preview.url).body("{}").send().await.unwrap();
    assert_eq!(hidden.status(), 404, "a live shop has no preview");

    // Its twin sells in test mode, at the same account, and neither knows the other's checkouts.
    world.put_secret(TWIN, "stripe-key", TEST_KEY);
    world.put_tenant(TWIN, &test_file().replace("blue.localhost", "blue-test.localhost"));
    world.wait_for("\"stripe_account_known\"", 5);
    let twin = world.client_of(TWIN, Speaks::Modern);
    let (of_twin, of_shop) = (twin.ready_checkout().await, shop.ready_checkout().await);
    for (client, id) in [(&twin, &of_shop["id"]), (&shop, &of_twin["id"])] {
        client.refuses("get_checkout", json!({ "checkout_session_id": id })).await;
    }
    buys_in_test(&world, &twin).await;
    buys_live(&world, &shop).await;
    let sold: Vec<bool> = world.ledger().iter().map(|entry| entry.livemode).collect();
    assert_eq!(sold.iter().filter(|live| **live).count(), 2, "{sold:?}");
    assert_eq!(sold.len(), 5);
}

#[tokio::test]
async fn money_of_the_other_mode_is_refused_and_nothing_is_charged() {
    let world = live_world();
    let client = world.client_on(HOST, Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let of_test = world.token_of(ACCOUNT, "pm_card_visa", "usd", total(&sheet));
    let told = client.complete(&sheet["id"], &of_test).await;
    assert_ne!(told["structuredContent"]["status"], "completed", "{told}");
    assert_eq!(world.ledger(), []);

    let object = json!({ "id": "pi_1", "object": "payment_intent" });
    let mut happened = event("evt_1", "payment_intent.succeeded", &object);
    let endpoint = client.url.replace("/mcp", "/webhooks/stripe");
    let mut statuses = Vec::new();
    for livemode in [false, true] {
        happened["livemode"] = livemode.into();
        let body = happened.to_string();
        let request =
            client.http.post(&endpoint).header("stripe-signature", signature(WEBHOOK_SECRET, &body, 0));
        statuses.push(request.body(body).send().await.unwrap().status().as_u16());
    }
    assert_eq!(statuses, [400, 200], "an event of test mode is refused");
    buys_live(&world, &client).await;
}

#[tokio::test]
async fn a_live_shop_is_not_served_beside_an_emulator_by_accident() {
    let world = TestGateway::start();
    put_live_secrets(&world);
    world.put_tenant(SHOP, &live_file());
    let (_, reloaded) = Operator::of(&world).post("reload", json!({})).await;
    let problem = reloaded["problems"][0]["problem"].as_str().unwrap();
    assert!(problem.contains("which is not Stripe"), "{reloaded}");
    let client = world.client_on(HOST, Speaks::Modern);
    assert_eq!(client.http.get(&client.url).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_mode_is_not_changed_while_a_payment_is_undecided() {
    let mut world = world();
    world.put_secret(SHOP, "stripe-key", TEST_KEY);
    world.put_tenant(SHOP, &test_file());
    world.wait_for("\"stripe_account_known\"", 3);
    let client = world.client_of(SHOP, Speaks::Modern);
    let abandoned = client.ready_checkout().await;
    let sheet = client.ready_checkout().await;
    let token = world.token_of(ACCOUNT, "pm_card_visa", "usd", total(&sheet));
    let hold = world.emulator.hold_next_payment(HoldPoint::AfterEffect);
    let changing = async {
        hold.reached().await;
        put_live_secrets(&world);
        world.put_tenant(SHOP, &live_file());
        assert_eq!(reloaded(&world).await, ["mode"]);
        hold.release();
    };
    let (paid, ()) = futures_util::future::join(pays(&client, &token, &sheet), changing).await;
    assert_eq!(paid["status"], "completed", "{paid}");

    // Nothing but time is needed.
    assert_eq!(reloaded(&world).await, Vec::<String>::new());
    world.wait_for("\"stripe_account_known\"", 4);
    let shop = world.client_on(HOST, Speaks::Modern);
    buys_live(&world, &shop).await;

    // A checkout of test mode is unknown to the live shop, also after a restart.
    for _ in 0..2 {
        let shop = world.client_on(HOST, Speaks::Modern);
        let token = live::token_of(&world, ACCOUNT, total(&abandoned));
        let told = shop.complete(&abandoned["id"], &token).await;
        assert_eq!(told["isError"], true, "{told}");
        world.kill();
        world.start_until("stripe_account_known", 3);
    }
    assert_eq!(world.ledger().len(), 2);
}

#[tokio::test]
async fn a_mode_that_changed_while_the_gateway_was_down_waits_for_the_payment() {
    let mut world = world();
    world.put_secret(SHOP, "stripe-key", TEST_KEY);
    world.put_tenant(SHOP, &test_file());
    world.wait_for("\"stripe_account_known\"", 3);
    let client = world.client_of(SHOP, Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let (id, token) = (sheet["id"].clone(), world.token_of(ACCOUNT, "pm_card_visa", "usd", total(&sheet)));
    let hold = world.emulator.hold_next_payment(HoldPoint::AfterEffect);
    let paying = tokio::spawn(async move { client.pay_unheard(&id, &token).await });
    hold.reached().await;
    world.kill();
    hold.release();
    assert!(paying.await.unwrap().is_err(), "the gateway was killed");
    world.put_secret(SHOP, "stripe-webhook-secret", WEBHOOK_SECRET);
    world.put_tenant(SHOP, &live_file());

    // The file is live and its key is the test key's: neither is used before the payment is decided.
    world.start_until("tenant_rejected", 1);
    world.wait_for("\"payment_seen\"", 1);
    world.put_secret(SHOP, "stripe-key", LIVE_KEY);
    reloaded(&world).await;
    world.wait_for("\"tenant_mode_changed\"", 1);
    let sold: Vec<bool> = world.ledger().iter().map(|entry| entry.livemode).collect();
    assert_eq!(sold, [false]);
}

#[tokio::test]
async fn a_live_shop_is_paid_on_stripes_page() {
    let world = live_world();
    let client = world.client_on(HOST, Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let started = client.works("start_hosted_checkout", json!({ "checkout_session_id": sheet["id"] })).await;
    let link = started["checkout_url"].as_str().unwrap();
    assert!(link.starts_with(&format!("https://{HOST}/checkout/")), "{link}");
    let here =
        |link: &str| link.replacen(&format!("https://{HOST}"), client.url.strip_suffix("/mcp").unwrap(), 1);
    let page = client.http.get(here(link)).send().await.unwrap().text().await.unwrap();
    assert!(!page.contains("Test mode") && !page.contains("no real money"), "{page}");
    let (path, query) = link.split_once('?').unwrap();
    let form = client.http.post(here(&format!("{path}/pay?{query}"))).body("revision=1");
    let form = form.header("content-type", "application/x-www-form-urlencoded");
    let opened = form.send().await.unwrap();
    let page = opened.headers()["location"].to_str().unwrap().split('#').next().unwrap();
    let page = page.rsplit('/').next().unwrap().to_owned();
    assert!(page.starts_with("cs_live_"), "{page}");
    let paid = world.emulator.pay_hosted(&page, "pm_card_visa").unwrap();
    let HostedOutcome::Completed { success_url } = paid else { panic!("{paid:?}") };
    assert!(success_url.starts_with(&format!("https://{HOST}/checkout/")), "{success_url}");
    client.http.get(here(&success_url)).send().await.unwrap();
    world.wait_for("\"state\":\"completed\"", 1);
    let seen = client.works("get_checkout", json!({ "checkout_session_id": sheet["id"] })).await;
    let permalink = seen["order"]["permalink_url"].as_str().unwrap();
    assert!(permalink.starts_with(&format!("https://{HOST}/orders/")), "{permalink}");
    assert_eq!(world.ledger().iter().map(|entry| entry.livemode).collect::<Vec<_>>(), [true]);
}

#[tokio::test]
async fn a_removed_live_shop_does_not_come_back_by_a_test_file() {
    let mut world = live_world();
    let shop = world.client_on(HOST, Speaks::Modern);
    let frozen = shop.ready_checkout().await;
    let hold = world.emulator.hold_next_payment(HoldPoint::AfterEffect);
    let (id, token) = (frozen["id"].clone(), live::token_of(&world, ACCOUNT, total(&frozen)));
    let paying = tokio::spawn(async move { shop.pay_unheard(&id, &token).await });
    hold.reached().await;
    world.kill();
    drop(paying.await);
    std::fs::remove_file(world.tenant_file(SHOP)).unwrap();

    // Its payment is not decided while Stripe does not answer. A broken file and one in test mode open nothing live.
    world.emulator.set_faults(FaultPlan::none().next(
        RequestKind::CreateIntent,
        Fault::ErrorBefore { should_retry: None },
        1000,
    ));
    hold.release();
    world.start_until("removed_tenant_finishes", 1);
    let shop = world.client_on(HOST, Speaks::Modern);
    let status = || async { shop.http.get(&shop.url).send().await.unwrap().status().as_u16() };
    world.put_tenant(SHOP, "name = ");
    reloaded(&world).await;
    assert_eq!(status().await, 404);
    world.put_secret(SHOP, "stripe-key", TEST_KEY);
    world.put_tenant(SHOP, &test_file());
    assert_eq!(reloaded(&world).await, Vec::<String>::new());
    assert_eq!(status().await, 404);
    let sheet = world.client_of(SHOP, Speaks::Modern).ready_checkout().await;
    assert_eq!(sheet["payment_mode"], "test", "{sheet}");

    // An operator still reaches what was begun in live mode.
    let session = session_name(&frozen["id"]);
    let path = |mode: &str| format!("sessions/{session}?tenant={SHOP}{mode}");
    assert_eq!(Operator::of(&world).get(&path("")).await.0, 404);
    let (status, shown) = Operator::of(&world).get(&path("&mode=live")).await;
    assert_eq!((status, shown["state"].as_str()), (200, Some("charging")), "{shown}");
    assert_eq!(Operator::of(&world).get(&path("&mode=real")).await.0, 400);
}

#[tokio::test]
async fn a_shop_whose_mode_was_changed_is_served_after_a_restart() {
    let mut world = world();
    world.put_secret(SHOP, "stripe-key", TEST_KEY);
    world.put_tenant(SHOP, &test_file());
    world.wait_for("\"stripe_account_known\"", 3);
    let preview = world.client_of(SHOP, Speaks::Modern);
    buys_in_test(&world, &preview).await;
    preview.ready_checkout().await;
    put_live_secrets(&world);
    world.put_tenant(SHOP, &live_file());
    world.wait_for("\"tenant_mode_changed\"", 1);
    for _ in 0..2 {
        assert_eq!(world.terminate(), Some(0));
        world.start_until("\"tenant_opened\"", 3);
        assert_eq!(reloaded(&world).await, Vec::<String>::new());
        world.wait_for("\"stripe_account_known\"", 3);
        buys_live(&world, &world.client_on(HOST, Speaks::Modern)).await;
    }

    // And back, with what is open in live mode.
    world.client_on(HOST, Speaks::Modern).ready_checkout().await;
    world.put_secret(SHOP, "stripe-key", TEST_KEY);
    world.put_tenant(SHOP, &test_file());
    world.wait_for("\"tenant_mode_changed\"", 1);
    assert_eq!(world.terminate(), Some(0));
    world.start_until("\"tenant_opened\"", 3);
    world.wait_for("\"stripe_account_known\"", 3);
    buys_in_test(&world, &world.client_of(SHOP, Speaks::Modern)).await;
}
