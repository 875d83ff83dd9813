//! Access to the host's servers.
//!
//! Must not import what they serve. Invariants: a request under another name than 127.0.0.1 or localhost is refused,
//! so that no web site reaches them with a name of its own (DNS rebinding); a request that may change something comes
//! from the host's own page, or from a program, which sends no `Origin`.

use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{HOST, ORIGIN};
use actix_web::middleware::{DefaultHeaders, Next};
use actix_web::{Error, ResponseError as _, web};

use super::host_error::HostError;

/// The port that a server answers on.
#[derive(Clone, Copy, Debug)]
pub(super) struct OwnPort(pub(super) u16);

impl OwnPort {
    /// The origins that the server accepts.
    pub(super) fn origins(self) -> [String; 2] {
        ["127.0.0.1", "localhost"].map(|host| format!("http://{host}:{}", self.0))
    }
}

/// Admits a request, or refuses it.
pub(super) async fn own_page_only(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<EitherBody<impl MessageBody>>, Error> {
    match check(&request) {
        Ok(()) => Ok(next.call(request).await?.map_into_left_body()),
        Err(host_error) => Ok(request.into_response(host_error.error_response()).map_into_right_body()),
    }
}

fn check(request: &ServiceRequest) -> Result<(), HostError> {
    let port = request.app_data::<web::Data<OwnPort>>().ok_or(HostError::ForeignHost)?;
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let host = header(HOST).unwrap_or_default();
    let own = format!("http://{}", host.to_ascii_lowercase());
    if !port.origins().contains(&own) {
        return Err(HostError::ForeignHost);
    }
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD);
    if changes && request.headers().contains_key(ORIGIN) && header(ORIGIN) != Some(own.as_str()) {
        return Err(HostError::ForeignOrigin);
    }
    Ok(())
}

/// Headers of every response.
pub(super) fn standing_headers() -> DefaultHeaders {
    DefaultHeaders::new()
        .add(("X-Content-Type-Options", "nosniff"))
        .add(("Referrer-Policy", "no-referrer"))
        .add(("Cache-Control", "no-store"))
}
