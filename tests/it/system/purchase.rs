//! Whole purchases: the real binary, real HTTP, a real database, an emulated Stripe.

mod clients;
mod currencies;
mod places;

use serde_json::{Value, json};
use stripe_emulator::HoldPoint;

use crate::support::client::{Speaks, session_name, total};
use crate::support::orders::{ORDERS, Order};
use crate::support::python;
use crate::support::samples::Sample;
use crate::support::test_gateway::{OTHER_SHOP, SHOP, TestGateway};

/// Buys from every sample shop.
async fn buys(speaks: Speaks) {
    let samples = Sample::all();
    let world = TestGateway::of_samples(&samples);
    assert_eq!(samples.iter().map(Sample::id).collect::<Vec<_>>(), ORDERS.map(|order| order.merchant));
    for (bought, order) in ORDERS.iter().enumerate() {
        buys_from(&world, order, speaks).await;
        assert_eq!(world.ledger().len(), bought + 1, "one payment per purchase");
    }
}

async fn buys_from(world: &TestGateway, order: &Order, speaks: Speaks) {
    let client = world.client_of(order.merchant, speaks);
    let opened = client.open().await;
    assert!(opened["instructions"].as_str().unwrap().contains(order.name), "{opened}");
    let tools = client.request("tools/list", json!({})).await.json();
    assert_eq!(tools["result"]["tools"].as_array().unwrap().len(), 9);
    let item = order.cart[0].0;
    let product =
        client.works("show-buy-product-widget", json!({ "product": item })).await["product"].clone();
    let found = client.works("search_products", json!({ "query": product["title"] })).await;
    assert_eq!(found["products"][0]["id"], product["id"]);

    let shown = client.works("create_checkout", order.arguments()).await;
    let sheet = &shown["checkout_session"];
    assert_eq!((&sheet["status"], total(sheet)), (&json!("ready_for_payment"), order.total), "{sheet}");
    let token = world.token_at(order.merchant, "pm_card_visa", order.currency, order.total);
    let paid = client.complete(&sheet["id"], &token).await;
    let content = &paid["structuredContent"];
    assert_eq!(content["status"], "completed", "{paid}");
    assert_eq!(content["order"]["checkout_session_id"], sheet["id"]);

    let ledger = world.ledger();
    let payment = ledger.last().unwrap();
    assert_eq!((payment.amount_received, payment.currency.as_str()), (order.total, order.currency));
    let session = sheet["id"].as_str().unwrap().strip_suffix("_r1").unwrap();
    assert_eq!(payment.metadata["checkout_session"], session_name(&sheet["id"]));

    let seen = client.works("get_checkout", json!({ "checkout_session_id": session })).await;
    assert_eq!(seen["checkout_session"]["status"], "completed");
    assert_eq!(seen["order"], content["order"]);
}

#[tokio::test]
async fn a_raw_client_of_2025_11_25_buys() {
    buys(Speaks::Legacy).await;
}

#[tokio::test]
async fn a_raw_client_of_2026_07_28_buys() {
    buys(Speaks::Modern).await;
}

#[tokio::test]
async fn the_official_python_client_buys() {
    let samples = Sample::all();
    let world = TestGateway::of_samples(&samples);
    let stripe = world.emulator.base_url();
    for (sample, order) in samples.iter().zip(&ORDERS) {
        let url = world.url(&sample.endpoint());
        let arguments = order.arguments().to_string();
        let Some(output) = python::run("mcp_official.py", &[&url, &stripe, &sample.key(), &arguments]) else {
            return;
        };
        let bought: Value = serde_json::from_str(&python::said(&output)).unwrap();
        assert_eq!(bought["protocol"], "2026-07-28", "the client negotiates the newest revision by itself");
        assert_eq!(bought["total"], order.total);
        assert_eq!(bought["result"]["status"], "completed");
        assert_eq!(world.ledger().last().unwrap().amount_received, order.total);
    }
    assert_eq!(world.ledger().len(), ORDERS.len());
}

#[test]
fn a_python_framework_for_agents_loads_every_tool_and_buys() {
    let samples = Sample::all();
    let world = TestGateway::of_samples(&samples);
    let shops = samples.iter().zip(&ORDERS).map(|(sample, order)| {
        json!({ "url": world.url(&sample.endpoint()), "key": sample.key(), "order": order.arguments() })
    });
    let shops = shops.collect::<Value>().to_string();
    let Some(output) = python::run("dspy_buys.py", &[&world.emulator.base_url(), &shops]) else { return };
    let bought: Vec<Value> = serde_json::from_str(&python::said(&output)).unwrap();
    assert_eq!(bought.len(), ORDERS.len());
    for ((bought, order), payment) in bought.iter().zip(&ORDERS).zip(world.ledger()) {
        assert_eq!(bought["tools"].as_array().unwrap().len(), 9, "{bought}");
        assert_eq!((&bought["status"], &bought["total"]), (&json!("completed"), &json!(order.total)));
        assert_eq!((payment.amount_received, payment.currency.as_str()), (order.total, order.currency));
    }
}

#[tokio::test]
async fn the_order_page_opens_with_its_key_only() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let paid = client.complete(&sheet["id"], &world.token("pm_card_visa", total(&sheet))).await;
    let permalink = paid["structuredContent"]["order"]["permalink_url"].as_str().unwrap();
    let path = permalink.strip_prefix("https://links.example").expect("links come from configuration only");

    let page = client.http.get(world.url(path)).send().await.unwrap();
    assert_eq!(page.status(), 200);
    assert!(page.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    assert_eq!(page.headers()["x-robots-tag"], "noindex");
    let text = page.text().await.unwrap();
    assert!(text.contains("Huila Washed") && text.contains("Test mode"), "{text}");

    let (place, key) = path.split_once("?key=").unwrap();
    let elsewhere = path.replace(SHOP, OTHER_SHOP);
    let mut wrong = key.to_owned();
    wrong.replace_range(0..1, if key.starts_with('A') { "B" } else { "A" });
    for closed in [place.to_owned(), format!("{place}?key="), format!("{place}?key={wrong}"), elsewhere] {
        let answer = client.http.get(world.url(&closed)).send().await.unwrap();
        assert_eq!(answer.status(), 404, "{closed}");
    }
    assert!(!world.log_so_far().contains(key), "keys in URLs are never logged");
}

#[tokio::test]
async fn a_decline_is_told_and_another_card_pays() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    for (card, code) in [
        ("pm_card_chargeDeclined", "payment_declined"),
        ("pm_card_chargeDeclinedInsufficientFunds", "payment_declined"),
        ("pm_card_authenticationRequired", "requires_3ds"),
    ] {
        let told = client.complete(&sheet["id"], &world.token(card, total(&sheet))).await;
        assert_ne!(told["isError"], true, "a decline is a normal result: {told}");
        let content = &told["structuredContent"];
        assert_eq!(content["status"], "ready_for_payment", "{card}");
        assert_eq!(content["messages"][0]["code"], code, "{card}");
        assert!(content.get("order").is_none());
    }
    let paid = client.complete(&sheet["id"], &world.token("pm_card_visa", total(&sheet))).await;
    assert_eq!(paid["structuredContent"]["status"], "completed");
    assert_eq!(world.ledger().len(), 1);
}

#[tokio::test]
async fn a_repeated_payment_is_answered_byte_for_byte_and_charged_once() {
    let world = TestGateway::start();
    let modern = world.client(Speaks::Modern);
    let sheet = modern.ready_checkout().await;
    let token = world.token("pm_card_visa", total(&sheet));
    let arguments = crate::support::client::payment(&sheet["id"], &token);
    let mut contents = Vec::new();
    for client in [world.client(Speaks::Modern), world.client(Speaks::Legacy), world.client(Speaks::Modern)] {
        let params = json!({ "name": "complete_checkout", "arguments": arguments });
        let text = client.request("tools/call", params).await.text();
        let from = text.find("\"structuredContent\":").expect("structured content");
        let content: Box<serde_json::value::RawValue> =
            serde_json::Deserializer::from_str(&text[from + "\"structuredContent\":".len()..])
                .into_iter()
                .next()
                .unwrap()
                .unwrap();
        contents.push(content.get().to_owned());
    }
    assert_eq!(contents[0], contents[1]);
    assert_eq!(contents[0], contents[2]);
    assert_eq!((world.ledger().len(), world.charge_requests()), (1, 1));
}

#[tokio::test]
async fn many_at_once_with_the_same_token_make_one_charge() {
    let world = TestGateway::start();
    let sheet = world.client(Speaks::Modern).ready_checkout().await;
    let token = world.token("pm_card_visa", total(&sheet));
    let clients: Vec<_> = (0..12).map(|_| world.client(Speaks::Modern)).collect();
    let paying = clients.iter().map(|client| client.complete(&sheet["id"], &token));
    for paid in futures_util::future::join_all(paying).await {
        assert_eq!(paid["structuredContent"]["status"], "completed", "{paid}");
    }
    assert_eq!((world.ledger().len(), world.charge_requests()), (1, 1));
}

#[tokio::test]
async fn readers_are_answered_while_stripe_is_slow() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let token = world.token("pm_card_visa", total(&sheet));
    let hold = world.emulator.hold_next_payment(HoldPoint::BeforeEffect);
    let paying = client.complete(&sheet["id"], &token);
    let meanwhile = async {
        hold.reached().await;
        let seen = client.works("get_checkout", json!({ "checkout_session_id": sheet["id"] })).await;
        let other = client.complete(&sheet["id"], &world.token("pm_card_visa", total(&sheet))).await;
        let update = json!({ "checkout_session_id": sheet["id"], "items": [{ "id": "stoneware-mug", "quantity": 1 }] });
        let edit = client.works("update_checkout", update).await;
        hold.release();
        (seen, other, edit)
    };
    let (paid, (seen, other, edit)) = futures_util::future::join(paying, meanwhile).await;
    assert_eq!(seen["checkout_session"]["status"], "in_progress");
    assert_eq!(other["structuredContent"]["status"], "in_progress", "a second token is not charged");
    assert_eq!(edit["checkout_session"]["status"], "in_progress");
    assert_eq!(paid["structuredContent"]["status"], "completed");
    assert_eq!((world.ledger().len(), world.charge_requests()), (1, 1));
}

#[tokio::test]
async fn a_restricted_key_and_a_note_without_shipping_work_as_well() {
    let world = TestGateway::start();
    let client = world.client_of(OTHER_SHOP, Speaks::Modern);
    let created =
        client.works("create_checkout", json!({ "items": [{ "id": "gift-note", "quantity": 1 }] })).await;
    let sheet = &created["checkout_session"];
    assert_eq!(sheet["status"], "ready_for_payment", "nothing is sent, so no address is needed: {created}");
    let token = world.token_of(crate::support::test_gateway::OTHER_ACCOUNT, "pm_card_visa", "usd", 300);
    let paid = client.complete(&sheet["id"], &token).await;
    assert_eq!(paid["structuredContent"]["status"], "completed", "{paid}");
}

#[tokio::test]
async fn a_payment_whose_answer_is_lost_is_repeated_until_it_is_known() {
    let world = TestGateway::with_settings(&[("GATEWAY__STRIPE__REQUEST_TIMEOUT_SECONDS", "1")]);
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let token = world.token("pm_card_visa", total(&sheet));
    let hold = world.emulator.hold_next_payment(HoldPoint::AfterEffect);
    let repeated = async {
        hold.reached().await;
        // The first answer never comes; the repeat meets the first request still at work.
        let in_use = |exchange: &stripe_emulator::Exchange| exchange.status == 409;
        while !world.emulator.exchanges().iter().any(in_use) {
            tokio::task::yield_now().await;
        }
        hold.release();
    };
    let (paid, ()) = futures_util::future::join(client.complete(&sheet["id"], &token), repeated).await;
    assert_eq!(paid["structuredContent"]["status"], "completed", "{paid}");
    assert_eq!(world.ledger().len(), 1);
    let charges: Vec<_> = world
        .emulator
        .exchanges()
        .into_iter()
        .filter(|exchange| exchange.method == "POST" && exchange.path == "/v1/payment_intents")
        .collect();
    assert!(charges.len() >= 2, "it was repeated");
    for repeat in &charges {
        assert_eq!(repeat.body_pairs, charges[0].body_pairs, "a repeat is the same request");
        assert_eq!(repeat.headers.idempotency_key, charges[0].headers.idempotency_key);
    }
}
