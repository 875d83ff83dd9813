//! Stripe's webhooks to the real binary, over HTTP: what is taken, what is refused, and that nothing hangs on it.

mod follow_up;
mod refused;
mod strays;
mod taken;

use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use merchant_gateway::ports::{Clock as _, SystemClock};
use serde_json::{Value, json};
use sha2::Sha256;
use stripe_emulator::WebhookEndpoint;

use crate::support::operator::Operator;
use crate::support::test_gateway::{
    OLD_WEBHOOK_SECRET, SHOP, SHOP_ACCOUNT, TestGateway, WEBHOOK_SECRET, usual_shops,
};

const VARIABLE: &str = "MERCHANT_HARBOR_COFFEE__STRIPE_WEBHOOK_SECRET";
const OLD_VARIABLE: &str = "MERCHANT_HARBOR_COFFEE__OLD_STRIPE_WEBHOOK_SECRET";

/// A world whose usual shop knows Stripe's webhooks by the secrets of these variables; its gateway is not started.
fn closed(variables: &[&str]) -> TestGateway {
    let references: Vec<String> = variables.iter().map(|name| format!("\"env:{name}\"")).collect();
    let mut shops = usual_shops();
    let line = format!("[stripe]\nwebhook_secrets = [{}]\n", references.join(", "));
    shops[0].file = shops[0].file.replacen("[stripe]\n", &line, 1);
    let mut world = TestGateway::closed(shops);
    world.settings.extend([(VARIABLE, WEBHOOK_SECRET), (OLD_VARIABLE, OLD_WEBHOOK_SECRET)]);
    world
}

/// A world that serves, whose usual shop knows Stripe's webhooks by one secret.
fn open() -> TestGateway {
    let mut world = closed(&[VARIABLE]);
    world.start_gateway();
    world
}

/// Where the webhooks of a shop arrive.
fn address(world: &TestGateway, shop: &str) -> String {
    world.url(&format!("/t/{shop}/webhooks/stripe"))
}

/// Has the emulated Stripe send the usual shop's events to it; gives the endpoint's id.
fn listen(world: &TestGateway, secret: &str) -> String {
    let endpoint = WebhookEndpoint::new(SHOP_ACCOUNT, &address(world, SHOP), secret);
    world.emulator.add_webhook_endpoint(&endpoint).unwrap()
}

/// The `Stripe-Signature` of a body, as it is signed so many seconds from now.
pub fn signature(secret: &str, body: &str, seconds: i64) -> String {
    let time = SystemClock.now().as_seconds() + seconds;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{time}.{body}").as_bytes());
    format!("t={time},v1={}", hex::encode(mac.finalize().into_bytes()))
}

/// An event about an object.
pub fn event(id: &str, kind: &str, object: &Value) -> Value {
    json!({
        "id": id, "object": "event", "account": null, "api_version": "2026-09-30.preview", "created": 1_790_000_000,
        "data": { "object": object }, "livemode": false, "pending_webhooks": 1, "request": null, "type": kind,
    })
}

/// Posts a body with a signature; gives the status and what was said.
async fn post(url: &str, signature: Option<&str>, body: impl Into<reqwest::Body>) -> (u16, String) {
    #[expect(clippy::disallowed_methods, reason = "a test's own client")]
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = http.post(url).header("content-type", "application/json; charset=utf-8").body(body);
    if let Some(signature) = signature {
        request = request.header("stripe-signature", signature);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

/// What an operator sees of a shop's webhooks.
async fn seen(world: &TestGateway, shop: &str) -> Value {
    let (status, seen) = Operator::of(world).get(&format!("stripe-events?tenant={shop}&limit=200")).await;
    assert_eq!(status, 200, "{seen}");
    seen
}

/// How each of the usual shop's events stands, the earliest first: its type and its state.
async fn stands(world: &TestGateway) -> Vec<(String, String)> {
    let seen = seen(world, SHOP).await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let events = seen["events"].as_array().unwrap().iter().rev();
    events.map(|event| (text(&event["type"]), text(&event["state"]))).collect()
}

/// Waits until none of the usual shop's events waits to be followed.
async fn followed(world: &TestGateway) -> Vec<(String, String)> {
    world.emulator.webhooks_settled().await;
    let all_followed = |stands: &Vec<(String, String)>| stands.iter().all(|(_, state)| state != "waiting");
    until(async || Some(stands(world).await).filter(all_followed)).await
}

/// Looks until there is what is looked for.
pub async fn until<T>(mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            match look().await {
                Some(found) => return found,
                None => tokio::task::yield_now().await,
            }
        }
    };
    tokio::time::timeout(Duration::from_mins(1), looking).await.expect("what is looked for comes about")
}
