//! The request's headers from the HTTP adapter, and the rules for them.
//!
//! Invariant: a header that is repeated or is not ASCII never counts as absent.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mime::Mime;

use super::fault::{Fault, clip};
use crate::domain::time::Timestamp;

/// `MCP-Protocol-Version`.
pub const VERSION: &str = "mcp-protocol-version";
/// `Mcp-Method`.
pub const METHOD: &str = "mcp-method";
/// `Mcp-Name`.
pub const NAME: &str = "mcp-name";

/// `User-Agent`.
pub const USER_AGENT: &str = "user-agent";

/// One header as the adapter found it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderValue<'a> {
    /// Not sent.
    Absent,
    /// Sent once, in visible ASCII, spaces and tabs.
    Text(&'a str),
    /// Sent more than once, or with other bytes.
    Unusable,
}

/// A request's headers. Names are given in lower case and match in any case.
pub trait Headers {
    /// The header of this name.
    fn get(&self, name: &'static str) -> HeaderValue<'_>;

    /// A header that is a list and may come on several lines, which mean the same as one line joined by commas (RFC
    /// 9110, 5.3). A line that is not text counts as an empty one. `None`: not sent.
    fn list(&self, name: &'static str) -> Option<Cow<'_, str>>;
}

/// A request. The adapter has already checked its method, POST, and its host and origin.
#[derive(Clone, Copy)]
pub struct Parts<'a> {
    /// Header values as they were received.
    pub headers: &'a dyn Headers,
    /// When it was received: decides whether a quote in the reply is still valid.
    pub received: Timestamp,
}

/// Checks the body's type and the accepted types of the reply.
pub fn check_media(headers: &dyn Headers) -> Result<(), Fault> {
    let json = match headers.get("content-type") {
        HeaderValue::Text(text) => text
            .trim()
            .parse::<Mime>()
            .is_ok_and(|sent| sent.essence_str() == mime::APPLICATION_JSON.essence_str()),
        HeaderValue::Absent | HeaderValue::Unusable => false,
    };
    if !json {
        return Err(Fault::MediaType);
    }
    match headers.list("accept") {
        Some(list) if !accepts_json(&list) => Err(Fault::NotAcceptable),
        Some(_) | None => Ok(()),
    }
}

/// Whether an `Accept` list allows `application/json`: the most specific range that matches decides, by its q-value
/// (RFC 9110, 12.5.1). Clients must list `text/event-stream` too; since we never stream, it may be missing.
fn accepts_json(list: &str) -> bool {
    let mut best: Option<(u8, bool)> = None;
    for range in list.split(',') {
        let Ok(range) = range.trim().parse::<Mime>() else { continue };
        let rank = match (range.type_().as_str(), range.subtype().as_str()) {
            ("application", "json") => 2,
            ("application", "*") => 1,
            ("*", "*") => 0,
            _ => continue,
        };
        let weight = range.get_param("q").map_or(Ok(1.0), |q| q.as_str().trim().parse::<f32>());
        let wanted = weight.is_ok_and(|weight| weight > 0.0);
        if best.is_none_or(|(known, _)| rank >= known) {
            best = Some((rank, wanted));
        }
    }
    best.is_some_and(|(_, wanted)| wanted)
}

/// A header that a modern request must have, without optional white space around it (RFC 9110, 5.5).
pub fn required<'a>(headers: &'a dyn Headers, name: &'static str, shown: &str) -> Result<&'a str, Fault> {
    match headers.get(name) {
        HeaderValue::Text(text) => Ok(trim(text)),
        HeaderValue::Absent => Err(Fault::Header(format!("{shown} is missing"))),
        HeaderValue::Unusable => Err(Fault::Header(format!("{shown} must be sent once, in visible ASCII"))),
    }
}

/// Text without spaces and tabs at its ends.
#[must_use]
pub fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// Checks `Mcp-Method` against the body (2026-07-28 "Server Validation"): values are case-sensitive.
pub fn check_method(headers: &dyn Headers, method: &str) -> Result<(), Fault> {
    let sent = required(headers, METHOD, "Mcp-Method")?;
    if sent == method { Ok(()) } else { Err(differs("Mcp-Method", sent, method)) }
}

/// Checks `Mcp-Name` against `params.name` or `params.uri`, decoding `=?base64?…?=` first.
pub fn check_name(headers: &dyn Headers, name: &str) -> Result<(), Fault> {
    let sent = required(headers, NAME, "Mcp-Name")?;
    let Some(decoded) = decode(sent) else {
        return Err(Fault::Header("Mcp-Name is not valid =?base64?…?= of UTF-8".to_owned()));
    };
    if decoded == name { Ok(()) } else { Err(differs("Mcp-Name", &decoded, name)) }
}

/// A value in plain form, or in the base64 form that 2026-07-28 "Value Encoding" prescribes. `None`: badly encoded.
fn decode(value: &str) -> Option<Cow<'_, str>> {
    match value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?=")) {
        None => Some(Cow::Borrowed(value)),
        Some(encoded) => String::from_utf8(STANDARD.decode(encoded).ok()?).ok().map(Cow::Owned),
    }
}

/// The mismatch of a header with the body.
pub(super) fn differs(name: &str, header: &str, body: &str) -> Fault {
    Fault::Header(format!(
        "{name} header value '{}' does not match body value '{}'",
        clip(header),
        clip(body)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_is_read_with_wildcards_weights_and_any_case() {
        for good in [
            "application/json, text/event-stream",
            "Application/JSON;q=0.1",
            "*/*",
            "text/html, application/*;q=0.5",
            "text/event-stream;q=1, */*;q=0.1",
            "*/*;q=0, application/json",
        ] {
            assert!(accepts_json(good), "{good}");
        }
        for bad in ["text/event-stream", "application/json;q=0, */*", "application/jsonp", "", "*/*;q=0"] {
            assert!(!accepts_json(bad), "{bad}");
        }
    }

    #[test]
    fn an_encoded_value_is_decoded_and_a_broken_one_refused() {
        assert_eq!(decode("us-west1").as_deref(), Some("us-west1"));
        assert_eq!(decode("=?base64?SGVsbG8sIOS4lueVjA==?=").as_deref(), Some("Hello, 世界"));
        assert_eq!(decode("=?BASE64?SGVsbG8=?=").as_deref(), Some("=?BASE64?SGVsbG8=?="));
        assert_eq!(decode("=?base64?***?="), None);
        assert_eq!(decode("=?base64?/w==?="), None);
    }
}
