//! The merchant of a request, and whether its sender may call.

use std::net::IpAddr;

use actix_web::http::header::{HOST, HeaderName, HeaderValue, ORIGIN};
use actix_web::{HttpRequest, HttpResponse};
use url::Url;

use super::Public;
use crate::actors::MerchantHandle;
use crate::domain::ids::Mode;
use crate::limiter::{Source, TooMany};

/// A request with its merchant.
pub(super) struct TenantRequest {
    pub(super) merchant: MerchantHandle,
    /// The network that it comes from.
    pub(super) network: Option<IpAddr>,
    /// The authority that the request named, port included, lower-case.
    authority: String,
    /// Whether that is one of the gateway's own hosts.
    based: bool,
    /// The origin of the sending page, which is allowed; `None` if no browser names one.
    pub(super) origin: Option<HeaderValue>,
}

/// Why a request is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RequestRejected {
    /// No such host or tenant.
    Unknown,
    /// The `Origin` is not one of the merchant's.
    Origin,
}

/// The uniform 404, which does not reveal what exists.
pub(super) fn not_found() -> HttpResponse {
    HttpResponse::NotFound().content_type("text/plain; charset=utf-8").body("Not found\n")
}

/// The reply to a request above the shop's limits.
pub(super) fn too_many(too_many: TooMany) -> HttpResponse {
    HttpResponse::TooManyRequests()
        .insert_header(("retry-after", too_many.retry_after.as_secs().max(1)))
        .content_type("text/plain; charset=utf-8")
        .body("Too many requests at once. Please try again in a moment.\n")
}

impl TenantRequest {
    /// Its source; no host has named a shopper.
    pub(super) const fn source(&self) -> Source {
        Source { network: self.network, subject: None }
    }

    /// Finds the merchant by host or prefix, then checks the origin.
    pub(super) fn of(request: &HttpRequest, public: &Public) -> Result<Self, RequestRejected> {
        let authority = authority(request).ok_or(RequestRejected::Unknown)?;
        let host = host_of(&authority);
        let based = public.settings.base_hosts.iter().any(|base| base == host);
        let merchant = match request.match_info().get("tenant") {
            Some(tenant) if based => {
                let id = tenant.parse().map_err(|_| RequestRejected::Unknown)?;
                let merchant = public.directory.by_id(&id);
                merchant.filter(|merchant| merchant.tenant().mode == Mode::Test)
            }
            Some(_) => None,
            None => public.directory.by_host(host),
        };
        let network = public.proxies.network_of(request);
        let origin = request.headers().get(ORIGIN).cloned();
        let tenant_request =
            Self { merchant: merchant.ok_or(RequestRejected::Unknown)?, network, authority, based, origin };
        let allowed = &public.settings.allowed_origins;
        if tenant_request.allows_origin(request, allowed) {
            Ok(tenant_request)
        } else {
            Err(RequestRejected::Origin)
        }
    }

    /// The same for a form of one of the merchant's own pages: no other origin may send it, whichever may call
    /// otherwise.
    pub(super) fn with_form(request: &HttpRequest, public: &Public) -> Result<Self, RequestRejected> {
        let tenant_request = Self::of(request, public)?;
        // Browsers name the origin of every form; a client that is not a browser has obtained the key otherwise.
        let site = request.headers().get("sec-fetch-site").map(HeaderValue::as_bytes);
        let own = tenant_request.allows_origin(request, &[]) && matches!(site, None | Some(b"same-origin"));
        if own { Ok(tenant_request) } else { Err(RequestRejected::Origin) }
    }

    /// Whether a present `Origin` is the merchant's own, a base host's on a base host, or among these.
    fn allows_origin(&self, request: &HttpRequest, allowed: &[String]) -> bool {
        let mut origins = request.headers().get_all(ORIGIN);
        let (origin, further) = (origins.next(), origins.next());
        let Some(origin) = origin else { return true };
        let Ok(origin) = origin.to_str() else { return false };
        let origin = origin.to_ascii_lowercase();
        let own = if self.based {
            origin == format!("http://{}", self.authority) || origin == format!("https://{}", self.authority)
        } else {
            Url::parse(&self.merchant.link_base())
                .is_ok_and(|base| base.origin().ascii_serialization() == origin)
        };
        further.is_none() && (own || allowed.contains(&origin))
    }
}

/// The one authority that a request names; `None` if it names none, several, or contradictory ones.
fn authority(request: &HttpRequest) -> Option<String> {
    let header = single(request, HOST)?.to_ascii_lowercase();
    match request.uri().authority() {
        Some(target) if target.as_str().to_ascii_lowercase() != header => None,
        Some(_) | None => Some(header),
    }
}

fn single(request: &HttpRequest, name: HeaderName) -> Option<&str> {
    let mut values = request.headers().get_all(name);
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() { None } else { Some(value) }
}

/// A host without its port and without one trailing dot.
fn host_of(authority: &str) -> &str {
    let bracketed = authority.starts_with('[');
    let host = match (bracketed, authority.rsplit_once(':')) {
        (true, _) => authority.split_inclusive(']').next().unwrap_or(authority),
        (false, Some((host, port))) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        (false, _) => authority,
    };
    host.strip_suffix('.').unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_taken_without_port_and_trailing_dot() {
        for (authority, host) in [
            ("coffee.localhost", "coffee.localhost"),
            ("coffee.localhost:8080", "coffee.localhost"),
            ("coffee.localhost.:8080", "coffee.localhost"),
            ("coffee.localhost..", "coffee.localhost."),
            ("127.0.0.1:1", "127.0.0.1"),
            ("[::1]:8080", "[::1]"),
            ("[::1]", "[::1]"),
            ("evil@coffee.localhost", "evil@coffee.localhost"),
        ] {
            assert_eq!(host_of(authority), host, "{authority}");
        }
    }
}
