//! Webhook endpoints by the API: made, listed and changed by the keys of their account and mode.

use serde_json::{Value, json};
use stripe_emulator::RequestKind;

use super::receiver::Receiver;
use super::{OTHER_KEY, SHOP_KEY, SHOP_LIVE_KEY, SHOP_NARROW_KEY, Stripe};

const PATH: &str = "/v1/webhook_endpoints";

fn form(url: &str, events: &[&str]) -> String {
    let event = |(at, event): (usize, &&str)| format!("enabled_events[{at}]={event}");
    let events: Vec<String> = events.iter().enumerate().map(event).collect();
    format!("url={url}&{}", events.join("&"))
}

async fn listed(stripe: &Stripe, key: &str) -> Vec<Value> {
    let listed = stripe.get(PATH).key(key).send().await;
    assert_eq!(listed.status, 200, "{listed:?}");
    listed.body["data"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_endpoint_is_made_with_a_secret_that_is_shown_once() {
    let stripe = Stripe::start();
    let made = stripe.post(PATH, &form("https://shop.example/hook", &["refund.created"])).send().await;
    assert_eq!((made.status, &made.body["status"]), (200, &json!("enabled")), "{made:?}");
    assert!(made.body["secret"].as_str().unwrap().starts_with("whsec_"), "{made:?}");
    let shown = &listed(&stripe, SHOP_KEY).await[0];
    assert_eq!((&shown["id"], &shown["secret"]), (&made.body["id"], &Value::Null));

    let path = format!("{PATH}/{}", made.id());
    let changed = stripe.post(&path, "enabled_events[0]=*&disabled=true").send().await;
    assert_eq!(
        (&changed.body["enabled_events"], &changed.body["status"]),
        (&json!(["*"]), &json!("disabled")),
        "{changed:?}"
    );
    let refused = stripe.post(PATH, "url=https://shop.example/hook").send().await;
    assert_eq!(refused.error().3, Some("enabled_events"));
    let refused = stripe.post(PATH, &form("shop.example", &["*"])).send().await;
    assert_eq!(refused.error().2, Some("url_invalid"));
}

#[tokio::test]
async fn endpoints_belong_to_an_account_and_its_mode() {
    let stripe = Stripe::start();
    let made = stripe.post(PATH, &form("https://shop.example/hook", &["*"])).send().await;
    for key in [OTHER_KEY, SHOP_LIVE_KEY] {
        assert!(listed(&stripe, key).await.is_empty());
        let changed = stripe.post(&format!("{PATH}/{}", made.id()), "disabled=true").key(key).send().await;
        assert_eq!(changed.error().2, Some("resource_missing"));
    }
    let plain = stripe.post(PATH, &form("http://shop.example/hook", &["*"])).key(SHOP_LIVE_KEY).send().await;
    assert_eq!(plain.error().2, Some("url_invalid"), "live events go over https only");
    stripe.emulator.forbid(SHOP_NARROW_KEY, &[RequestKind::ListWebhookEndpoints]);
    let refused = stripe.get(PATH).key(SHOP_NARROW_KEY).send().await;
    assert!(refused.body["error"]["message"].as_str().unwrap().contains("rak_webhook_read"), "{refused:?}");
}

#[tokio::test]
async fn an_endpoint_on_this_machine_receives_its_events() {
    let stripe = Stripe::start();
    let receiver = Receiver::start(&[]);
    let made = stripe.post(PATH, &form(&receiver.url, &["payment_intent.succeeded"])).send().await;
    assert_eq!(made.status, 200, "{made:?}");
    stripe.pay(&stripe.token("pm_card_visa")).send().await;
    stripe.emulator.webhooks_settled().await;
    assert_eq!(receiver.kinds(), ["payment_intent.succeeded"]);
}
