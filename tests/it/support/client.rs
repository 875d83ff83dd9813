//! A raw MCP client that trusts nothing: every answer is held against the revision's published schema.

use serde_json::{Value, json};

use super::mcp_schema::McpSchema;

/// Which revision a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    /// 2026-07-28: every request says everything.
    Modern,
    /// 2025-11-25: `initialize` first.
    Legacy,
}

impl Speaks {
    pub const fn version(self) -> &'static str {
        match self {
            Self::Modern => "2026-07-28",
            Self::Legacy => "2025-11-25",
        }
    }
}

pub struct Client {
    pub http: reqwest::Client,
    pub url: String,
    pub speaks: Speaks,
}

/// An HTTP answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

impl Client {
    #[expect(clippy::disallowed_methods, reason = "a test's own client")]
    pub fn new(url: String, speaks: Speaks) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { http, url, speaks }
    }

    /// A client whose requests a proxy passes on, and says that they come from this address.
    #[expect(clippy::disallowed_methods, reason = "a test's own client")]
    pub fn at(address: &str, url: String, speaks: Speaks) -> Self {
        let from = [("x-forwarded-for".parse().unwrap(), address.parse().unwrap())];
        let headers = from.into_iter().collect();
        let http = reqwest::Client::builder().no_proxy().default_headers(headers).build().unwrap();
        Self { http, url, speaks }
    }

    /// Sends a body with headers as they are given.
    pub async fn send(&self, headers: &[(&str, &str)], body: impl Into<reqwest::Body>) -> Answer {
        let request = self.http.post(&self.url).body(body);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let answer = Answer { status, headers, body: response.bytes().await.unwrap().to_vec() };
        self.check_error(&answer);
        check_secrets(&answer);
        answer
    }

    /// Holds an error against the schema, whatever it answers; results are checked by who knows their method.
    fn check_error(&self, answer: &Answer) {
        let json = answer.headers.get("content-type").is_some_and(|kind| kind == "application/json");
        let (Some(schema), true) = (McpSchema::get(), json) else { return };
        if answer.json().get("error").is_some() {
            let wrong = schema.check_response(self.speaks.version(), "", answer.status, &answer.body);
            assert!(wrong.is_empty(), "{wrong:?}\n{}", answer.text());
        }
    }

    /// One request in this client's revision; its answer is validated.
    pub async fn request(&self, method: &str, mut params: Value) -> Answer {
        let version = self.speaks.version();
        let mut headers =
            vec![("content-type", "application/json"), ("accept", "application/json, text/event-stream")];
        let name =
            params.get("name").or_else(|| params.get("uri")).and_then(Value::as_str).map(str::to_owned);
        if self.speaks == Speaks::Modern {
            headers.push(("mcp-method", method));
            params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!(version);
            params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
            if let Some(name) = &name {
                headers.push(("mcp-name", name));
            }
        }
        if method != "initialize" {
            headers.push(("mcp-protocol-version", version));
        }
        let message = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        let answer = self.send(&headers, message.to_string()).await;
        if let Some(schema) = McpSchema::get() {
            let wrong = schema.check_response(version, method, answer.status, &answer.body);
            assert!(wrong.is_empty(), "{method} in {version}: {wrong:?}\n{}", answer.text());
        }
        answer
    }

    /// Opens the connection as this revision asks.
    pub async fn open(&self) -> Value {
        match self.speaks {
            Speaks::Modern => self.request("server/discover", json!({})).await.json()["result"].clone(),
            Speaks::Legacy => {
                let client = json!({ "name": "raw", "version": "1" });
                let params = json!({ "protocolVersion": self.speaks.version(), "capabilities": {}, "clientInfo": client });
                let opened = self.request("initialize", params).await.json()["result"].clone();
                let initialized = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
                let headers = [
                    ("content-type", "application/json"),
                    ("accept", "application/json, text/event-stream"),
                    ("mcp-protocol-version", self.speaks.version()),
                ];
                assert_eq!(self.send(&headers, initialized.to_string()).await.status, 202);
                opened
            }
        }
    }

    /// Calls a tool; gives the whole result.
    pub async fn call(&self, tool: &str, arguments: Value) -> Value {
        let answer = self.request("tools/call", json!({ "name": tool, "arguments": arguments })).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["result"].clone()
    }

    /// Calls a tool that must work; gives its `structuredContent`.
    pub async fn works(&self, tool: &str, arguments: Value) -> Value {
        let result = self.call(tool, arguments).await;
        assert_ne!(result["isError"], true, "{result}");
        result["structuredContent"].clone()
    }

    /// Calls a tool that must refuse; gives what it says.
    pub async fn refuses(&self, tool: &str, arguments: Value) -> String {
        let result = self.call(tool, arguments).await;
        assert_eq!(result["isError"], true, "{result}");
        result["content"][0]["text"].as_str().expect("a sentence").to_owned()
    }

    /// A checkout that can be paid: two bags of coffee to California. Gives its payment-sheet object.
    pub async fn ready_checkout(&self) -> Value {
        let items = json!([{ "id": "huila-washed-250-beans", "quantity": 2 }]);
        let arguments = json!({ "items": items, "fulfillment_address": california() });
        let shown = self.works("create_checkout", arguments).await;
        assert_eq!(shown["checkout_session"]["status"], "ready_for_payment", "{shown}");
        shown["checkout_session"].clone()
    }

    /// Sends a payment whose answer is not expected to come.
    pub async fn pay_unheard(&self, id: &Value, token: &str) -> Result<(), reqwest::Error> {
        let params = json!({ "name": "complete_checkout", "arguments": payment(id, token) });
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        let request = self
            .http
            .post(&self.url)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", "2025-11-25");
        request.body(message.to_string()).send().await.map(|_| ())
    }

    /// Sends a payment as ChatGPT does.
    pub async fn complete(&self, id: &Value, token: &str) -> Value {
        self.call("complete_checkout", payment(id, token)).await
    }
}

/// No answer holds a key, a token or a client secret.
fn check_secrets(answer: &Answer) {
    let text = answer.text();
    for secret in ["test_canary", "canary-admin-token", "Y2FuYXJ5LXdlYmhvb2s", "_secret_"] {
        assert!(!text.contains(secret), "{secret} is answered: {text}");
    }
    let token = text
        .match_indices("spt_")
        .any(|(at, _)| text[at + 4..].starts_with(|letter: char| letter.is_ascii_alphanumeric()));
    assert!(!token, "a payment token is answered: {text}");
}

/// The arguments of `complete_checkout`.
pub fn payment(id: &Value, token: &str) -> Value {
    let data = json!({ "token": token, "provider": "stripe", "billing_address": null });
    let buyer = json!({ "name": "Ada Lovelace", "email": "ada@example.com", "phone_number": null });
    json!({ "checkout_session_id": id, "buyer": buyer, "payment_data": data })
}

pub fn california() -> Value {
    json!({
        "name": "Ada Lovelace", "line_one": "12 Mill Lane", "city": "Los Angeles", "state": "CA",
        "country": "US", "postal_code": "90001",
    })
}

/// The name of a session, as logs, Stripe and the admin API have it, out of what its host holds.
pub fn session_name(id: &Value) -> String {
    let text = id.as_str().expect("an id");
    let mut parts = text.split('_');
    let (Some("chk"), Some(name), Some(_)) = (parts.next(), parts.next(), parts.next()) else {
        panic!("not what opens a session: {text}")
    };
    format!("chk_{name}")
}

/// The amount of the `total` row.
pub fn total(sheet: &Value) -> i64 {
    let rows = sheet["totals"].as_array().expect("totals");
    rows.iter().find(|row| row["type"] == "total").expect("a total")["amount"].as_i64().expect("an amount")
}
