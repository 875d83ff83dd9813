//! Addresses of the admin listener: for reading and for actions.
//!
//! Invariant: an address answers HEAD like GET, and any unsupported method with the supported ones.

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, HeaderValue};
use actix_web::{FromRequest, Handler, HttpResponse, Resource, Responder, ResponseError as _, web};

use super::problem::Problem;

/// An address for reading.
pub(super) fn read<F, A>(path: &str, handler: F) -> Resource
where
    F: Handler<A>,
    A: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .route(web::get().to(handler.clone()))
        .route(web::head().to(handler))
        .default_service(web::to(|| async { not_allowed("GET, HEAD") }))
}

/// An address for an action.
pub(super) fn act<F, A>(path: &str, handler: F) -> Resource
where
    F: Handler<A>,
    A: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path)
        .route(web::post().to(handler))
        .default_service(web::to(|| async { not_allowed("POST") }))
}

fn not_allowed(taken: &'static str) -> HttpResponse {
    let problem = Problem::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        format!("this address takes another method: {taken}"),
    );
    let mut answer = problem.error_response();
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(taken));
    answer
}
