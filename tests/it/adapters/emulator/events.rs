//! What happened, as the API tells it.

use merchant_gateway::domain::time::Span;
use serde_json::{Value, json};

use super::checkout_sessions::ORDER;
use super::{OTHER_KEY, START, Stripe, payment};

impl Stripe {
    /// All events of the shop, oldest first.
    pub(super) async fn events(&self) -> Vec<Value> {
        let listed = self.get("/v1/events?limit=100").send().await;
        let mut events = listed.body["data"].as_array().unwrap().clone();
        events.reverse();
        events
    }

    /// The kinds of what happened, oldest first.
    async fn kinds(&self) -> Vec<String> {
        let events = self.events().await;
        events.iter().map(|event| event["type"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn each_end_of_a_payment_is_told_in_order() {
    for (card, kinds) in [
        ("pm_card_visa", vec!["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"]),
        (
            "pm_card_chargeDeclined",
            vec!["payment_intent.created", "charge.failed", "payment_intent.payment_failed"],
        ),
        ("pm_card_authenticationRequired", vec!["payment_intent.created", "payment_intent.payment_failed"]),
        (
            "pm_emulator_processing",
            vec!["payment_intent.created", "charge.pending", "payment_intent.processing"],
        ),
        ("pm_emulator_api_error", vec![]),
    ] {
        let stripe = Stripe::start();
        let token = stripe.token(card);
        stripe.pay(&token).send().await;
        assert_eq!(stripe.kinds().await, kinds, "{card}");
    }
}

#[tokio::test]
async fn an_event_names_its_request_and_keeps_the_object_as_it_was() {
    let stripe = Stripe::start();
    let token = stripe.token("pm_emulator_processing");
    let paid = stripe.pay(&token).idempotency_key("k1").send().await;
    stripe.pay(&token).idempotency_key("k1").send().await;
    stripe.clock.advance(Span::minutes(1));
    stripe.emulator.finish_processing(paid.id()).unwrap();
    let events = stripe.events().await;
    assert_eq!(events.len(), 5, "a replay makes no event: {events:?}");
    let processing = &events[2];
    assert!(processing["id"].as_str().unwrap().starts_with("evt_"));
    assert_eq!((&processing["data"]["object"], &processing["created"]), (&paid.body, &json!(START)));
    let request = json!({"id": paid.header("request-id").unwrap(), "idempotency_key": "k1"});
    assert_eq!((&processing["request"], &processing["livemode"]), (&request, &json!(false)));
    assert_eq!(processing["pending_webhooks"], 0);
    let settled = &events[4];
    assert_eq!(settled["type"], "payment_intent.succeeded");
    assert_eq!(settled["data"]["object"]["status"], "succeeded");
    assert_eq!((&settled["request"]["id"], &settled["created"]), (&json!(null), &json!(START + 60)));
    let read = stripe.get(&format!("/v1/events/{}", settled["id"].as_str().unwrap())).send().await;
    assert_eq!(read.body, *settled);
}

#[tokio::test]
async fn the_ways_of_a_checkout_session_are_told() {
    let stripe = Stripe::start();
    let session = stripe.session().await.id().to_owned();
    stripe.emulator.pay_hosted(&session, "pm_card_chargeDeclined").unwrap();
    stripe.emulator.pay_hosted(&session, "pm_card_authenticationRequired").unwrap();
    stripe.emulator.authenticate_hosted(&session, true).unwrap();
    let expected = [
        "payment_intent.created",
        "charge.failed",
        "payment_intent.payment_failed",
        "payment_intent.requires_action",
        "charge.succeeded",
        "payment_intent.succeeded",
        "checkout.session.completed",
    ];
    assert_eq!(stripe.kinds().await, expected);
    let completed = stripe.events().await.pop().unwrap();
    assert_eq!(completed["data"]["object"]["payment_status"], "paid");
    assert_eq!(completed["data"]["object"]["metadata"]["session"], "chk_1");
}

#[tokio::test]
async fn a_debit_tells_twice_and_an_expiry_needs_nobody_to_ask() {
    let stripe = Stripe::start();
    for succeeds in [true, false] {
        let session = stripe.session().await.id().to_owned();
        stripe.emulator.pay_hosted(&session, "pm_emulator_bank_debit").unwrap();
        let completed = stripe.events().await.pop().unwrap();
        assert_eq!(completed["type"], "checkout.session.completed");
        assert_eq!(completed["data"]["object"]["payment_status"], "unpaid");
        let intent = completed["data"]["object"]["payment_intent"].as_str().unwrap();
        let finish = if succeeds {
            stripe.emulator.finish_processing(intent)
        } else {
            stripe.emulator.decline_processing(intent)
        };
        finish.unwrap();
        let decided = stripe.events().await.pop().unwrap();
        let kind = if succeeds { "succeeded" } else { "failed" };
        assert_eq!(decided["type"], format!("checkout.session.async_payment_{kind}"));
    }
    let form = format!("{ORDER}&expires_at={}", START + 31 * 60);
    let late = stripe.post("/v1/checkout/sessions", &form).send().await;
    stripe.clock.advance(Span::hours(1));
    stripe.emulator.catch_up();
    let expired = stripe.events().await.pop().unwrap();
    assert_eq!(
        (&expired["type"], &expired["created"]),
        (&json!("checkout.session.expired"), &json!(START + 31 * 60))
    );
    assert_eq!(expired["data"]["object"]["id"], late.id());
    assert_eq!(expired["data"]["object"]["url"], json!(null));
}

#[tokio::test]
async fn cancellations_and_refunds_are_told() {
    let stripe = Stripe::start();
    let open = stripe.post("/v1/payment_intents", "amount=100&currency=usd").send().await;
    stripe.post(&format!("/v1/payment_intents/{}/cancel", open.id()), "").send().await;
    let intent = stripe.paid("pm_card_refundFail").await;
    let refund = stripe.post("/v1/refunds", &format!("payment_intent={intent}&amount=1")).send().await;
    stripe.emulator.fail_refund(refund.id()).unwrap();
    let expected = [
        "payment_intent.created",
        "payment_intent.canceled",
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "refund.created",
        "charge.refunded",
        "refund.updated",
        "refund.failed",
    ];
    assert_eq!(stripe.kinds().await, expected);
    let events = stripe.events().await;
    assert_eq!(events[6]["data"]["object"]["amount_refunded"], 1);
    assert_eq!(events[8]["data"]["object"]["status"], "failed");
}

#[tokio::test]
async fn events_are_cut_by_kind_and_time_and_kept_for_thirty_days() {
    let stripe = Stripe::start();
    stripe.pay(&stripe.token("pm_card_visa")).send().await;
    stripe.clock.advance(Span::minutes(1));
    let form = payment(&stripe.token("pm_card_visa"), 100);
    stripe.post("/v1/payment_intents", &form).send().await;
    let count = async |query: &str, found: usize| {
        let listed = stripe.get(&format!("/v1/events?{query}")).send().await;
        assert_eq!(listed.body["data"].as_array().map(Vec::len), Some(found), "{query}: {listed:?}");
    };
    count("", 6).await;
    count("type=charge.succeeded", 2).await;
    count("type=payment_intent.*", 4).await;
    count("types[]=charge.succeeded&types[]=payment_intent.created", 4).await;
    count(&format!("created[gte]={}", START + 60), 3).await;
    count("type=refund.created", 0).await;
    let first = stripe.get("/v1/events?limit=1").send().await;
    let next = format!("limit=9&starting_after={}", first.body["data"][0]["id"].as_str().unwrap());
    count(&next, 5).await;
    let both = stripe.get("/v1/events?type=a&types[]=b").send().await;
    assert_eq!(both.error().2, Some("parameters_exclusive"));
    let foreign = stripe.get("/v1/events").key(OTHER_KEY).send().await;
    assert_eq!(foreign.body["data"], json!([]));
    stripe.clock.advance(Span::hours(30 * 24));
    count("", 0).await;
    let gone =
        stripe.get(&format!("/v1/events/{}", first.body["data"][0]["id"].as_str().unwrap())).send().await;
    assert_eq!((gone.status, gone.error().2), (404, Some("resource_missing")));
}
