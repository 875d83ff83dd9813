//! What opens a checkout, and what a stranger can and cannot do to one who pays.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use stripe_emulator::HoldPoint;
use tokio::time::Instant;

use crate::support::client::{Client, Speaks, payment, session_name, total};
use crate::support::operator::Operator;
use crate::support::receiver::{Does, OrderReceiver};
use crate::support::test_gateway::{SHOP, TestGateway, WEBHOOK_SECRET, usual_shops};

const WEBHOOK_VARIABLE: &str = "MERCHANT_HARBOR_COFFEE__WEBHOOK_SECRET";

/// Every text in these bytes that begins as a session's id does.
fn ids_in(text: &str) -> BTreeSet<String> {
    let heads = text.match_indices("chk_");
    let told = heads.map(|(at, _)| {
        let rest = &text[at..];
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        rest[..end.unwrap_or(rest.len())].to_owned()
    });
    told.collect()
}

/// A world whose usual shop has other limits.
fn limited(limits: &str) -> TestGateway {
    let mut shops = usual_shops();
    shops[0].limit(limits);
    TestGateway::of_shops(shops)
}

#[tokio::test]
async fn no_id_in_logs_stripe_events_or_admin_api_opens_a_checkout() {
    let receiver = OrderReceiver::start(Does::Takes);
    let mut shops = usual_shops();
    let webhook = format!("\n[webhook]\nurl = \"{}\"\nsecret = \"env:{WEBHOOK_VARIABLE}\"\n", receiver.url());
    shops[0].file.push_str(&webhook);
    let mut world = TestGateway::closed(shops);
    world
        .settings
        .extend([(WEBHOOK_VARIABLE, WEBHOOK_SECRET), ("GATEWAY__ORDER_EVENTS__ALLOW_LOOPBACK", "true")]);
    world.start_gateway();
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let link = client.works("start_hosted_checkout", json!({ "checkout_session_id": sheet["id"] })).await
        ["checkout_url"]
        .clone();
    let paid = client.complete(&sheet["id"], &world.token("pm_card_visa", total(&sheet))).await;
    assert_eq!(paid["structuredContent"]["status"], "completed", "{paid}");
    let name = session_name(&sheet["id"]);
    let operator = Operator::of(&world);
    let event = receiver.received(1).remove(0);
    assert!(ids_in(&event.body).iter().any(|id| id.starts_with(&name)), "the event names the session");
    let mut told =
        vec![world.log(), format!("{:?}", world.ledger()), event.body, format!("{:?}", event.headers)];
    told.extend(world.emulator.exchanges().iter().map(|exchange| format!("{exchange:?}")));
    for path in [format!("orders?tenant={SHOP}"), format!("sessions/{name}?tenant={SHOP}")] {
        let (status, answer) = operator.get(&path).await;
        assert_eq!(status, 200, "{answer}");
        told.push(answer.to_string());
    }
    let ids: BTreeSet<String> = told.iter().flat_map(|text| ids_in(text)).collect();
    assert!(ids.contains(&name), "the name is everywhere: {ids:?}");
    for id in &ids {
        for tool in ["get_checkout", "update_checkout", "cancel_checkout", "start_hosted_checkout"] {
            client.refuses(tool, json!({ "checkout_session_id": id })).await;
        }
        client.refuses("complete_checkout", payment(&json!(id), "spt_1RjNone0000000")).await;
        if let Some(link) = link.as_str() {
            let key = link.split_once("key=").expect("a key").1;
            assert!(!told[0].contains(key), "the log holds the key of a page");
        }
        let page = client.http.get(world.url(&format!("/t/{SHOP}/checkout/{id}?key={name}"))).send().await;
        assert_eq!(page.unwrap().status(), 404);
    }
}

#[tokio::test]
async fn a_wrong_mac_is_answered_as_a_session_that_does_not_exist() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let held = sheet["id"].as_str().unwrap();
    let at = "chk_".len() + 32 + 1;
    let other = if held.as_bytes()[at] == b'0' { "1" } else { "0" };
    let changed = format!("{}{other}{}", &held[..at], &held[at + 1..]);
    let unknown = format!("chk_{0}_{0}_r1", "0".repeat(32));
    for tool in ["get_checkout", "update_checkout", "cancel_checkout", "start_hosted_checkout"] {
        let of_unknown = client.call(tool, json!({ "checkout_session_id": unknown })).await;
        let of_changed = client.call(tool, json!({ "checkout_session_id": changed })).await;
        assert_eq!(of_unknown["isError"], true);
        assert_eq!(of_unknown, of_changed, "{tool}");
    }
    client.works("get_checkout", json!({ "checkout_session_id": held })).await;
}

/// Made-up payments, from many senders at once, until told to stop; how they were answered.
async fn flood(client: &Client, stop: &AtomicBool) -> BTreeMap<u16, u32> {
    const SENDERS: u128 = 24;
    let sender = async |number: u128| {
        let (mut told, mut sent) = (Vec::new(), 0);
        while !stop.load(Ordering::Relaxed) {
            let name = number << 64 | sent;
            let id = json!(format!("chk_{name:032x}_{name:032x}_r1"));
            let params =
                json!({ "name": "complete_checkout", "arguments": payment(&id, "spt_1RjMadeUp00000") });
            let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
            let request = client.http.post(&client.url).header("content-type", "application/json");
            let request = request.header("accept", "application/json, text/event-stream");
            let request = request.header("mcp-protocol-version", "2025-11-25").body(message.to_string());
            told.push(request.send().await.unwrap().status().as_u16());
            sent += 1;
        }
        told
    };
    let mut statuses = BTreeMap::new();
    for status in join_all((0..SENDERS).map(sender)).await.concat() {
        *statuses.entry(status).or_default() += 1;
    }
    statuses
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_made_up_payments_keeps_nobody_from_paying() {
    let world = limited("payments_per_minute = 3\nrequests_per_second = 5\nburst = 10");
    let client = world.client(Speaks::Modern);
    let stranger = world.client(Speaks::Modern);
    let stop = AtomicBool::new(false);
    let browsing = json!({ "name": "search_products", "arguments": {} });
    let shopping = async {
        let started = Instant::now();
        for _ in 0..30 {
            stranger.request("tools/call", browsing.clone()).await;
        }
        let sheet = client.ready_checkout().await;
        let declined =
            client.complete(&sheet["id"], &world.token("pm_card_chargeDeclined", total(&sheet))).await;
        assert_ne!(declined["structuredContent"]["status"], "completed", "{declined}");
        let sheet = client.works("get_checkout", json!({ "checkout_session_id": sheet["id"] })).await;
        let sheet = &sheet["checkout_session"];
        let paid = client.complete(&sheet["id"], &world.token("pm_card_visa", total(sheet))).await;
        stop.store(true, Ordering::Relaxed);
        assert_eq!(paid["structuredContent"]["status"], "completed", "{paid}");
        client.works("get_checkout", json!({ "checkout_session_id": sheet["id"] })).await;
        started.elapsed()
    };
    let (statuses, took) = join(flood(&stranger, &stop), shopping).await;
    assert_eq!(
        statuses.keys().collect::<Vec<_>>(),
        [&200, &429],
        "what opens nothing has a bucket of its own"
    );
    let sent: u32 = statuses.values().sum();
    assert!(f64::from(sent) / took.as_secs_f64() > 100.0, "{sent} in {took:?} are no flood");
    assert_eq!(world.ledger().len(), 1);
    assert_eq!(world.charge_requests(), 2, "the one that was declined, and the one that paid");
}

/// What a payment answers.
async fn status(client: &Client, id: &Value, token: &str) -> Value {
    client.complete(id, token).await["structuredContent"]["status"].clone()
}

#[tokio::test]
async fn a_repeat_is_answered_when_the_limit_of_payments_is_used_up() {
    let world = limited("payments_per_minute = 1");
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let token = world.token("pm_card_visa", total(&sheet));
    let held = world.emulator.hold_next_payment(HoldPoint::BeforeEffect);
    let other = client.ready_checkout().await;
    let other_token = world.token("pm_card_visa", total(&other));
    let meanwhile = async {
        held.reached().await;
        let refused = client.refuses("complete_checkout", payment(&other["id"], &other_token)).await;
        let (repeat, ()) =
            futures_util::future::join(status(&client, &sheet["id"], &token), async { held.release() }).await;
        (refused, repeat)
    };
    let (first, (refused, repeat)) =
        futures_util::future::join(status(&client, &sheet["id"], &token), meanwhile).await;
    assert!(refused.contains("not begun"), "{refused}");
    assert_eq!((&first, &repeat), (&json!("completed"), &json!("completed")), "one payment, answered twice");
    assert_eq!(
        status(&client, &sheet["id"], &token).await,
        "completed",
        "a paid checkout is free of the limit"
    );
    assert_eq!(world.ledger().len(), 1);
}

#[tokio::test]
async fn an_unknown_token_does_not_count_toward_the_payment_limit() {
    let world = limited("payments_per_minute = 1");
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    assert_ne!(status(&client, &sheet["id"], "spt_1RjMadeUp00000").await, "completed");
    let token = world.token("pm_card_visa", total(&sheet));
    assert_eq!(status(&client, &sheet["id"], &token).await, "completed");
}

#[tokio::test]
async fn a_payment_repeated_too_often_is_in_progress_and_not_refused() {
    let world = limited("requests_per_second = 1\nburst = 2");
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let token = world.token("pm_card_visa", total(&sheet));
    let mut told = Vec::new();
    for _ in 0..60 {
        told.push(status(&client, &sheet["id"], &token).await);
    }
    assert_eq!(told[0], "completed");
    assert!(told.contains(&json!("in_progress")), "so many repeats are not looked at: {told:?}");
    assert!(told.iter().all(|told| told == "completed" || told == "in_progress"), "{told:?}");
    assert_eq!(world.ledger().len(), 1);
}

#[tokio::test]
async fn the_name_and_mail_of_the_payment_sheet_are_believed() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let said = json!({ "name": "Somebody Else", "email": "else@example.com", "phone_number": "+1 555 0100" });
    let changed =
        client.works("update_checkout", json!({ "checkout_session_id": sheet["id"], "buyer": said })).await;
    let sheet = &changed["checkout_session"];
    let paid = client.complete(&sheet["id"], &world.token("pm_card_visa", total(sheet))).await;
    let buyer = &paid["structuredContent"]["buyer"];
    assert_eq!(
        (&buyer["email"], buyer["phone_number"].as_str()),
        (&json!("ada@example.com"), Some("+1 555 0100")),
        "{paid}"
    );
    assert!(!paid.to_string().contains("Somebody"), "{paid}");
}
