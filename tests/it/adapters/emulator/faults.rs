//! What goes wrong by plan: each fault is what it says, and none breaks a promise of Stripe's.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::io::ErrorKind;
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use stripe_emulator::{Fault, FaultPlan, RequestKind};

use super::{Call, Reply, Stripe};

const CHARGE: RequestKind = RequestKind::CreateIntent;

impl Call<'_> {
    /// What comes of a request that may find no answer; an answer that is no JSON has no body here.
    async fn heard(self) -> Result<Reply, reqwest::Error> {
        let request = self.stripe.complete(self.request.build().unwrap());
        let response = self.stripe.http.execute(request).await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = serde_json::from_slice(&response.bytes().await?).unwrap_or(Value::Null);
        Ok(Reply { status, headers, body })
    }
}

/// An emulator whose next charges meet a fault, and a token.
fn spoilt(fault: Fault, times: u32) -> (Stripe, String) {
    let stripe = Stripe::start();
    stripe.emulator.set_faults(FaultPlan::none().next(CHARGE, fault, times));
    let token = stripe.token("pm_card_visa");
    (stripe, token)
}

/// Whether the other side has reset the connection, instead of closing it.
fn was_reset(error: &reqwest::Error) -> bool {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<std::io::Error>() {
            return error.kind() == ErrorKind::ConnectionReset;
        }
        source = error.source();
    }
    false
}

/// A charge whose answer is lost, and the same charge again: (how often it was paid meanwhile, the second answer).
async fn lost(fault: Fault, reset: bool) -> (usize, Reply) {
    let (stripe, token) = spoilt(fault, 1);
    let error = stripe.pay(&token).idempotency_key("k").heard().await.unwrap_err();
    assert!(error.status().is_none() && !error.is_body() && !error.is_decode(), "not a byte: {error:?}");
    assert_eq!(was_reset(&error), reset, "{error:?}");
    let paid = stripe.emulator.ledger().len();
    let again = stripe.pay(&token).idempotency_key("k").send().await;
    assert_eq!((again.status, stripe.emulator.ledger().len()), (200, 1), "{again:?}");
    assert_eq!(stripe.emulator.faults_hit(), BTreeMap::from([(fault.name(), 1)]));
    (paid, again)
}

#[tokio::test]
async fn dropped_before_it_arrives_a_request_leaves_no_trace() {
    let (paid, again) = lost(Fault::DropBefore, false).await;
    assert_eq!((paid, again.header("idempotent-replayed")), (0, None));
}

#[tokio::test]
async fn dropped_after_its_effect_a_request_has_been_carried_out() {
    let (paid, again) = lost(Fault::DropAfter, false).await;
    assert_eq!((paid, again.header("idempotent-replayed")), (1, Some("true")));
}

#[tokio::test]
async fn a_reset_is_no_orderly_end_before_the_effect_or_after_it() {
    let (paid, again) = lost(Fault::ResetBefore, true).await;
    assert_eq!((paid, again.header("idempotent-replayed")), (0, None));
    let (paid, again) = lost(Fault::ResetAfter, true).await;
    assert_eq!((paid, again.header("idempotent-replayed")), (1, Some("true")));
}

#[tokio::test]
async fn an_answer_that_breaks_off_says_200_and_can_be_had_again() {
    let (stripe, token) = spoilt(Fault::Truncate, 1);
    let call = stripe.pay(&token).idempotency_key("k");
    let request = stripe.complete(call.request.build().unwrap());
    let mut response = stripe.http.execute(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let length: usize = response.headers()["content-length"].to_str().unwrap().parse().unwrap();
    let mut heard = Vec::new();
    let error = loop {
        match response.chunk().await {
            Ok(chunk) => heard.extend_from_slice(&chunk.expect("the body does not end well")),
            Err(error) => break error,
        }
    };
    assert!(!was_reset(&error) && heard.len() == length / 2, "{} of {length}: {error:?}", heard.len());
    let again = stripe.pay(&token).idempotency_key("k").send().await;
    assert_eq!((again.header("idempotent-replayed"), stripe.emulator.ledger().len()), (Some("true"), 1));
}

#[tokio::test]
async fn a_body_that_drips_comes_whole_in_the_end() {
    let (stripe, token) = spoilt(Fault::SlowDrip { millis: 400 }, 1);
    let call = stripe.pay(&token);
    let request = stripe.complete(call.request.build().unwrap());
    let mut response = stripe.http.execute(request).await.unwrap();
    let mut pieces = Vec::new();
    while let Some(piece) = response.chunk().await.unwrap() {
        pieces.push(piece);
    }
    assert!(pieces.len() > 1, "it came at once");
    let body: Value = serde_json::from_slice(&pieces.concat()).unwrap();
    assert_eq!(body["status"], "succeeded");
}

/// While a charge is kept waiting, the same charge again; how often it was paid by then, and in the end.
async fn delayed(fault: Fault) -> (usize, usize) {
    let (stripe, token) = spoilt(fault, 1);
    let pay = || stripe.pay(&token).idempotency_key("k").send();
    let meanwhile = async {
        while stripe.emulator.faults_hit().is_empty() {
            tokio::task::yield_now().await;
        }
        let again = pay().await;
        assert_eq!(again.error().2, Some("idempotency_key_in_use"), "{again:?}");
        stripe.emulator.ledger().len()
    };
    let (answer, by_then) = futures_util::future::join(pay(), meanwhile).await;
    assert_eq!((answer.status, answer.header("idempotent-replayed")), (200, None));
    (by_then, stripe.emulator.ledger().len())
}

#[tokio::test]
async fn a_delayed_request_holds_its_key_before_and_after_the_effect() {
    assert_eq!(delayed(Fault::DelayBefore { millis: 1500 }).await, (0, 1));
    assert_eq!(delayed(Fault::DelayAfter { millis: 1500 }).await, (1, 1));
}

#[tokio::test]
async fn a_key_that_is_said_to_be_in_use_is_free_afterwards() {
    let (stripe, token) = spoilt(Fault::KeyInUse, 1);
    let refused = stripe.pay(&token).idempotency_key("k").send().await;
    assert_eq!(refused.error(), (409, "invalid_request_error", Some("idempotency_key_in_use"), None));
    assert_eq!(stripe.emulator.exchanges()[0].fault, Some(Fault::KeyInUse));
    let paid = stripe.pay(&token).idempotency_key("k").send().await;
    assert_eq!((paid.status, paid.header("idempotent-replayed")), (200, None));
}

#[tokio::test]
async fn a_429_carries_the_planned_retry_advice_and_is_not_stored() {
    for (should_retry, retry_after) in [(None, None), (Some(true), Some(2)), (Some(false), None)] {
        let (stripe, token) = spoilt(Fault::RateLimited { should_retry, retry_after }, 1);
        let refused = stripe.pay(&token).idempotency_key("k").send().await;
        assert_eq!((refused.status, refused.error().2), (429, Some("rate_limit")));
        let advice = should_retry.map(|should| if should { "true" } else { "false" });
        assert_eq!(refused.header("stripe-should-retry"), advice);
        assert_eq!(refused.header("retry-after"), retry_after.map(|_| "2"));
        let paid = stripe.pay(&token).idempotency_key("k").send().await;
        assert_eq!((paid.status, paid.header("idempotent-replayed")), (200, None));
    }
}

#[tokio::test]
async fn an_object_that_another_request_holds_is_worth_another_try() {
    let (stripe, token) = spoilt(Fault::LockTimeout, 1);
    let refused = stripe.pay(&token).idempotency_key("k").send().await;
    assert_eq!((refused.status, refused.error().2), (429, Some("lock_timeout")));
    assert_eq!(refused.header("stripe-should-retry"), Some("true"));
    assert_eq!(stripe.pay(&token).idempotency_key("k").send().await.status, 200);
}

/// A charge that Stripe fails on, and its repeats: what was paid.
async fn failed(fault: Fault) -> usize {
    let (stripe, token) = spoilt(fault, 1);
    let first = stripe.pay(&token).idempotency_key("k").send().await;
    assert_eq!((first.status, first.error().1), (500, "api_error"));
    assert_eq!(first.header("stripe-should-retry"), Some("false"));
    for _ in 0..3 {
        let again = stripe.pay(&token).idempotency_key("k").send().await;
        assert_eq!((again.status, again.header("idempotent-replayed")), (500, Some("true")));
        assert_eq!((&again.body, again.header("stripe-should-retry")), (&first.body, None));
    }
    stripe.emulator.ledger().len()
}

#[tokio::test]
async fn a_server_error_is_replayed_whether_or_not_money_moved() {
    assert_eq!(failed(Fault::ErrorBefore { should_retry: Some(false) }).await, 0);
    assert_eq!(failed(Fault::ErrorAfter { should_retry: Some(false) }).await, 1);
}

#[tokio::test]
async fn a_bad_gateway_answers_html_and_stripe_may_have_heard_or_not() {
    for (fault, paid, replayed) in
        [(Fault::BadGatewayBefore, 0, None), (Fault::BadGatewayAfter, 1, Some("true"))]
    {
        let (stripe, token) = spoilt(fault, 1);
        let page = stripe.pay(&token).idempotency_key("k").heard().await.unwrap();
        assert_eq!((page.status, &page.body), (502, &Value::Null));
        assert!(page.header("content-type").unwrap().starts_with("text/html"));
        assert_eq!(stripe.emulator.ledger().len(), paid);
        let again = stripe.pay(&token).idempotency_key("k").send().await;
        assert_eq!((again.status, again.header("idempotent-replayed")), (200, replayed));
    }
}

#[tokio::test]
async fn a_wrong_request_is_told_so_and_uses_no_fault_up() {
    let (stripe, token) = spoilt(Fault::DropBefore, 1);
    assert_eq!(stripe.post("/v1/payment_intents", "amount=1").send().await.status, 400);
    assert_eq!(stripe.pay(&token).key("sk_test_nobody").send().await.status, 401);
    assert!(stripe.emulator.faults_hit().is_empty());
    assert!(stripe.pay(&token).heard().await.is_err());
}

#[tokio::test]
async fn faults_can_be_planned_from_another_process() {
    let stripe = Stripe::start();
    let control = async |method: Method, body: Value| {
        let call = stripe.call(method, "/_emulator/faults");
        let request = call.request.body(body.to_string());
        Call { request, ..call }.send().await
    };
    let line = json!({ "requests": "create_intent", "times": 2, "fault": "delay_before", "millis": 1 });
    let planned = control(Method::POST, json!({ "script": [line] })).await;
    assert_eq!(planned.body, json!({ "hit": {}, "scripted_left": 2 }));
    assert_eq!(stripe.pay(&stripe.token("pm_card_visa")).send().await.status, 200);
    let shown = control(Method::GET, json!({})).await;
    assert_eq!(shown.body, json!({ "hit": { "delay_before": 1 }, "scripted_left": 1 }));
    let wrong =
        control(Method::POST, json!({ "script": [{ "requests": "create_intent", "fault": "x" }] })).await;
    assert!(wrong.status == 400 && wrong.body["error"].as_str().unwrap().contains("unknown variant `x`"));
}

/// Pays as a careful seller does, and gives what was heard on the way.
async fn pay_carefully(stripe: &Stripe, token: &str, key: &str) -> Vec<String> {
    let mut heard = Vec::new();
    loop {
        match stripe.pay(token).idempotency_key(key).heard().await {
            Ok(Reply { status: 200, body, .. }) if body["status"] == "succeeded" => break,
            Ok(Reply { status, headers, .. }) => {
                heard.push(format!("{status}"));
                if status == 500 && headers.contains_key("idempotent-replayed") {
                    break;
                }
            }
            Err(error) => heard.push(if was_reset(&error) { "reset" } else { "lost" }.to_owned()),
        }
    }
    heard
}

#[tokio::test]
async fn a_seed_gives_every_key_its_own_history_and_one_payment() {
    const PAYMENTS: usize = 60;
    let history = async |seed: u64, backwards: bool| {
        let stripe = Stripe::start();
        stripe.emulator.set_faults(FaultPlan::bad_day(seed));
        let mut numbers: Vec<usize> = (0..PAYMENTS).collect();
        if backwards {
            numbers.reverse();
        }
        let tokens: Vec<String> = numbers.iter().map(|_| stripe.token("pm_card_visa")).collect();
        let paying = numbers.iter().zip(&tokens).map(async |(number, token)| {
            (*number, pay_carefully(&stripe, token, &format!("k{number}")).await)
        });
        let heard: BTreeMap<usize, Vec<String>> =
            futures_util::future::join_all(paying).await.into_iter().collect();
        let hit = stripe.emulator.faults_hit();
        assert!(hit.len() > 8, "{hit:?}");
        let mut paid: Vec<Option<String>> =
            stripe.emulator.ledger().into_iter().map(|entry| entry.shared_payment_granted_token).collect();
        paid.sort();
        paid.dedup();
        assert_eq!((paid.len(), stripe.emulator.ledger().len()), (PAYMENTS, PAYMENTS), "each once");
        heard
    };
    let both = async { (history(11, false).await, history(11, true).await, history(12, false).await) };
    let (one, same, other) = tokio::time::timeout(Duration::from_mins(1), both).await.unwrap();
    assert_eq!(one, same, "whatever the order");
    assert_ne!(one, other);
}

#[tokio::test]
async fn sessions_refunds_and_readings_meet_faults_like_payments_do() {
    let stripe = Stripe::start();
    let order = super::checkout_sessions::ORDER;
    let refund = format!("payment_intent={}&amount=1", stripe.paid("pm_card_visa").await);
    let changes = [
        (RequestKind::CreateSession, "/v1/checkout/sessions", order.to_owned()),
        (RequestKind::CreateRefund, "/v1/refunds", refund),
    ];
    for (kind, path, form) in &changes {
        stripe.emulator.set_faults(FaultPlan::none().next(*kind, Fault::DropAfter, 1));
        assert!(stripe.post(path, form).idempotency_key(path).heard().await.is_err(), "{path}");
        let again = stripe.post(path, form).idempotency_key(path).send().await;
        assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")), "{path}");
    }
    let session = stripe.emulator.checkout_sessions(super::SHOP)[0]["id"].as_str().unwrap().to_owned();
    let read = format!("/v1/checkout/sessions/{session}");
    for (kind, path) in [
        (RequestKind::ReadSession, read.as_str()),
        (RequestKind::ListSessions, "/v1/checkout/sessions"),
        (RequestKind::ListSessionLines, &format!("{read}/line_items")),
        (RequestKind::ListRefunds, "/v1/refunds"),
        (RequestKind::ListDisputes, "/v1/disputes"),
        (RequestKind::ListEvents, "/v1/events"),
    ] {
        stripe.emulator.set_faults(FaultPlan::none().next(kind, Fault::LockTimeout, 1));
        assert_eq!(stripe.get(path).send().await.error().2, Some("lock_timeout"), "{path}");
        assert_eq!(stripe.get(path).send().await.status, 200, "{path}");
    }
}
