//! Webhooks that are Stripe's: in any order, twice, early, late, never.

use std::path::Path;

use merchant_gateway::domain::ids::{Mode, Tenant};
use merchant_gateway::domain::stripe_event::StripeEvent;
use merchant_gateway::ports::{Clock as _, SystemClock};
use merchant_gateway::store::{EventState, Inbox as _, SqliteStore};
use serde_json::{Value, json};
use stripe_emulator::{DeliveryState, HostedOutcome, WebhookPlan};

use super::strays::{GONE, paid_for};
use super::{
    OLD_VARIABLE, VARIABLE, address, closed, event, followed, listen, open, post, seen, stands, until,
};
use crate::support::by_hand;
use crate::support::client::{Client, Speaks, session_name, total};
use crate::support::operator::Operator;
use crate::support::python;
use crate::support::test_gateway::{
    OLD_WEBHOOK_SECRET, SHOP, SHOP_ACCOUNT, SHOP_KEY, TestGateway, WEBHOOK_SECRET,
};

/// How far off the next reading must be, in seconds, for an order to be the webhook's doing.
const FAR_OFF: i64 = 6;

/// A checkout that can be paid; gives its sheet, and its session's id.
async fn ready(client: &Client) -> (Value, String) {
    let sheet = client.ready_checkout().await;
    let session = session_name(&sheet["id"]);
    (sheet, session)
}

/// Opens the page at Stripe of a new checkout; gives the session's id and the page's.
async fn page(world: &TestGateway) -> (String, String) {
    let client = world.client(Speaks::Modern);
    let (sheet, session) = ready(&client).await;
    let asked = json!({ "checkout_session_id": sheet["id"] });
    let link =
        client.works("start_hosted_checkout", asked).await["checkout_url"].as_str().unwrap().to_owned();
    let (path, query) = link.strip_prefix("https://links.example").unwrap().split_once('?').unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test's own client")]
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    let request = http.build().unwrap().post(world.url(&format!("{path}/pay?{query}")));
    let request = request.header("content-type", "application/x-www-form-urlencoded").body("revision=1");
    let answer = request.send().await.unwrap();
    let to = answer.headers()["location"].to_str().unwrap().to_owned();
    (session, to.split('#').next().unwrap().rsplit('/').next().unwrap().to_owned())
}

fn pays(world: &TestGateway, page: &str) {
    let outcome = world.emulator.pay_hosted(page, "pm_card_visa").unwrap();
    assert!(matches!(outcome, HostedOutcome::Completed { .. }), "{outcome:?}");
}

async fn session(world: &TestGateway, id: &str) -> Value {
    let (status, session) = Operator::of(world).get(&format!("sessions/{id}?tenant={SHOP}")).await;
    assert_eq!(status, 200, "{session}");
    session
}

async fn completed(world: &TestGateway, id: &str) -> Value {
    until(async || Some(session(world, id).await).filter(|session| session["state"] == "completed")).await
}

/// Waits until a session's next reading is far off; gives its moment.
async fn quiet(world: &TestGateway, id: &str) -> jiff::Timestamp {
    let next = async || {
        let session = session(world, id).await;
        let next: jiff::Timestamp = session["next_try"].as_str()?.parse().unwrap();
        Some(next).filter(|next| next.as_second() - SystemClock.now().as_seconds() >= FAR_OFF)
    };
    until(next).await
}

/// When a session was completed.
fn at(session: &Value) -> jiff::Timestamp {
    session["timeline"].as_array().unwrap().last().unwrap()["at"].as_str().unwrap().parse().unwrap()
}

/// Buys on the payment sheet; gives the session's id and the order's.
async fn buys(world: &TestGateway) -> (String, Value) {
    let client = world.client(Speaks::Modern);
    let (sheet, session) = ready(&client).await;
    let told = client.complete(&sheet["id"], &world.token("pm_card_visa", total(&sheet))).await;
    assert_eq!(told["structuredContent"]["status"], "completed", "{told}");
    (session, told["structuredContent"]["order"]["id"].clone())
}

async fn flags(world: &TestGateway) -> Value {
    Operator::of(world).get(&format!("flags?tenant={SHOP}")).await.1["flags"].clone()
}

#[tokio::test]
async fn a_stripe_checkout_payment_becomes_an_order_before_any_poll() {
    let world = open();
    listen(&world, WEBHOOK_SECRET);
    let (session, page) = page(&world).await;
    let next = quiet(&world, &session).await;
    pays(&world, &page);
    let session = completed(&world, &session).await;
    assert!(at(&session) < next, "completed at {}, and read at {next}", at(&session));
    assert_eq!(world.ledger().len(), 1);
    let stands = followed(&world).await;
    let state = |kind: &str| stands.iter().find(|(known, _)| known == kind).map(|(_, state)| state.as_str());
    assert_eq!(state("checkout.session.completed"), Some("followed"), "{stands:?}");
    assert_eq!(state("payment_intent.succeeded"), Some("followed"), "{stands:?}");
    assert_eq!(state("charge.succeeded"), Some("ignored"), "{stands:?}");
}

#[tokio::test]
async fn a_processing_payment_becomes_an_order_before_any_poll() {
    let world = open();
    let client = world.client(Speaks::Modern);
    let (sheet, id) = ready(&client).await;
    let token = world.token("pm_emulator_processing", total(&sheet));
    // The payer's own request waits for as long as a shop waits; the webhook is for when it has stopped.
    let waiting = client.complete(&sheet["id"], &token);
    let deciding = async {
        let intent = until(async || {
            let intents = world.emulator.payment_intents(SHOP_ACCOUNT);
            intents.first().map(|intent| intent["id"].as_str().unwrap().to_owned())
        });
        let intent = intent.await;
        let next = quiet(&world, &id).await;
        listen(&world, WEBHOOK_SECRET);
        world.emulator.finish_processing(&intent).unwrap();
        let session = completed(&world, &id).await;
        assert!(at(&session) < next, "completed at {}, and read at {next}", at(&session));
    };
    futures_util::future::join(waiting, deciding).await;
    assert_eq!(world.ledger().len(), 1);
}

#[tokio::test]
async fn a_delayed_stripe_checkout_payment_is_settled_by_webhook() {
    let world = open();
    listen(&world, WEBHOOK_SECRET);
    for comes in [true, false] {
        let (id, page) = page(&world).await;
        let outcome = world.emulator.pay_hosted(&page, "pm_emulator_processing").unwrap();
        assert!(matches!(outcome, HostedOutcome::Completed { .. }), "{outcome:?}");
        followed(&world).await;
        assert_eq!(session(&world, &id).await["state"], "awaiting_stripe_checkout", "nothing has come yet");
        let intents = world.emulator.payment_intents(SHOP_ACCOUNT);
        let waiting = intents.iter().find(|intent| intent["status"] == "processing").unwrap();
        let intent = waiting["id"].as_str().unwrap();
        let (kind, ends) = if comes {
            world.emulator.finish_processing(intent).unwrap();
            ("checkout.session.async_payment_succeeded", "completed")
        } else {
            world.emulator.decline_processing(intent).unwrap();
            ("checkout.session.async_payment_failed", "ready")
        };
        until(async || {
            Some(()).filter(|()| world.emulator.deliveries().iter().any(|sent| sent.kind == kind))
        })
        .await;
        until(async || Some(session(&world, &id).await).filter(|session| session["state"] == ends)).await;
        let stands = followed(&world).await;
        assert!(stands.contains(&(kind.to_owned(), "followed".to_owned())), "{stands:?}");
    }
    assert_eq!(world.ledger().len(), 1);
}

#[tokio::test]
async fn a_payment_of_a_canceled_checkout_is_flagged_by_webhook() {
    let world = open();
    listen(&world, WEBHOOK_SECRET);
    let client = world.client(Speaks::Modern);
    let (sheet, id) = ready(&client).await;
    client.works("cancel_checkout", json!({ "checkout_session_id": sheet["id"] })).await;
    // Somebody who has the merchant's key pays the canceled checkout by hand.
    let form = by_hand::payment(&id, &world.token("pm_card_visa", total(&sheet)), total(&sheet));
    assert_eq!(by_hand::post(&world, "/v1/payment_intents", "by-hand", form).await["status"], "succeeded");
    let flag = until(async || flags(&world).await.as_array().unwrap().first().cloned()).await;
    assert_eq!((&flag["reason"], &flag["session"]), (&json!("paid_after_end"), &json!(id)));
    assert_eq!(session(&world, &id).await["state"], "canceled", "it stays as it ended");
}

#[tokio::test]
async fn an_order_needs_no_webhook() {
    let world = open();
    world.emulator.set_webhook_plan(WebhookPlan { drop: 1000, ..WebhookPlan::default() });
    listen(&world, WEBHOOK_SECRET);
    buys(&world).await;
    let (session, page) = page(&world).await;
    pays(&world, &page);
    completed(&world, &session).await;
    assert_eq!(stands(&world).await, []);
    assert!(world.emulator.deliveries().iter().all(|delivery| delivery.state == DeliveryState::Dropped));
    assert_eq!(world.ledger().len(), 2);
}

#[tokio::test]
async fn a_webhook_before_the_answer_to_our_own_request_changes_nothing() {
    let world = open();
    world.emulator.set_webhook_plan(WebhookPlan { before_response: 1000, ..WebhookPlan::default() });
    listen(&world, WEBHOOK_SECRET);
    let (session, order) = buys(&world).await;
    let stands = followed(&world).await;
    assert!(stands.contains(&("payment_intent.succeeded".to_owned(), "followed".to_owned())), "{stands:?}");
    assert_eq!((world.ledger().len(), world.charge_requests()), (1, 1));
    assert_eq!(flags(&world).await, json!([]));
    assert_eq!(completed(&world, &session).await["order"]["id"], order);
}

#[tokio::test]
async fn doubled_delayed_and_reordered_webhooks_end_in_one_order_each() {
    let world = open();
    let worse = WebhookPlan { duplicate: 400, reorder: 400, ..WebhookPlan::bad_day(11) };
    world.emulator.set_webhook_plan(worse);
    listen(&world, WEBHOOK_SECRET);
    for _ in 0..4 {
        buys(&world).await;
        let (session, page) = page(&world).await;
        pays(&world, &page);
        completed(&world, &session).await;
    }
    followed(&world).await;
    let deliveries = world.emulator.deliveries();
    let lost = |state| matches!(state, DeliveryState::Dropped);
    assert!(
        deliveries.iter().all(|sent| lost(sent.state) || sent.state == DeliveryState::Delivered),
        "each is taken at its first try: {deliveries:?}"
    );
    assert_eq!(world.ledger().len(), 8);
    assert_eq!(flags(&world).await, json!([]));
}

#[tokio::test]
async fn an_event_that_is_sent_again_is_followed_once() {
    let world = open();
    world.emulator.set_webhook_plan(WebhookPlan { duplicate: 1000, ..WebhookPlan::default() });
    listen(&world, WEBHOOK_SECRET);
    buys(&world).await;
    let before = followed(&world).await;
    let sent = world.emulator.deliveries();
    world.emulator.resend_delivery(&sent[0].id).unwrap();
    assert_eq!(followed(&world).await, before);
    assert_eq!((before.len(), world.emulator.deliveries().len()), (3, 7));
    let log = world.log_so_far();
    assert_eq!(log.matches("stripe_event_followed").count(), 2, "charge.succeeded is about nothing of ours");
    assert_eq!(log.matches("stripe_event_kept").count(), 7);
}

#[tokio::test]
async fn while_a_secret_is_changed_for_another_both_are_good() {
    let mut world = closed(&[VARIABLE, OLD_VARIABLE]);
    world.start_gateway();
    let endpoint = listen(&world, OLD_WEBHOOK_SECRET);
    for secrets in
        [&[OLD_WEBHOOK_SECRET][..], &["whsec_unknownUnknownUnknown", OLD_WEBHOOK_SECRET], &[WEBHOOK_SECRET]]
    {
        world.emulator.set_webhook_secrets(&endpoint, secrets).unwrap();
        buys(&world).await;
    }
    assert_eq!(followed(&world).await.len(), 9);
    let refused = seen(&world, SHOP).await["refused"]["forged"].clone();
    assert_eq!(refused, 0);

    world.kill();
    let file = world.folder.path().join(format!("tenants/{SHOP}.toml"));
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace(&format!(", \"env:{OLD_VARIABLE}\""), "")).unwrap();
    world.start_gateway();
    let body = event("evt_old", "payment_intent.succeeded", &json!({ "id": "pi_1" })).to_string();
    for (secret, status) in [(OLD_WEBHOOK_SECRET, 400), (WEBHOOK_SECRET, 200)] {
        let signature = super::signature(secret, &body, 0);
        assert_eq!(post(&address(&world, SHOP), Some(&signature), body.clone()).await.0, status);
    }
}

#[tokio::test]
async fn refunds_and_disputes_find_the_order_of_their_payment() {
    let world = open();
    let (session, _) = buys(&world).await;
    listen(&world, WEBHOOK_SECRET);
    let intent = world.ledger()[0].payment_intent.clone();
    // Somebody pays back a part in Stripe's dashboard; then the bank takes back the rest.
    let client = world.client(Speaks::Modern);
    let refund = client
        .http
        .post(format!("{}/v1/refunds", world.emulator.base_url()))
        .bearer_auth(SHOP_KEY)
        .header("stripe-version", "2026-09-30.preview")
        .header("idempotency-key", "by-hand")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(format!("payment_intent={intent}&amount=100"));
    assert_eq!(refund.send().await.unwrap().status(), 200);
    world.emulator.dispute(&intent).unwrap();
    followed(&world).await;
    let events = seen(&world, SHOP).await["events"].clone();
    let mut kinds: Vec<&str> = Vec::new();
    for event in events.as_array().unwrap() {
        if event["state"] == "followed" {
            assert_eq!(event["payment_intent"], json!(intent), "{event}");
            kinds.push(event["type"].as_str().unwrap());
        }
    }
    kinds.sort_unstable();
    assert_eq!(
        kinds,
        ["charge.dispute.created", "charge.dispute.funds_withdrawn", "charge.refunded", "refund.created"],
        "{events}"
    );
    let log = world.log_so_far();
    let told = log.lines().filter(|line| line.contains("stripe_event_followed"));
    assert!(told.clone().all(|line| line.contains(&session)), "{log}");
}

#[tokio::test]
async fn what_is_none_of_our_payments_is_taken_and_ignored() {
    let world = open();
    let client = world.client(Speaks::Modern);
    let (_, foreign) = {
        let elsewhere = world.client_of("kiln-works", Speaks::Modern);
        let items = json!([{ "id": "gift-note", "quantity": 1 }]);
        let made = elsewhere.works("create_checkout", json!({ "items": items })).await;
        let sheet = made["checkout_session"].clone();
        let id = session_name(&sheet["id"]);
        (sheet, id)
    };
    let (_, own) = ready(&client).await;
    let elses = paid_for(&world, "kiln-works", GONE).await;
    let of_another = |session: &str| json!({ "id": elses["id"], "object": "payment_intent", "metadata": { "checkout_session": session } });
    let named = |session: &str| json!({ "id": "pi_x", "object": "payment_intent", "metadata": { "checkout_session": session } });
    for (id, kind, object, state) in [
        ("evt_1", "payment_intent.succeeded", of_another(GONE), "ignored"),
        ("evt_2", "payment_intent.succeeded", of_another(&foreign), "ignored"),
        (
            "evt_3",
            "payment_intent.succeeded",
            json!({ "id": "pi_dashboard", "object": "payment_intent" }),
            "ignored",
        ),
        (
            "evt_4",
            "refund.created",
            json!({ "id": "re_1", "object": "refund", "payment_intent": "pi_dashboard" }),
            "ignored",
        ),
        ("evt_5", "customer.created", named(&own), "ignored"),
        ("evt_6", "made.up_in_years_to_come", json!({}), "ignored"),
        // It names a session of ours and lies about everything else: the session looks at Stripe, and sees nothing.
        ("evt_7", "payment_intent.succeeded", named(&own), "followed"),
    ] {
        let body = event(id, kind, &object).to_string();
        let signature = super::signature(WEBHOOK_SECRET, &body, 0);
        assert_eq!(post(&address(&world, SHOP), Some(&signature), body).await, (200, String::new()));
        assert_eq!(followed(&world).await.last().unwrap(), &(kind.to_owned(), state.to_owned()), "{id}");
    }
    assert_eq!(seen(&world, "kiln-works").await["events"], json!([]));
    assert_eq!(session(&world, &own).await["state"], "ready");
    assert_eq!(flags(&world).await, json!([]));
}

#[tokio::test]
async fn an_event_left_by_a_dead_process_is_handled_by_the_next() {
    let mut world = open();
    let (session, page) = page(&world).await;
    world.kill();
    pays(&world, &page);

    // As the process leaves it that dies between the durable row and the following of it.
    let store = SqliteStore::open(&database(world.folder.path())).await.unwrap();
    let tenant = Tenant { merchant: SHOP.parse().unwrap(), mode: Mode::Test };
    let left = StripeEvent {
        id: "evt_left".parse().unwrap(),
        kind: "checkout.session.completed".parse().unwrap(),
        object: Some(page.parse().unwrap()),
        session: Some(session.parse().unwrap()),
        intent: None,
        received: SystemClock.now(),
    };
    assert!(store.keep_event(&tenant, left, EventState::Waiting).await.unwrap());
    store.close().await;

    world.start_gateway();
    world.wait_for("stripe_event_followed", 1);
    completed(&world, &session).await;
    assert_eq!(followed(&world).await, [("checkout.session.completed".to_owned(), "followed".to_owned())]);
    assert_eq!(world.ledger().len(), 1);
}

fn database(folder: &Path) -> std::path::PathBuf {
    folder.join("merchant-gateway.sqlite3")
}

#[tokio::test]
async fn an_event_that_stripes_own_package_signs_is_taken() {
    let world = open();
    let (session, page) = page(&world).await;
    quiet(&world, &session).await;
    pays(&world, &page);
    let paid = world.emulator.checkout_sessions(SHOP_ACCOUNT).remove(0);
    let event = event("evt_signed", "checkout.session.completed", &paid).to_string();
    let Some(output) = python::run("stripe_signs.py", &[WEBHOOK_SECRET, &event]) else { return };
    let signed: Value = serde_json::from_str(&python::said(&output)).unwrap();
    let body = signed["body"].as_str().unwrap().to_owned();
    for (refused, status) in [("stale", 400), ("other", 400), ("signature", 200)] {
        let signature = signed[refused].as_str().unwrap();
        assert_eq!(post(&address(&world, SHOP), Some(signature), body.clone()).await.0, status, "{refused}");
    }
    completed(&world, &session).await;
    assert_eq!(followed(&world).await, [("checkout.session.completed".to_owned(), "followed".to_owned())]);
}

#[tokio::test]
async fn a_stripe_dispute_reaches_the_order_and_merchant_by_webhook() {
    let world = open();
    listen(&world, WEBHOOK_SECRET);
    let (id, _) = buys(&world).await;
    let payment = world.ledger()[0].payment_intent.clone();
    world.emulator.dispute(&payment).unwrap();
    let operator = Operator::of(&world);
    let order = operator.get(&format!("orders/1001?tenant={SHOP}")).await.1;
    assert_eq!((&order["session"], &order["payment_intent"]), (&json!(id), &json!(payment)));
    let disputed = until(async || {
        let order = operator.get(&format!("orders/1001?tenant={SHOP}")).await.1;
        order["disputes"].get(0).cloned()
    })
    .await;
    assert_eq!(disputed["status"], "needs_response", "{disputed}");
    world.emulator.close_dispute(disputed["id"].as_str().unwrap(), false).unwrap();
    until(async || {
        let order = operator.get(&format!("orders/1001?tenant={SHOP}")).await.1;
        (order["disputes"][0]["status"] == "lost").then_some(())
    })
    .await;
    let told = operator.get(&format!("deliveries?tenant={SHOP}")).await.1;
    let told: Vec<&str> = told["deliveries"]
        .as_array()
        .unwrap()
        .iter()
        .rev()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(told[..2], ["order.created", "order.disputed"]);
    assert_eq!(told.iter().filter(|kind| **kind == "order.disputed").count(), 2);
}
