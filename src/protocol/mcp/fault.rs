//! All errors that are returned as JSON-RPC errors, with their code, data and HTTP status.
//!
//! Invariants: codes are JSON-RPC's own or those that 2026-07-28 defines; nothing new between -32000 and -32099, and
//! -32002 only to legacy peers. A tool's failure is not here: it is an `isError` result.

use serde_json::{Value, json};

use super::era::{Era, Version};

/// Why a message gets a JSON-RPC error.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Not UTF-8, not JSON, a key twice, a broken escape.
    #[error("Parse error: {0}")]
    Unparseable(String),
    /// JSON, but not a JSON-RPC request or notification that is served.
    #[error("Invalid request: {0}")]
    Envelope(&'static str),
    /// `Content-Type` is not JSON.
    #[error("Unsupported media type: send the body as application/json")]
    MediaType,
    /// `Accept` does not allow JSON.
    #[error("Not acceptable: answers are application/json; list it and text/event-stream in Accept")]
    NotAcceptable,
    /// A header is missing, unreadable, or differs from the body.
    #[error("Header mismatch: {0}")]
    Header(String),
    /// A modern request without the required `_meta`.
    #[error("Invalid params: {0}")]
    Meta(&'static str),
    /// A revision that is not served.
    #[error("Unsupported protocol version")]
    Version {
        /// The requested revision, unshortened: it is in the error's data.
        requested: String,
    },
    /// A method that is not served in this era.
    #[error("Method not found: {0}")]
    Method(String),
    /// `params` of the wrong shape, or a cursor for a list of one page; the text is ours alone.
    #[error("Invalid params: {0}")]
    Params(String),
    #[error("Unknown tool: {0}; tools/list names those that there are")]
    Tool(String),
    #[error("Resource not found: {}", clip(uri))]
    Resource {
        /// The requested resource, unshortened: it is the error's data.
        uri: String,
    },
    #[error("Internal error")]
    Internal,
}

impl Fault {
    /// Its kind, for the log: the text of a fault may be the caller's, which is never logged.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Unparseable(_) => "unparseable",
            Self::Envelope(_) => "invalid_request",
            Self::MediaType => "unsupported_media_type",
            Self::NotAcceptable => "not_acceptable",
            Self::Header(_) => "header_mismatch",
            Self::Meta(_) | Self::Params(_) => "invalid_params",
            Self::Version { .. } => "unsupported_version",
            Self::Method(_) => "unknown_method",
            Self::Tool(_) => "unknown_tool",
            Self::Resource { .. } => "unknown_resource",
            Self::Internal => "internal",
        }
    }

    /// The problem, if its text is ours alone.
    #[must_use]
    pub fn cause(&self) -> Option<String> {
        match self {
            Self::Envelope(why) | Self::Meta(why) => Some((*why).to_owned()),
            Self::Params(why) => Some(why.clone()),
            Self::Unparseable(_)
            | Self::MediaType
            | Self::NotAcceptable
            | Self::Header(_)
            | Self::Version { .. }
            | Self::Method(_)
            | Self::Tool(_)
            | Self::Resource { .. }
            | Self::Internal => None,
        }
    }

    /// The JSON-RPC code.
    #[must_use]
    pub const fn code(&self, era: Era) -> i32 {
        match self {
            Self::Unparseable(_) => -32700,
            Self::Envelope(_) | Self::MediaType | Self::NotAcceptable => -32600,
            Self::Method(_) => -32601,
            Self::Meta(_) | Self::Params(_) | Self::Tool(_) => -32602,
            // 2025-11-25 "Resources, error handling" used -32002, which 2026-07-28 forbids.
            Self::Resource { .. } => match era {
                Era::Legacy => -32002,
                Era::Modern => -32602,
            },
            Self::Internal => -32603,
            Self::Header(_) => -32020,
            Self::Version { .. } => -32022,
        }
    }

    /// The HTTP status. 2026-07-28 prescribes 400 and 404 for errors in the message itself; errors in the requested
    /// action are JSON-RPC errors with status 200. To a legacy client 404 would mean that its session is gone, so an
    /// unknown method is 200 there.
    #[must_use]
    pub const fn status(&self, era: Era) -> u16 {
        match self {
            Self::Unparseable(_)
            | Self::Envelope(_)
            | Self::Header(_)
            | Self::Meta(_)
            | Self::Version { .. } => 400,
            Self::MediaType => 415,
            Self::NotAcceptable => 406,
            Self::Method(_) => match era {
                Era::Legacy => 200,
                Era::Modern => 404,
            },
            Self::Params(_) | Self::Tool(_) | Self::Resource { .. } => 200,
            Self::Internal => 500,
        }
    }

    /// The error's `data`, where one is defined.
    #[must_use]
    pub fn data(&self) -> Option<Value> {
        match self {
            Self::Version { requested } => {
                Some(json!({ "supported": Version::names(), "requested": requested }))
            }
            Self::Resource { uri } => Some(json!({ "uri": uri })),
            Self::Unparseable(_)
            | Self::Envelope(_)
            | Self::MediaType
            | Self::NotAcceptable
            | Self::Header(_)
            | Self::Meta(_)
            | Self::Method(_)
            | Self::Params(_)
            | Self::Tool(_)
            | Self::Internal => None,
        }
    }
}

/// A peer's text, shortened so that an error stays one short sentence.
#[must_use]
pub(crate) fn clip(text: &str) -> String {
    const LONGEST: usize = 100;
    match text.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}
