//! What Stripe is asked for when a page is opened.

use std::collections::BTreeMap;

use merchant_gateway::ports::{Clock as _, SystemClock};
use serde_json::json;

use crate::support::client::{Speaks, session_name, total};
use crate::support::test_gateway::TestGateway;

use super::{Browser, ready};

#[tokio::test]
async fn stripe_checkout_gets_the_shown_total_and_returns_to_the_shop() {
    let world = TestGateway::start();
    let (client, browser) = (world.client(Speaks::Modern), Browser::of(&world));
    let (sheet, link) = ready(&client).await;
    let earliest = SystemClock.now().as_seconds();
    browser.opens_page(&link, 1).await;
    let exchanges = world.emulator.exchanges();
    let sent = exchanges.iter().find(|exchange| exchange.path == "/v1/checkout/sessions").unwrap();
    let fields: BTreeMap<String, String> = sent.body_pairs.iter().cloned().collect();
    let session = session_name(&sheet["id"]);
    let session = session.as_str();
    let (path, query) = link.split_once('?').unwrap();
    for (name, value) in [
        ("mode", "payment"),
        ("client_reference_id", session),
        ("metadata[checkout_session]", session),
        ("metadata[checkout_revision]", "1"),
        ("metadata[checkout_attempt]", "1"),
        ("payment_intent_data[metadata][checkout_session]", session),
        ("success_url", &format!("{path}/return?{query}")),
        ("cancel_url", &link),
        ("adaptive_pricing[enabled]", "false"),
        ("allowed_payment_method_types[0]", "card"),
    ] {
        assert_eq!(fields.get(name).map(String::as_str), Some(value), "{name} in {fields:?}");
    }
    let unasked = [
        "allow_promotion_codes",
        "automatic_tax",
        "shipping_address_collection",
        "receipt_email",
        "line_items[0][tax",
    ];
    assert!(!fields.keys().any(|name| unasked.iter().any(|part| name.contains(part))), "{fields:?}");
    let number = |name: &str| fields[name].parse::<i64>().unwrap();
    let life = number("expires_at") - earliest;
    assert!((31 * 60..=32 * 60).contains(&life), "31 minutes: {life} s");
    let rows =
        (0..).map_while(|row| fields.get(&format!("line_items[{row}][quantity]")).map(|many| (row, many)));
    let sum: i64 = rows
        .map(|(row, many)| {
            many.parse::<i64>().unwrap() * number(&format!("line_items[{row}][price_data][unit_amount]"))
        })
        .sum();
    assert_eq!(sum, total(&sheet), "the rows come to what was shown");
    let back = browser.get(&fields["cancel_url"]).await;
    assert!(
        back.status == 200 && back.html.contains("Pay now"),
        "who goes back can pay again: {}",
        back.html
    );
}

#[tokio::test]
async fn stripe_sends_its_receipt_where_the_merchant_wants_that() {
    let world = TestGateway::with_files(|tenants: &std::path::Path| {
        let path = tenants.join("kiln-works.toml");
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(path, format!("{text}\n[checkout]\nreceipt_email = true\n")).unwrap();
    });
    let order = |item: &str| {
        json!({
            "items": [{ "id": item, "quantity": 1 }], "buyer": { "email": "ada@example.com" },
            "fulfillment_address": crate::support::client::california(),
        })
    };
    let client = world.client_of("kiln-works", Speaks::Modern);
    let made = client.works("create_checkout", order("bowl")).await;
    let token = world.token_of("acct_kiln", "pm_card_visa", "usd", total(&made["checkout_session"]));
    client.complete(&made["checkout_session"]["id"], &token).await;
    let made = client.works("create_checkout", order("bowl")).await;
    let page = made["checkout_url"].as_str().unwrap();
    Browser::of(&world).opens_page(page, 1).await;
    // A merchant who does not want it.
    let client = world.client(Speaks::Modern);
    let sheet =
        client.works("create_checkout", order("huila-washed-250-beans")).await["checkout_session"].clone();
    client.complete(&sheet["id"], &world.token("pm_card_visa", total(&sheet))).await;

    let exchanges = world.emulator.exchanges();
    let receipts: Vec<(&str, Option<&str>)> = exchanges
        .iter()
        .filter(|sent| sent.method == "POST" && !sent.body_pairs.is_empty())
        .map(|sent| {
            let named = sent.body_pairs.iter().find(|(name, _)| name.contains("receipt_email"));
            (sent.path.as_str(), named.map(|(_, value)| value.as_str()))
        })
        .collect();
    assert_eq!(
        receipts,
        [
            ("/v1/payment_intents", Some("ada@example.com")),
            ("/v1/checkout/sessions", Some("ada@example.com")),
            ("/v1/payment_intents", None),
        ]
    );
}
