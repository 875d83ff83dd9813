//! Goods that are sent: what a shop needs to know for that, and what it says of it.

use serde_json::{Value, json};
use stripe_emulator::Exchange;

use super::buy;
use crate::support::client::{Speaks, california};
use crate::support::operator::Operator;
use crate::support::test_gateway::{SHOP, TestGateway};

#[tokio::test]
async fn a_shop_without_a_receiver_can_read_what_it_needs_to_ship() {
    let world = TestGateway::start();
    let bought = [buy(&world).await, buy(&world).await, buy(&world).await];
    let operator = Operator::of(&world);
    let order = bought[0].shown(&operator).await;
    assert_eq!(order["state"], "paid");
    assert_eq!(order["buyer"]["email"], "ada@example.com", "{order}");
    assert_eq!(order["address"]["line_one"], california()["line_one"], "{order}");
    assert_eq!(
        (&order["shipping"]["title"], &order["shipping"]["carrier"]),
        (&json!("Standard"), &json!("USPS"))
    );
    let (lines, totals) = (&order["lines"][0], &order["totals"]);
    assert!(lines["tax"].as_i64() > Some(0) && lines["unit_price"].is_i64(), "{order}");
    let sum = ["subtotal", "shipping", "tax"].map(|row| totals[row].as_i64().unwrap()).iter().sum::<i64>();
    assert_eq!((sum, &totals["total"]), (bought[0].total, &json!(bought[0].total)));
    let payment = world.emulator.ledger().remove(0);
    assert!(payment.payment_intent.starts_with("pi_"));
    let sent = |seen: &&Exchange| seen.method == "POST" && seen.path == "/v1/payment_intents";
    let exchanges = world.emulator.exchanges();
    let body = &exchanges.iter().find(sent).unwrap().body_pairs;
    for (key, value) in
        [("shipping[name]", &order["address"]["name"]), ("shipping[carrier]", &order["shipping"]["carrier"])]
    {
        assert!(body.iter().any(|(name, text)| name == key && *value == json!(text)), "{key}: {body:?}");
    }

    assert_eq!(bought[0].fulfill(&operator, "all", json!({ "items": "all" })).await.0, 200);
    assert_eq!(bought[1].refund(&operator, "all", json!({ "amount": "all" })).await.0, 200);
    for (filter, numbers) in [
        ("&state=paid", json!([1003])),
        ("&state=sent", json!([1001])),
        ("&state=refunded", json!([1002])),
        ("&state=partly_sent", json!([])),
        ("&state=disputed", json!([])),
        ("&number=1002", json!([1002])),
        ("&number=1002&state=paid", json!([])),
    ] {
        let (status, page) = operator.get(&format!("orders?tenant={SHOP}{filter}")).await;
        let found: Vec<&Value> =
            page["orders"].as_array().unwrap().iter().map(|order| &order["number"]).collect();
        assert_eq!((status, json!(found), &page["next"]), (200, numbers, &Value::Null), "{filter}");
    }
    let (status, refused) = bought[1].fulfill(&operator, "parcel", json!({ "items": "all" })).await;
    assert_eq!((status, &refused["code"]), (409, &json!("order_refunded")), "{refused}");
    let (status, refused) = bought[0].refund(&operator, "more", json!({ "amount": 100_000 })).await;
    let detail = refused["detail"].as_str().unwrap();
    assert!(status == 409 && detail.starts_with("a refund is at least 1 and at most "), "{detail}");
}

#[tokio::test]
async fn no_more_is_sent_than_was_bought_however_it_is_counted() {
    let world = TestGateway::start();
    let bought = buy(&world).await;
    let operator = Operator::of(&world);
    let item = bought.shown(&operator).await["lines"][0]["item"].clone();
    for quantities in [vec![u32::MAX, 2], vec![1000], vec![u32::MAX, u32::MAX]] {
        let items: Vec<Value> =
            quantities.iter().map(|quantity| json!({ "item": item, "quantity": quantity })).collect();
        let (status, refused) = bought.fulfill(&operator, "p", json!({ "items": items })).await;
        assert_eq!((status, &refused["code"]), (409, &json!("not_that_many")), "{quantities:?}: {refused}");
    }
    let foreign = json!({ "items": [{ "item": "nope", "quantity": 1 }] });
    let (status, refused) = bought.fulfill(&operator, "p", foreign).await;
    assert_eq!((status, &refused["detail"]), (409, &json!("this order has no item \"nope\"")), "{refused}");
    let none = json!({ "items": [{ "item": item, "quantity": 0 }] });
    let (status, refused) = bought.fulfill(&operator, "p", none).await;
    assert_eq!(status, 400);
    let said = refused["detail"].as_str().unwrap();
    assert!(
        said.starts_with("items[0].quantity: 0 stands where a whole number from 1 is expected; "),
        "{said}"
    );
    let (status, _) = bought.fulfill(&operator, "rest", json!({ "items": "all" })).await;
    assert_eq!(status, 200);
    let (status, other) =
        bought.fulfill(&operator, "rest", json!({ "items": [{ "item": item, "quantity": 1 }] })).await;
    assert_eq!(
        (status, &other["code"]),
        (409, &json!("reference_taken")),
        "all that is left is something else"
    );
}

#[tokio::test]
async fn what_was_sent_is_kept_once_and_shown_to_the_shopper() {
    let world = TestGateway::start();
    let bought = buy(&world).await;
    let operator = Operator::of(&world);
    let item = bought.shown(&operator).await["lines"][0]["item"].clone();
    let one = json!({
        "items": [{ "item": item, "quantity": 1 }], "carrier": "Post & Co", "tracking_number": "1Z<9>",
        "tracking_url": "https://track.example/1Z9",
    });
    let (status, told) = bought.fulfill(&operator, "parcel-1", one.clone()).await;
    assert_eq!((status, told["fulfillments"].as_array().unwrap().len()), (200, 1), "{told}");
    let (status, again) = bought.fulfill(&operator, "parcel-1", one).await;
    assert_eq!((status, &again), (200, &told), "the same key changes nothing");
    let (status, more) =
        bought.fulfill(&operator, "parcel-2", json!({ "items": [{ "item": item, "quantity": 2 }] })).await;
    assert_eq!((status, &more["code"]), (409, &json!("not_that_many")), "{more}");
    let (status, rest) = bought.fulfill(&operator, "parcel-2", json!({ "items": "all" })).await;
    assert_eq!((status, &rest["fulfillments"][1]["items"][0]["quantity"]), (200, &json!(1)), "{rest}");
    assert_eq!(
        bought.fulfill(&operator, "parcel-3", json!({ "items": "all" })).await.0,
        409,
        "everything was sent"
    );
    for body in
        [json!({ "tracking_url": "http://track.example" }), json!({ "carrier": "" }), json!({ "items": 1 })]
    {
        assert_eq!(bought.fulfill(&operator, "p", body.clone()).await.0, 400, "{body}");
    }
    let page = bought.page(&world, &world.client(Speaks::Modern)).await;
    assert!(page.contains("by Post &amp; Co") && page.contains(">1Z&lt;9&gt;</a>"), "{page}");
    assert!(page.contains("href=\"https://track.example/1Z9\""), "{page}");
}
