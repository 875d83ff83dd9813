//! The first answer under a key is the answer to every repeat.

use merchant_gateway::domain::time::Span;
use stripe_emulator::HoldPoint;

use super::{OTHER, OTHER_KEY, SHOP_NARROW_KEY, Stripe, payment};

#[tokio::test]
async fn a_repeat_gets_the_first_answer_and_moves_no_money_again() {
    let stripe = Stripe::start();
    let token = stripe.token("pm_card_visa");
    let first = stripe.pay(&token).idempotency_key("k").send().await;
    let again = stripe.pay(&token).idempotency_key("k").send().await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    assert_eq!(first.header("idempotent-replayed"), None);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(again.header("original-request"), first.header("request-id"));
    assert_ne!(again.header("request-id"), first.header("request-id"));
    assert_eq!(stripe.emulator.ledger().len(), 1);
    assert!(stripe.emulator.exchanges()[1].replayed);
}

#[tokio::test]
async fn keys_are_scoped_by_account_and_mode_not_by_api_key() {
    let stripe = Stripe::start();
    let token = stripe.token("pm_card_visa");
    let first = stripe.pay(&token).idempotency_key("k").send().await;
    let other_key = stripe.pay(&token).idempotency_key("k").key(SHOP_NARROW_KEY).send().await;
    assert_eq!(other_key.body, first.body);
    let token = stripe.token_of(OTHER, "pm_card_visa", 10_000);
    let other_account = stripe.pay(&token).idempotency_key("k").key(OTHER_KEY).send().await;
    assert_eq!(other_account.status, 200);
    assert_eq!(stripe.emulator.ledger().len(), 2);
}

#[tokio::test]
async fn a_key_cannot_be_used_for_anything_else() {
    let stripe = Stripe::start();
    let token = stripe.token("pm_card_visa");
    stripe.pay(&token).idempotency_key("k").send().await;
    let form = payment(&token, 9_999);
    let other_params = stripe.post("/v1/payment_intents", &form).idempotency_key("k").send().await;
    assert_eq!(other_params.error(), (400, "idempotency_error", None, None));
    let other_path = stripe.post("/v1/payment_intents/pi_1/cancel", "").idempotency_key("k").send().await;
    assert_eq!(other_path.error(), (400, "idempotency_error", None, None));
}

#[tokio::test]
async fn declines_refused_tokens_and_server_errors_are_repeated_too() {
    let stripe = Stripe::start();
    for (number, (card, status)) in
        [("pm_card_chargeDeclined", 402), ("pm_emulator_api_error", 500)].into_iter().enumerate()
    {
        let (token, key) = (stripe.token(card), format!("k{number}"));
        let first = stripe.pay(&token).idempotency_key(&key).send().await;
        let again = stripe.pay(&token).idempotency_key(&key).send().await;
        assert_eq!((first.status, again.status, &first.body), (status, status, &again.body));
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
    }
    let first = stripe.pay("spt_unknown0").idempotency_key("unknown").send().await;
    let again = stripe.pay("spt_unknown0").idempotency_key("unknown").send().await;
    assert_eq!((first.status, again.status), (400, 400));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
}

#[tokio::test]
async fn a_request_that_never_began_leaves_its_key_free() {
    let stripe = Stripe::start();
    let token = stripe.token("pm_card_visa");
    let form = format!("{}&colour=red", payment(&token, 10_000));
    assert_eq!(stripe.post("/v1/payment_intents", &form).idempotency_key("k").send().await.status, 400);
    assert_eq!(stripe.pay(&token).idempotency_key("k").key("sk_test_nobody0000").send().await.status, 401);
    let paid = stripe.pay(&token).idempotency_key("k").send().await;
    assert_eq!((paid.status, paid.header("idempotent-replayed")), (200, None));
}

#[tokio::test]
async fn a_key_in_flight_answers_409_and_then_the_result() {
    let stripe = Stripe::start();
    let token = stripe.token("pm_card_visa");
    let hold = stripe.emulator.hold_next_payment(HoldPoint::AfterEffect);
    let first = stripe.pay(&token).idempotency_key("k").send();
    let meanwhile = async {
        hold.reached().await;
        let conflict = stripe.pay(&token).idempotency_key("k").send().await;
        assert_eq!(conflict.error(), (409, "invalid_request_error", Some("idempotency_key_in_use"), None));
        hold.release();
    };
    let (first, ()) = tokio::join!(first, meanwhile);
    let again = stripe.pay(&token).idempotency_key("k").send().await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    assert_eq!(stripe.emulator.ledger().len(), 1);
}

#[tokio::test]
async fn a_key_is_forgotten_after_a_day() {
    let stripe = Stripe::start();
    let token = stripe.token_of(super::SHOP, "pm_card_visa", 20_000);
    let first = stripe.pay(&token).idempotency_key("k").send().await;
    stripe.clock.advance(Span::hours(23));
    assert_eq!(stripe.pay(&token).idempotency_key("k").send().await.body, first.body);
    stripe.clock.advance(Span::hours(1));
    let anew = stripe.pay(&token).idempotency_key("k").send().await;
    assert_ne!(anew.id(), first.id());
    assert_eq!(stripe.emulator.ledger().len(), 2);
}

#[tokio::test]
async fn a_key_that_is_too_long_is_refused() {
    let stripe = Stripe::start();
    let token = stripe.token("pm_card_visa");
    assert_eq!(stripe.pay(&token).idempotency_key(&"k".repeat(256)).send().await.status, 400);
    assert_eq!(stripe.pay(&token).idempotency_key(&"k".repeat(255)).send().await.status, 200);
}
