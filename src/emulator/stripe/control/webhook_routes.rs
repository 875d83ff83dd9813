//! The emulator's own endpoints for webhooks, under `/_emulator`, for tests in another process.

use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::stripe::service::StripeService;
use crate::stripe::webhooks::{WebhookEndpoint, WebhookPlan};

/// Adds the endpoints.
pub(super) fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/webhooks", web::post().to(add))
        .route("/webhooks/secrets", web::post().to(set_secrets))
        .route("/webhooks/plan", web::post().to(follow))
        .route("/deliveries", web::get().to(show))
        .route("/deliveries/release", web::post().to(release))
        .route("/deliveries/resend", web::post().to(resend));
}

fn body<T: DeserializeOwned>(bytes: &web::Bytes) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| format!("the body cannot be used: {error}"))
}

fn refused(why: &str) -> HttpResponse {
    HttpResponse::BadRequest().json(json!({"error": why}))
}

async fn add(bytes: web::Bytes, service: web::Data<StripeService>) -> HttpResponse {
    let endpoint = match body::<WebhookEndpoint>(&bytes) {
        Ok(endpoint) => endpoint,
        Err(why) => return refused(&why),
    };
    let added = service.state().add_webhook_endpoint(&endpoint);
    match added {
        Ok(id) => HttpResponse::Ok().json(json!({"endpoint": id})),
        Err(refusal) => refused(&refusal.to_string()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretsBody {
    endpoint: String,
    secrets: Vec<String>,
}

async fn set_secrets(bytes: web::Bytes, service: web::Data<StripeService>) -> HttpResponse {
    match body(&bytes) {
        Ok(SecretsBody { endpoint, secrets }) => {
            let known = service.state().webhooks.set_secrets(&endpoint, secrets);
            if known { HttpResponse::Ok().json(json!({})) } else { refused("there is no such endpoint") }
        }
        Err(why) => refused(&why),
    }
}

async fn follow(bytes: web::Bytes, service: web::Data<StripeService>) -> HttpResponse {
    match body::<WebhookPlan>(&bytes) {
        Ok(plan) => {
            service.state().webhooks.follow(plan);
            HttpResponse::Ok().json(json!({}))
        }
        Err(why) => refused(&why),
    }
}

async fn show(service: web::Data<StripeService>) -> HttpResponse {
    let deliveries = service.state().webhooks.deliveries();
    HttpResponse::Ok().json(deliveries)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DeliveryBody {
    delivery: Option<String>,
}

/// Releases the delivery that is named, or all.
async fn release(bytes: web::Bytes, service: web::Data<StripeService>) -> HttpResponse {
    match body(&bytes) {
        Ok(DeliveryBody { delivery: Some(id) }) if !service.state().webhooks.release(&id) => {
            refused("no such delivery is held")
        }
        Ok(DeliveryBody { delivery: Some(_) }) => HttpResponse::Ok().json(json!({})),
        Ok(DeliveryBody { delivery: None }) => {
            service.state().webhooks.release_all();
            HttpResponse::Ok().json(json!({}))
        }
        Err(why) => refused(&why),
    }
}

async fn resend(bytes: web::Bytes, service: web::Data<StripeService>) -> HttpResponse {
    let delivery = match body(&bytes) {
        Ok(DeliveryBody { delivery }) => delivery.unwrap_or_default(),
        Err(why) => return refused(&why),
    };
    let sent = service.state().webhooks.resend(&delivery);
    match sent {
        Some(id) => HttpResponse::Ok().json(json!({"delivery": id})),
        None => refused("there is no such delivery"),
    }
}
