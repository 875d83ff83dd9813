//! `/admin/v1/stripe-events`: the Stripe webhooks that a merchant received, and how many were refused.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::operator::Operator;
use super::problem::Problem;
use super::reply::{page_limit, reply};
use super::routes;
use crate::store::KeptEvent;

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
        .map_err(|_| Problem::invalid("limit is a number"))?
        .limit;
    let limit = page_limit(limit)?;
    let events: Vec<Value> = merchant.records().stripe_events(limit).await?.iter().map(to_json).collect();
    let body = json!({
        "takes_webhooks": merchant.takes_webhooks(), "events": events, "refused": merchant.refused_webhooks(),
    });
    Ok(reply(&body))
}

fn to_json(KeptEvent { event, state }: &KeptEvent) -> Value {
    json!({
        "id": event.id.as_str(), "type": event.kind.as_str(), "state": state.into_str(),
        "object": event.object, "session": event.session, "payment_intent": event.intent,
        "received": event.received.to_string(),
    })
}
