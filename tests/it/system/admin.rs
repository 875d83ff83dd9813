//! The operator's hand: one session's timeline, a decision on a frozen one, flags.

use merchant_gateway::domain::checkout::model::{ExpectedPayment, IdempotencyKey, SharedPaymentToken};
use merchant_gateway::domain::ids::{AttemptNumber, Mode, Revision, Tenant};
use merchant_gateway::domain::money::Money;
use serde_json::{Value, json};
use stripe_emulator::HoldPoint;

use crate::support::by_hand;
use crate::support::client::{Client, Speaks, session_name, total};
use crate::support::operator::Operator;
use crate::support::test_gateway::{ADMIN_TOKEN, SHOP, SHOP_ACCOUNT, TestGateway};

fn session_of(sheet: &Value) -> String {
    session_name(&sheet["id"])
}

/// A payment whose idempotency key somebody has used before for something else: no reading tells what became of it.
async fn frozen(world: &TestGateway, client: &Client) -> Value {
    let sheet = client.ready_checkout().await;
    let token = world.token("pm_card_visa", total(&sheet));
    let spt: SharedPaymentToken = token.parse().unwrap();
    let charge = ExpectedPayment {
        total: Money::new(total(&sheet), "usd".parse().unwrap()),
        session: session_of(&sheet).parse().unwrap(),
        revision: Revision(1),
        attempt: AttemptNumber(1),
    };
    let tenant = Tenant { merchant: SHOP.parse().unwrap(), mode: Mode::Test };
    let key = IdempotencyKey::of(&tenant, &SHOP_ACCOUNT.parse().unwrap(), spt.hash(), &charge);
    by_hand::post(world, "/v1/payment_intents", key.as_str(), "amount=999&currency=usd".to_owned()).await;
    let told = client.complete(&sheet["id"], &token).await;
    assert_eq!(told["structuredContent"]["status"], "in_progress", "{told}");
    sheet
}

#[tokio::test]
async fn an_operator_inspects_a_frozen_session_and_ends_it_unpaid() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let operator = Operator::of(&world);
    let sheet = frozen(&world, &client).await;
    let session = session_of(&sheet);

    let (status, seen) = operator.get(&format!("sessions/{session}?tenant={SHOP}")).await;
    assert_eq!(
        (status, &seen["state"], &seen["reason"]),
        (200, &json!("frozen"), &json!("idempotency_conflict"))
    );
    let events: Vec<&str> =
        seen["timeline"].as_array().unwrap().iter().map(|entry| entry["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["state", "attempt_started", "state", "stripe", "state"], "{seen}");
    let answered = &seen["timeline"][3];
    assert!(answered["request_id"].as_str().unwrap().starts_with("req_"), "{answered}");
    assert!(!seen.to_string().contains("Lovelace"), "nothing of the shopper: {seen}");

    let (status, ended) = operator.decide(&session, json!({ "decision": "not_charged" })).await;
    assert_eq!(
        (status, &ended["state"], &ended["reason"]),
        (200, &json!("canceled"), &json!("operator")),
        "{ended}"
    );
    let (status, _) = operator.decide(&session, json!({ "decision": "not_charged" })).await;
    assert_eq!(status, 200, "the same decision twice is one");
    let (status, problem) =
        operator.decide(&session, json!({ "decision": "charged", "payment_intent": "pi_1" })).await;
    assert_eq!((status, &problem["code"]), (409, &json!("not_frozen")));
    let told = client.works("get_checkout", json!({ "checkout_session_id": sheet["id"] })).await;
    assert_eq!(told["checkout_session"]["status"], "canceled");
    assert!(world.ledger().is_empty());
}

#[tokio::test]
async fn an_operator_completes_a_frozen_session_with_a_paid_intent() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let operator = Operator::of(&world);
    let sheet = frozen(&world, &client).await;
    let session = session_of(&sheet);
    let (status, problem) =
        operator.decide(&session, json!({ "decision": "charged", "payment_intent": "pi_none" })).await;
    assert_eq!((status, &problem["code"]), (409, &json!("unverified")), "{problem}");

    // What the lost request of the frozen attempt would have made.
    let paid = world.token("pm_card_visa", total(&sheet));
    let form = by_hand::payment(&session, &paid, total(&sheet));
    let intent = by_hand::post(&world, "/v1/payment_intents", "by-hand", form).await["id"].clone();
    let (status, problem) = operator.decide(&session, json!({ "decision": "not_charged" })).await;
    assert_eq!(status, 409, "Stripe shows it as paid: {problem}");
    assert!(problem["detail"].as_str().unwrap().contains(intent.as_str().unwrap()), "{problem}");

    let decision = json!({ "decision": "charged", "payment_intent": intent });
    let (status, decided) = operator.decide(&session, decision).await;
    assert_eq!((status, &decided["state"]), (200, &json!("completed")), "{decided}");
    let again = client.complete(&sheet["id"], &world.token("pm_card_visa", total(&sheet))).await;
    assert_eq!(again["structuredContent"]["order"]["id"], decided["order"]["id"]);
    assert_eq!(world.ledger().len(), 1);
}

#[tokio::test]
async fn the_admin_api_rejects_bad_tokens_and_explains_bad_requests() {
    let world = TestGateway::start();
    let operator = Operator::of(&world);
    let url = format!("http://{}/admin/v1/flags?tenant={SHOP}", world.admin_address());
    for authorization in [None, Some("Bearer wrong"), Some("Basic abc"), Some("Bearer"), Some(ADMIN_TOKEN)] {
        let mut request = operator.http.get(&url);
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 401, "{authorization:?}");
        assert_eq!(answer.headers()["content-type"], "application/problem+json");
        assert!(answer.headers()["www-authenticate"].to_str().unwrap().starts_with("Bearer"));
    }
    let id = format!("chk_{}", "0".repeat(32));
    for (path, status, code) in [
        ("flags".to_owned(), 400, "invalid_request"),
        ("flags?tenant=nobody".to_owned(), 404, "not_found"),
        (format!("flags?tenant={SHOP}&open=maybe"), 400, "invalid_request"),
        (format!("flags?tenant={SHOP}&limit=0"), 400, "invalid_request"),
        (format!("flags?tenant={SHOP}&after=last"), 400, "invalid_request"),
        (format!("sessions/{id}/decide?tenant={SHOP}"), 405, "method_not_allowed"),
        (format!("sessions/chk_1?tenant={SHOP}"), 404, "not_found"),
        (format!("sessions/{id}?tenant={SHOP}"), 404, "not_found"),
        ("tea".to_owned(), 404, "not_found"),
    ] {
        let (answered, problem) = operator.get(&path).await;
        assert_eq!((answered, problem["code"].as_str()), (status, Some(code)), "{path}: {problem}");
    }
    for (decision, why) in [
        (json!({}), "the body: `decision` is missing"),
        (
            json!({ "decision": "maybe" }),
            "decision: `maybe` is not known here, expected `charged` or `not_charged`",
        ),
        (json!({ "decision": 1 }), "decision: a word is expected here"),
        (json!({ "decision": "charged" }), "payment_intent: is missing, and \"charged\" needs it"),
        (
            json!({ "decision": "charged", "payment_intent": "in_1" }),
            "payment_intent: this is not a PaymentIntent id (pi_…)",
        ),
        (
            json!({ "decision": "charged", "payment_intent": "pi_1", "override_unread": true }),
            "override_unread: belongs to \"not_charged\" only",
        ),
        (
            json!({ "decision": "not_charged", "payment_intent": "pi_1" }),
            "payment_intent: belongs to \"charged\" only",
        ),
        (
            json!({ "decision": "not_charged", "override_unread": "yes" }),
            "override_unread: \"yes\" stands where true or false is expected",
        ),
        (
            json!({ "decision": "not_charged", "foo": 1 }),
            "foo: this field is not known here, expected one of ",
        ),
        (json!([1]), "the body is not a JSON object"),
    ] {
        let (status, problem) = operator.decide(&id, decision).await;
        assert_eq!(status, 400);
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.starts_with(why) && detail.contains("; send JSON such as {\"decision\": "),
            "{problem}"
        );
    }
    assert_eq!(
        operator.get(&format!("flags?tenant={SHOP}&open=true")).await,
        (200, json!({ "flags": [], "next": null }))
    );
    let resolve = format!("flags/flg_{}/resolve?tenant={SHOP}", "0".repeat(32));
    let (status, problem) = operator.post(&resolve, json!({ "resolution": "x".repeat(70_000) })).await;
    assert_eq!((status, &problem["code"]), (413, &json!("too_large")), "{problem}");
    assert_eq!(operator.post(&resolve, json!({ "resolution": " " })).await.0, 400);
    assert_eq!(operator.post(&resolve, json!({ "resolution": "refunded" })).await.0, 404);
}

#[tokio::test]
async fn a_second_payment_is_flagged_until_somebody_has_dealt_with_it() {
    let mut world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let session = session_of(&sheet);
    let token = world.token("pm_card_visa", total(&sheet));
    let hold = world.emulator.hold_next_payment(HoldPoint::AfterEffect);
    let ((), lost) = futures_util::future::join(
        async {
            hold.reached().await;
            world.kill();
            hold.release();
        },
        client.pay_unheard(&sheet["id"], &token),
    )
    .await;
    assert!(lost.is_err(), "the caller hears nothing");
    // Somebody pays the same checkout by other means, and the master key is lost, so that only reading is left.
    let form = by_hand::payment(&session, &world.token("pm_card_visa", total(&sheet)), total(&sheet));
    by_hand::post(&world, "/v1/payment_intents", "by-hand", form).await;
    world
        .settings
        .push(("GATEWAY_MASTER_KEY", "a7c1d0a5b7e9624c1d3f5a7b9e0d2c4f6a8b0c2d4e6f8091a3b5c7d9eaf0b128"));
    world.wrapper = ["/bin/sh", "-c", "exec \"$@\" --master-key-lost", "sh"].map(str::to_owned).to_vec();
    world.start_gateway();
    world.wait_for(r#""state":"completed""#, 1);

    let operator = Operator::of(&world);
    let (_, listed) = operator.get(&format!("flags?tenant={SHOP}&open=true")).await;
    let flags = listed["flags"].as_array().unwrap();
    assert_eq!(flags.len(), 1, "{listed}");
    assert_eq!((&flags[0]["reason"], &flags[0]["session"]), (&json!("paid_twice"), &json!(session)));
    let (_, seen) = operator.get(&format!("sessions/{session}?tenant={SHOP}")).await;
    assert_ne!(
        seen["payment_intent"], flags[0]["payment_intent"],
        "one is the order's, the other is flagged"
    );

    let resolve = format!("flags/{}/resolve?tenant={SHOP}", flags[0]["id"].as_str().unwrap());
    let (status, resolved) =
        operator.post(&resolve, json!({ "resolution": "refunded in the dashboard" })).await;
    assert_eq!((status, &resolved["resolution"]["text"]), (200, &json!("refunded in the dashboard")));
    let again = operator.post(&resolve, json!({ "resolution": "refunded in the dashboard" })).await;
    assert_eq!(again, (200, resolved), "the same words are the same resolution");
    assert_eq!(operator.post(&resolve, json!({ "resolution": "otherwise" })).await.0, 409);
    let open = operator.get(&format!("flags?tenant={SHOP}&open=true")).await;
    assert_eq!(open, (200, json!({ "flags": [], "next": null })));
}
