//! Stripe's side of the HTTP server: requests in, answers out.
//!
//! Must not import Stripe's behaviour, only its answers. Invariant: each request is answered in a task of its own, so
//! that a client that goes away stops nothing.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use actix_web::rt;
use actix_web::{App, HttpRequest, HttpResponse, HttpResponseBuilder, HttpServer, web};
use base64::Engine as _;

use super::api::serve::{HttpAnswer, IncomingRequest};
use super::api::wire;
use super::checkout_page;
use super::control;
use super::params::form;
use super::records::ExchangeHeaders;
use super::service::StripeService;
use super::webhook_sender;

/// The server of a listener, which runs on a thread of its own.
pub(crate) fn serve(
    listener: TcpListener,
    service: Arc<StripeService>,
) -> io::Result<actix_web::dev::Server> {
    rt::spawn(webhook_sender::run(Arc::clone(&service)));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(web::PayloadConfig::new(form::MAX_BODY))
            .app_data(web::Data::from(Arc::clone(&service)))
            .service(control::scope())
            .service(checkout_page::scope())
            .default_service(web::to(answer))
    })
    .workers(1)
    .on_connect(wire::remember)
    .disable_signals()
    .shutdown_timeout(1)
    .listen(listener)?;
    Ok(server.run())
}

async fn answer(
    request: HttpRequest,
    body: Result<web::Bytes, actix_web::Error>,
    service: web::Data<StripeService>,
) -> HttpResponse {
    let incoming = incoming(&request, body.ok().map(|bytes| bytes.to_vec()));
    let task = rt::spawn(async move { service.serve(incoming).await });
    match task.await {
        Ok(sent) => wire::deliver(sent.answer.map(respond), sent.transmission, &request),
        Err(_) => HttpResponse::InternalServerError().finish(),
    }
}

fn incoming(request: &HttpRequest, body: Option<Vec<u8>>) -> IncomingRequest {
    let headers = request.headers();
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    IncomingRequest {
        method: request.method().as_str().to_owned(),
        path: request.path().to_owned(),
        query: request.query_string().to_owned(),
        body,
        key: key(headers),
        headers: ExchangeHeaders {
            stripe_version: text("stripe-version"),
            idempotency_key: text("idempotency-key"),
            authorization: None,
            stripe_account: text("stripe-account"),
            content_type: text(CONTENT_TYPE.as_str()),
        },
    }
}

/// The key of `Authorization: Bearer …`, or the user of `Authorization: Basic …`.
fn key(headers: &HeaderMap) -> Option<String> {
    let header = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, credentials) = header.split_once(' ')?;
    let credentials = credentials.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(credentials.to_owned()).filter(|key| !key.is_empty());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = base64::engine::general_purpose::STANDARD.decode(credentials).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let user = text.split_once(':').map_or(text.as_str(), |(user, _)| user);
    Some(user.to_owned()).filter(|key| !key.is_empty())
}

/// The head and the body of an answer.
fn respond(answer: HttpAnswer) -> (HttpResponseBuilder, String) {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    response.insert_header(("Request-Id", answer.request_id));
    if let Some(version) = answer.version {
        response.insert_header(("Stripe-Version", version));
    }
    if let Some(key) = answer.idempotency_key {
        response.insert_header(("Idempotency-Key", key));
    }
    if let Some(original) = answer.repeats {
        response.insert_header(("Idempotent-Replayed", "true"));
        response.insert_header(("Original-Request", original));
    }
    if let Some(should_retry) = answer.advice.should_retry {
        response.insert_header(("Stripe-Should-Retry", should_retry.to_string()));
    }
    if let Some(seconds) = answer.advice.retry_after {
        response.insert_header(("Retry-After", seconds.to_string()));
    }
    response.content_type(mime::APPLICATION_JSON);
    (response.take(), answer.body.to_string())
}
