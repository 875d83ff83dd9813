//! `/admin/v1/stripe-events`: the Stripe webhooks that a merchant received, and how many were refused.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::operator::Operator;
use super::problem::Problem;
use super::routes;
use crate::store::KeptEvent;

/// The page size by default, and the largest.
const PAGE: u32 = 50;
const LARGEST_PAGE: u32 = 200;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.service(routes::read("/stripe-events", list));
}

#[derive(Deserialize)]
struct ListStripeEventsQuery {
    limit: Option<u32>,
}

/// A merchant's events of the last thirty days, the latest first; and how many webhooks were refused since the
/// process started, by reason. Refused webhooks are not stored.
async fn list(operator: Operator, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let merchant = operator.merchant(&request, &["limit"])?;
    let limit = web::Query::<ListStripeEventsQuery>::from_query(request.query_string())
        .map(|asked| asked.limit.unwrap_or(PAGE))
        .ok()
        .filter(|limit| (1..=LARGEST_PAGE).contains(limit))
        .ok_or_else(|| Problem::invalid(format!("limit is a number from 1 to {LARGEST_PAGE}")))?;
    let events: Vec<Value> = merchant.records().stripe_events(limit).await?.iter().map(to_json).collect();
    let body = json!({
        "takes_webhooks": merchant.takes_webhooks(), "events": events, "refused": merchant.refused_webhooks(),
    });
    Ok(HttpResponse::Ok().insert_header(("cache-control", "no-store")).json(body))
}

fn to_json(KeptEvent { event, state }: &KeptEvent) -> Value {
    json!({
        "id": event.id.as_str(), "type": event.kind.as_str(), "state": state.as_str(),
        "object": event.object, "session": event.session, "payment_intent": event.intent,
        "received": event.received.to_string(),
    })
}
