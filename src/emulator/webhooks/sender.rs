//! Carries deliveries to their endpoints, over real HTTP on loopback.
//!
//! Invariant: an endpoint that is slow keeps nobody else waiting.

use std::sync::Arc;
use std::time::Duration;

use actix_web::rt;
use reqwest::redirect::Policy;
use tokio::time::Instant;

use super::super::service::EmulatorState;
use super::endpoint::signature;
use super::{DeliveryAttempt, Parcel};

/// How often the clock is looked at, for what happens without anybody asking.
const TICK: Duration = Duration::from_secs(1);

/// Sends what is to be sent, until the emulator stops.
pub(in super::super) async fn run(shared: Arc<EmulatorState>) {
    let http = match client() {
        Ok(http) => http,
        Err(error) => {
            tracing::error!(cause = %error, "webhooks_cannot_be_sent");
            return;
        }
    };
    let mut changes = shared.world().webhooks.changes();
    loop {
        let now = shared.now();
        shared.world().catch_up(now);
        let (ready, next) = shared.world().webhooks.take_ready();
        for parcel in ready {
            rt::spawn(send(Arc::clone(&shared), http.clone(), parcel));
        }
        let tick = Instant::now() + TICK;
        let wake = next.map_or(tick, |next| next.min(tick));
        // Either way there may be something to send.
        drop(tokio::time::timeout_at(wake, changes.changed()).await);
    }
}

async fn send(shared: Arc<EmulatorState>, http: reqwest::Client, parcel: Parcel) {
    let signature = signature(&parcel.secrets, shared.now().as_seconds(), &parcel.body);
    let request = http
        .post(&parcel.url)
        .timeout(parcel.timeout)
        .header("Content-Type", "application/json; charset=utf-8")
        .header("User-Agent", "Stripe/1.0 (+https://stripe.com/docs/webhooks)")
        .header("Stripe-Signature", &signature)
        .body(parcel.body);
    let status = request.send().await.ok().map(|answer| answer.status().as_u16());
    shared.world().record_delivery((parcel.number, &parcel.endpoint), DeliveryAttempt { signature, status });
}

#[expect(
    clippy::disallowed_methods,
    reason = "the emulated Stripe's own client, which talks to endpoints on loopback alone"
)]
fn client() -> reqwest::Result<reqwest::Client> {
    reqwest::Client::builder().no_proxy().redirect(Policy::none()).build()
}
