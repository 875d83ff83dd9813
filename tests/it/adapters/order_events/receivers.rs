//! The real binary tells real receivers, and an operator looks on.

use merchant_gateway::domain::ids::Mode;
use serde_json::{Value, json};

use crate::support::client::{Client, Speaks, california, total};
use crate::support::operator::Operator;
use crate::support::python;
use crate::support::receiver::{Does, OrderReceiver, Received};
use crate::support::test_gateway::{
    OLD_WEBHOOK_SECRET, OTHER_SHOP, SHOP, TestGateway, WEBHOOK_SECRET, usual_shops,
};
use crate::system::accounts::logged;

const SECRET_VARIABLE: &str = "MERCHANT_HARBOR_COFFEE__WEBHOOK_SECRET";
const OLD_SECRET_VARIABLE: &str = "MERCHANT_HARBOR_COFFEE__OLD_WEBHOOK_SECRET";
const OTHER_SECRET_VARIABLE: &str = "MERCHANT_KILN_WORKS__WEBHOOK_SECRET";

/// The usual shops, each of which is told of its orders at an address.
fn world(shop: &str, other: &str) -> TestGateway {
    let mut shops = usual_shops();
    shops[0].file = format!(
        "{}\n[webhook]\nurl = \"{shop}\"\nsecret = \"env:{SECRET_VARIABLE}\"\n\
         previous_secrets = [\"env:{OLD_SECRET_VARIABLE}\"]\n",
        shops[0].file
    );
    shops[1].file = format!(
        "{}\n[webhook]\nurl = \"{other}\"\nsecret = \"env:{OTHER_SECRET_VARIABLE}\"\n",
        shops[1].file
    );
    let mut world = TestGateway::closed(shops);
    world.canaries.extend(["canary-hook-key".to_owned(), "canary-webhook-secret".to_owned()]);
    world.settings.extend([
        (SECRET_VARIABLE, WEBHOOK_SECRET),
        (OLD_SECRET_VARIABLE, OLD_WEBHOOK_SECRET),
        (OTHER_SECRET_VARIABLE, WEBHOOK_SECRET),
        ("GATEWAY__ORDER_EVENTS__ALLOW_LOOPBACK", "true"),
    ]);
    world
}

fn open(mut world: TestGateway) -> TestGateway {
    world.start_gateway();
    world
}

/// Buys two bags of coffee; gives the answer of the payment.
async fn buy(world: &TestGateway) -> Value {
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    paid(&client, &sheet, &world.token("pm_card_visa", total(&sheet))).await
}

async fn buy_elsewhere(world: &TestGateway) -> Value {
    let client = world.client_of(OTHER_SHOP, Speaks::Modern);
    let items = json!([{ "id": "bowl", "quantity": 1 }]);
    let asked = json!({ "items": items, "fulfillment_address": california() });
    let sheet = client.works("create_checkout", asked).await["checkout_session"].clone();
    let token = world.token_at(OTHER_SHOP, "pm_card_visa", "usd", total(&sheet));
    paid(&client, &sheet, &token).await
}

async fn paid(client: &Client, sheet: &Value, token: &str) -> Value {
    let told = client.complete(&sheet["id"], token).await["structuredContent"].clone();
    assert_eq!(told["status"], "completed", "{told}");
    told
}

fn body(letter: &Received) -> Value {
    serde_json::from_str(&letter.body).unwrap()
}

/// The only delivery of a shop.
async fn only_delivery(operator: &Operator<'_>, shop: &str) -> Value {
    let (status, listed) = operator.get(&format!("deliveries?tenant={shop}")).await;
    assert_eq!(status, 200, "{listed}");
    let deliveries = listed["deliveries"].as_array().unwrap();
    assert_eq!((deliveries.len(), &listed["next"]), (1, &Value::Null), "{listed}");
    deliveries[0].clone()
}

/// What the official package says of a request as it arrived.
fn verified(letter: &Received, secret: &str) -> Option<String> {
    let request = json!({ "headers": letter.headers, "body": letter.body }).to_string();
    let output = python::run("webhooks_official.py", &[secret, &request])?;
    Some(python::said(&output).trim().to_owned())
}

#[tokio::test]
async fn the_official_webhook_package_verifies_our_order_events() {
    let receiver = OrderReceiver::start(Does::Takes);
    let world = open(world(&receiver.url(), &receiver.url()));
    let told = buy(&world).await;
    let letter = receiver.received(1).remove(0);
    assert_eq!(letter.path, "/hook?key=canary-hook-key");
    assert_eq!(letter.headers["content-type"], "application/json");
    assert!(letter.headers["user-agent"].starts_with("merchant-gateway/"));

    let event = body(&letter);
    let data = &event["data"];
    assert_eq!((&event["type"], &data["sequence"]), (&json!("order.created"), &json!(1)), "{event}");
    assert_eq!(data["livemode"], Mode::Test.livemode(), "a test-mode merchant's events say so");
    assert_eq!(data["merchant"], SHOP);
    let order = &data["order"];
    assert_eq!(order["id"], told["order"]["id"]);
    assert_eq!(order["permalink_url"], told["order"]["permalink_url"]);
    let charged = &world.ledger()[0];
    assert_eq!((&order["totals"]["total"], &order["currency"]), (&json!(charged.amount), &json!("usd")));
    assert_eq!(
        (&order["lines"][0]["quantity"], &order["buyer"]["name"]),
        (&json!(2), &json!("Ada Lovelace"))
    );

    for secret in [WEBHOOK_SECRET, OLD_WEBHOOK_SECRET] {
        let Some(said) = verified(&letter, secret) else { return };
        assert_eq!(said, "order.created");
    }
    let mut forged = letter.clone();
    forged.body = forged.body.replace("\"quantity\":2", "\"quantity\":1");
    assert_ne!(forged.body, letter.body);
    assert_eq!(verified(&forged, WEBHOOK_SECRET).unwrap(), "refused");
    let strange = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    assert_eq!(verified(&letter, strange).unwrap(), "refused");

    world.wait_for("order_event_delivered", 1);
    let delivery = only_delivery(&Operator::of(&world), SHOP).await;
    assert_eq!(delivery["id"], letter.headers["webhook-id"]);
    assert_eq!(
        (&delivery["state"], &delivery["last_status"]),
        (&json!("delivered"), &json!(204)),
        "{delivery}"
    );
}

#[tokio::test]
async fn a_parked_event_is_resent_by_hand_under_the_same_id() {
    let receiver = OrderReceiver::start(Does::Answers("410 Gone"));
    let world = open(world(&receiver.url(), &receiver.url()));
    buy(&world).await;
    world.wait_for("order_event_parked", 1);
    let operator = Operator::of(&world);
    let parked = operator.get(&format!("deliveries?tenant={SHOP}&state=parked")).await.1;
    let parked = &parked["deliveries"][0];
    assert!(parked["last_error"].as_str().unwrap().contains("410"), "{parked}");
    assert!(!parked.to_string().contains("Lovelace"), "nothing of the shopper: {parked}");

    receiver.now_does(Does::Takes);
    let path = format!("deliveries/{}/retry?tenant={SHOP}", parked["id"].as_str().unwrap());
    let (status, retried) = operator.post(&path, json!({})).await;
    assert_eq!(
        (status, &retried["state"], &retried["tries"]),
        (200, &json!("pending"), &json!(0)),
        "{retried}"
    );
    let letters = receiver.received(2);
    assert_eq!(letters[0].headers["webhook-id"], letters[1].headers["webhook-id"]);
    assert_eq!(letters[0].body, letters[1].body);
    world.wait_for("order_event_delivered", 1);
    assert_eq!(only_delivery(&operator, SHOP).await["state"], "delivered");
}

#[tokio::test]
async fn an_event_that_was_not_taken_outlives_a_kill() {
    let receiver = OrderReceiver::start(Does::Answers("503 Later"));
    let mut world = open(world(&receiver.url(), &receiver.url()));
    let told = buy(&world).await;
    world.wait_for("order_event_failed", 1);
    world.kill();
    receiver.now_does(Does::Takes);
    world.start_gateway();
    world.wait_for("order_event_delivered", 1);
    let letters = receiver.received(2);
    let last = letters.last().unwrap();
    assert_eq!(body(last)["data"]["order"]["id"], told["order"]["id"]);
    assert_eq!(letters[0].headers["webhook-id"], last.headers["webhook-id"]);
}

#[tokio::test]
async fn a_hanging_receiver_delays_no_other_merchants_events() {
    let (stuck, swift) = (OrderReceiver::start(Does::Hangs), OrderReceiver::start(Does::Takes));
    let mut world = open(world(&stuck.url(), &swift.url()));
    for _ in 0..3 {
        buy(&world).await;
    }
    stuck.received(1);
    for count in 1..=3 {
        buy_elsewhere(&world).await;
        swift.received(count);
    }
    world.wait_for("order_event_delivered", 3);
    assert!(!world.log_so_far().contains("order_event_failed"), "the other's deadline was not even over");
    assert_eq!(world.terminate(), Some(0), "a stop does not wait for a receiver that hangs");
}

#[tokio::test]
async fn an_endless_response_counts_as_delivered_and_is_cut_off() {
    /// More than all buffers on the way take.
    const MUCH: usize = 64 * 1024 * 1024;
    let (flood, dribble) = (OrderReceiver::start(Does::Floods), OrderReceiver::start(Does::Dribbles));
    let world = open(world(&flood.url(), &dribble.url()));
    buy(&world).await;
    buy_elsewhere(&world).await;
    world.wait_for("order_event_delivered", 2);
    let written = flood.given_up(1)[0];
    assert!(written < MUCH, "{written} bytes of an answer were taken");
    dribble.given_up(1);
    let operator = Operator::of(&world);
    for shop in [SHOP, OTHER_SHOP] {
        let delivery = only_delivery(&operator, shop).await;
        assert_eq!((&delivery["state"], &delivery["tries"]), (&json!("delivered"), &json!(1)), "{delivery}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let receiver = OrderReceiver::start(Does::Answers("307 Elsewhere\r\nLocation: /elsewhere"));
    let world = open(world(&receiver.url(), &receiver.url()));
    buy(&world).await;
    world.wait_for("order_event_failed", 1);
    let delivery = only_delivery(&Operator::of(&world), SHOP).await;
    let error = "the receiver answered 307, and redirects are not followed";
    assert_eq!((&delivery["last_status"], &delivery["last_error"]), (&json!(307), &json!(error)));
    assert_eq!(logged(&world, "order_event_failed")["sequence"], 1);
    assert!(receiver.received(1).iter().all(|letter| letter.path.starts_with("/hook")));
}

#[tokio::test]
async fn a_loopback_receiver_is_refused_unless_the_gateway_allows_it() {
    let receiver = OrderReceiver::start(Does::Takes);
    let address = |host: &str| format!("https://{host}:{}/hook", receiver.port);
    let mut world = world(&address("localhost"), &address("127.0.0.1"));
    world.settings.push(("GATEWAY__ORDER_EVENTS__ALLOW_LOOPBACK", "false"));
    let world = open(world);
    buy(&world).await;
    buy_elsewhere(&world).await;
    world.wait_for("order_event_failed", 2);
    let operator = Operator::of(&world);
    for shop in [SHOP, OTHER_SHOP] {
        let delivery = only_delivery(&operator, shop).await;
        let error = delivery["last_error"].as_str().unwrap();
        assert!(error.starts_with("refused to connect to ") && error.contains("loopback"), "{delivery}");
        assert_eq!((&delivery["state"], &delivery["last_status"]), (&json!("pending"), &Value::Null));
    }
}

#[tokio::test]
async fn without_a_receiver_an_order_is_kept_as_an_event_that_is_parked() {
    let world = TestGateway::start();
    buy(&world).await;
    let delivery = only_delivery(&Operator::of(&world), SHOP).await;
    assert_eq!((&delivery["state"], &delivery["tries"]), (&json!("parked"), &json!(0)), "{delivery}");
}

#[tokio::test]
async fn deliveries_are_listed_in_pages_and_bad_queries_are_refused() {
    let world = TestGateway::start();
    for _ in 0..3 {
        buy(&world).await;
    }
    let operator = Operator::of(&world);
    let mut seen = Vec::new();
    let mut path = format!("deliveries?tenant={SHOP}&limit=2");
    loop {
        let (_, page) = operator.get(&path).await;
        seen.extend(page["deliveries"].as_array().unwrap().iter().map(|event| event["id"].clone()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("deliveries?tenant={SHOP}&limit=2&after={next}");
    }
    assert_eq!(seen.len(), 3);
    let first = seen[0].as_str().unwrap();
    let shown = operator.get(&format!("deliveries/{first}?tenant={SHOP}")).await;
    assert_eq!((shown.0, &shown.1["id"]), (200, &json!(first)));
    let none = format!("oev_{}", "0".repeat(32));
    for (path, status, code) in [
        ("deliveries".to_owned(), 400, "invalid_request"),
        (format!("deliveries?tenant={SHOP}&state=lost"), 400, "invalid_request"),
        (format!("deliveries?tenant={SHOP}&limit=0"), 400, "invalid_request"),
        (format!("deliveries?tenant={SHOP}&limit=many"), 400, "invalid_request"),
        (format!("deliveries?tenant={SHOP}&after=1"), 400, "invalid_request"),
        (format!("deliveries?tenant={SHOP}&order=1"), 400, "invalid_request"),
        (format!("deliveries/{none}?tenant={SHOP}"), 404, "not_found"),
        (format!("deliveries/1?tenant={SHOP}"), 404, "not_found"),
        (format!("deliveries/{first}?tenant={OTHER_SHOP}"), 404, "not_found"),
    ] {
        let (answered, problem) = operator.get(&path).await;
        assert_eq!((answered, problem["code"].as_str()), (status, Some(code)), "{path}: {problem}");
    }
    let elsewhere = format!("deliveries/{first}/retry?tenant={OTHER_SHOP}");
    assert_eq!(operator.post(&elsewhere, json!({})).await.0, 404);
    let url = format!("http://{}/admin/v1/deliveries/{first}/retry?tenant={SHOP}", world.admin_address());
    assert_eq!(operator.http.post(url).send().await.unwrap().status(), 401);
}
