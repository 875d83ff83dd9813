//! Cross-origin responses (Fetch, "HTTP extensions"): a page in a browser may read the replies if its origin may
//! call.
//!
//! Invariants: an origin that may not call gets no header that allows its page to read; no reply asks a browser for
//! cookies.

use actix_web::HttpResponse;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderMap, HeaderName, HeaderValue, VARY,
};

/// The headers that MCP clients send, for a preflight that names none.
const SENT: &str = "content-type, accept, authorization, mcp-protocol-version, mcp-method, mcp-name, mcp-session-id, \
                    last-event-id";

/// The response headers that a client needs, besides those that every page may read.
const READ: &str = "retry-after, allow, mcp-session-id, mcp-protocol-version, www-authenticate";

/// The request headers that the replies of `/mcp` depend on.
const DEPENDS_ON: &str = "origin, access-control-request-headers";

/// How long a browser may cache a preflight's result, in seconds.
const KEPT: &str = "7200";

/// Allows a page of this origin, which may call, to read a reply.
pub(super) fn readable(answer: &mut HttpResponse, origin: Option<&HeaderValue>) {
    let Some(origin) = origin else { return };
    let headers = answer.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    insert_header(headers, ACCESS_CONTROL_EXPOSE_HEADERS, READ);
    insert_header(headers, VARY, DEPENDS_ON);
}

/// The reply to a preflight of an origin that may call. `wanted` are the headers that its page wants to send.
pub(super) fn preflight(origin: &HeaderValue, wanted: Option<&HeaderValue>) -> HttpResponse {
    let mut answer = HttpResponse::NoContent().finish();
    readable(&mut answer, Some(origin));
    let headers = answer.headers_mut();
    headers.remove(ACCESS_CONTROL_EXPOSE_HEADERS);
    insert_header(headers, ACCESS_CONTROL_ALLOW_METHODS, "POST");
    insert_header(headers, ACCESS_CONTROL_MAX_AGE, KEPT);
    // Request headers have no effect on access here: unknown ones are ignored.
    match wanted.filter(|wanted| is_list(wanted)) {
        Some(wanted) => headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone()),
        None => headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(SENT)),
    };
    answer
}

fn insert_header(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}

/// Whether a value is a list of header names, of a reasonable length.
fn is_list(value: &HeaderValue) -> bool {
    let named = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_, ".contains(byte);
    (1..=1000).contains(&value.len()) && value.as_bytes().iter().all(named)
}
