//! `[webhook]`: the receiver of the merchant's order events, and the signing secrets.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::stripe::{SecretSetting, read_secret};
use super::values::Addresses;
use crate::config::diagnostic::{Diagnostic, Place};
use crate::config::document::{Field, Section};
use crate::config::secrets::SecretsDir;
use crate::domain::ids::MerchantId;
use crate::ports::Environment;

/// How many previous secrets may be in use during a change of secrets.
const MOST_PREVIOUS: usize = 3;

/// The length of a key in bytes (Standard Webhooks, "Signature scheme").
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The form of such a secret.
const EXAMPLE: &str = "whsec_…";

/// The values of `[webhook]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WebhookSetting {
    url: Url,
    url_place: Place,
    /// The newest first.
    secrets: Vec<SecretSetting>,
}

/// A merchant's receiver of order events, with its secrets.
#[derive(Debug)]
pub struct WebhookSecrets {
    /// The receiver's address.
    pub url: Url,
    /// The signing secrets, `whsec_…`; the newest first.
    pub secrets: Vec<SecretString>,
}

/// Reads the section, if there is one. Without a valid `merchant` no reference can be checked, and the file's name
/// was already reported.
pub(super) fn read(
    root: &Section<'_>,
    merchant: Option<&MerchantId>,
    addresses: Addresses,
) -> Option<WebhookSetting> {
    let section = root.section("webhook");
    let url = section.required("url", "write the address that takes order events, https://…");
    let url_place = url.as_ref().map(Field::place);
    let url = url.and_then(|field| read_url(&field, addresses));
    let secret = section.required(
        "secret",
        "refer to the secret that signs events, such as \"file:webhook_secret\" or \"env:MERCHANT_…\"",
    );
    let newest = secret.and_then(|field| read_secret(&field, merchant?, "WEBHOOK_SECRET"));
    let previous = section.field("previous_secrets").map_or_else(Vec::new, |field| {
        let items = field.items("write a list of references in square brackets");
        if items.len() > MOST_PREVIOUS {
            section.too_many("previous_secrets", items.len(), MOST_PREVIOUS);
        }
        let read = |item: &Field<'_>| read_secret(item, merchant?, "OLD_WEBHOOK_SECRET");
        items.iter().take(MOST_PREVIOUS).filter_map(read).collect()
    });
    section.finish();
    let secrets = std::iter::once(newest?).chain(previous).collect();
    Some(WebhookSetting { url: url?, url_place: url_place?, secrets })
}

fn read_url(field: &Field<'_>, addresses: Addresses) -> Option<Url> {
    let url = addresses.url(field)?;
    if url.fragment().is_some() {
        field.refuse("carries a fragment, which is never sent", "remove what stands behind the #");
        return None;
    }
    Some(url)
}

impl WebhookSetting {
    /// The receiver's address.
    pub(super) const fn url(&self) -> &Url {
        &self.url
    }

    /// Plain `http` is allowed to this machine only, for development.
    pub(super) fn plain(&self) -> Option<Diagnostic> {
        (self.url.scheme() == "http").then(|| {
            self.url_place.problem(
                "is plain http, and the gateway sends order events over https only",
                "use https; for development on this machine set order_events.allow_loopback = true",
            )
        })
    }

    /// Reads the secrets.
    pub(super) fn resolve(
        &self,
        environment: &dyn Environment,
        dir: &SecretsDir,
    ) -> Result<WebhookSecrets, Vec<Diagnostic>> {
        let (mut secrets, mut problems) = (Vec::new(), Vec::new());
        for SecretSetting { reference, place } in &self.secrets {
            match reference.resolve(environment, dir) {
                Ok(secret) if is_secret(&secret) => secrets.push(secret),
                Ok(_) => problems.push(place.problem(
                    format!("the secret in {reference} is no secret of Standard Webhooks"),
                    "make one: whsec_ followed by what openssl rand -base64 32 prints",
                )),
                Err(error) => problems.push(place.problem(error.to_string(), error.remedy(EXAMPLE))),
            }
        }
        if problems.is_empty() {
            Ok(WebhookSecrets { url: self.url.clone(), secrets })
        } else {
            Err(problems)
        }
    }
}

/// `whsec_` and 24 to 64 bytes in base64.
fn is_secret(secret: &SecretString) -> bool {
    let key = secret.expose_secret().strip_prefix("whsec_").and_then(|text| STANDARD.decode(text).ok());
    key.map(zeroize::Zeroizing::new).is_some_and(|key| KEY_BYTES.contains(&key.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_whsec_and_enough_bytes_in_base64() {
        let is = |text: &str| is_secret(&SecretString::from(text));
        assert!(is("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"));
        assert!(is(&format!("whsec_{}", STANDARD.encode([7; 64]))));
        for wrong in [
            "C2FVsBQIhrscChlQIMV+b5sSYspob7oD".to_owned(),
            "whsec_".to_owned(),
            "whsec_not base64 at all, is it?".to_owned(),
            "whsec_C2FVsBQIhrscChlQIMV-b5sSYspob7oD".to_owned(),
            format!("whsec_{}", STANDARD.encode([7; 23])),
            format!("whsec_{}", STANDARD.encode([7; 65])),
        ] {
            assert!(!is(&wrong), "{wrong}");
        }
    }
}
