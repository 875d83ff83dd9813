//! Sends deliveries to their endpoints, over real HTTP on loopback.
//!
//! Invariant: a slow endpoint does not delay others.

use std::sync::Arc;
use std::time::Duration;

use actix_web::rt;
use reqwest::redirect::Policy;
use tokio::time::Instant;

use super::service::StripeService;
use super::webhooks::{DeliveryAttempt, OutgoingWebhook, signature};
use crate::clock::unix_seconds;

/// How often due work is checked, without any request.
const TICK: Duration = Duration::from_secs(1);

/// Sends due deliveries until the emulator stops.
pub(crate) async fn run(service: Arc<StripeService>) {
    let http = match client() {
        Ok(http) => http,
        Err(error) => {
            tracing::error!(cause = %error, "webhooks_cannot_be_sent");
            return;
        }
    };
    let mut changes = service.state().webhooks.changes();
    loop {
        let now = service.now();
        service.state().catch_up(now);
        let (ready, next) = service.state().webhooks.take_ready();
        for outgoing in ready {
            rt::spawn(send(Arc::clone(&service), http.clone(), outgoing));
        }
        let tick = Instant::now() + TICK;
        let wake = next.map_or(tick, |next| next.min(tick));
        // In both cases there may be something to send.
        drop(tokio::time::timeout_at(wake, changes.changed()).await);
    }
}

async fn send(service: Arc<StripeService>, http: reqwest::Client, outgoing: OutgoingWebhook) {
    let signature = signature(&outgoing.secrets, unix_seconds(service.now()), &outgoing.body);
    let request = http
        .post(&outgoing.url)
        .timeout(outgoing.timeout)
        .header("Content-Type", "application/json; charset=utf-8")
        .header("User-Agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
        .header("Stripe-Signature", &signature)
        .body(outgoing.body);
    let status = request.send().await.ok().map(|answer| answer.status().as_u16());
    service
        .state()
        .record_delivery((outgoing.number, &outgoing.endpoint), DeliveryAttempt { signature, status });
}

#[expect(
    clippy::disallowed_methods,
    reason = "the emulated Stripe's own client, which talks to endpoints on loopback alone"
)]
fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder().no_proxy().redirect(Policy::none()).build()
}
