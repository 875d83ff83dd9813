//! Reading payments back.

use merchant_gateway::domain::time::Span;

use super::{OTHER_KEY, START, Stripe};

/// Five payments, a minute apart, oldest first.
async fn five(stripe: &Stripe) -> Vec<String> {
    let mut ids = Vec::new();
    for amount in 100..105 {
        let form = format!("amount={amount}&currency=usd");
        ids.push(stripe.post("/v1/payment_intents", &form).send().await.id().to_owned());
        stripe.clock.advance(Span::minutes(1));
    }
    ids
}

async fn list(stripe: &Stripe, query: &str) -> (Vec<String>, bool) {
    let reply = stripe.get(&format!("/v1/payment_intents?{query}")).send().await;
    let data = reply.body["data"].as_array().unwrap_or_else(|| panic!("{query}: {reply:?}"));
    let ids = data.iter().map(|intent| intent["id"].as_str().unwrap().to_owned()).collect();
    (ids, reply.body["has_more"].as_bool().unwrap())
}

#[tokio::test]
async fn pages_run_from_the_newest_to_the_oldest_and_back() {
    let stripe = Stripe::start();
    let [a, b, c, d, e] = five(&stripe).await.try_into().unwrap();
    assert_eq!(list(&stripe, "").await, (vec![e.clone(), d.clone(), c.clone(), b.clone(), a.clone()], false));
    assert_eq!(list(&stripe, "limit=2").await, (vec![e.clone(), d.clone()], true));
    assert_eq!(
        list(&stripe, &format!("limit=2&starting_after={d}")).await,
        (vec![c.clone(), b.clone()], true)
    );
    assert_eq!(list(&stripe, &format!("limit=2&starting_after={b}")).await, (vec![a.clone()], false));
    assert_eq!(
        list(&stripe, &format!("limit=2&ending_before={b}")).await,
        (vec![d.clone(), c.clone()], true)
    );
    assert_eq!(list(&stripe, &format!("limit=9&ending_before={d}")).await, (vec![e.clone()], false));
}

#[tokio::test]
async fn a_list_can_be_cut_by_creation_time() {
    let stripe = Stripe::start();
    let [a, b, c, d, e] = five(&stripe).await.try_into().unwrap();
    let third = START + 120;
    let ids = async |query: String| list(&stripe, &query).await.0;
    assert_eq!(ids(format!("created[gte]={third}")).await, [e.clone(), d.clone(), c.clone()]);
    assert_eq!(ids(format!("created[gt]={third}")).await, [e, d]);
    assert_eq!(ids(format!("created[lte]={third}")).await, [c.clone(), b.clone(), a.clone()]);
    assert_eq!(ids(format!("created[lt]={third}")).await, [b, a]);
    assert_eq!(ids(format!("created={third}")).await, [c]);
}

#[tokio::test]
async fn wrong_pages_are_refused() {
    let stripe = Stripe::start();
    for (query, code) in [
        ("limit=0", "parameter_invalid_integer"),
        ("limit=101", "parameter_invalid_integer"),
        ("starting_after=pi_none", "resource_missing"),
        ("starting_after=pi_1&ending_before=pi_2", "parameters_exclusive"),
        ("colour=red", "parameter_unknown"),
    ] {
        let reply = stripe.get(&format!("/v1/payment_intents?{query}")).send().await;
        assert_eq!((reply.status, reply.error().2), (400, Some(code)), "{query}");
    }
}

#[tokio::test]
async fn another_accounts_payment_does_not_exist() {
    let stripe = Stripe::start();
    let mine = stripe.post("/v1/payment_intents", "amount=100&currency=usd").send().await;
    let read = stripe.get(&format!("/v1/payment_intents/{}", mine.id())).key(OTHER_KEY).send().await;
    assert_eq!(read.error(), (404, "invalid_request_error", Some("resource_missing"), Some("intent")));
    let cancel =
        stripe.post(&format!("/v1/payment_intents/{}/cancel", mine.id()), "").key(OTHER_KEY).send().await;
    assert_eq!(cancel.status, 404);
    let listed = stripe.get("/v1/payment_intents").key(OTHER_KEY).send().await;
    assert_eq!(listed.body["data"], serde_json::json!([]));
}
