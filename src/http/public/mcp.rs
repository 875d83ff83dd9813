//! The thin adapter between actix-web and `protocol/mcp`: reads the body, takes from the limits, runs the call.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::StreamExt;

use super::Public;
use super::visit::{Stranger, Visit, not_found};
use crate::actors::MerchantHandle;
use crate::protocol::mcp::{
    Accepted, HeaderValue, Headers, Outcome, Parts, Response, SessionCall, Target, ToolCall, ToolName, accept,
    answer_from_view, finish, forbidden_origin, method_not_allowed, payload_too_large, rate_limited,
};
use crate::runtime::Budget;

/// How long a body may take to arrive.
const BODY_DEADLINE: Duration = Duration::from_secs(10);

/// `POST /mcp`.
pub(super) async fn post(request: HttpRequest, payload: web::Payload, public: web::Data<Public>) -> HttpResponse {
    let visit = match Visit::of(&request, &public) {
        Ok(visit) => visit,
        Err(Stranger::Unknown) => return not_found(),
        Err(Stranger::Origin) => return send(forbidden_origin()),
    };
    let body = match read(payload, public.settings.max_body).await {
        Ok(body) => body,
        Err(Unread::TooLarge) => return send(payload_too_large()),
        Err(Unread::Lost) => return HttpResponse::RequestTimeout().finish(),
    };
    let headers = ReceivedHeaders(&request);
    let parts = Parts { headers: &headers, received: public.clock.now() };
    send(answer(&visit.merchant, &parts, &body).await)
}

/// Any other method: there is nothing to open or to end.
pub(super) async fn not_allowed(request: HttpRequest, public: web::Data<Public>) -> HttpResponse {
    match Visit::of(&request, &public) {
        Ok(_) => send(method_not_allowed()),
        Err(Stranger::Unknown) => not_found(),
        Err(Stranger::Origin) => send(forbidden_origin()),
    }
}
