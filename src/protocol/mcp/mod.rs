//! The Model Context Protocol on one `POST /mcp`, both eras, as a pure function.
//!
//! Must not import: an HTTP framework. `http/public/mcp` is the thin adapter; `actors` run the session calls.
//!
//! [`accept`] reads a request and either returns its reply at once or names the call to run; [`finish`] renders the
//! outcome of that call. Between the two the adapter takes from the rate limits, since the tool is known by then.
//!
//! - [`message`]: the envelope; strict JSON. [`headers`]: the headers from the adapter, and the header rules.
//! - [`era`]: modern or legacy, and which revision. [`caller`]: the data in a request about its sender.
//! - [`fault`]: every protocol error with its code and status. [`response`]: bytes on the wire.
//! - [`discovery`]: `server/discover`, `initialize`. [`resources`]: the widget's addresses.
//! - [`tools`]: one file per tool.
//!
//! Invariants: a request's id is echoed unchanged on every reply to it; an error in an argument is an `isError`
//! result and a malformed envelope a JSON-RPC error; no reply depends on an earlier request.

mod accept;
pub mod caller;
pub mod discovery;
pub mod era;
pub mod fault;
pub mod headers;
pub mod message;
mod method;
mod negotiation;
pub mod resources;
pub mod response;
mod result_meta;
pub mod tools;

pub use accept::{Accepted, ReplyContext, accept, finish};
pub use caller::Caller;
pub use discovery::{categories, instructions};
pub use era::{Era, Version};
pub use headers::{HeaderValue, Headers, Parts};
pub use response::{
    Ended, Response, Why, forbidden_origin, method_not_allowed, payload_too_large, rate_limited,
};
pub use tools::{
    ArgumentError, CallOutcome, ReadCall, SessionCall, Target, ToolCall, ToolName, WalletCall, WalletOutcome,
    answer_from_view,
};
