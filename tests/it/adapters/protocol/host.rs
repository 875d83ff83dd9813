//! A host: builds requests as clients do, and validates whatever comes back.

use std::borrow::Cow;
use std::sync::Arc;

use merchant_gateway::domain::merchant::MerchantView;
use merchant_gateway::protocol::mcp::{
    Accepted, CallOutcome, Caller, HeaderValue, Headers, Parts, Response, SessionCall, ToolCall, accept,
    answer_from_view, finish,
};
use serde_json::{Value, json};

use super::shop;
use crate::support::mcp_schema::{McpSchema, check_structured_content};

pub(super) const MODERN: &str = "2026-07-28";

/// Headers as a list, found in any case.
pub(super) struct HeaderList(pub(super) Vec<(String, String)>);

impl Headers for HeaderList {
    fn get(&self, name: &'static str) -> HeaderValue<'_> {
        let mut found =
            self.0.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value);
        match (found.next(), found.next()) {
            (None, _) => HeaderValue::Absent,
            (Some(value), None) if is_text(value) => HeaderValue::Text(value),
            (Some(_), _) => HeaderValue::Unusable,
        }
    }

    fn list(&self, name: &'static str) -> Option<Cow<'_, str>> {
        let lines = self.0.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let lines: Vec<&str> =
            lines.map(|(_, value)| if is_text(value) { value.as_str() } else { "" }).collect();
        (!lines.is_empty()).then(|| lines.join(",").into())
    }
}

fn is_text(value: &str) -> bool {
    value.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
}

/// A request in the making.
#[derive(Clone)]
pub(super) struct Host {
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    version: String,
    method: String,
    view: Arc<MerchantView>,
}

/// What came back.
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Value,
    pub(super) raw: Vec<u8>,
    pub(super) response: Response,
    pub(super) caller: Caller,
}

impl Reply {
    pub(super) fn code(&self) -> i64 {
        self.body["error"]["code"].as_i64().unwrap_or_else(|| panic!("not an error: {}", self.body))
    }

    pub(super) fn result(&self) -> &Value {
        self.body.get("result").unwrap_or_else(|| panic!("not a result: {}", self.body))
    }

    pub(super) fn is_error(&self) -> bool {
        self.result()["isError"] == json!(true)
    }

    pub(super) fn text(&self) -> &str {
        self.result()["content"][0]["text"].as_str().unwrap()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
    }
}

impl Host {
    fn new(version: &str, method: &str, body: &Value) -> Self {
        let headers = vec![
            ("Content-Type".to_owned(), "application/json".to_owned()),
            ("Accept".to_owned(), "application/json, text/event-stream".to_owned()),
        ];
        let body = body.to_string().into_bytes();
        Self { headers, body, version: version.to_owned(), method: method.to_owned(), view: shop::shared() }
    }

    /// A conformant request of 2026-07-28.
    pub(super) fn modern(method: &str, mut params: Value) -> Self {
        if params.get("_meta").is_none() {
            params["_meta"] = json!({});
        }
        params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!(MODERN);
        params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
        let name =
            params.get("name").or_else(|| params.get("uri")).and_then(Value::as_str).map(str::to_owned);
        let body = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        let mut host = Self::new(MODERN, method, &body)
            .header("MCP-Protocol-Version", MODERN)
            .header("Mcp-Method", method);
        if let (Some(name), "tools/call" | "resources/read" | "prompts/get") = (name, method) {
            host = host.header("Mcp-Name", &name);
        }
        host
    }

    /// A request of a legacy revision after its handshake.
    pub(super) fn legacy(version: &str, method: &str, params: &Value) -> Self {
        let body = json!({ "jsonrpc": "2.0", "id": "seven", "method": method, "params": params });
        Self::new(version, method, &body).header("MCP-Protocol-Version", version)
    }

    /// A modern call of a tool.
    pub(super) fn tool(name: &str, arguments: &Value) -> Self {
        Self::modern("tools/call", json!({ "name": name, "arguments": arguments }))
    }

    pub(super) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    pub(super) fn with(self, name: &str, value: &str) -> Self {
        self.without(name).header(name, value)
    }

    /// Another body, as it is.
    pub(super) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The body's JSON, changed.
    pub(super) fn edit(mut self, change: impl FnOnce(&mut Value)) -> Self {
        let mut body: Value = serde_json::from_slice(&self.body).unwrap();
        change(&mut body);
        self.body = body.to_string().into_bytes();
        self
    }

    pub(super) fn at(mut self, view: MerchantView) -> Self {
        self.view = Arc::new(view);
        self
    }

    fn accept(&self) -> Accepted {
        let headers = HeaderList(self.headers.clone());
        accept(&Parts { headers: &headers, received: shop::NOW }, &self.body, &self.view)
    }

    /// Sends it; a session call is a mistake of the test.
    pub(super) fn send(&self) -> Reply {
        match self.accept() {
            Accepted::Reply(response, caller) => self.reply(response, *caller),
            Accepted::Call(call, context) => match *call {
                ToolCall::Read(call) => {
                    let caller = context.caller().clone();
                    let outcome = answer_from_view(&call, &self.view);
                    self.reply(finish(*context, outcome, shop::capabilities()), caller)
                }
                ToolCall::Session(call) => panic!("a session call: {call:?}"),
                ToolCall::Wallet(call) => panic!("a wallet's call: {call:?}"),
            },
        }
    }

    /// Sends whatever bytes and gives the status. Only errors are validated, since no method may be named.
    pub(super) fn status(&self) -> u16 {
        match self.accept() {
            Accepted::Reply(response, _) => {
                if let (Some(schema), true) = (McpSchema::get(), response.status >= 400) {
                    let wrong =
                        schema.check_response(&self.version, &self.method, response.status, &response.body);
                    assert!(wrong.is_empty(), "{wrong:#?}");
                }
                response.status
            }
            Accepted::Call(call, context) => match *call {
                ToolCall::Read(call) => {
                    finish(*context, answer_from_view(&call, &self.view), shop::capabilities()).status
                }
                ToolCall::Session(_) | ToolCall::Wallet(_) => 200,
            },
        }
    }

    /// What is asked of a session.
    pub(super) fn session_call(&self) -> SessionCall {
        match self.accept() {
            Accepted::Call(call, _) => match *call {
                ToolCall::Session(call) => *call,
                ToolCall::Read(call) => panic!("a read call: {call:?}"),
                ToolCall::Wallet(call) => panic!("a wallet's call: {call:?}"),
            },
            Accepted::Reply(response, _) => panic!("answered: {}", String::from_utf8_lossy(&response.body)),
        }
    }

    /// Sends it and lets its call come out like this.
    pub(super) fn outcome(&self, outcome: impl Into<CallOutcome>) -> Reply {
        match self.accept() {
            Accepted::Call(_, context) => {
                let caller = context.caller().clone();
                self.reply(finish(*context, outcome.into(), shop::capabilities()), caller)
            }
            Accepted::Reply(response, _) => panic!("answered: {}", String::from_utf8_lossy(&response.body)),
        }
    }

    fn reply(&self, response: Response, caller: Caller) -> Reply {
        let body: Value = serde_json::from_slice(&response.body).unwrap_or(Value::Null);
        if let Some(schema) = McpSchema::get() {
            let wrong = schema.check_response(&self.version, &self.method, response.status, &response.body);
            assert!(wrong.is_empty(), "{wrong:#?}\n{body:#}");
        }
        if self.method == "tools/call"
            && let Some(content) = body.pointer("/result/structuredContent")
        {
            let asked: Value = serde_json::from_slice(&self.body).unwrap();
            let schema = output_schema(asked["params"]["name"].as_str().unwrap());
            let wrong = check_structured_content(&schema, content);
            assert!(wrong.is_empty(), "{wrong:#?}\n{content:#}");
        }
        Reply { status: response.status, body, raw: response.body.clone(), response, caller }
    }
}

/// The tools as they are listed.
pub(super) fn tools() -> Vec<Value> {
    let listed = Host::modern("tools/list", json!({})).send();
    listed.result()["tools"].as_array().unwrap().clone()
}

fn output_schema(tool: &str) -> Value {
    let tools = tools();
    tools.into_iter().find(|known| known["name"] == tool).unwrap()["outputSchema"].clone()
}
