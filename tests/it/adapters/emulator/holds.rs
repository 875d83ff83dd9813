//! Payments that are stopped midway.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use stripe_emulator::{AccountSeed, Emulator, EmulatorOptions, HoldPoint, KeySeed};

use super::{SHOP, SHOP_KEY, Stripe};

use crate::support::stripe_clock::stripe_clock;

/// Sends a payment and hangs up once it is held; `hold` says when that is.
async fn pay_and_vanish(stripe: &Stripe, token: &str, key: &str, held: impl Future<Output = ()>) {
    let payment = stripe.pay(token).idempotency_key(key).send();
    tokio::select! {
        answered = payment => panic!("a held payment was answered: {answered:?}"),
        () = held => {}
    }
}

/// Waits until the emulator, on its own thread, has done something.
async fn until(mut done: impl FnMut() -> bool) {
    while !done() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn held_before_its_effect_a_payment_has_not_happened_yet_but_will() {
    let stripe = Stripe::start();
    let token = stripe.token("pm_card_visa");
    let hold = stripe.emulator.hold_next_payment(HoldPoint::BeforeEffect);
    pay_and_vanish(&stripe, &token, "k", hold.reached()).await;
    assert!(hold.is_reached());
    assert!(stripe.emulator.payment_intents(SHOP).is_empty());
    hold.release();
    until(|| !stripe.emulator.exchanges().is_empty()).await;
    assert_eq!(stripe.emulator.ledger().len(), 1, "the client is gone, the request is carried out");
    let again = stripe.pay(&token).idempotency_key("k").send().await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")));
}

#[tokio::test]
async fn held_after_its_effect_the_money_has_moved_though_nobody_knows() {
    let stripe = Stripe::start();
    let token = stripe.token("pm_card_visa");
    let hold = stripe.emulator.hold_next_payment(HoldPoint::AfterEffect);
    pay_and_vanish(&stripe, &token, "k", hold.reached()).await;
    assert_eq!(stripe.emulator.ledger().len(), 1);
    drop(hold);
    until(|| !stripe.emulator.exchanges().is_empty()).await;
    let again = stripe.pay(&token).idempotency_key("k").send().await;
    assert_eq!(again.id(), stripe.emulator.ledger()[0].payment_intent);
}

#[tokio::test]
async fn a_wrong_request_or_another_endpoint_does_not_use_up_a_hold() {
    let stripe = Stripe::start();
    let token = stripe.token("pm_card_visa");
    let hold = stripe.emulator.hold_next_payment(HoldPoint::BeforeEffect);
    assert_eq!(stripe.post("/v1/payment_intents", "amount=1").send().await.status, 400);
    assert_eq!(stripe.get("/v1/payment_intents").send().await.status, 200);
    assert!(!hold.is_reached());
    pay_and_vanish(&stripe, &token, "k", hold.reached()).await;
    hold.release();
    until(|| stripe.emulator.ledger().len() == 1).await;
}

#[tokio::test]
async fn a_hold_can_be_steered_from_another_process() {
    let stripe = Stripe::start();
    let token = stripe.token("pm_card_visa");
    let control = async |method: Method, path: &str, body: Value| {
        let call = stripe.call(method, &format!("/_emulator/{path}"));
        let request = call.request.body(body.to_string());
        super::Call { request, ..call }.send().await.body
    };
    assert_eq!(control(Method::GET, "health", json!({})).await, json!({"status": "ok"}));
    let set = control(Method::POST, "hold", json!({"point": "after_effect"})).await;
    assert_eq!(set, json!({"set": true, "point": "after_effect", "reached": false}));
    let reached = async { while control(Method::GET, "hold", json!({})).await["reached"] != json!(true) {} };
    pay_and_vanish(&stripe, &token, "k", reached).await;
    let ledger = control(Method::GET, "ledger", json!({})).await;
    assert_eq!(ledger[0]["shared_payment_granted_token"], json!(token));
    assert_eq!(ledger[0]["amount_received"], 10_000);
    assert_eq!(control(Method::POST, "release", json!({})).await, json!({"released": true}));
    assert_eq!(control(Method::POST, "release", json!({})).await, json!({"released": false}));
    until(|| !stripe.emulator.exchanges().is_empty()).await;
    let exchanges = control(Method::GET, "exchanges", json!({})).await;
    assert_eq!(exchanges[0]["path"], "/v1/payment_intents");
    assert_eq!(exchanges[0]["headers"]["authorization"], "sk_test_****1111");
    let wrong = control(Method::POST, "hold", json!({"point": "never"})).await;
    assert!(wrong["error"].is_string());
}

#[tokio::test]
async fn a_stopped_emulator_refuses_connections_during_a_held_payment() {
    let mut stripe = Stripe::start();
    let token = stripe.token("pm_card_visa");
    let hold = stripe.emulator.hold_next_payment(HoldPoint::AfterEffect);
    pay_and_vanish(&stripe, &token, "k", hold.reached()).await;
    let address = stripe.emulator.base_url();
    stripe.emulator.stop();
    assert!(stripe.http.get(address).send().await.is_err());
    assert_eq!(stripe.emulator.ledger().len(), 1);
}

#[tokio::test]
async fn a_slow_card_keeps_its_payment_waiting_and_no_other() {
    let mut stripe = Stripe::start();
    let options = |slow_payment| EmulatorOptions {
        accounts: vec![AccountSeed {
            account_id: SHOP.to_owned(),
            secret_keys: vec![KeySeed { key: SHOP_KEY.to_owned(), may_read_account: true }],
            network_id: "profile_test_shop".to_owned(),
        }],
        slow_payment,
        ..EmulatorOptions::new(stripe_clock(stripe.clock.clone()))
    };
    let (for_ever, at_once) = (options(Duration::from_hours(24)), options(Duration::ZERO));
    stripe.emulator = Emulator::start(for_ever).unwrap();
    let token = stripe.token("pm_emulator_slow");
    // Of two alike, the one that comes second is told that the first is under way.
    let pay = || stripe.pay(&token).idempotency_key("slow").send();
    let answered = tokio::select! {
        one = pay() => one,
        other = pay() => other,
    };
    assert_eq!(answered.status, 409, "{answered:?}");
    assert!(stripe.emulator.ledger().is_empty());
    assert_eq!(stripe.pay(&stripe.token("pm_card_visa")).send().await.status, 200, "others are served");
    stripe.emulator = Emulator::start(at_once).unwrap();
    let paid = stripe.pay(&stripe.token("pm_emulator_slow")).send().await;
    assert_eq!((paid.status, stripe.emulator.ledger().len()), (200, 1), "and in the end it pays");
}
