//! HTTP as browsers and assistants use it: few redirects, short waits, answers that are read to a bound.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::stripe::{in_words, why_no_client};

const CONNECT: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(15);
const MOST_REDIRECTS: usize = 5;

/// The part of an answer that is read.
const MOST_READ: usize = 256 * 1024;

/// The HTTP client could not be made.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot be set up: {0}")]
pub struct NoClient(pub(super) String);

/// An HTTP client.
pub(super) struct Web(reqwest::Client);

/// An answer.
pub(super) struct Page {
    pub(super) status: StatusCode,
    /// The media type, without its parameters; empty if there is none.
    pub(super) media_type: String,
    /// The beginning of the body.
    pub(super) body: Vec<u8>,
    /// The certificate of the server, over TLS.
    pub(super) certificate: Option<Vec<u8>>,
}

impl Page {
    /// The body as JSON; null if it is not.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Web {
    /// A client that finds `host` at `via`, if one is given, and every other host by its name.
    #[expect(clippy::disallowed_methods, reason = "it follows redirects, as no other client has to")]
    pub(super) fn new(via: Option<(&str, SocketAddr)>) -> Result<Self, NoClient> {
        let mut builder = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::limited(MOST_REDIRECTS))
            .no_proxy()
            .connect_timeout(CONNECT)
            .timeout(WHOLE)
            .tls_info(true)
            .user_agent(concat!("merchant-gateway-doctor/", env!("CARGO_PKG_VERSION")));
        if let Some((host, address)) = via {
            builder = builder.resolve(host, address);
        }
        builder.build().map(Self).map_err(|error| NoClient(why_no_client(&error)))
    }

    /// Reads an address.
    pub(super) async fn get(&self, url: &str) -> Result<Page, String> {
        self.send(self.0.request(Method::GET, url)).await
    }

    /// Sends one message of the Model Context Protocol (2026-07-28, Streamable HTTP); returns its answer.
    pub(super) async fn ask(&self, url: &str, method: &str, params: Value) -> Result<Page, String> {
        const VERSION: &str = "2026-07-28";
        let mut params = params;
        params["_meta"] = serde_json::json!({
            "io.modelcontextprotocol/protocolVersion": VERSION,
            "io.modelcontextprotocol/clientCapabilities": {},
        });
        let mut request = self
            .0
            .request(Method::POST, url)
            .header(CONTENT_TYPE, "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", VERSION)
            .header("mcp-method", method);
        if let Some(name) = params["name"].as_str() {
            request = request.header("mcp-name", name);
        }
        let message =
            serde_json::json!({ "jsonrpc": "2.0", "id": "doctor", "method": method, "params": params });
        self.send(request.body(message.to_string())).await
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Page, String> {
        let said = |error: reqwest::Error| in_words(&error.without_url());
        let mut response = request.send().await.map_err(said)?;
        let media_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type.and_then(|value| value.split(';').next()).unwrap_or_default();
        let media_type = media_type.trim().to_ascii_lowercase();
        let tls = response.extensions().get::<reqwest::tls::TlsInfo>();
        let certificate = tls.and_then(|tls| tls.peer_certificate()).map(<[u8]>::to_vec);
        let (status, mut body) = (response.status(), Vec::new());
        while body.len() < MOST_READ
            && let Some(chunk) = response.chunk().await.map_err(said)?
        {
            body.extend_from_slice(&chunk);
        }
        Ok(Page { status, media_type, body, certificate })
    }
}
