//! Events on their way to a seller's endpoint, over real HTTP.

use std::collections::BTreeSet;

use merchant_gateway::ports::{Clock as _, SystemClock};
use reqwest::Method;
use serde_json::{Value, json};
use stripe_emulator::{DeliveryState, Refusal, WebhookEndpoint, WebhookPlan};

use super::receiver::Receiver;
use super::{Call, Reply, SHOP, SHOP_KEY, START, Stripe};
use crate::support::python;

const SECRET: &str = "whsec_one";
const PAID: [&str; 3] = ["payment_intent.created", "charge.succeeded", "payment_intent.succeeded"];

impl Stripe {
    /// An endpoint of the shop for everything; its id.
    fn listen(&self, receiver: &Receiver) -> String {
        let endpoint = WebhookEndpoint::new(SHOP, &receiver.url, SECRET);
        self.emulator.add_webhook_endpoint(&endpoint).unwrap()
    }

    /// A payment that succeeded.
    async fn buy(&self) -> Reply {
        self.pay(&self.token("pm_card_visa")).send().await
    }

    async fn control(&self, path: &str, body: &Value) -> Reply {
        let call = self.call(Method::POST, &format!("/_emulator/{path}"));
        let request = call.request.body(body.to_string());
        Call { request, ..call }.send().await
    }
}

fn plan(change: impl FnOnce(&mut WebhookPlan)) -> WebhookPlan {
    let mut plan = WebhookPlan { retry_millis: vec![1, 1], ..WebhookPlan::default() };
    change(&mut plan);
    plan
}

#[tokio::test]
async fn events_arrive_in_order_signed_and_as_the_api_tells_them() {
    let stripe = Stripe::start();
    let receiver = Receiver::start(&[]);
    stripe.listen(&receiver);
    stripe.buy().await;
    stripe.emulator.webhooks_settled().await;
    assert_eq!(receiver.kinds(), PAID);
    for (received, mut event) in receiver.got().into_iter().zip(stripe.events().await) {
        assert_eq!(event["pending_webhooks"], 0, "it was confirmed");
        event["pending_webhooks"] = json!(1);
        assert_eq!(received.event(), event);
        assert!(received.body.starts_with("{\n  \""), "as Stripe lays it out: {}", received.body);
        assert_eq!(received.headers["request"], "POST /webhooks/stripe HTTP/1.1");
        assert!(received.headers["stripe-signature"].starts_with(&format!("t={START},v1=")));
        assert!(received.headers["content-type"].starts_with("application/json"));
    }
}

#[tokio::test]
async fn only_what_an_endpoint_wants_of_its_account_and_mode_is_sent() {
    let stripe = Stripe::start();
    let (some, live) = (Receiver::start(&[]), Receiver::start(&[]));
    let endpoint = |receiver: &Receiver| WebhookEndpoint::new(SHOP, &receiver.url, SECRET);
    let wanted = vec!["payment_intent.succeeded".to_owned(), "refund.*".to_owned()];
    let endpoints = [
        WebhookEndpoint { enabled_events: wanted, ..endpoint(&some) },
        WebhookEndpoint { livemode: true, ..endpoint(&live) },
    ];
    for endpoint in &endpoints {
        stripe.emulator.add_webhook_endpoint(endpoint).unwrap();
    }
    let paid = stripe.buy().await;
    stripe.post("/v1/refunds", &format!("payment_intent={}", paid.id())).send().await;
    stripe.emulator.webhooks_settled().await;
    assert_eq!(some.kinds(), ["payment_intent.succeeded", "refund.created"]);
    assert!(live.got().is_empty());
}

#[tokio::test]
async fn a_failed_webhook_is_resent_byte_for_byte_and_then_given_up() {
    let stripe = Stripe::start();
    stripe.emulator.set_webhook_plan(plan(|_| ()));
    let receiver = Receiver::start(&[500, 302, 200, 503, 400, 404]);
    let endpoint = WebhookEndpoint {
        enabled_events: vec!["payment_intent.succeeded".to_owned()],
        ..WebhookEndpoint::new(SHOP, &receiver.url, SECRET)
    };
    stripe.emulator.add_webhook_endpoint(&endpoint).unwrap();
    stripe.buy().await;
    stripe.emulator.webhooks_settled().await;
    let bodies: BTreeSet<String> = receiver.got().into_iter().map(|received| received.body).collect();
    assert_eq!((receiver.got().len(), bodies.len()), (3, 1));
    stripe.buy().await;
    stripe.emulator.webhooks_settled().await;
    let deliveries = stripe.emulator.deliveries();
    let states: Vec<DeliveryState> = deliveries.iter().map(|delivery| delivery.state).collect();
    assert_eq!(states, [DeliveryState::Delivered, DeliveryState::GivenUp]);
    let statuses = |number: usize| -> Vec<Option<u16>> {
        deliveries[number].attempts.iter().map(|attempt| attempt.status).collect()
    };
    assert_eq!(statuses(0), [Some(500), Some(302), Some(200)]);
    assert_eq!(statuses(1), [Some(503), Some(400), Some(404)]);
    let last = stripe.events().await.pop().unwrap();
    assert_eq!(last["pending_webhooks"], 1, "nobody confirmed it");
}

#[tokio::test]
async fn held_webhooks_arrive_one_by_one_as_a_test_releases_them() {
    let stripe = Stripe::start();
    stripe.emulator.set_webhook_plan(plan(|plan| plan.hold = true));
    let receiver = Receiver::start(&[]);
    stripe.listen(&receiver);
    stripe.buy().await;
    stripe.emulator.webhooks_settled().await;
    assert!(receiver.got().is_empty());
    let held = stripe.emulator.deliveries();
    assert!(held.iter().all(|delivery| delivery.state == DeliveryState::Held));
    for number in [2, 0] {
        assert!(stripe.emulator.release_delivery(&held[number].id));
        assert!(!stripe.emulator.release_delivery(&held[number].id), "it is gone");
    }
    stripe.emulator.webhooks_settled().await;
    assert_eq!(receiver.kinds(), [PAID[2], PAID[0]]);
    let again = stripe.emulator.resend_delivery(&held[2].id).unwrap();
    stripe.emulator.webhooks_settled().await;
    stripe.emulator.release_deliveries();
    stripe.emulator.webhooks_settled().await;
    assert_eq!(receiver.kinds(), [PAID[2], PAID[0], PAID[2], PAID[1]]);
    assert_eq!(receiver.got()[0].body, receiver.got()[2].body);
    assert!(stripe.emulator.deliveries().iter().any(|delivery| delivery.id == again));
}

#[tokio::test]
async fn a_plan_doubles_loses_and_reorders() {
    let stripe = Stripe::start();
    let receiver = Receiver::start(&[]);
    stripe.listen(&receiver);
    let mut expected = Vec::new();
    let doubled: Vec<&str> = PAID.iter().flat_map(|kind| [*kind; 2]).collect();
    for (plan, kinds) in [
        (plan(|plan| plan.duplicate = 1000), doubled),
        (plan(|plan| plan.drop = 1000), vec![]),
        (plan(|plan| (plan.delay, plan.delay_millis) = (1000, 20)), PAID.to_vec()),
    ] {
        stripe.emulator.set_webhook_plan(plan);
        stripe.buy().await;
        stripe.emulator.webhooks_settled().await;
        expected.extend(kinds);
        assert_eq!(receiver.kinds(), expected);
    }
    let dropped = stripe.emulator.deliveries().into_iter();
    assert_eq!(dropped.filter(|delivery| delivery.state == DeliveryState::Dropped).count(), 3);
}

#[tokio::test]
async fn what_chance_does_to_webhooks_follows_from_its_seed() {
    let mut told = Vec::new();
    for seed in [7, 7, 8] {
        let stripe = Stripe::start();
        let receiver = Receiver::start(&[]);
        stripe.listen(&receiver);
        let bad = WebhookPlan { before_response: 0, delay: 0, ..WebhookPlan::bad_day(seed) };
        stripe.emulator.set_webhook_plan(WebhookPlan { drop: 200, duplicate: 200, reorder: 400, ..bad });
        for _ in 0..12 {
            stripe.buy().await;
            stripe.emulator.webhooks_settled().await;
        }
        told.push(receiver.kinds());
    }
    assert_eq!(told[0], told[1]);
    assert_ne!(told[0], told[2]);
}

#[tokio::test]
async fn a_webhook_can_arrive_before_the_response_to_its_request() {
    let stripe = Stripe::start();
    let receiver = Receiver::start(&[]);
    stripe.listen(&receiver);
    stripe.emulator.set_webhook_plan(plan(|plan| (plan.before_response, plan.hold) = (1000, true)));
    let token = stripe.token("pm_card_visa");
    let answer = stripe.pay(&token).idempotency_key("k").send();
    let meanwhile = async {
        while stripe.emulator.deliveries().len() < PAID.len() {
            tokio::task::yield_now().await;
        }
        let again = stripe.pay(&token).idempotency_key("k").send().await;
        assert_eq!(again.error().2, Some("idempotency_key_in_use"), "no answer yet");
        assert!(receiver.got().is_empty());
        stripe.emulator.release_deliveries();
    };
    let (paid, ()) = futures_util::future::join(answer, meanwhile).await;
    assert_eq!((paid.status, receiver.kinds()), (200, PAID.map(str::to_owned).to_vec()));

    stripe.emulator.set_webhook_plan(plan(|plan| plan.before_response = 1000));
    let session = stripe.session().await;
    let http = super::http();
    let page = session.body["url"].as_str().unwrap();
    let form = http.post(page).header("Content-Type", "application/x-www-form-urlencoded");
    // The shop's address does not exist: the redirect leads nowhere, and its webhook is there already.
    drop(form.body("payment_method=pm_card_visa").send().await);
    assert_eq!(receiver.kinds().pop().unwrap(), "checkout.session.completed");
}

#[tokio::test]
async fn a_slow_endpoint_keeps_no_other_waiting() {
    let stripe = Stripe::start();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    stripe.emulator.add_webhook_endpoint(&WebhookEndpoint::new(SHOP, &url, SECRET)).unwrap();
    let receiver = Receiver::start(&[]);
    stripe.listen(&receiver);
    stripe.emulator.set_webhook_plan(plan(|plan| {
        (plan.timeout_millis, plan.retry_millis) = (200, Vec::new());
    }));
    stripe.buy().await;
    stripe.emulator.webhooks_settled().await;
    assert_eq!(receiver.kinds(), PAID);
    let deliveries = stripe.emulator.deliveries();
    let given_up = deliveries.iter().filter(|delivery| delivery.state == DeliveryState::GivenUp);
    assert!(given_up.clone().all(|delivery| delivery.attempts[0].status.is_none()));
    assert_eq!(given_up.count(), 3);
}

#[tokio::test]
async fn endpoints_are_on_this_machine_and_of_a_known_account() {
    let stripe = Stripe::start();
    for url in ["https://shop.example/", "http://10.0.0.1/", "http://127.0.0.1.evil.example/", "shop"] {
        let refused = stripe.emulator.add_webhook_endpoint(&WebhookEndpoint::new(SHOP, url, SECRET));
        assert_eq!(refused, Err(Refusal::NotOnLoopback { url: url.to_owned() }));
    }
    let stranger = WebhookEndpoint::new("acct_none", "http://127.0.0.1:1/", SECRET);
    let refused = stripe.emulator.add_webhook_endpoint(&stranger);
    assert!(matches!(refused, Err(Refusal::UnknownAccount { .. })));
    let refused = stripe.emulator.set_webhook_secrets("we_none", &["a"]);
    assert!(matches!(refused, Err(Refusal::UnknownEndpoint { .. })));
}

#[tokio::test]
async fn another_process_can_listen_hold_release_and_look() {
    let stripe = Stripe::start();
    let receiver = Receiver::start(&[]);
    let endpoint = json!({"account_id": SHOP, "url": receiver.url, "secrets": [SECRET]});
    let added = stripe.control("webhooks", &endpoint).await;
    let id = added.body["endpoint"].as_str().unwrap().to_owned();
    assert_eq!(stripe.control("webhooks/plan", &json!({"hold": true})).await.status, 200);
    let rolled = json!({"endpoint": id, "secrets": ["whsec_two", SECRET]});
    assert_eq!(stripe.control("webhooks/secrets", &rolled).await.status, 200);
    stripe.buy().await;
    let held = stripe.get("/_emulator/deliveries").send().await.body;
    assert_eq!((held.as_array().unwrap().len(), &held[0]["state"]), (3, &json!("held")));
    let first = json!({"delivery": held[0]["id"]});
    assert_eq!(stripe.control("deliveries/release", &first).await.status, 200);
    assert_eq!(stripe.control("deliveries/release", &first).await.status, 400);
    stripe.emulator.webhooks_settled().await;
    assert_eq!(stripe.control("deliveries/resend", &first).await.status, 200);
    assert_eq!(stripe.control("deliveries/release", &json!({})).await.status, 200);
    stripe.emulator.webhooks_settled().await;
    assert_eq!(receiver.got().len(), 4);
    assert_eq!(receiver.got()[0].headers["stripe-signature"].matches(",v1=").count(), 2);
    assert_eq!(stripe.control("webhooks/plan", &json!({"colour": "red"})).await.status, 400);
    assert_eq!(stripe.control("webhooks", &json!({})).await.status, 400);
}

#[tokio::test]
async fn the_stripe_package_accepts_our_signatures_and_rejects_others() {
    let stripe = Stripe::start_at(SystemClock.now());
    let receiver = Receiver::start(&[]);
    let endpoint = stripe.listen(&receiver);
    let mut got = Vec::new();
    for secrets in [vec![SECRET], vec!["whsec_two", SECRET], vec!["whsec_two"]] {
        stripe.emulator.set_webhook_secrets(&endpoint, &secrets).unwrap();
        stripe.buy().await;
        stripe.emulator.webhooks_settled().await;
        let last = receiver.got().pop().unwrap();
        let signature = &last.headers["stripe-signature"];
        got.push(json!({"body": last.body, "signature": signature, "secrets": secrets}));
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), Value::from(got).to_string()).unwrap();
    let base = stripe.emulator.base_url();
    let file = file.path().to_str().unwrap();
    let Some(output) = python::run("stripe_webhooks.py", &[&base, SHOP_KEY, file]) else { return };
    let said: Vec<String> = serde_json::from_str(&python::said(&output)).unwrap();
    assert_eq!(said, ["payment_intent.succeeded"; 3]);
}
