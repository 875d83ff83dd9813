//! The JSON-RPC envelope: `jsonrpc`, `id`, `method`, `params`, borrowed from the body.

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize as _;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::super::fault::Fault;

/// A message whose envelope is well-formed.
#[derive(Debug)]
pub struct Envelope<'a> {
    pub kind: MessageKind<'a>,
    /// `method`; empty for a response.
    pub method: String,
    /// `params`, not yet read.
    pub params: Option<&'a RawValue>,
}

/// The three kinds of JSON-RPC message.
#[derive(Clone, Copy, Debug)]
pub enum MessageKind<'a> {
    /// A request that wants a reply under this id, a string or an integer, kept exactly as it was written.
    Request(&'a RawValue),
    /// It wants no reply.
    Notification,
    /// A reply to a request that we never sent.
    Response,
}

/// A rejected message, with its id if that was readable.
#[derive(Debug)]
pub struct Unreadable<'a> {
    /// The id to echo; `None` if it is missing or not valid.
    pub id: Option<&'a RawValue>,
    /// The reason.
    pub fault: Fault,
}

/// Reads the envelope of a body: exactly one request, notification or response (2025-06-18 removed batches).
pub fn read(body: &[u8]) -> Result<Envelope<'_>, Unreadable<'_>> {
    let nameless = |fault| Unreadable { id: None, fault };
    let text = std::str::from_utf8(body)
        .map_err(|_| nameless(Fault::Unparseable("the body is not UTF-8".to_owned())))?;
    let mut reader = serde_json::Deserializer::from_str(text);
    if !text.trim_start().starts_with('{') {
        let json = IgnoredAny::deserialize(&mut reader).and_then(|_| reader.end());
        return Err(nameless(match json {
            Err(error) => Fault::Unparseable(error.to_string()),
            Ok(()) if text.trim_start().starts_with('[') => {
                Fault::Envelope("send one message; batches are not taken")
            }
            Ok(()) => Fault::Envelope("send a JSON object"),
        }));
    }
    let members = reader
        .deserialize_map(MembersVisitor)
        .and_then(|members| reader.end().map(|()| members))
        .map_err(|error| nameless(Fault::Unparseable(error.to_string())))?;
    members.check()
}

/// The members of the object, as they were written.
#[derive(Default)]
struct Members<'a> {
    jsonrpc: Option<&'a RawValue>,
    id: Option<&'a RawValue>,
    method: Option<&'a RawValue>,
    params: Option<&'a RawValue>,
    answers: bool,
}

impl<'a> Members<'a> {
    fn check(self) -> Result<Envelope<'a>, Unreadable<'a>> {
        let id = self.id.filter(|id| is_request_id(id));
        let refuse = |why| Err(Unreadable { id, fault: Fault::Envelope(why) });
        if self.jsonrpc.is_none_or(|version| version.get() != r#""2.0""#) {
            return refuse("jsonrpc must be \"2.0\"");
        }
        let Some(method) = self.method else {
            return if self.answers {
                Ok(Envelope { kind: MessageKind::Response, method: String::new(), params: None })
            } else {
                refuse("method is missing")
            };
        };
        let Ok(method) = serde_json::from_str::<String>(method.get()) else {
            return refuse("method must be a string");
        };
        let kind = match (self.id, id) {
            (None, _) => MessageKind::Notification,
            (Some(_), Some(id)) => MessageKind::Request(id),
            (Some(_), None) => return refuse("id must be a string or an integer"),
        };
        Ok(Envelope { kind, method, params: self.params })
    }
}

/// MCP: "Requests MUST include a string or integer ID", and unlike in JSON-RPC it is never null.
fn is_request_id(raw: &RawValue) -> bool {
    match raw.get().as_bytes() {
        [b'"', ..] => serde_json::from_str::<String>(raw.get()).is_ok(),
        [b'-' | b'0'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// How many members a message may have; JSON-RPC defines six.
const MAX_MEMBERS: usize = 32;

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON-RPC message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Members::default();
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            let value: &RawValue = map.next_value()?;
            match key.as_str() {
                "jsonrpc" => members.jsonrpc = Some(value),
                "id" => members.id = Some(value),
                "method" => members.method = Some(value),
                "params" => members.params = Some(value),
                "result" | "error" => members.answers = true,
                _ => {}
            }
            if seen.len() >= MAX_MEMBERS {
                return Err(A::Error::custom("the message has too many members"));
            }
            if !seen.insert(key) {
                return Err(A::Error::custom("a key appears twice in one object"));
            }
        }
        Ok(members)
    }
}
