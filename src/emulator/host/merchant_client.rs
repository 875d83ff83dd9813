//! The host as an MCP client of 2026-07-28: the page's messages, with the data that a host adds. A wallet asks its merchant
//! through the same client.
//!
//! Must not import the page or the payment. Invariants: only methods that a host uses are forwarded; the host's
//! values of client, revision and shopper replace those of the page.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::Url;

use super::HostMerchant;
use super::host_error::HostError;

/// The MCP revision of the requests.
const VERSION: &str = "2026-07-28";

/// The methods that the page may send.
const METHODS: [&str; 5] =
    ["server/discover", "tools/list", "tools/call", "resources/list", "resources/read"];

/// Similar to ChatGPT's, and marked as an emulation.
const USER_AGENT: &str =
    concat!("openai-mcp/1.0.0 (emulated by merchant-gateway/", env!("CARGO_PKG_VERSION"), ")");

/// Longer than a gateway lets a payment wait.
const TIMEOUT: Duration = Duration::from_mins(1);

/// A client for all merchants.
#[derive(Debug)]
pub(super) struct MerchantClient {
    http: reqwest::Client,
    subject: String,
}

/// A message from the page.
#[derive(Debug, Deserialize)]
pub(super) struct Message {
    /// Echoed by the merchant.
    #[serde(default = "first_id")]
    pub(super) id: Value,
    /// One of [`METHODS`].
    pub(super) method: String,
    /// Without the host's `_meta`.
    #[serde(default)]
    pub(super) params: Map<String, Value>,
}

fn first_id() -> Value {
    json!(1)
}

/// The data that the shopper's browser sends about itself.
#[derive(Clone, Debug)]
pub(super) struct Shopper {
    /// Its preferred language.
    pub(super) locale: String,
    /// Its `User-Agent`.
    pub(super) user_agent: String,
}

/// A message as it was sent, and its answer.
#[derive(Debug, Serialize)]
pub(super) struct RoundTrip {
    /// The whole JSON-RPC request.
    pub(super) sent: Value,
    /// The answer's HTTP status.
    pub(super) status: u16,
    /// The whole JSON-RPC response.
    pub(super) answer: Value,
}

impl MerchantClient {
    /// A client with one anonymous shopper.
    #[expect(
        clippy::disallowed_methods,
        reason = "the emulated host's own client, which talks to merchants and never to Stripe"
    )]
    pub(super) fn new(subject: String) -> reqwest::Result<Self> {
        let redirects = reqwest::redirect::Policy::none();
        let http = reqwest::Client::builder().no_proxy().redirect(redirects).timeout(TIMEOUT).build()?;
        Ok(Self { http, subject })
    }

    /// Sends a message to a merchant and returns the response, a JSON-RPC error too.
    pub(super) async fn send(
        &self,
        merchant: &HostMerchant,
        message: Message,
        shopper: &Shopper,
    ) -> Result<RoundTrip, HostError> {
        let Message { id, method, mut params } = message;
        if !METHODS.contains(&method.as_str()) {
            return Err(HostError::Request(format!("a host sends {}, not {method}", METHODS.join(", "))));
        }
        self.introduce(&mut params, shopper);
        let name = match method.as_str() {
            "tools/call" => params.get("name"),
            "resources/read" => params.get("uri"),
            _ => None,
        };
        let mut request = self
            .http
            .post(&merchant.mcp_url)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("user-agent", USER_AGENT)
            .header("mcp-protocol-version", VERSION)
            .header("mcp-method", &method);
        if let Some(name) = name.and_then(Value::as_str) {
            request = request.header("mcp-name", header_value(name));
        }
        let sent = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
        let (status, _, body) = answer_to(request.body(sent.to_string()), merchant).await?;
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        if answer["jsonrpc"] != "2.0" {
            return Err(HostError::NotJsonRpc { merchant: merchant.name.clone(), status });
        }
        Ok(RoundTrip { sent, status, answer })
    }

    /// Asks an address of a merchant for a wallet. Gives the answer's status, headers and body, whatever they are.
    pub(super) async fn get(
        &self,
        merchant: &HostMerchant,
        url: &Url,
        headers: HeaderMap,
    ) -> Result<(u16, HeaderMap, Vec<u8>), HostError> {
        answer_to(self.http.get(url.clone()).headers(headers), merchant).await
    }

    /// Adds the host's data about itself and its shopper to `_meta`.
    fn introduce(&self, params: &mut Map<String, Value>, shopper: &Shopper) {
        let meta = params.entry("_meta").or_insert_with(|| json!({}));
        if !meta.is_object() {
            *meta = json!({});
        }
        let ui = json!({ "mimeTypes": ["text/html;profile=mcp-app"] });
        meta["io.modelcontextprotocol/protocolVersion"] = json!(VERSION);
        meta["io.modelcontextprotocol/clientInfo"] =
            json!({ "name": "merchant-gateway-emulated-host", "version": env!("CARGO_PKG_VERSION") });
        meta["io.modelcontextprotocol/clientCapabilities"] =
            json!({ "extensions": { "io.modelcontextprotocol/ui": ui } });
        meta["openai/locale"] = json!(shopper.locale);
        meta["openai/userAgent"] = json!(shopper.user_agent);
        meta["openai/subject"] = json!(self.subject);
    }
}

/// Sends a request to a merchant.
async fn answer_to(
    request: reqwest::RequestBuilder,
    merchant: &HostMerchant,
) -> Result<(u16, HeaderMap, Vec<u8>), HostError> {
    let unreachable = |error: &reqwest::Error| HostError::Unreachable {
        merchant: merchant.name.clone(),
        url: merchant.mcp_url.clone(),
        why: cause(error),
    };
    let response = request.send().await.map_err(|error| unreachable(&error))?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.bytes().await.map_err(|error| unreachable(&error))?;
    Ok((status, headers, body.to_vec()))
}

/// A header's value, in the base64 form of 2026-07-28 "Value Encoding" where the plain one cannot be sent.
fn header_value(text: &str) -> String {
    let plain = text.bytes().all(|byte| (0x20..0x7f).contains(&byte))
        && text.trim() == text
        && !text.is_empty()
        && !text.starts_with("=?base64?");
    if plain { text.to_owned() } else { format!("=?base64?{}?=", STANDARD.encode(text)) }
}

/// The innermost cause, which is the most useful one for a person.
fn cause(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} seconds", TIMEOUT.as_secs());
    }
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_no_header_can_hold_is_encoded() {
        assert_eq!(header_value("ui://widget/buy-v1.html"), "ui://widget/buy-v1.html");
        assert_eq!(header_value("Hello, 世界"), "=?base64?SGVsbG8sIOS4lueVjA==?=");
        assert_eq!(header_value(" x"), "=?base64?IHg=?=");
        assert_eq!(header_value("a\r\nX-Evil: 1"), "=?base64?YQ0KWC1FdmlsOiAx?=");
    }

    #[test]
    fn what_the_page_says_of_the_shopper_is_overwritten() {
        let client = MerchantClient::new("emulated/1".to_owned()).unwrap();
        let shopper = Shopper { locale: "en-US".to_owned(), user_agent: "x".to_owned() };
        let mut params = Map::new();
        params.insert("_meta".to_owned(), json!({ "openai/subject": "somebody else", "traceparent": "00" }));
        client.introduce(&mut params, &shopper);
        assert_eq!(params["_meta"]["openai/subject"], "emulated/1");
        assert_eq!(params["_meta"]["traceparent"], "00");
    }
}
