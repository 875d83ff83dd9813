//! MCP's transport over real HTTP: methods, media types, sessions, connections, disconnects, traces.

use std::time::Duration;

use serde_json::{Value, json};
use stripe_emulator::HoldPoint;

use crate::support::client::{Client, Speaks, california, payment, total};
use crate::support::relay::Relay;
use crate::support::test_gateway::TestGateway;

const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
const HEADERS: [(&str, &str); 2] =
    [("content-type", "application/json"), ("mcp-protocol-version", "2025-11-25")];

#[tokio::test]
async fn only_post_is_served() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Legacy);
    for method in ["GET", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"] {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let ask = || client.http.request(method.clone(), &client.url).header("accept", "text/event-stream");
        let answer = ask().send().await.unwrap();
        assert_eq!(answer.status(), 405, "{method}");
        assert_eq!(answer.headers()["allow"], "POST", "{method}");
        let forged = ask().header("origin", "https://evil.example").send().await.unwrap();
        assert_eq!(forged.status(), 403, "{method}: the origin is checked before all else");
    }
}

#[tokio::test]
async fn an_answer_is_one_json_object_whatever_the_client_prefers() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Legacy);
    for accept in [
        &["application/json, text/event-stream"][..],
        &["text/event-stream;q=1, application/json;q=0.1"],
        &["text/event-stream", "Application/JSON"],
        &["*/*"],
        &[],
    ] {
        let headers: Vec<_> =
            HEADERS.into_iter().chain(accept.iter().map(|line| ("accept", *line))).collect();
        let answer = client.send(&headers, PING).await;
        assert_eq!(answer.status, 200, "{accept:?}");
        assert_eq!(answer.headers["content-type"], "application/json", "{accept:?}");
        assert_eq!(answer.json(), json!({ "jsonrpc": "2.0", "id": 1, "result": {} }));
    }
    let headers = [HEADERS[0], HEADERS[1], ("accept", "text/event-stream")];
    assert_eq!(client.send(&headers, PING).await.status, 406);
}

#[tokio::test]
async fn sessions_are_neither_given_nor_asked_for() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Legacy);
    let open = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "x", "version": "1" },
    } });
    let opened = client.send(&HEADERS[..1], open.to_string()).await;
    assert_eq!(opened.status, 200);
    assert!(opened.headers.get("mcp-session-id").is_none());
    for session in ["", "never-given", "00000000-0000-4000-8000-000000000000"] {
        let headers = [HEADERS[0], HEADERS[1], ("mcp-session-id", session), ("last-event-id", "7")];
        let answer = client.send(&headers, PING).await;
        assert_eq!(answer.status, 200, "{session}");
        assert!(answer.headers.get("mcp-session-id").is_none());
    }
}

#[tokio::test]
async fn no_shop_asks_for_authorization_or_passes_any_on() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    for place in ["", "/t/harbor-coffee/mcp", "/mcp"] {
        let place = format!("/.well-known/oauth-protected-resource{place}");
        assert_eq!(client.http.get(world.url(&place)).send().await.unwrap().status(), 404, "{place}");
    }
    let sheet = client.ready_checkout().await;
    let call = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
        "name": "complete_checkout",
        "arguments": payment(&sheet["id"], &world.token("pm_card_visa", total(&sheet))),
    } });
    let mine = [HEADERS[0], HEADERS[1], ("authorization", "Bearer canary-of-a-client")];
    let paid = client.send(&mine, call.to_string()).await;
    assert_eq!(paid.json()["result"]["structuredContent"]["status"], "completed", "{}", paid.text());
    assert!(paid.headers.get("www-authenticate").is_none());
    assert!(!world.log_so_far().contains("canary-of-a-client"));
    for exchange in world.emulator.exchanges() {
        let key = exchange.headers.authorization.unwrap_or_default();
        assert!(!key.contains("client"), "{} was sent {key}", exchange.path);
    }
}

/// Each time another client, so another connection, and the era changes with it; the legacy ones never initialize.
struct Turns<'a> {
    world: &'a TestGateway,
    taken: usize,
}

impl Turns<'_> {
    fn next(&mut self) -> Client {
        self.taken += 1;
        self.world.client(if self.taken.is_multiple_of(2) { Speaks::Legacy } else { Speaks::Modern })
    }
}

#[tokio::test]
async fn each_step_of_a_purchase_may_use_its_own_connection_and_era() {
    let world = TestGateway::start();
    let mut turns = Turns { world: &world, taken: 0 };
    let items = json!([{ "id": "stoneware-mug", "quantity": 1 }]);
    let created = turns.next().works("create_checkout", json!({ "items": items })).await;
    let id = &created["checkout_session"]["id"];
    let address = json!({ "checkout_session_id": id, "fulfillment_address": california() });
    let sheet = turns.next().works("update_checkout", address).await["checkout_session"].clone();
    let token = world.token("pm_card_visa", total(&sheet));
    let first = turns.next().complete(&sheet["id"], &token).await["structuredContent"].clone();
    assert_eq!(first["status"], "completed", "{first}");
    let again = turns.next().complete(&sheet["id"], &token).await["structuredContent"].clone();
    assert_eq!(first, again);
    let seen = turns.next().works("get_checkout", json!({ "checkout_session_id": sheet["id"] })).await;
    assert_eq!(seen["order"], first["order"]);
    assert_eq!(world.ledger().len(), 1);
}

#[tokio::test]
async fn the_hosts_trace_is_found_in_the_shops_log() {
    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let traced = |parent: &str| json!({ "_meta": { "traceparent": parent, "tracestate": "x=1" } });
    client.request("tools/list", traced(&format!("00-{TRACE}-00f067aa0ba902b7-01"))).await;
    client.request("resources/list", traced("nonsense")).await;
    world.wait_for("resources/list", 1);
    let log = world.log();
    let line = |method: &str| -> Value {
        let found = log.lines().find(|line| line.contains("mcp_answered") && line.contains(method));
        serde_json::from_str(found.unwrap()).unwrap()
    };
    assert_eq!(line("tools/list")["trace_id"], TRACE);
    assert_eq!(line("resources/list").get("trace_id"), None);
}

/// Sends a payment, hangs up as soon as `until` has come, and waits until the shop has noticed.
async fn pay_and_hang_up(world: &TestGateway, sheet: &Value, token: &str, until: impl Future<Output = ()>) {
    let client = world.client(Speaks::Modern);
    tokio::select! {
        biased;
        paid = client.complete(&sheet["id"], token) => panic!("it was not to be answered: {paid}"),
        () = until => {}
    }
    // The connection is closed by a task of this thread's, so the thread may not be blocked.
    let noticed = async {
        while !world.log().contains("mcp_abandoned") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), noticed).await.expect("the shop notices");
}

#[tokio::test]
async fn a_client_that_hangs_up_before_the_charge_stops_it() {
    let mut world = TestGateway::start();
    let relay = Relay::to(&world.emulator.base_url());
    world.terminate();
    world.settings.push(("GATEWAY__STRIPE__API_BASE", relay.base_url().leak()));
    world.start_gateway();
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let token = world.token("pm_card_visa", total(&sheet));
    pay_and_hang_up(&world, &sheet, &token, relay.reached()).await;
    relay.release();
    let session = json!({ "checkout_session_id": sheet["id"] });
    let seen = client.works("get_checkout", session).await;
    assert_eq!(seen["checkout_session"]["status"], "ready_for_payment", "{seen}");
    let paid = client.complete(&sheet["id"], &token).await;
    assert_eq!(paid["structuredContent"]["status"], "completed", "the same token still pays: {paid}");
    assert_eq!((world.ledger().len(), world.charge_requests()), (1, 1), "it was charged this once only");
}

#[tokio::test]
async fn a_client_that_hangs_up_after_the_charge_began_changes_nothing() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let token = world.token("pm_card_visa", total(&sheet));
    let hold = world.emulator.hold_next_payment(HoldPoint::BeforeEffect);
    pay_and_hang_up(&world, &sheet, &token, hold.reached()).await;
    hold.release();
    let paid = client.complete(&sheet["id"], &token).await;
    assert_eq!(paid["structuredContent"]["status"], "completed", "{paid}");
    assert_eq!((world.ledger().len(), world.charge_requests()), (1, 1));
}
