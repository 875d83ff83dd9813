//! Money that goes back.

use reqwest::Method;
use serde_json::{Value, json};
use stripe_emulator::Refusal;

use super::{Call, OTHER_KEY, Reply, SHOP, Stripe};

impl Stripe {
    /// A payment of 10 000 cents that succeeded: the intent's id.
    pub(super) async fn paid(&self, payment_method: &str) -> String {
        let token = self.token(payment_method);
        let paid = self.pay(&token).send().await;
        assert_eq!(paid.body["status"], "succeeded", "{paid:?}");
        paid.id().to_owned()
    }

    async fn refund(&self, form: &str) -> Reply {
        self.post("/v1/refunds", form).send().await
    }

    /// The charge of a payment.
    async fn charge_of(&self, intent: &str) -> Value {
        let read = self.get(&format!("/v1/payment_intents/{intent}")).send().await;
        let path = format!("/v1/charges/{}", read.body["latest_charge"].as_str().unwrap());
        self.get(&path).send().await.body
    }
}

#[tokio::test]
async fn a_payment_goes_back_in_parts_and_never_by_more_than_there_is() {
    let stripe = Stripe::start();
    let intent = stripe.paid("pm_card_visa").await;
    let form = format!("payment_intent={intent}&amount=2500&reason=requested_by_customer&metadata[flag]=f1");
    let part = stripe.refund(&form).await;
    assert_eq!((&part.body["status"], &part.body["amount"]), (&json!("succeeded"), &json!(2500)), "{part:?}");
    assert_eq!(
        (&part.body["payment_intent"], &part.body["metadata"]["flag"]),
        (&json!(intent), &json!("f1"))
    );
    let charge = stripe.charge_of(&intent).await;
    assert_eq!(part.body["charge"], charge["id"]);
    assert_eq!((&charge["amount_refunded"], &charge["refunded"]), (&json!(2500), &json!(false)));

    let too_much = stripe.refund(&format!("payment_intent={intent}&amount=7501")).await;
    assert_eq!(too_much.error(), (400, "invalid_request_error", None, Some("amount")));
    let words = "Refund amount (75.01 usd) is greater than unrefunded amount on charge (75.00 usd)";
    assert_eq!(too_much.body["error"]["message"], words);

    let rest = stripe.refund(&format!("charge={}", charge["id"].as_str().unwrap())).await;
    assert_eq!(rest.body["amount"], 7500);
    let charge = stripe.charge_of(&intent).await;
    assert_eq!((&charge["amount_refunded"], &charge["refunded"]), (&json!(10_000), &json!(true)));
    let again = stripe.refund(&format!("payment_intent={intent}")).await;
    assert_eq!(again.error(), (400, "invalid_request_error", Some("charge_already_refunded"), None));
    assert_eq!(stripe.emulator.refunds(SHOP), [part.body, rest.body]);
}

#[tokio::test]
async fn a_refund_that_is_repeated_under_its_key_is_made_once() {
    let stripe = Stripe::start();
    let intent = stripe.paid("pm_card_visa").await;
    let form = format!("payment_intent={intent}&amount=100");
    let send = || stripe.post("/v1/refunds", &form).idempotency_key("r").send();
    let (first, again) = (send().await, send().await);
    assert_eq!((again.header("idempotent-replayed"), &again.body), (Some("true"), &first.body));
    assert_eq!(stripe.emulator.refunds(SHOP).len(), 1);
}

#[tokio::test]
async fn a_pending_refund_settles_later_or_fails_back_to_the_seller() {
    let stripe = Stripe::start();
    for succeeds in [true, false] {
        let intent = stripe.paid("pm_card_pendingRefund").await;
        let refund = stripe.refund(&format!("payment_intent={intent}&amount=10000")).await;
        assert_eq!(refund.body["status"], "pending");
        assert_eq!(stripe.charge_of(&intent).await["refunded"], true, "it is on its way");
        let (status, back) = if succeeds { ("succeeded", 10_000) } else { ("failed", 0) };
        if succeeds {
            stripe.emulator.finish_refund(refund.id()).unwrap();
        } else {
            stripe.emulator.fail_refund(refund.id()).unwrap();
        }
        let read = stripe.get(&format!("/v1/refunds/{}", refund.id())).send().await;
        assert_eq!((&read.body["status"], read.body["failure_reason"].is_null()), (&json!(status), succeeds));
        assert_eq!(stripe.charge_of(&intent).await["amount_refunded"], back);
        let twice = stripe.emulator.finish_refund(refund.id());
        assert_eq!(twice, Err(Refusal::RefundIsDecided { refund: refund.id().to_owned() }));
    }
}

#[tokio::test]
async fn a_refund_that_succeeded_may_fail_later_as_another_process_says() {
    let stripe = Stripe::start();
    let intent = stripe.paid("pm_card_refundFail").await;
    let refund = stripe.refund(&format!("payment_intent={intent}")).await;
    assert_eq!(refund.body["status"], "succeeded");
    let decide = async |body: Value| {
        let call = stripe.call(Method::POST, "/_emulator/refund");
        let request = call.request.body(body.to_string());
        Call { request, ..call }.send().await
    };
    let body = json!({"refund": refund.id(), "succeeds": false});
    assert_eq!(decide(body.clone()).await.body, json!({"decided": refund.id()}));
    assert_eq!(decide(body).await.status, 400);
    assert_eq!(stripe.charge_of(&intent).await["refunded"], false);
    assert_eq!(stripe.refund(&format!("payment_intent={intent}")).await.status, 200, "it can be tried again");
}

#[tokio::test]
async fn refunds_are_listed_by_payment_charge_and_page() {
    let stripe = Stripe::start();
    let (one, other) = (stripe.paid("pm_card_visa").await, stripe.paid("pm_card_visa").await);
    let mut ids = Vec::new();
    for (intent, amount) in [(&one, 1), (&one, 2), (&other, 3)] {
        let refund = stripe.refund(&format!("payment_intent={intent}&amount={amount}")).await;
        ids.push(refund.id().to_owned());
    }
    let charge = stripe.charge_of(&other).await["id"].as_str().unwrap().to_owned();
    for (query, amounts) in [
        (String::new(), vec![3, 2, 1]),
        (format!("payment_intent={one}"), vec![2, 1]),
        (format!("charge={charge}"), vec![3]),
        (format!("limit=1&starting_after={}", ids[2]), vec![2]),
        (format!("created[gt]={}", super::START), vec![]),
    ] {
        let listed = stripe.get(&format!("/v1/refunds?{query}")).send().await;
        let data = listed.body["data"].as_array().unwrap();
        let found: Vec<i64> = data.iter().map(|refund| refund["amount"].as_i64().unwrap()).collect();
        assert_eq!(found, amounts, "{query}");
    }
    let foreign = stripe.get(&format!("/v1/refunds/{}", ids[0])).key(OTHER_KEY).send().await;
    assert_eq!((foreign.status, foreign.error().2), (404, Some("resource_missing")));
    let foreign = stripe.get(&format!("/v1/charges/{charge}")).key(OTHER_KEY).send().await;
    assert_eq!((foreign.status, foreign.error().3), (404, Some("charge")));
}

#[tokio::test]
async fn wrong_refunds_are_refused() {
    let stripe = Stripe::start();
    let paid = stripe.paid("pm_card_visa").await;
    let declined = stripe.pay(&stripe.token("pm_card_chargeDeclined")).send().await;
    let error = &declined.body["error"];
    let (intent, charge) =
        (error["payment_intent"]["id"].as_str().unwrap(), error["charge"].as_str().unwrap());
    for (form, code, param) in [
        ("amount=1".to_owned(), Some("parameter_missing"), Some("payment_intent")),
        (format!("payment_intent={paid}&charge=ch_1"), Some("parameters_exclusive"), Some("charge")),
        (format!("payment_intent={paid}&amount=0"), Some("parameter_invalid_integer"), Some("amount")),
        (format!("payment_intent={paid}&reason=mood"), None, Some("reason")),
        (format!("payment_intent={paid}&colour=red"), Some("parameter_unknown"), Some("colour")),
        ("payment_intent=pi_none".to_owned(), Some("resource_missing"), Some("payment_intent")),
        ("charge=ch_none".to_owned(), Some("resource_missing"), Some("charge")),
        (format!("payment_intent={intent}"), None, Some("payment_intent")),
        (format!("charge={charge}"), Some("charge_not_refundable"), None),
    ] {
        let refused = stripe.refund(&form).await;
        assert_eq!(refused.error(), (400, "invalid_request_error", code, param), "{form}");
    }
    assert!(stripe.emulator.refunds(SHOP).is_empty());
}

#[tokio::test]
async fn a_bank_debit_that_was_settled_goes_back_too() {
    let stripe = Stripe::start();
    let opened = stripe.session().await;
    stripe.emulator.pay_hosted(opened.id(), "pm_emulator_bank_debit").unwrap();
    let session = stripe.session_now(opened.id()).await.body;
    let intent = session["payment_intent"]["id"].as_str().unwrap();
    assert_eq!(stripe.refund(&format!("payment_intent={intent}")).await.status, 400, "it is not there yet");
    stripe.emulator.finish_processing(intent).unwrap();
    assert_eq!(stripe.refund(&format!("payment_intent={intent}")).await.body["amount"], 3000);
}
