//! Payments that a bank takes back.

use reqwest::Method;
use serde_json::{Value, json};
use stripe_emulator::Refusal;

use super::{Call, OTHER_KEY, SHOP, Stripe};

impl Stripe {
    /// The kinds of event that are about disputes, oldest first, each with the dispute's status.
    async fn told_of_disputes(&self) -> Vec<(String, String)> {
        let told = |event: &Value| {
            let kind = event["type"].as_str().unwrap().strip_prefix("charge.dispute.")?.to_owned();
            Some((kind, event["data"]["object"]["status"].as_str().unwrap().to_owned()))
        };
        self.events().await.iter().filter_map(told).collect()
    }
}

fn told(events: &[(&str, &str)]) -> Vec<(String, String)> {
    events.iter().map(|(kind, status)| ((*kind).to_owned(), (*status).to_owned())).collect()
}

#[tokio::test]
async fn a_dispute_withdraws_the_money_until_it_is_won() {
    let stripe = Stripe::start();
    let intent = stripe.paid("pm_card_visa").await;
    let dispute = stripe.emulator.dispute(&intent).unwrap();
    let read = stripe.get(&format!("/v1/disputes/{dispute}")).send().await;
    assert_eq!((&read.body["status"], &read.body["amount"]), (&json!("needs_response"), &json!(10_000)));
    assert_eq!(read.body["payment_intent"], intent.as_str());
    let charge = format!("/v1/charges/{}", read.body["charge"].as_str().unwrap());
    assert_eq!(stripe.get(&charge).send().await.body["disputed"], true);
    let refund = stripe.post("/v1/refunds", &format!("payment_intent={intent}")).send().await;
    assert_eq!(refund.error().2, Some("charge_disputed"));
    assert_eq!(
        stripe.emulator.dispute(&intent),
        Err(Refusal::NotDisputable { payment_intent: intent.clone() }),
        "a charge is disputed once"
    );
    stripe.emulator.close_dispute(&dispute, true).unwrap();
    let won = &stripe.emulator.disputes(SHOP)[0];
    let nets: Vec<i64> = won["balance_transactions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|transaction| transaction["net"].as_i64().unwrap())
        .collect();
    assert_eq!((&won["status"], nets), (&json!("won"), vec![-11_500, 11_500]));
    let expected = [
        ("created", "needs_response"),
        ("funds_withdrawn", "needs_response"),
        ("funds_reinstated", "won"),
        ("closed", "won"),
    ];
    assert_eq!(stripe.told_of_disputes().await, told(&expected));
    let again = stripe.emulator.close_dispute(&dispute, false);
    assert_eq!(again, Err(Refusal::DisputeIsClosed { dispute }));
}

#[tokio::test]
async fn another_process_disputes_and_decides_against_the_seller() {
    let stripe = Stripe::start();
    let control = async |path: &str, body: Value| {
        let call = stripe.call(Method::POST, &format!("/_emulator/{path}"));
        let request = call.request.body(body.to_string());
        Call { request, ..call }.send().await
    };
    let intent = stripe.paid("pm_card_visa").await;
    let raised = control("dispute", json!({"payment_intent": intent})).await;
    let dispute = raised.body["dispute"].as_str().unwrap();
    assert_eq!(control("dispute", json!({"payment_intent": "pi_none"})).await.status, 400);
    let close = json!({"dispute": dispute, "won": false});
    assert_eq!(control("dispute/close", close.clone()).await.body, json!({"closed": dispute}));
    assert_eq!(control("dispute/close", close).await.status, 400);
    let last = stripe.told_of_disputes().await.pop().unwrap();
    assert_eq!(last, ("closed".to_owned(), "lost".to_owned()));
}

#[tokio::test]
async fn the_dispute_card_is_disputed_by_token_and_on_the_hosted_page() {
    let stripe = Stripe::start();
    let intent = stripe.paid("pm_card_createDispute").await;
    let session = stripe.session().await;
    stripe.emulator.pay_hosted(session.id(), "pm_card_createDispute").unwrap();
    let disputes = stripe.emulator.disputes(SHOP);
    let amounts: Vec<&Value> = disputes.iter().map(|dispute| &dispute["amount"]).collect();
    assert_eq!(amounts, [&json!(10_000), &json!(3000)]);
    for (query, found) in [
        (String::new(), vec![1, 0]),
        (format!("payment_intent={intent}"), vec![0]),
        (format!("charge={}", disputes[1]["charge"].as_str().unwrap()), vec![1]),
        ("limit=1".to_owned(), vec![1]),
    ] {
        let listed = stripe.get(&format!("/v1/disputes?{query}")).send().await;
        let expected: Vec<Value> = found.iter().map(|place: &usize| disputes[*place].clone()).collect();
        assert_eq!(listed.body["data"], Value::from(expected), "{query}");
    }
    let path = format!("/v1/disputes/{}", disputes[0]["id"].as_str().unwrap());
    let foreign = stripe.get(&path).key(OTHER_KEY).send().await;
    assert_eq!(foreign.error(), (404, "invalid_request_error", Some("resource_missing"), Some("dispute")));
}
