//! One request to a receiver over HTTP: no redirect, no proxy, an answer that is limited and discarded, and no
//! connection to an address that is not public.
//!
//! Addresses are checked when the connection is made: a name when it is resolved, for exactly the addresses that the
//! connection then uses, and an address in a URL before it is used. A check at configuration time would prove
//! nothing, since names can resolve differently later.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
use httpdate::HttpDate;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use url::{Host, Url};

use super::addresses::{is_loopback, refused};
use crate::domain::ids::OrderEventId;
use crate::domain::time::{Span, Timestamp};
use crate::ports::Clock;
use crate::stripe::why_no_client;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(5);

/// The part of an answer that is read, so that its connection can be used again.
const MOST_ANSWER: usize = 16 * 1024;

/// A signed event to send. It has no `Debug`: it names a buyer, and its address may contain a key.
pub struct SignedRequest {
    /// The receiver's address.
    pub url: Url,
    /// `webhook-id`.
    pub id: OrderEventId,
    /// `webhook-timestamp`.
    pub at: Timestamp,
    /// `webhook-signature`.
    pub signatures: String,
    pub body: String,
}

/// The answer of a receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReceiverAnswer {
    /// HTTP status.
    pub status: u16,
    pub retry_after: Option<Span>,
}

/// No answer, and the cause, in a text without any part of the request or of the receiver's own text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unanswered(pub String);

/// Reads and discards the rest of an answer, so that its connection can be used again. It does not change the answer,
/// ends by itself after this many bytes, and may be dropped at any time.
pub type Rest = BoxFuture<'static, ()>;

/// Sends signed requests to receivers.
#[async_trait]
pub trait WebhookSender: Send + Sync + 'static {
    /// Sends one request, once, and returns when the answer is known.
    async fn post(&self, request: SignedRequest) -> Result<(ReceiverAnswer, Rest), Unanswered>;
}

/// The implementation over HTTP.
#[derive(Clone)]
pub struct HttpWebhookSender {
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
    allow_loopback: bool,
}

impl fmt::Debug for HttpWebhookSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpCourier").field("allow_loopback", &self.allow_loopback).finish_non_exhaustive()
    }
}

impl HttpWebhookSender {
    /// A sender to public addresses; with `allow_loopback`, also to this machine, where plain `http` is allowed.
    #[expect(clippy::disallowed_methods, reason = "its client must refuse addresses, as no other has to")]
    pub fn new(allow_loopback: bool, clock: Arc<dyn Clock>) -> Result<Self, Unanswered> {
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .https_only(!allow_loopback)
            .http1_only()
            .dns_resolver(Arc::new(PublicNames { allow_loopback }))
            .connect_timeout(CONNECT)
            .pool_max_idle_per_host(1)
            .pool_idle_timeout(Duration::from_secs(30))
            .user_agent(concat!("merchant-gateway/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| {
                Unanswered(format!("the HTTP client cannot be set up: {}", why_no_client(&error)))
            })?;
        Ok(Self { http, clock, allow_loopback })
    }

    /// Rejects an address in place of a name, which no resolver checks.
    fn check(&self, url: &Url) -> Result<(), Refused> {
        let literal = match url.host() {
            Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
            Some(Host::Domain(_)) | None => None,
        };
        if let Some(address) = literal {
            permit(address, self.allow_loopback).map_err(|kind| Refused { address, kind })?;
        }
        Ok(())
    }
}

#[async_trait]
impl WebhookSender for HttpWebhookSender {
    async fn post(&self, request: SignedRequest) -> Result<(ReceiverAnswer, Rest), Unanswered> {
        self.check(&request.url).map_err(|refused| Unanswered(refused.to_string()))?;
        let request = self
            .http
            .post(request.url)
            .header(CONTENT_TYPE, "application/json")
            .header(standardwebhooks::HEADER_WEBHOOK_ID, request.id.as_str())
            .header(standardwebhooks::HEADER_WEBHOOK_TIMESTAMP, request.at.as_seconds())
            .header(standardwebhooks::HEADER_WEBHOOK_SIGNATURE, request.signatures)
            .body(request.body);
        let response = request.send().await.map_err(|error| Unanswered(why(&error)))?;
        let status = response.status().as_u16();
        let retry_after = retry_after(response.headers(), self.clock.now());
        Ok((ReceiverAnswer { status, retry_after }, Box::pin(throw_away(response))))
    }
}

async fn throw_away(mut response: reqwest::Response) {
    let mut read = 0;
    while let Ok(Some(chunk)) = response.chunk().await {
        read += chunk.len();
        if read > MOST_ANSWER {
            return;
        }
    }
}

/// `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Span> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u32>() {
        return Some(Span::seconds(i64::from(seconds)));
    }
    let date = std::time::SystemTime::from(text.parse::<HttpDate>().ok()?);
    let seconds = date.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs();
    Some(Timestamp::from_seconds(i64::try_from(seconds).ok()?).since(now))
}

/// Why there was no answer: the innermost cause, which contains no URL.
fn why(error: &reqwest::Error) -> String {
    let causes = causes(error);
    if let Some(refused) = causes.iter().find_map(|cause| cause.downcast_ref::<Refused>()) {
        return refused.to_string();
    }
    let what = if error.is_timeout() {
        return "connecting took too long".to_owned();
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    };
    match causes.last() {
        Some(cause) => format!("{what}: {cause}"),
        None => what.to_owned(),
    }
}

/// The causes of an error, the innermost last.
fn causes(error: &reqwest::Error) -> Vec<&(dyn Error + 'static)> {
    let mut causes = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        causes.push(cause);
        next = cause.source();
    }
    causes
}

/// An address that must not be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Refused {
    address: IpAddr,
    kind: &'static str,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused to connect to {}, which is {}", self.address, self.kind)?;
        if is_loopback(self.address) {
            f.write_str("; order_events.allow_loopback would allow it")?;
        }
        Ok(())
    }
}

impl Error for Refused {}

fn permit(address: IpAddr, allow_loopback: bool) -> Result<(), &'static str> {
    match refused(address) {
        Some(_) if allow_loopback && is_loopback(address) => Ok(()),
        Some(kind) => Err(kind),
        None => Ok(()),
    }
}

/// Resolves names to permitted addresses only.
struct PublicNames {
    allow_loopback: bool,
}

impl Resolve for PublicNames {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_loopback = self.allow_loopback;
        Box::pin(async move {
            // The URL's port is used, whatever is given here.
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let permitted = permitted(name.as_str(), found, allow_loopback)?;
            let addresses: Addrs = Box::new(permitted.into_iter());
            Ok(addresses)
        })
    }
}

/// The permitted addresses of a name; if there is none, the first that is not permitted. A name of this machine (RFC
/// 6761, section 6.3) resolves to nothing else, since it may use plain `http`.
fn permitted(
    name: &str,
    found: impl Iterator<Item = SocketAddr>,
    allow_loopback: bool,
) -> Result<Vec<SocketAddr>, Refused> {
    let local = name == "localhost" || name.ends_with(".localhost");
    let mut first_refused = None;
    let mut permitted = Vec::new();
    for address in found {
        let judged = match permit(address.ip(), allow_loopback) {
            Ok(()) if local && !is_loopback(address.ip()) => Err("not this machine"),
            judged => judged,
        };
        match judged {
            Ok(()) => permitted.push(address),
            Err(kind) => {
                first_refused.get_or_insert(Refused { address: address.ip(), kind });
            }
        }
    }
    match first_refused {
        Some(refused) if permitted.is_empty() => Err(refused),
        Some(_) | None => Ok(permitted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::ManualClock;

    const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect()
    }

    fn judged(name: &str, texts: &[&str], allow_loopback: bool) -> Result<Vec<SocketAddr>, String> {
        let found = addresses(texts).into_iter();
        permitted(name, found, allow_loopback).map_err(|refused| refused.to_string())
    }

    #[test]
    fn a_name_is_resolved_to_its_public_addresses_only() {
        let mixed = ["10.0.0.1", "1.1.1.1", "64:ff9b::a00:1", "2606:4700::1111"];
        let public = addresses(&["1.1.1.1", "2606:4700::1111"]);
        assert_eq!(judged("shop.example", &mixed, false), Ok(public));
        assert_eq!(
            judged("shop.example", &["192.168.0.1", "127.0.0.1"], false).unwrap_err(),
            "refused to connect to 192.168.0.1, which is a private network"
        );
    }

    #[test]
    fn loopback_is_allowed_for_development_and_nothing_else_with_it() {
        let told = judged("localhost", &["127.0.0.1", "::1"], false).unwrap_err();
        assert_eq!(
            told,
            "refused to connect to 127.0.0.1, which is loopback; order_events.allow_loopback would allow it"
        );
        assert_eq!(judged("localhost", &["127.0.0.1"], true), Ok(addresses(&["127.0.0.1"])));
        assert!(judged("shop.example", &["10.0.0.1"], true).is_err());
        assert!(judged("shop.localhost", &["1.1.1.1"], true).is_err(), "plain http would leave this machine");
    }

    #[tokio::test]
    async fn an_address_in_a_url_is_judged_too_however_it_is_written() {
        let clock = Arc::new(ManualClock::new(NOW));
        let strict = HttpWebhookSender::new(false, clock).unwrap();
        for url in [
            "https://127.0.0.1/hook",
            "https://2130706433/hook",
            "https://0x7f.1/hook",
            "https://[::1]/hook",
            "https://[::ffff:127.0.0.1]/hook",
            "https://169.254.169.254/latest/meta-data",
            "https://localhost:9/hook",
        ] {
            let request = SignedRequest {
                url: url.parse().unwrap(),
                id: OrderEventId::from_random(1),
                at: NOW,
                signatures: "v1,x".to_owned(),
                body: "{}".to_owned(),
            };
            let Err(told) = strict.post(request).await else { panic!("{url} was connected to") };
            let told = told.to_string();
            assert!(told.starts_with("refused to connect to "), "{url}: {told}");
        }
    }

    #[test]
    fn retry_after_is_read_in_both_its_forms() {
        let read = |text: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            retry_after(&headers, NOW)
        };
        assert_eq!(read("120"), Some(Span::seconds(120)));
        assert_eq!(read("Mon, 21 Sep 2026 14:14:20 GMT"), Some(Span::seconds(60)));
        assert_eq!(read("Mon, 21 Sep 2020 14:14:20 GMT"), Some(Span::seconds(0)));
        for wrong in ["soon", "-5", "99999999999999999999"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
