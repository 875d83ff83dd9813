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

/// The places in `all` of the payments on a page, and whether there are more.
async fn list(stripe: &Stripe, all: &[String], query: &str) -> (Vec<usize>, bool) {
    let reply = stripe.get(&format!("/v1/payment_intents?{query}")).send().await;
    let data = reply.body["data"].as_array().unwrap_or_else(|| panic!("{query}: {reply:?}"));
    let place = |intent: &serde_json::Value| all.iter().position(|id| intent["id"] == id.as_str()).unwrap();
    (data.iter().map(place).collect(), reply.body["has_more"].as_bool().unwrap())
}

#[tokio::test]
async fn pages_run_from_the_newest_to_the_oldest_and_back() {
    let stripe = Stripe::start();
    let all = five(&stripe).await;
    let (first, second, fourth) = (&all[0], &all[1], &all[3]);
    for (query, page, has_more) in [
        (String::new(), vec![4, 3, 2, 1, 0], false),
        ("limit=2".to_owned(), vec![4, 3], true),
        (format!("limit=2&starting_after={fourth}"), vec![2, 1], true),
        (format!("limit=2&starting_after={second}"), vec![0], false),
        (format!("starting_after={first}"), vec![], false),
        (format!("limit=2&ending_before={second}"), vec![3, 2], true),
        (format!("limit=9&ending_before={fourth}"), vec![4], false),
    ] {
        assert_eq!(list(&stripe, &all, &query).await, (page, has_more), "{query}");
    }
}

#[tokio::test]
async fn a_list_can_be_cut_by_creation_time() {
    let stripe = Stripe::start();
    let all = five(&stripe).await;
    let third = START + 120;
    for (query, page) in [
        (format!("created[gte]={third}"), vec![4, 3, 2]),
        (format!("created[gt]={third}"), vec![4, 3]),
        (format!("created[lte]={third}"), vec![2, 1, 0]),
        (format!("created[lt]={third}"), vec![1, 0]),
        (format!("created[gt]={START}&created[lt]={third}"), vec![1]),
        (format!("created={third}"), vec![2]),
    ] {
        assert_eq!(list(&stripe, &all, &query).await, (page, false), "{query}");
    }
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
