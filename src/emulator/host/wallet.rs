//! An agent's wallet: it pays a checkout over HTTP 402, by the Machine Payments Protocol, after its owner has approved.
//!
//! It asks as Stripe's `link-cli` does: once for the challenge that its owner approves, once more after the approval, and
//! then with the credential. Must not import the page. Invariants: a wallet asks only addresses of its merchant's own
//! origin; a token is valid for exactly what was approved; the page never receives one.

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue, USER_AGENT, WWW_AUTHENTICATE};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::Url;

use super::HostMerchant;
use super::challenge::{Challenge, Due, decoded, encoded};
use super::host_error::HostError;
use super::merchant_client::MerchantClient;
use super::token::{TokenLimits, masked};
use crate::stripe::StripeService;

/// The name under which it asks.
const PROGRAM: &str = concat!("merchant-gateway-emulated-wallet/", env!("CARGO_PKG_VERSION"));

/// A request for a challenge.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ChallengeWanted {
    /// The wallet's address of a checkout.
    url: String,
}

/// The payment that the wallet's owner approved.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WalletApproval {
    /// The wallet's address of the checkout.
    url: String,
    /// One of the test cards.
    card: String,
    /// The challenge that the owner saw.
    approved: Due,
}

/// A request of the wallet and its answer, for the transcript.
#[derive(Debug, Serialize)]
struct Exchange {
    sent: Value,
    status: u16,
    answer: Value,
    #[serde(skip)]
    headers: HeaderMap,
}

impl Exchange {
    fn challenge(&self) -> Option<Challenge> {
        let values = self.headers.get_all(WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        (self.status == 402).then(|| Challenge::of(values)).flatten()
    }

    /// The receipt in `Payment-Receipt`.
    fn receipt(&self) -> Option<Value> {
        decoded(self.headers.get("payment-receipt")?.to_str().ok()?)
    }
}

impl ChallengeWanted {
    /// Asks without a credential.
    pub(super) async fn ask(
        self,
        merchant: &HostMerchant,
        client: &MerchantClient,
    ) -> Result<Value, HostError> {
        let address = WalletAddress::of(&self.url, merchant, client)?;
        let exchange = address.ask(None).await?;
        let challenge = exchange.challenge().map(|challenge| challenge.to_json());
        Ok(json!({ "exchange": exchange, "challenge": challenge }))
    }
}

impl WalletApproval {
    /// Asks again, has a token granted for what was approved, and sends it.
    pub(super) async fn execute(
        self,
        merchant: &HostMerchant,
        client: &MerchantClient,
        stripe: &StripeService,
    ) -> Result<Value, HostError> {
        let address = WalletAddress::of(&self.url, merchant, client)?;
        let asked = address.ask(None).await?;
        let Some(challenge) = asked.challenge() else { return Ok(outcome(&[asked], None)) };
        if challenge.due != self.approved {
            let changed =
                "The shop's challenge changed after the approval. No token was granted and nothing was paid.";
            let mut told = outcome(&[asked], None);
            told["problem"] = json!({ "title": "Challenge changed", "detail": changed });
            return Ok(told);
        }
        let Due { amount, currency, network_id, .. } = &challenge.due;
        let limits = TokenLimits { network_id, currency, amount: *amount };
        let token = limits.grant(&self.card, stripe)?;
        let paid = address.ask(Some((&challenge, &token))).await?;
        let grant = json!({
            "token": masked(&token), "network_id": network_id, "currency": currency, "amount": amount,
        });
        Ok(outcome(&[asked, paid], Some(&grant)))
    }
}

/// What a payment came to, by its last exchange.
fn outcome(exchanges: &[Exchange], grant: Option<&Value>) -> Value {
    let last = exchanges.last();
    let body = last.map_or(Value::Null, |last| last.answer["body"].clone());
    let status = last.map_or(0, |last| last.status);
    let (order, problem) = match status {
        200 => (body, Value::Null),
        // Neither paid nor refused yet.
        202 => (Value::Null, Value::Null),
        _ if body.is_object() => (Value::Null, body),
        _ => (Value::Null, json!({ "title": format!("HTTP {status}") })),
    };
    json!({
        "exchanges": exchanges,
        "grant": grant,
        "status": status,
        "receipt": last.and_then(Exchange::receipt),
        "order": order,
        "problem": problem,
    })
}

/// An address that a wallet may ask.
struct WalletAddress<'a> {
    url: Url,
    merchant: &'a HostMerchant,
    client: &'a MerchantClient,
}

impl<'a> WalletAddress<'a> {
    fn of(url: &str, merchant: &'a HostMerchant, client: &'a MerchantClient) -> Result<Self, HostError> {
        let parsed = Url::parse(url).ok();
        let url = parsed.filter(|parsed| is_of(parsed, merchant)).ok_or_else(|| {
            HostError::Request(format!(
                "{url} is no address of {}; this wallet asks only addresses of the origin of {}",
                merchant.name, merchant.mcp_url
            ))
        })?;
        Ok(Self { url, merchant, client })
    }

    /// Sends `GET`, with the credential if there is one. The returned copy has the credential and the token masked.
    async fn ask(&self, answered: Option<(&Challenge, &str)>) -> Result<Exchange, HostError> {
        let mut sent = json!({
            "method": "GET",
            "url": self.url.as_str(),
            "headers": { "user-agent": PROGRAM, "accept": "application/json" },
        });
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(PROGRAM));
        headers.insert("accept", HeaderValue::from_static("application/json"));
        if let Some((challenge, token)) = answered {
            let credential = format!("Payment {}", encoded(&challenge.credential(token)));
            let value = HeaderValue::try_from(credential)
                .map_err(|error| HostError::Request(format!("the credential fits no header: {error}")))?;
            headers.insert(AUTHORIZATION, value);
            sent["headers"]["authorization"] = json!("Payment …");
            sent["credential"] = challenge.credential(&masked(token));
        }
        let (status, headers, body) = self.client.get(self.merchant, &self.url, headers).await?;
        let body = serde_json::from_slice(&body)
            .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&body).into_owned()));
        let answer = json!({ "headers": shown(&headers), "body": body });
        Ok(Exchange { sent, status, answer, headers })
    }
}

/// Whether an address is one of the merchant's own origin.
fn is_of(url: &Url, merchant: &HostMerchant) -> bool {
    let own = Url::parse(&merchant.mcp_url).is_ok_and(|own| own.origin() == url.origin());
    own && url.origin().is_tuple() && url.username().is_empty() && url.password().is_none()
}

/// Headers as JSON; those that are there twice are joined.
fn shown(headers: &HeaderMap) -> Value {
    let mut shown = Map::new();
    for name in headers.keys() {
        let values = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes()));
        shown.insert(name.to_string(), values.collect::<Vec<_>>().join(", ").into());
    }
    Value::Object(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_merchants_origin_are_asked() {
        let merchant = HostMerchant {
            id: "shop".to_owned(),
            name: "Shop".to_owned(),
            mcp_url: "http://127.0.0.1:8080/t/shop/mcp".to_owned(),
        };
        for (url, may) in [
            ("http://127.0.0.1:8080/t/shop/checkout/chk_1/wallet/k", true),
            ("http://127.0.0.1:8081/admin", false),
            ("https://127.0.0.1:8080/", false),
            ("http://127.0.0.1:8080@evil.example/", false),
            ("http://me:secret@127.0.0.1:8080/", false),
            ("http://localhost:8080/", false),
            ("file:///etc/passwd", false),
        ] {
            assert_eq!(is_of(&Url::parse(url).unwrap(), &merchant), may, "{url}");
        }
    }
}
