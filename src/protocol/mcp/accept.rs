//! Turns a request into a reply or a call, and the outcome of a call into its reply.
//!
//! Invariant: every error in a message is found here, before any handle is called.

use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::caller::{Caller, Hints, client};
use super::era::{Era, Version, names_modern};
use super::fault::{Fault, clip};
use super::headers::{self, HeaderValue, Headers, Parts, USER_AGENT, VERSION};
use super::message::{self, Envelope, MessageKind, StrictError};
use super::method::Method;
use super::negotiation::{VersionNegotiation, legacy_version};
use super::response::{Ended, Response, Why};
use super::result_meta::{Cache, tail};
use super::tools::{self, CallOutcome, Sender, ToolCall, ToolName, ToolResult};
use super::{discovery, resources};
use crate::domain::merchant::MerchantView;
use crate::domain::origin::{Host, user_agent};
use crate::domain::time::Timestamp;
use crate::protocol::apps::widget;
use crate::protocol::capability::Capabilities;
use crate::protocol::rendering::Rendering;

/// The next action for a request.
#[derive(Debug)]
pub enum Accepted {
    /// Send this reply. The caller's data is for logs, counters and the limits.
    Reply(Response, Box<Caller>),
    /// Take from the limits, run this call, and pass its outcome to [`finish`].
    Call(Box<ToolCall>, Box<ReplyContext>),
}

/// The parts of the request that [`finish`] needs.
#[derive(Clone, Debug)]
pub struct ReplyContext {
    caller: Caller,
    tool: ToolName,
    id: Box<RawValue>,
    view: Arc<MerchantView>,
    received: Timestamp,
}

impl ReplyContext {
    /// The called tool.
    #[must_use]
    pub const fn tool(&self) -> ToolName {
        self.tool
    }

    /// The tool's name.
    #[must_use]
    pub const fn tool_name(&self) -> &'static str {
        self.tool.into_str()
    }

    /// The caller and its protocol version.
    #[must_use]
    pub const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Modern or legacy.
    #[must_use]
    pub const fn era(&self) -> Era {
        self.caller.era()
    }

    /// The shopper, anonymous and forgeable: for the per-shopper limit.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.caller.subject()
    }

    /// The view that the request was accepted with.
    #[must_use]
    pub const fn view(&self) -> &Arc<MerchantView> {
        &self.view
    }
}

/// Reads a request of `POST /mcp` and returns its reply, or the call that it asks for.
#[must_use]
pub fn accept(parts: &Parts<'_>, body: &[u8], view: &Arc<MerchantView>) -> Accepted {
    let mut caller = by_header(parts.headers);
    if let Err(fault) = headers::check_media(parts.headers) {
        let id = match message::read(body) {
            Ok(Envelope { kind: MessageKind::Request(id), .. }) => Some(id),
            Ok(_) => None,
            Err(unreadable) => unreadable.id,
        };
        caller.id = id.map(ToOwned::to_owned);
        return refuse(caller, &fault);
    }
    let envelope = match message::read(body) {
        Ok(envelope) => envelope,
        Err(unreadable) => {
            caller.id = unreadable.id.map(ToOwned::to_owned);
            return refuse(caller, &unreadable.fault);
        }
    };
    match envelope.kind {
        MessageKind::Request(id) => request(parts, &envelope, (id, caller), view),
        MessageKind::Notification => notification(parts.headers, &envelope, caller),
        MessageKind::Response => {
            caller.method = "response";
            match caller.era {
                // "The client MUST NOT send JSON-RPC responses" (2026-07-28); before, one was accepted with 202.
                Era::Modern => {
                    refuse(caller, &Fault::Envelope("this server asks nothing, so it takes no responses"))
                }
                Era::Legacy => Accepted::Reply(Response::accepted(), Box::new(caller)),
            }
        }
    }
}

/// Renders the outcome of a call.
#[must_use]
pub fn finish(context: ReplyContext, outcome: CallOutcome, capabilities: &Capabilities) -> Response {
    let ReplyContext { caller, tool, id, view, received } = context;
    let language = caller.language(&view);
    let result =
        tools::render(tool, outcome, Rendering { view: &view, capabilities, language, now: received });
    tool_response(caller.era, &id, result)
}

fn tool_response(era: Era, id: &RawValue, result: Option<ToolResult>) -> Response {
    match result {
        Some(result) => {
            let ended = if result.is_error() { Ended::ToolError } else { Ended::Well };
            let (head, meta) = result.into_json();
            Response { ended, ..Response::result(id, &[&head, &tail(era, Cache::No, &meta)]) }
        }
        None => Response::error(era, Some(id), &Fault::Internal),
    }
}

fn refuse(caller: Caller, fault: &Fault) -> Accepted {
    Accepted::Reply(Response::error(caller.era, caller.id(), fault), Box::new(caller))
}

/// The caller as far as the headers show it: for unreadable messages, and for notifications.
fn by_header(headers: &dyn Headers) -> Caller {
    let named = match headers.get(VERSION) {
        HeaderValue::Text(text) => Some(headers::trim(text)),
        HeaderValue::Absent | HeaderValue::Unusable => None,
    };
    let version = named.and_then(Version::find).unwrap_or(Version::UNNAMED);
    let era = if named.is_some_and(names_modern) { Era::Modern } else { version.era() };
    let user_agent = match headers.get(USER_AGENT) {
        HeaderValue::Text(text) => user_agent(text),
        HeaderValue::Absent | HeaderValue::Unusable => None,
    };
    let client = user_agent.as_deref().and_then(Host::of_user_agent);
    Caller { user_agent, client, ..Caller::unknown(era, version) }
}

/// Answers every `notifications/…` with 202: 2026-07-28 defines none over HTTP and no header rules for them, and the
/// legacy ones (`initialized`, `cancelled`) require no action of a server without sessions. Any other method without
/// an id would be a request whose reply could not be delivered.
fn notification(headers: &dyn Headers, envelope: &Envelope<'_>, mut caller: Caller) -> Accepted {
    if !envelope.method.starts_with("notifications/") {
        return refuse(caller, &Fault::Envelope("this method needs an id"));
    }
    caller.method = "notification";
    if caller.era == Era::Legacy
        && let Err(fault) = legacy_version(headers)
    {
        return refuse(caller, &fault);
    }
    Accepted::Reply(Response::accepted(), Box::new(caller))
}

fn request(
    parts: &Parts<'_>,
    envelope: &Envelope<'_>,
    (id, mut caller): (&RawValue, Caller),
    view: &Arc<MerchantView>,
) -> Accepted {
    caller.id = Some(id.to_owned());
    caller.method = "other";
    let params = match read_params(envelope, caller.era) {
        Ok(params) => params,
        Err(fault) => return refuse(caller, &fault),
    };
    caller.client = client(&params).or(caller.client);
    caller.hints = Hints::of(&params);
    let opening = VersionNegotiation { headers: parts.headers, method: &envelope.method, params: &params };
    match opening.version() {
        Ok(version) => {
            caller.version = version;
            caller.era = version.era();
        }
        Err(fault) => {
            if opening.is_modern() {
                caller.era = Era::Modern;
            }
            return refuse(caller, &fault);
        }
    }
    if caller.era == Era::Modern
        && let Err(fault) = opening.check_mirrors()
    {
        return refuse(caller, &fault);
    }
    let Some(method) = Method::find(&envelope.method, caller.era) else {
        return refuse(caller, &Fault::Method(clip(&envelope.method)));
    };
    caller.method = method.into_str();
    let asked = ParsedRequest { caller, id, view, received: parts.received };
    match method {
        Method::ToolsCall => call(asked, params),
        Method::Discover
        | Method::Initialize
        | Method::Ping
        | Method::ToolsList
        | Method::ResourcesList
        | Method::ResourcesRead
        | Method::TemplatesList => hot(method, asked, &params),
    }
}

fn read_params(envelope: &Envelope<'_>, era: Era) -> Result<Map<String, Value>, Fault> {
    let Some(raw) = envelope.params else { return Ok(Map::new()) };
    match message::parse(raw.get()) {
        Ok(Value::Object(params)) => Ok(params),
        Ok(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            Err(match era {
                Era::Modern => Fault::Meta("params must be an object with _meta"),
                Era::Legacy => Fault::Params("params must be an object".to_owned()),
            })
        }
        Err(StrictError::TooDeep) => Err(Fault::Envelope("params are nested deeper than 64 levels")),
        Err(StrictError::TooMany) => Err(Fault::Envelope("params hold more than 4096 values")),
        Err(StrictError::Syntax(why)) => Err(Fault::Unparseable(why)),
    }
}

/// A request with a valid message.
struct ParsedRequest<'a> {
    caller: Caller,
    id: &'a RawValue,
    view: &'a Arc<MerchantView>,
    received: Timestamp,
}

/// Replies that need no call.
fn hot(method: Method, asked: ParsedRequest<'_>, params: &Map<String, Value>) -> Accepted {
    let ParsedRequest { caller, id, view, .. } = asked;
    let era = caller.era;
    let one = |text: &str| Response::result(id, &[text]);
    let response = match method {
        Method::Discover => Ok(one(&discovery::discover(view))),
        Method::Initialize => {
            text(params, "protocolVersion").map(|asked| one(&discovery::initialize(asked, view)))
        }
        Method::Ping | Method::ToolsCall => Ok(one("{}")),
        Method::ToolsList => one_page(params).map(|()| one(tools::list(view.chatgpt.contract, era))),
        Method::ResourcesList => one_page(params).map(|()| one(&resources::list(era, view))),
        Method::TemplatesList => one_page(params).map(|()| one(&resources::templates(era))),
        Method::ResourcesRead => text(params, "uri").and_then(|uri| {
            let [head, end] = resources::read(era, uri, view)?;
            Ok(Response::result(id, &[&head, widget::escaped_html(), &end]))
        }),
    };
    match response {
        Ok(response) => Accepted::Reply(response, Box::new(caller)),
        Err(fault) => refuse(caller, &fault),
    }
}

/// Every list is one page, so no cursor was ever given out: any is invalid, the empty text too.
fn one_page(params: &Map<String, Value>) -> Result<(), Fault> {
    match params.get("cursor") {
        None | Some(Value::Null) => Ok(()),
        Some(_) => Err(Fault::Params("this cursor is not one of ours; the list is one page".to_owned())),
    }
}

fn text<'a>(params: &'a Map<String, Value>, key: &str) -> Result<&'a str, Fault> {
    let missing = || Fault::Params(format!("params.{key} must be a string"));
    params.get(key).and_then(Value::as_str).ok_or_else(missing)
}

fn call(asked: ParsedRequest<'_>, mut params: Map<String, Value>) -> Accepted {
    let ParsedRequest { mut caller, id, view, received } = asked;
    let tool =
        text(&params, "name").and_then(|name| ToolName::find(name).ok_or_else(|| Fault::Tool(clip(name))));
    let tool = match tool {
        Ok(tool) => tool,
        Err(fault) => return refuse(caller, &fault),
    };
    caller.tool = Some(tool);
    let arguments = match params.remove("arguments") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(mut arguments)) => {
            tools::tidy(&mut arguments);
            arguments
        }
        Some(Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            return refuse(caller, &Fault::Params("params.arguments must be an object".to_owned()));
        }
    };
    let sender = Sender { host: caller.client().cloned(), user_agent: caller.user_agent(), params: &params };
    match tools::parse(tool, &arguments, sender, view) {
        Ok(call) => {
            let context = ReplyContext { caller, tool, id: id.to_owned(), view: Arc::clone(view), received };
            Accepted::Call(Box::new(call), Box::new(context))
        }
        Err(error) => {
            caller.claimed = tools::claimed(&arguments);
            let result = tools::wrong(tool, &error, view, caller.language(view));
            let why = Some(Why { code: "invalid_arguments", cause: Some(error.cause()) });
            let response = Response { why, ..tool_response(caller.era, id, Some(result)) };
            Accepted::Reply(response, Box::new(caller))
        }
    }
}
