//! `/admin/v1/deliveries`: order events for merchants, their deliveries, and sending them again.
//!
//! Neither the text of an event nor the receiver's address is shown: the text names a buyer, and the address may
//! contain a key.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};

use super::body::read_nothing;
use super::operator::Operator;
use super::problem::Problem;
use super::reply::{cut, page_limit, reply};
use super::routes;
use crate::domain::ids::OrderEventId;
use crate::domain::time::Timestamp;
use crate::store::{DeliveriesQuery, Delivery};

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(routes::read("/deliveries", list))
        .service(routes::read("/deliveries/{id}", show))
        .service(routes::act("/deliveries/{id}/retry", retry));
}

/// The filters of a list.
#[derive(Deserialize)]
struct ListDeliveriesQuery {
    state: Option<String>,
    order: Option<String>,
    after: Option<String>,
    limit: Option<u32>,
}

impl ListDeliveriesQuery {
    fn which(self) -> Result<DeliveriesQuery, Problem> {
        let state = self
            .state
            .map(|text| text.parse().map_err(|_| Problem::invalid("state is pending, delivered or parked")));
        let order = self.order.map(|text| {
            text.parse().map_err(|_| Problem::invalid("order is the id of an order, ord_ and 32 digits"))
        });
        let after = self.after.map(|text| {
            text.parse().map_err(|_| Problem::invalid("after is the `next` of the page before, oev_…"))
        });
        Ok(DeliveriesQuery {
            state: state.transpose()?,
            order: order.transpose()?,
            after: after.transpose()?,
            limit: page_limit(self.limit)?,
        })
    }
}

/// A merchant's order events, newest first. `next` is the `after` of the next page, `null` on the last.
async fn list(operator: Operator, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let merchant = operator.merchant(&request, &["state", "order", "after", "limit"])?;
    let asked = web::Query::<ListDeliveriesQuery>::from_query(request.query_string())
        .map_err(|_| Problem::invalid("limit is a number; state, order and after are words"))?;
    let mut which = asked.into_inner().which()?;
    let limit = which.limit;
    which.limit += 1;
    let mut found = merchant.records().deliveries(which).await?;
    let next = cut(&mut found, limit).map(|last| last.id.clone());
    let deliveries: Vec<Value> = found.iter().map(to_json).collect();
    Ok(reply(&json!({ "deliveries": deliveries, "next": next })))
}

/// One order event.
async fn show(
    operator: Operator,
    path: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let merchant = operator.merchant(&request, &[])?;
    let found = merchant.records().delivery(&event_id(&path)?).await?.ok_or_else(unknown)?;
    Ok(reply(&to_json(&found)))
}

/// Sends an order event again, whatever its state, as if it had never been sent. It keeps its `webhook-id`, so a
/// receiver that already has it can recognise it.
async fn retry(
    operator: Operator,
    path: web::Path<String>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let merchant = operator.merchant(&request, &[])?;
    read_nothing(&body)?;
    let found = merchant.retry_delivery(&event_id(&path)?).await?.ok_or_else(unknown)?;
    if found.payload.is_empty() {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "content_gone",
            "the content of this delivery is kept no longer ([retention] says how long it is, and erasing a buyer ends it at \
             once), so it cannot be sent again; GET /admin/v1/orders/{id} shows the order as it stands",
        ));
    }
    tracing::warn!(merchant = %merchant.tenant().merchant, event = %found.id, "order_event_retried_by_hand");
    Ok(reply(&to_json(&found)))
}

fn event_id(text: &str) -> Result<OrderEventId, Problem> {
    text.parse().map_err(|_| unknown())
}

fn unknown() -> Problem {
    Problem::not_found("this merchant has no such delivery")
}

fn to_json(delivery: &Delivery) -> Value {
    let moment = |at: Option<Timestamp>| at.map(|at| at.to_string());
    json!({
        "id": delivery.id, "type": delivery.kind.into_str(), "order": delivery.order,
        "sequence": delivery.sequence, "created": delivery.created.to_string(),
        "state": delivery.state.into_str(), "tries": delivery.tries,
        "next_try": moment(delivery.next_try), "first_try": moment(delivery.first_try),
        "last_try": moment(delivery.last_try), "last_status": delivery.last_status,
        "last_error": delivery.last_error,
    })
}
