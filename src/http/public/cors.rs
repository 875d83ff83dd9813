//! Cross-origin answers (Fetch, "HTTP extensions"): a browser's page of an origin that may call may also read.
//!
//! Invariants: an origin that may not call is told nothing that lets its page read; no answer asks a browser for cookies.

use actix_web::HttpResponse;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderMap, HeaderName, HeaderValue, VARY,
};

/// The headers that clients of MCP send, where a preflight names none.
const SENT: &str = "content-type, accept, authorization, mcp-protocol-version, mcp-method, mcp-name, mcp-session-id, \
                    last-event-id";

/// The headers of answers that a client needs, beside those that every page may read.
const READ: &str = "retry-after, allow, mcp-session-id, mcp-protocol-version, www-authenticate";

/// What the answers of `/mcp` depend on.
const DEPENDS_ON: &str = "origin, access-control-request-headers";

/// How long a browser may keep what a preflight told, in seconds.
const KEPT: &str = "7200";

/// Lets a page of this origin, which may call, read an answer.
pub(super) fn readable(answer: &mut HttpResponse, origin: Option<&HeaderValue>) {
    let Some(origin) = origin else { return };
    let headers = answer.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    tell(headers, ACCESS_CONTROL_EXPOSE_HEADERS, READ);
    tell(headers, VARY, DEPENDS_ON);
}

/// The answer to a preflight of an origin that may call. `wanted` are the headers that its page wants to send.
pub(super) fn preflight(origin: &HeaderValue, wanted: Option<&HeaderValue>) -> HttpResponse {
    let mut answer = HttpResponse::NoContent().finish();
    readable(&mut answer, Some(origin));
    let headers = answer.headers_mut();
    headers.remove(ACCESS_CONTROL_EXPOSE_HEADERS);
    tell(headers, ACCESS_CONTROL_ALLOW_METHODS, "POST");
    tell(headers, ACCESS_CONTROL_MAX_AGE, KEPT);
    // Which headers come along decides nothing here: those that are not known are passed over.
    match wanted.filter(|wanted| is_list(wanted)) {
        Some(wanted) => headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone()),
        None => headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(SENT)),
    };
    answer
}

fn tell(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}

/// Whether a value is a list of names of headers, and of no absurd length.
fn is_list(value: &HeaderValue) -> bool {
    let named = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_, ".contains(byte);
    (1..=1000).contains(&value.len()) && value.as_bytes().iter().all(named)
}
