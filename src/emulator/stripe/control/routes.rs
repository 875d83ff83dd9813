//! The emulator's own endpoints under `/_emulator`, for tests that pay from another process.
//!
//! Must not import what Stripe does. Nothing here exists at Stripe; the emulator listens on loopback only, so there is
//! no authentication.

use actix_web::{HttpResponse, Scope, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::webhook_routes;
use crate::stripe::checkout_page::HostedOutcome;
use crate::stripe::faults::FaultPlan;
use crate::stripe::hold::{Hold, HoldPoint};
use crate::stripe::refusal::Refusal;
use crate::stripe::service::StripeService;

/// The endpoints.
pub(crate) fn scope() -> Scope {
    web::scope("/_emulator")
        .route("/health", web::get().to(health))
        .route("/ledger", web::get().to(ledger))
        .route("/exchanges", web::get().to(exchanges))
        .route("/hold", web::post().to(set_hold))
        .route("/hold", web::get().to(show_hold))
        .route("/release", web::post().to(release))
        .route("/finish_processing", web::post().to(finish_processing))
        .route("/refund", web::post().to(finish_refund))
        .route("/dispute", web::post().to(dispute))
        .route("/dispute/close", web::post().to(close_dispute))
        .route("/hosted/pay", web::post().to(pay_hosted))
        .route("/hosted/authenticate", web::post().to(authenticate_hosted))
        .route("/hosted/abandon", web::post().to(abandon_hosted))
        .route("/faults", web::post().to(set_faults))
        .route("/faults", web::get().to(show_faults))
        .configure(webhook_routes::routes)
}

async fn health() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "ok"}))
}

async fn ledger(service: web::Data<StripeService>) -> HttpResponse {
    let entries = service.state().ledger();
    HttpResponse::Ok().json(entries)
}

async fn exchanges(service: web::Data<StripeService>) -> HttpResponse {
    let exchanges = service.state().exchanges();
    HttpResponse::Ok().json(exchanges)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HoldBody {
    point: HoldPoint,
}

/// Holds the next payment; an earlier hold that was set here is released.
async fn set_hold(body: web::Bytes, service: web::Data<StripeService>) -> HttpResponse {
    let Ok(HoldBody { point }) = serde_json::from_slice(&body) else {
        return refused("the body must be {\"point\": \"before_effect\"} or {\"point\": \"after_effect\"}");
    };
    let mut state = service.state();
    let hold = state.hold_next_payment(point);
    let shown = hold_json(Some(&hold));
    state.remote_hold = Some(hold);
    HttpResponse::Ok().json(shown)
}

async fn show_hold(service: web::Data<StripeService>) -> HttpResponse {
    let shown = hold_json(service.state().remote_hold.as_ref());
    HttpResponse::Ok().json(shown)
}

/// Releases the hold that was set here; dropping it does that.
async fn release(service: web::Data<StripeService>) -> HttpResponse {
    let released = service.state().remote_hold.take().is_some();
    HttpResponse::Ok().json(json!({"released": released}))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SettleBody {
    payment_intent: String,
    succeeds: bool,
}

async fn finish_processing(body: web::Bytes, service: web::Data<StripeService>) -> HttpResponse {
    let Ok(SettleBody { payment_intent, succeeds }) = serde_json::from_slice(&body) else {
        return refused("the body must be {\"payment_intent\": \"pi_…\", \"succeeds\": true or false}");
    };
    let now = service.now();
    let settled = service.state().finish_processing(&payment_intent, succeeds, now);
    match settled {
        Ok(()) => HttpResponse::Ok().json(json!({"settled": payment_intent})),
        Err(refusal) => refused(&refusal.to_string()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RefundBody {
    refund: String,
    succeeds: bool,
}

/// Decides a refund.
async fn finish_refund(body: web::Bytes, service: web::Data<StripeService>) -> HttpResponse {
    let Ok(RefundBody { refund, succeeds }) = serde_json::from_slice(&body) else {
        return refused("the body must be {\"refund\": \"re_…\", \"succeeds\": true or false}");
    };
    let now = service.now();
    let finished = service.state().finish_refund(&refund, succeeds, now);
    match finished {
        Ok(()) => HttpResponse::Ok().json(json!({"decided": refund})),
        Err(refusal) => refused(&refusal.to_string()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DisputeBody {
    payment_intent: String,
}

/// Disputes a payment, as the shopper's bank does.
async fn dispute(body: web::Bytes, service: web::Data<StripeService>) -> HttpResponse {
    let Ok(DisputeBody { payment_intent }) = serde_json::from_slice(&body) else {
        return refused("the body must be {\"payment_intent\": \"pi_…\"}");
    };
    let now = service.now();
    let raised = service.state().dispute(&payment_intent, now);
    match raised {
        Ok(dispute) => HttpResponse::Ok().json(json!({"dispute": dispute})),
        Err(refusal) => refused(&refusal.to_string()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CloseBody {
    dispute: String,
    won: bool,
}

/// Decides a dispute.
async fn close_dispute(body: web::Bytes, service: web::Data<StripeService>) -> HttpResponse {
    let Ok(CloseBody { dispute, won }) = serde_json::from_slice(&body) else {
        return refused("the body must be {\"dispute\": \"dp_…\", \"won\": true or false}");
    };
    let now = service.now();
    let closed = service.state().close_dispute(&dispute, won, now);
    match closed {
        Ok(()) => HttpResponse::Ok().json(json!({"closed": dispute})),
        Err(refusal) => refused(&refusal.to_string()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PayBody {
    session: String,
    payment_method: String,
}

/// Pays on a hosted page.
async fn pay_hosted(body: web::Bytes, service: web::Data<StripeService>) -> HttpResponse {
    let Ok(PayBody { session, payment_method }) = serde_json::from_slice(&body) else {
        return refused("the body must be {\"session\": \"cs_…\", \"payment_method\": \"pm_card_…\"}");
    };
    outcome(service.pay_hosted(&session, &payment_method, None))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AuthenticateBody {
    session: String,
    succeeds: bool,
}

/// Authenticates on a hosted page, or fails to.
async fn authenticate_hosted(body: web::Bytes, service: web::Data<StripeService>) -> HttpResponse {
    let Ok(AuthenticateBody { session, succeeds }) = serde_json::from_slice(&body) else {
        return refused("the body must be {\"session\": \"cs_…\", \"succeeds\": true or false}");
    };
    outcome(service.authenticate_hosted(&session, succeeds))
}

fn outcome(outcome: Result<HostedOutcome, Refusal>) -> HttpResponse {
    match outcome {
        Ok(outcome) => HttpResponse::Ok().json(outcome),
        Err(refusal) => refused(&refusal.to_string()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AbandonBody {
    session: String,
}

/// Leaves a hosted page by its link back.
async fn abandon_hosted(body: web::Bytes, service: web::Data<StripeService>) -> HttpResponse {
    let Ok(AbandonBody { session }) = serde_json::from_slice(&body) else {
        return refused("the body must be {\"session\": \"cs_…\"}");
    };
    match service.abandon_hosted(&session) {
        Ok(cancel_url) => HttpResponse::Ok().json(json!({"cancel_url": cancel_url})),
        Err(refusal) => refused(&refusal.to_string()),
    }
}

/// Applies the fault plan in the body, in place of an earlier one.
async fn set_faults(body: web::Bytes, service: web::Data<StripeService>) -> HttpResponse {
    match serde_json::from_slice::<FaultPlan>(&body) {
        Ok(plan) => service.state().faults.follow(plan),
        Err(error) => return refused(&format!("the body must be a plan of faults: {error}")),
    }
    show_faults(service).await
}

async fn show_faults(service: web::Data<StripeService>) -> HttpResponse {
    let shown = {
        let faults = &service.state().faults;
        json!({"hit": faults.hit(), "scripted_left": faults.scripted_left()})
    };
    HttpResponse::Ok().json(shown)
}

fn hold_json(hold: Option<&Hold>) -> Value {
    json!({
        "set": hold.is_some(),
        "point": hold.map(Hold::point),
        "reached": hold.is_some_and(Hold::is_reached),
    })
}

fn refused(why: &str) -> HttpResponse {
    HttpResponse::BadRequest().json(json!({"error": why}))
}
