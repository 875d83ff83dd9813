//! What a payment comes to.

use serde_json::json;
use stripe_emulator::Refusal;

use super::{SHOP, Stripe, payment};

#[tokio::test]
async fn a_good_card_succeeds_and_the_ledger_shows_the_money() {
    let stripe = Stripe::start();
    for card in ["pm_card_visa", "pm_card_mastercard", "pm_card_amex"] {
        let token = stripe.token(card);
        let paid = stripe.pay(&token).send().await;
        assert_eq!((paid.status, &paid.body["status"]), (200, &json!("succeeded")), "{paid:?}");
        assert_eq!(paid.body["amount_received"], 10_000);
        assert_eq!(paid.body["livemode"], false);
        assert_eq!(paid.body["metadata"], json!({"session": "chk_1"}));
        let entry = stripe.emulator.ledger().pop().unwrap();
        assert_eq!(entry.payment_intent, paid.id());
        assert_eq!((entry.account.as_str(), entry.amount, entry.currency.as_str()), (SHOP, 10_000, "usd"));
        assert_eq!(entry.shared_payment_granted_token.as_deref(), Some(token.as_str()));
        assert_eq!(entry.metadata.get("session").map(String::as_str), Some("chk_1"));
    }
    assert_eq!(stripe.emulator.ledger().len(), 3);
}

#[tokio::test]
async fn a_declined_card_answers_402_with_the_intent_nested() {
    let stripe = Stripe::start();
    let token = stripe.token("pm_card_chargeDeclined");
    let declined = stripe.pay(&token).send().await;
    assert_eq!(declined.error(), (402, "card_error", Some("card_declined"), None));
    let error = &declined.body["error"];
    assert_eq!(error["decline_code"], "generic_decline");
    let intent = &error["payment_intent"];
    assert_eq!(intent["status"], "requires_payment_method");
    assert_eq!(intent["last_payment_error"]["code"], "card_declined");
    assert_eq!(intent["latest_charge"], error["charge"]);
    assert!(intent["payment_method"].is_null());
    assert!(stripe.emulator.ledger().is_empty());

    let read = stripe.get(&format!("/v1/payment_intents/{}", intent["id"].as_str().unwrap())).send().await;
    assert_eq!(&read.body, intent);
}

#[tokio::test]
async fn each_refusing_card_is_refused_in_its_own_words() {
    let stripe = Stripe::start();
    for (card, code, decline_code) in [
        ("pm_card_visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_visa_chargeDeclinedLostCard", "card_declined", "lost_card"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc"),
        ("pm_card_authenticationRequired", "authentication_required", "authentication_required"),
    ] {
        let token = stripe.token(card);
        let refused = stripe.pay(&token).send().await;
        assert_eq!(refused.error(), (402, "card_error", Some(code), None), "{card}");
        assert_eq!(refused.body["error"]["decline_code"], decline_code, "{card}");
        assert_eq!(refused.body["error"]["payment_intent"]["status"], "requires_payment_method", "{card}");
    }
}

#[tokio::test]
async fn authentication_that_may_be_asked_for_is_asked_for() {
    let stripe = Stripe::start();
    let token = stripe.token("pm_card_authenticationRequired");
    let form =
        payment(&token, 10_000).replace("error_on_requires_action=true", "error_on_requires_action=false");
    let waiting = stripe.post("/v1/payment_intents", &form).send().await;
    assert_eq!((waiting.status, &waiting.body["status"]), (200, &json!("requires_action")));
    assert_eq!(waiting.body["next_action"]["type"], "use_stripe_sdk");
    assert!(stripe.emulator.ledger().is_empty());
    let canceled = stripe.post(&format!("/v1/payment_intents/{}/cancel", waiting.id()), "").send().await;
    assert_eq!(canceled.body["status"], "canceled");
}

#[tokio::test]
async fn a_processing_payment_moves_money_only_when_it_settles() {
    let stripe = Stripe::start();
    let token = stripe.token("pm_emulator_processing");
    let paid = stripe.pay(&token).send().await;
    assert_eq!((paid.status, &paid.body["status"]), (200, &json!("processing")));
    assert!(stripe.emulator.ledger().is_empty());
    let second = stripe.pay(&token).send().await;
    assert_eq!(second.status, 400, "the amount is set aside: {second:?}");
    let cancel = stripe.post(&format!("/v1/payment_intents/{}/cancel", paid.id()), "").send().await;
    assert_eq!(cancel.error().2, Some("payment_intent_unexpected_state"));

    stripe.emulator.finish_processing(paid.id()).unwrap();
    assert_eq!(stripe.emulator.ledger().len(), 1);
    let read = stripe.get(&format!("/v1/payment_intents/{}", paid.id())).send().await;
    assert_eq!(read.body["status"], "succeeded");
    assert!(matches!(stripe.emulator.finish_processing(paid.id()), Err(Refusal::NotProcessing { .. })));
}

#[tokio::test]
async fn a_processing_payment_that_is_declined_gives_its_amount_back() {
    let stripe = Stripe::start();
    let token = stripe.token("pm_emulator_processing");
    let paid = stripe.pay(&token).send().await;
    stripe.emulator.decline_processing(paid.id()).unwrap();
    let read = stripe.get(&format!("/v1/payment_intents/{}", paid.id())).send().await;
    assert_eq!(read.body["status"], "requires_payment_method");
    assert_eq!(read.body["last_payment_error"]["code"], "card_declined");
    assert_eq!(stripe.pay(&token).send().await.status, 200);
    assert!(stripe.emulator.ledger().is_empty());
}

#[tokio::test]
async fn without_confirm_nothing_is_paid() {
    let stripe = Stripe::start();
    let token = stripe.token("pm_card_visa");
    let bare = stripe.post("/v1/payment_intents", "amount=100&currency=USD").send().await;
    assert_eq!(bare.body["status"], "requires_payment_method");
    assert_eq!(bare.body["currency"], "usd");
    let form = payment(&token, 100).replace("&confirm=true&error_on_requires_action=true", "");
    let with_token = stripe.post("/v1/payment_intents", &form).send().await;
    assert_eq!(with_token.body["status"], "requires_confirmation");
    let no_method = stripe.post("/v1/payment_intents", "amount=100&currency=usd&confirm=true").send().await;
    assert_eq!(no_method.error().2, Some("payment_intent_unexpected_state"));
    assert!(stripe.emulator.ledger().is_empty());
    assert_eq!(stripe.emulator.payment_intents(SHOP).len(), 2);
}

#[tokio::test]
async fn an_open_payment_cancels_once_and_a_succeeded_one_never() {
    let stripe = Stripe::start();
    let token = stripe.token("pm_card_visa");
    let paid = stripe.pay(&token).send().await;
    let cancel = stripe.post(&format!("/v1/payment_intents/{}/cancel", paid.id()), "").send().await;
    assert_eq!(cancel.error(), (400, "invalid_request_error", Some("payment_intent_unexpected_state"), None));
    assert_eq!(cancel.body["error"]["payment_intent"]["status"], "succeeded");

    let open = stripe.post("/v1/payment_intents", "amount=100&currency=usd").send().await;
    let path = format!("/v1/payment_intents/{}/cancel", open.id());
    let canceled = stripe.post(&path, "cancellation_reason=abandoned").send().await;
    assert_eq!(canceled.body["status"], "canceled");
    assert_eq!(canceled.body["cancellation_reason"], "abandoned");
    assert_eq!(canceled.body["canceled_at"], super::START);
    assert_eq!(stripe.post(&path, "").send().await.error().2, Some("payment_intent_unexpected_state"));
    assert_eq!(stripe.post(&path, "cancellation_reason=mood").send().await.status, 400);
}

#[tokio::test]
async fn the_latest_charge_can_be_expanded() {
    let stripe = Stripe::start();
    let token = stripe.token("pm_card_visa");
    let form = format!("{}&expand[]=latest_charge", payment(&token, 10_000));
    let paid = stripe.post("/v1/payment_intents", &form).send().await;
    assert_eq!(paid.body["latest_charge"]["object"], "charge");
    assert_eq!(paid.body["latest_charge"]["payment_intent"], paid.id());
    let path = format!("/v1/payment_intents/{}?expand[0]=latest_charge", paid.id());
    assert_eq!(stripe.get(&path).send().await.body["latest_charge"]["amount_captured"], 10_000);
    let declined = stripe.token("pm_card_chargeDeclined");
    stripe.pay(&declined).send().await;
    let listed = stripe.get("/v1/payment_intents?expand[]=data.latest_charge").send().await;
    assert_eq!(listed.body["data"][0]["latest_charge"]["failure_code"], "card_declined");
}

#[tokio::test]
async fn particulars_are_shown_as_they_were_given() {
    let stripe = Stripe::start();
    let token = stripe.token("pm_card_visa");
    let form = format!(
        "{}&description=Mugs+%26+more&receipt_email=a%40example.com&statement_descriptor_suffix=MUGS\
         &capture_method=automatic&allowed_payment_method_types[0]=card&shipping[name]=Ada&shipping[phone]=1\
         &shipping[address][line1]=1+Main&shipping[address][country]=US&shipping[carrier]=UPS",
        payment(&token, 10_000)
    );
    let paid = stripe.post("/v1/payment_intents", &form).send().await;
    assert_eq!(paid.status, 200, "{paid:?}");
    assert_eq!(paid.body["description"], "Mugs & more");
    assert_eq!(paid.body["receipt_email"], "a@example.com");
    assert_eq!(paid.body["statement_descriptor_suffix"], "MUGS");
    assert_eq!(paid.body["allowed_payment_method_types"], json!(["card"]));
    assert!(paid.body["automatic_payment_methods"].is_null());
    assert_eq!(paid.body["shipping"]["address"]["line1"], "1 Main");
    assert!(paid.body["shipping"]["address"]["city"].is_null());
}
