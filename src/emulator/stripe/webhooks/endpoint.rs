//! Webhook endpoints, and the signature with which they verify Stripe.
//!
//! Must not import the gateway's own check of signatures. Invariant: an endpoint is on this machine.

use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use url::{Host, Url};

use crate::stripe::objects::accounts::{Mode, Scope};
use crate::stripe::objects::event::matches;

/// A receiver of the events of an account and mode.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookEndpoint {
    /// The account.
    pub account_id: String,
    /// The mode.
    #[serde(default)]
    pub livemode: bool,
    /// An `http` address on loopback.
    pub url: String,
    /// The signing secrets, `whsec_…`: one, or several during a rotation.
    pub secrets: Vec<String>,
    /// The kinds of event that are sent: names, groups such as `charge.*`, or `*`.
    #[serde(default = "everything")]
    pub enabled_events: Vec<String>,
}

fn everything() -> Vec<String> {
    vec!["*".to_owned()]
}

impl WebhookEndpoint {
    /// An endpoint for all test mode events of an account, with one secret.
    #[must_use]
    pub fn new(account_id: &str, url: &str, secret: &str) -> Self {
        Self {
            account_id: account_id.to_owned(),
            livemode: false,
            url: url.to_owned(),
            secrets: vec![secret.to_owned()],
            enabled_events: everything(),
        }
    }

    /// Whether its address is on this machine.
    pub(super) fn is_on_loopback(&self) -> bool {
        let Ok(url) = Url::parse(&self.url) else { return false };
        let is_here = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        is_here && url.scheme() == "http"
    }

    /// Whether it receives this type of event of this account and mode.
    pub(super) fn wants(&self, (account, mode): &Scope, kind: &str) -> bool {
        let of_mode = if self.livemode { Mode::Live } else { Mode::Test };
        self.account_id == *account
            && of_mode == *mode
            && self.enabled_events.iter().any(|pattern| matches(pattern, kind))
    }
}

/// The `Stripe-Signature` of a body at a second: one `v1` for each secret.
pub(crate) fn signature(secrets: &[String], second: i64, body: &str) -> String {
    let mut header = format!("t={second}");
    for secret in secrets {
        // HMAC accepts keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { continue };
        mac.update(format!("{second}.{body}").as_bytes());
        header.push_str(",v1=");
        header.push_str(&hex::encode(mac.finalize().into_bytes()));
    }
    header
}
