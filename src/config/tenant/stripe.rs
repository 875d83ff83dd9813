//! `[stripe]`: the account, its payment methods and its key.

use secrecy::{ExposeSecret as _, SecretString};

use super::values::{country, id, once, refuse_empty};
use crate::config::diagnostic::{Diagnostic, Place, quoted};
use crate::config::document::{Field, Section};
use crate::config::secrets::{SecretRef, SecretsDir};
use crate::domain::address::CountryCode;
use crate::domain::ids::{AccountId, MerchantId, Mode, NetworkId};
use crate::domain::merchant::PaymentMethod;
use crate::ports::Environment;

/// How many webhook secrets may be in use at once, during a change of secrets or of endpoints.
const MOST_WEBHOOK_SECRETS: usize = 4;

/// The Network IDs of the sample files, which belong to no merchant.
const SAMPLE_NETWORKS: [&str; 3] =
    ["profile_test_harborcoffee", "profile_test_fernandthread", "profile_test_kumoprints"];

/// The countries whose sellers Stripe grants Shared Payment Tokens to (Stripe, "Agentic commerce seller services", autumn
/// 2026).
const TOKEN_SELLERS: [&str; 34] = [
    "US", "CA", "AT", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GI", "GR",
    "HR", "HU", "IE", "IT", "LI", "LT", "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
];

/// Whether Stripe grants Shared Payment Tokens to sellers in this country, as two letters.
#[must_use]
pub fn grants_tokens(country: &str) -> bool {
    TOKEN_SELLERS.contains(&country)
}

const TEST_NETWORK: &str = "profile_test_";
const METHODS: [(&str, PaymentMethod); 4] = [
    ("card", PaymentMethod::Card),
    ("apple_pay", PaymentMethod::ApplePay),
    ("google_pay", PaymentMethod::GooglePay),
    ("link", PaymentMethod::Link),
];

/// A reference to a secret, and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SecretSetting {
    pub(super) reference: SecretRef,
    pub(super) place: Place,
}

impl SecretSetting {
    /// Reads a secret that verifies Stripe's webhooks.
    pub(super) fn resolve_webhook_secret(
        &self,
        environment: &dyn Environment,
        dir: &SecretsDir,
    ) -> Result<SecretString, Diagnostic> {
        let Self { reference, place } = self;
        let secret = reference.resolve(environment, dir);
        let secret = secret.map_err(|error| place.problem(error.to_string(), error.remedy("whsec_…")))?;
        if is_webhook_secret(&secret) {
            return Ok(secret);
        }
        Err(place.problem(
            format!("the secret in {reference} is no signing secret of a Stripe webhook endpoint"),
            "copy the endpoint's signing secret from Stripe's dashboard, whsec_…",
        ))
    }
}

/// `whsec_` and enough letters and digits to be unguessable; Stripe's have 32 or more.
fn is_webhook_secret(secret: &SecretString) -> bool {
    secret.expose_secret().strip_prefix("whsec_").is_some_and(|rest| {
        (16..=256).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_graphic())
    })
}

/// The values of `[stripe]`.
pub(super) struct Stripe {
    pub(super) network_id: NetworkId,
    pub(super) account: Option<AccountId>,
    /// The place of the account, or of the section if it is not named.
    pub(super) account_place: Place,
    /// The country of the account, if it is named.
    pub(super) country: Option<CountryCode>,
    /// Whether another merchant may receive payments in the same account.
    pub(super) shared_account: bool,
    pub(super) key: SecretSetting,
    /// The key that replaces it, once it is known to open the same account.
    pub(super) next_key: Option<SecretSetting>,
    pub(super) payment_methods: Vec<PaymentMethod>,
    /// The secrets that verify Stripe's webhooks; any of them may have signed.
    pub(super) webhook_secrets: Vec<SecretSetting>,
}

/// Reads the section. Without a valid `merchant` no reference can be checked, and the file's name was already
/// reported.
pub(super) fn read(root: &Section<'_>, merchant: Option<&MerchantId>, mode: Option<Mode>) -> Option<Stripe> {
    let section = root.section("stripe");
    if !section.present() {
        if root.field("stripe").is_none() {
            root.missing("stripe", "add [stripe] with network_id and secret_key");
        }
        return None;
    }
    let network_id =
        section.required("network_id", "copy the Network ID from the Stripe dashboard, profile_…");
    let network_id = network_id.and_then(|field| read_network(&field, mode));
    let account = section.field("account_id");
    let account_place = account.as_ref().map_or_else(|| section.place(), Field::place);
    let account = account.and_then(|field| id::<AccountId>(&field, "acct_1ABC"));
    let seller = section.field("country").and_then(|field| country(&field, field.text()));
    let shared_account = section.field("shared_account").and_then(|field| field.switch()).unwrap_or(false);
    let key =
        section.required("secret_key", "refer to the key, such as \"file:stripe_key\" or \"env:MERCHANT_…\"");
    let key = key.and_then(|field| read_secret(&field, merchant?, "STRIPE_KEY"));
    let next_key = section.field("next_secret_key");
    let next_key = next_key.and_then(|field| read_secret(&field, merchant?, "NEXT_STRIPE_KEY"));
    if let (Some(key), Some(next)) = (&key, &next_key)
        && key.reference == next.reference
    {
        section.report(&next.place, "refers to the same secret as secret_key", "remove it");
    }
    let webhook_secrets = section.field("webhook_secrets").map_or_else(Vec::new, |field| {
        let items = field.items("write a list of references in square brackets, or leave it out");
        if items.len() > MOST_WEBHOOK_SECRETS {
            section.too_many("webhook_secrets", items.len(), MOST_WEBHOOK_SECRETS);
        }
        let read = |item: &Field<'_>| read_secret(item, merchant?, "STRIPE_WEBHOOK_SECRET");
        items.iter().take(MOST_WEBHOOK_SECRETS).filter_map(read).collect()
    });
    let payment_methods = match section.field("payment_methods") {
        Some(field) => read_methods(&field),
        None => vec![PaymentMethod::Card, PaymentMethod::ApplePay, PaymentMethod::GooglePay],
    };
    section.finish();
    Some(Stripe {
        network_id: network_id?,
        account,
        account_place,
        country: seller,
        shared_account,
        key: key?,
        next_key,
        payment_methods,
        webhook_secrets,
    })
}

fn read_network(field: &Field<'_>, mode: Option<Mode>) -> Option<NetworkId> {
    let network: NetworkId = id(field, "profile_test_61TbCdEfGh")?;
    if SAMPLE_NETWORKS.contains(&network.as_str()) {
        field.warn("is the Network ID of a sample file", "copy the merchant's own from its Stripe dashboard");
    }
    let of_test = network.as_str().starts_with(TEST_NETWORK);
    let Some(mode) = mode else { return Some(network) };
    let (right, remedy) = match mode {
        Mode::Test => (of_test, "copy the Network ID of the sandbox, profile_test_…"),
        Mode::Live => (!of_test, "copy the live Network ID, which does not begin with profile_test_"),
    };
    if !right {
        field.refuse(format!("does not belong to mode \"{}\"", mode.into_str()), remedy);
    }
    Some(network)
}

/// Parses a reference of this merchant's; `name` is the suggested name of its variable, after the merchant's prefix.
pub(super) fn read_secret(field: &Field<'_>, merchant: &MerchantId, name: &str) -> Option<SecretSetting> {
    match SecretRef::parse(field.text()?, merchant) {
        Ok(reference) => Some(SecretSetting { reference, place: field.place() }),
        Err(error) => {
            let variable = format!("{}{name}", SecretRef::variable_prefix(merchant));
            field.refuse(error.to_string(), error.remedy(&variable));
            None
        }
    }
}

fn read_methods(field: &Field<'_>) -> Vec<PaymentMethod> {
    let words: Vec<String> = METHODS.iter().map(|(word, _)| quoted(word)).collect();
    let remedy = format!("write a list of {}", words.join(", "));
    let items = field.items(&remedy);
    if items.is_empty() {
        refuse_empty(field, &remedy);
    }
    let mut names: Vec<&str> = Vec::new();
    let mut methods = Vec::new();
    for item in &items {
        if let Some(method) = item.choice(&METHODS)
            && let Some(name) = item.text()
            && once(item, &names, &name)
        {
            names.push(name);
            methods.push(method);
        }
    }
    methods
}
