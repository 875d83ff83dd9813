//! What an operator's commands ask of a Stripe account: its details, what its key may do, and its webhook endpoints.
//!
//! Invariant: nothing here moves money or changes a payment. A permission to write is tried on an object that does not
//! exist. Source: Stripe API `2026-09-30.preview`.

use secrecy::SecretString;
use serde::Deserialize;

use super::answers::ErrorBody;
use super::observation::Noted;
use super::refusal::{KeyRefusal, KeyUse};
use super::transport::{Call, Reply, StripeTransport, TransportError};
use super::{AccountError, read_account};
use crate::domain::ids::AccountId;

/// An account, as its key shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountDetails {
    pub id: AccountId,
    /// The name of the business, if it has one.
    pub name: Option<String>,
    /// Two letters of ISO 3166-1.
    pub country: Option<String>,
    /// Three letters in lower case.
    pub currency: Option<String>,
    /// Whether the account may take payments.
    pub charges_enabled: bool,
}

/// Something that a restricted key must be permitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    /// Its name in the Dashboard.
    pub name: &'static str,
    method: &'static str,
    path: &'static str,
    body: &'static str,
}

/// The answer to the trial of a permission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyAccess {
    Granted,
    /// The name that Stripe gives the permission, if it names one.
    Refused(Option<String>),
    /// Stripe does not know the request in the configured version, or for this account.
    NotOffered,
    /// No answer that says anything.
    Inconclusive(String),
}

/// Reading the tokens that agents grant.
pub const TOKENS: Permission = Permission {
    name: "Shared Payment Tokens: read",
    method: "GET",
    path: "/v1/shared_payment/granted_tokens/spt_0000000000000000",
    body: "",
};

/// What the gateway needs besides.
pub const PERMISSIONS: [Permission; 7] = [
    Permission { name: "PaymentIntents: read", method: "GET", path: "/v1/payment_intents", body: "" },
    Permission {
        name: "PaymentIntents: write",
        method: "POST",
        path: "/v1/payment_intents/pi_0000000000000000/cancel",
        body: "",
    },
    Permission { name: "Checkout Sessions: read", method: "GET", path: "/v1/checkout/sessions", body: "" },
    Permission {
        name: "Checkout Sessions: write",
        method: "POST",
        path: "/v1/checkout/sessions/cs_0000000000000000/expire",
        body: "",
    },
    Permission { name: "Charges and Refunds: read", method: "GET", path: "/v1/refunds", body: "" },
    Permission {
        name: "Charges and Refunds: write",
        method: "POST",
        path: "/v1/refunds",
        body: "payment_intent=pi_0000000000000000",
    },
    Permission { name: "Disputes: read", method: "GET", path: "/v1/disputes", body: "" },
];

/// An endpoint that receives Stripe's events.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct WebhookEndpoint {
    /// `we_…`.
    pub id: String,
    pub url: String,
    pub enabled_events: Vec<String>,
    /// `enabled` or `disabled`.
    pub status: String,
}

impl WebhookEndpoint {
    /// Whether it receives this type of event.
    #[must_use]
    pub fn receives(&self, kind: &str) -> bool {
        self.enabled_events.iter().any(|enabled| enabled == "*" || enabled == kind)
    }
}

/// A new endpoint, with the secret that Stripe shows only now.
#[derive(Debug)]
pub struct NewWebhookEndpoint {
    pub id: String,
    pub secret: SecretString,
}

/// An account, read with its key.
pub struct Inspection {
    transport: StripeTransport,
    key: SecretString,
    /// Makes the idempotency keys of this inspection differ from those of any other.
    distinction: String,
}

#[derive(Deserialize)]
struct AccountObject {
    id: String,
    #[serde(default)]
    business_profile: Option<BusinessProfile>,
    country: Option<String>,
    default_currency: Option<String>,
    #[serde(default)]
    charges_enabled: bool,
}

#[derive(Deserialize)]
struct BusinessProfile {
    name: Option<String>,
}

#[derive(Deserialize)]
struct CreatedEndpoint {
    id: String,
    secret: String,
}

#[derive(Deserialize)]
struct EndpointList {
    data: Vec<WebhookEndpoint>,
}

impl Inspection {
    /// The account of `key`.
    #[must_use]
    pub const fn new(transport: StripeTransport, key: SecretString, distinction: String) -> Self {
        Self { transport, key, distinction }
    }

    /// Reads the account (`GET /v1/account`), and checks that the clocks agree.
    pub async fn account(&self) -> Result<AccountDetails, AccountError> {
        let account: AccountObject = read_account(&self.transport, &self.key).await?;
        let unread = || AccountError::ReadFailed(Box::new(Noted::unreadable()));
        Ok(AccountDetails {
            id: account.id.parse().map_err(|_| unread())?,
            name: account.business_profile.and_then(|profile| profile.name),
            country: account.country,
            currency: account.default_currency,
            charges_enabled: account.charges_enabled,
        })
    }

    /// Tries a permission.
    pub async fn access(&self, permission: Permission) -> KeyAccess {
        let Permission { method, path, body, .. } = permission;
        let is_list = permission != TOKENS;
        let query: &[(&str, &str)] = if is_list { &[("limit", "1")] } else { &[] };
        let reply = match method {
            "POST" => self.post(path, body.to_owned()).await,
            // Of a list one entry is enough.
            _ => self.transport.send(&self.key, Call::get(path, query)).await,
        };
        match reply {
            Ok(reply) => of_trial(&reply),
            Err(error) => KeyAccess::Inconclusive(error.to_string()),
        }
    }

    /// The webhook endpoints of the account in the key's mode (`GET /v1/webhook_endpoints`). Stripe allows sixteen.
    pub async fn webhook_endpoints(&self) -> Result<Vec<WebhookEndpoint>, KeyAccess> {
        let call = Call::get("/v1/webhook_endpoints", &[("limit", "100")]);
        let reply = answered(self.transport.send(&self.key, call).await)?;
        reply.json().map(|list: EndpointList| list.data).ok_or_else(|| of_trial(&reply))
    }

    /// Creates an endpoint for these types of event (`POST /v1/webhook_endpoints`).
    pub async fn create_webhook_endpoint(
        &self,
        url: &str,
        events: &[&str],
    ) -> Result<NewWebhookEndpoint, KeyAccess> {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.append_pair("url", url).append_pair("description", "merchant-gateway");
        let reply = answered(self.post("/v1/webhook_endpoints", with_events(body, events)).await)?;
        let created: Option<CreatedEndpoint> = reply.json();
        let CreatedEndpoint { id, secret } = created.ok_or_else(|| of_trial(&reply))?;
        Ok(NewWebhookEndpoint { id, secret: secret.into() })
    }

    /// Makes an endpoint receive these types of event, and enables it (`POST /v1/webhook_endpoints/{id}`).
    pub async fn update_webhook_endpoint(&self, id: &str, events: &[&str]) -> Result<(), KeyAccess> {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.append_pair("disabled", "false");
        let path = format!("/v1/webhook_endpoints/{id}");
        answered(self.post(&path, with_events(body, events)).await).map(|_| ())
    }

    /// Sends a request once; each path has a key of its own.
    async fn post(&self, path: &str, body: String) -> Result<Reply, TransportError> {
        let key = format!("mg1-inspect-{}-{path}", self.distinction);
        self.transport.send(&self.key, Call { idempotency_key: Some(&key), ..Call::post(path, body) }).await
    }
}

fn answered(reply: Result<Reply, TransportError>) -> Result<Reply, KeyAccess> {
    let reply = reply.map_err(|error| KeyAccess::Inconclusive(error.to_string()))?;
    if reply.status == 200 { Ok(reply) } else { Err(of_trial(&reply)) }
}

fn with_events(mut body: url::form_urlencoded::Serializer<'_, String>, events: &[&str]) -> String {
    for (index, event) in events.iter().enumerate() {
        body.append_pair(&format!("enabled_events[{index}]"), event);
    }
    body.finish()
}

/// An object that does not exist is missing only to a key that may ask for it.
fn of_trial(reply: &Reply) -> KeyAccess {
    if let Some(refusal) = KeyRefusal::of(KeyUse::Readings, reply) {
        return KeyAccess::Refused(refusal.permission);
    }
    let error = reply.json::<ErrorBody>().map(|body| body.error);
    let code = error.as_ref().and_then(|error| error.code.as_deref());
    match (reply.status, code) {
        (200..=299, _) | (400 | 404, Some("resource_missing")) => KeyAccess::Granted,
        (404, _) => KeyAccess::NotOffered,
        (status, code) => {
            let code = code.map_or_else(String::new, |code| format!(", {code}"));
            KeyAccess::Inconclusive(format!("status {status}{code}"))
        }
    }
}
