//! One HTTP request to Stripe: authentication, version, deadlines, size limits. It knows no endpoint.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use httpdate::HttpDate;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::words::in_words;
use crate::domain::time::{Span, Timestamp};
use crate::ports::Clock;

/// How much Stripe's clock may differ from ours before times are not reliable. It is less than the wait after the
/// last send of a payment before an empty reading counts.
const CLOCK_TOLERANCE: Span = Span::minutes(1);

/// The length to which a `Request-Id` is shortened.
const LONGEST_REQUEST_ID: usize = 64;

/// The largest answer that is read.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// The address and the settings for Stripe.
#[derive(Clone, Debug)]
pub struct TransportConfig {
    /// `https://api.stripe.com`, or an emulator on loopback.
    pub api_base: Url,
    /// `Stripe-Version` of new requests.
    pub version: String,
    /// The name of the token's parameter in new charges.
    pub token_parameter: String,
    /// How long a connection may take.
    pub connect_timeout: Span,
    /// How long a charge may take.
    pub charge_timeout: Span,
    /// How long a reading may take.
    pub read_timeout: Span,
}

/// Why an HTTP client could not be made, with a hint to the usual cause.
#[must_use]
pub fn why_no_client(error: &reqwest::Error) -> String {
    let why = in_words(error);
    format!(
        "{why}; it needs the certificates of this machine's authorities: install the package ca-certificates, or name \
         their file in SSL_CERT_FILE"
    )
}

/// The connection to Stripe that all merchants share; each call has its own key.
#[derive(Clone)]
pub struct StripeTransport {
    http: reqwest::Client,
    config: Arc<TransportConfig>,
    clock: Arc<dyn Clock>,
}

/// No answer came.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The HTTP client could not be made.
    #[error("the HTTP client cannot be set up: {0}")]
    Setup(String),
    /// The key has characters that a header cannot contain.
    #[error("the key cannot be sent")]
    Key,
    /// Connecting, sending or reading failed, or took too long.
    #[error("no answer from {address}: {why}")]
    NoAnswer {
        /// Host and port.
        address: String,
        /// The cause in words, without the URL.
        why: String,
    },
    /// The answer is larger than any answer of Stripe.
    #[error("the answer is too large")]
    TooLarge,
}

/// One request.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    /// Path below the API's base.
    pub(super) path: String,
    /// Query parameters, not yet encoded.
    pub(super) query: Vec<(&'a str, &'a str)>,
    /// Form-encoded body of a POST.
    pub(super) body: Option<String>,
    pub(super) idempotency_key: Option<&'a str>,
    /// A `Stripe-Version` other than the configured one.
    pub(super) version: Option<&'a str>,
}

impl<'a> Call<'a> {
    pub(super) fn get(path: &str, query: &[(&'a str, &'a str)]) -> Self {
        Self {
            method: Method::GET,
            path: path.to_owned(),
            query: query.to_vec(),
            body: None,
            idempotency_key: None,
            version: None,
        }
    }

    pub(super) fn post(path: &str, body: String) -> Self {
        Self { method: Method::POST, body: Some(body), ..Self::get(path, &[]) }
    }
}

/// One answer, whatever its status.
pub(super) struct Reply {
    /// HTTP status.
    pub(super) status: u16,
    /// The whole body.
    pub(super) body: Vec<u8>,
    /// Whether Stripe's clock, by its `Date`, is close enough to ours. An answer without a date counts as agreeing.
    pub(super) clock_agrees: bool,
    /// Stripe's `Request-Id`.
    pub(super) request_id: Option<String>,
    /// `Retry-After`, in seconds.
    pub(super) retry_after: Option<Span>,
    pub(super) should_retry: Option<bool>,
    /// `Idempotent-Replayed: true`.
    pub(super) replayed: bool,
}

#[cfg(test)]
impl Reply {
    /// An answer with only a status and a body.
    pub(super) fn of_text(status: u16, body: &str) -> Self {
        Self {
            status,
            body: body.as_bytes().to_vec(),
            clock_agrees: true,
            request_id: None,
            retry_after: None,
            should_retry: None,
            replayed: false,
        }
    }
}

impl fmt::Debug for StripeTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StripeTransport").field("config", &self.config).finish_non_exhaustive()
    }
}

impl StripeTransport {
    /// Sets up the shared HTTP client: no redirects, no system proxy, HTTP/1.1, `https` except towards loopback.
    #[expect(clippy::disallowed_methods, reason = "the one place that builds an HTTP client")]
    pub fn new(config: TransportConfig, clock: Arc<dyn Clock>) -> Result<Self, TransportError> {
        let plain = config.api_base.scheme() == "http";
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .https_only(!plain)
            .http1_only()
            .connect_timeout(config.connect_timeout.to_duration())
            .pool_idle_timeout(Duration::from_secs(30))
            .user_agent(concat!("merchant-gateway/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| TransportError::Setup(why_no_client(&error)))?;
        Ok(Self { http, config: Arc::new(config), clock })
    }

    /// The configured `Stripe-Version`.
    pub(super) fn version(&self) -> &str {
        &self.config.version
    }

    /// The configured name of a token's parameter.
    pub(super) fn token_parameter(&self) -> &str {
        &self.config.token_parameter
    }

    /// Host and port.
    fn address(&self) -> String {
        let base = &self.config.api_base;
        let port = base.port_or_known_default().map_or_else(String::new, |port| format!(":{port}"));
        format!("{}{port}", base.host_str().unwrap_or_default())
    }

    /// Sends one request and reads the whole answer.
    pub(super) async fn send(&self, key: &SecretString, call: Call<'_>) -> Result<Reply, TransportError> {
        let mut url = self.config.api_base.clone();
        url.set_path(&call.path);
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }
        let deadline =
            if call.body.is_some() { self.config.charge_timeout } else { self.config.read_timeout };
        let mut request = self
            .http
            .request(call.method, url)
            .timeout(deadline.to_duration())
            .header(AUTHORIZATION, bearer(key)?)
            .header("Stripe-Version", call.version.unwrap_or(&self.config.version));
        if let Some(key) = call.idempotency_key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = call.body {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
        }
        // The error's text would contain the URL, and the URL of a granted token contains the token.
        let no_answer = |error: reqwest::Error| TransportError::NoAnswer {
            address: self.address(),
            why: in_words(&error.without_url()),
        };
        let mut response = request.send().await.map_err(no_answer)?;
        let status = response.status().as_u16();
        let headers = std::mem::take(response.headers_mut());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(no_answer)? {
            if body.len() + chunk.len() > MAX_ANSWER {
                return Err(TransportError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        let text = |name: &str| text(&headers, name);
        let date = text("date").and_then(|value| value.parse::<HttpDate>().ok()).map(timestamp);
        let clock_agrees = date.is_none_or(|date| date.is_within(CLOCK_TOLERANCE, self.clock.now()));
        tracing::debug!(status, request_id = text("request-id"), "stripe_answered");
        Ok(Reply {
            status,
            body,
            clock_agrees,
            request_id: text("request-id").map(|id| id.chars().take(LONGEST_REQUEST_ID).collect()),
            retry_after: text("retry-after").and_then(|value| value.parse().ok()).map(Span::seconds),
            should_retry: text("stripe-should-retry").and_then(|value| value.parse().ok()),
            replayed: text("idempotent-replayed") == Some("true"),
        })
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

fn timestamp(date: HttpDate) -> Timestamp {
    let since = std::time::SystemTime::from(date).duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_seconds(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

fn bearer(key: &SecretString) -> Result<HeaderValue, TransportError> {
    let mut value =
        HeaderValue::from_str(&format!("Bearer {}", key.expose_secret())).map_err(|_| TransportError::Key)?;
    value.set_sensitive(true);
    Ok(value)
}
