//! Responses: JSON-RPC results and errors with the id inserted, and responses that need no message.
//!
//! Invariants: one JSON object per answer, never a stream (2026-07-28 lets the server choose); every modern result
//! names its `resultType` and the server; no legacy result does.

use serde_json::json;
use serde_json::value::RawValue;
use strum::IntoStaticStr;

use super::caller::Caller;
use super::era::Era;
use super::fault::Fault;

/// An HTTP response, which the adapter sends as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Headers; no length and no date.
    pub headers: Vec<(&'static str, String)>,
    /// Body; empty for 202.
    pub body: Vec<u8>,
    /// The outcome, for the log.
    pub ended: Ended,
    /// Why the request was rejected, for the log, if that was found before any call.
    pub why: Option<Why>,
}

/// Why a message or a call was rejected before any call; it contains no part of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    pub code: &'static str,
    pub cause: Option<String>,
}

/// The outcome of a request, whatever its HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Ended {
    /// It was done.
    #[strum(serialize = "ok")]
    Well,
    /// A tool returned `isError`.
    ToolError,
    /// The message was rejected, before any tool.
    Refused,
}

impl Response {
    fn json(status: u16, body: Vec<u8>) -> Self {
        let headers =
            vec![("content-type", "application/json".to_owned()), ("cache-control", "no-store".to_owned())];
        let ended = if status < 400 { Ended::Well } else { Ended::Refused };
        Self { status, headers, body, ended, why: None }
    }

    /// A result: the id between two halves that are already rendered.
    pub(super) fn result(id: &RawValue, parts: &[&str]) -> Self {
        const HEAD: &str = r#"{"jsonrpc":"2.0","id":"#;
        const MIDDLE: &str = r#","result":"#;
        let length = parts.iter().map(|part| part.len()).sum::<usize>();
        let mut body = Vec::with_capacity(HEAD.len() + id.get().len() + MIDDLE.len() + length + 1);
        body.extend_from_slice(HEAD.as_bytes());
        body.extend_from_slice(id.get().as_bytes());
        body.extend_from_slice(MIDDLE.as_bytes());
        for part in parts {
            body.extend_from_slice(part.as_bytes());
        }
        body.push(b'}');
        Self::json(200, body)
    }

    /// A JSON-RPC error. It has no id if none was readable: MCP has no null id.
    pub(super) fn error(era: Era, id: Option<&RawValue>, fault: &Fault) -> Self {
        let mut error = json!({ "code": fault.code(era), "message": fault.to_string() });
        if let (Some(data), Some(object)) = (fault.data(), error.as_object_mut()) {
            object.insert("data".to_owned(), data);
        }
        let why = Some(Why { code: fault.kind(), cause: fault.cause() });
        Self { ended: Ended::Refused, why, ..Self::json(fault.status(era), error_body(id, &error)) }
    }

    /// 202 to an accepted notification, without a body.
    pub(super) const fn accepted() -> Self {
        Self { status: 202, headers: Vec::new(), body: Vec::new(), ended: Ended::Well, why: None }
    }

    fn plain_error(status: u16, id: Option<&RawValue>, message: &str) -> Self {
        Self::json(status, error_body(id, &json!({ "code": status, "message": message })))
    }
}

fn error_body(id: Option<&RawValue>, error: &serde_json::Value) -> Vec<u8> {
    let id = id.map_or_else(String::new, |id| format!(r#""id":{},"#, id.get()));
    format!(r#"{{"jsonrpc":"2.0",{id}"error":{error}}}"#).into_bytes()
}

/// 405 to GET and DELETE: there are no streams and no sessions to open or end.
#[must_use]
pub fn method_not_allowed() -> Response {
    let mut response = Response::plain_error(405, None, "Send JSON-RPC messages with POST");
    response.headers.push(("allow", "POST".to_owned()));
    response
}

/// 403 to an `Origin` that is neither the merchant's own nor an allowed host's.
#[must_use]
pub fn forbidden_origin() -> Response {
    Response::plain_error(403, None, "This origin may not call this shop")
}

/// 413 to a body above the adapter's limit.
#[must_use]
pub fn payload_too_large() -> Response {
    Response::plain_error(413, None, "The message is too large")
}

/// 429 with `Retry-After` in seconds. The error's code is the HTTP status, outside JSON-RPC's reserved range, as
/// 2026-07-28 requires of custom codes.
#[must_use]
pub fn rate_limited(caller: &Caller, retry_after_seconds: u32) -> Response {
    let seconds = retry_after_seconds.max(1);
    let message = format!("Too many requests. Try again in {seconds} s; what was begun before goes on");
    let mut response = Response::plain_error(429, caller.id(), &message);
    response.headers.push(("retry-after", seconds.to_string()));
    response
}
