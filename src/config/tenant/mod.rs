//! A merchant's file: converts TOML to the contents of a `MerchantView`, or reports every problem of the file.
//!
//! Invariants: no key of a file is ignored: an unknown key is a problem, and a key for a feature that is not built
//! yet is rejected by name. A [`TenantConfig`] contains references to secrets and no secret.

mod checkout;
mod live;
mod presence;
mod products;
mod shipping;
mod stripe;
mod tax;
mod values;
mod webhook;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};

use super::diagnostic::{Diagnostic, Place, quoted};
use super::document::{Section, Source, place_of};
use super::secrets::{SecretRef, SecretsDir, check_stripe_key};
use crate::domain::catalog::Catalog;
use crate::domain::ids::{AccountId, MerchantId, Mode, Tenant};
use crate::domain::language::Language;
use crate::domain::merchant::{MerchantStatus, MerchantView, Reconciliation};
use crate::domain::money::Currency;
use crate::ports::Environment;

pub(super) use products::is_placeholder;
use stripe::SecretSetting;
pub use stripe::grants_tokens;
use values::{Addresses, Amounts};
pub use webhook::WebhookSecrets;
use webhook::WebhookSetting;

const LONGEST_NAME: usize = 100;

/// One merchant, as configured by its file.
#[derive(Clone, Debug)]
pub struct TenantConfig {
    file: PathBuf,
    source: String,
    host_places: Vec<Place>,
    stripe_key: SecretSetting,
    next_stripe_key: Option<SecretSetting>,
    stripe_webhooks: Vec<SecretSetting>,
    webhook: Option<WebhookSetting>,
    account_place: Place,
    shared_account: bool,
    warnings: Vec<Diagnostic>,
    /// The merchant's view, at generation 0.
    seed: MerchantView,
}

/// A merchant's secrets, read through their references.
#[derive(Debug)]
pub struct TenantSecrets {
    /// The key of its Stripe account, for the merchant's mode.
    pub stripe_key: SecretString,
    /// The key that replaces it.
    pub next_stripe_key: Option<SecretString>,
    /// The secrets that verify Stripe's webhooks; any of them may have signed. Empty if the merchant accepts none.
    pub stripe_webhooks: Vec<SecretString>,
    /// The receiver of its order events, and the signing secrets.
    pub webhook: Option<WebhookSecrets>,
}

impl TenantSecrets {
    /// The Stripe keys: the one in use, and the one that replaces it.
    pub fn stripe_keys(&self) -> impl Iterator<Item = &SecretString> {
        std::iter::once(&self.stripe_key).chain(&self.next_stripe_key)
    }

    /// Whether the other ones are the same.
    #[must_use]
    pub fn are(&self, other: &Self) -> bool {
        let same = |these: &[SecretString], those: &[SecretString]| {
            these.iter().map(ExposeSecret::expose_secret).eq(those.iter().map(ExposeSecret::expose_secret))
        };
        let same_receiver = match (&self.webhook, &other.webhook) {
            (None, None) => true,
            (Some(this), Some(that)) => this.url == that.url && same(&this.secrets, &that.secrets),
            (None, Some(_)) | (Some(_), None) => false,
        };
        same_receiver
            && same(std::slice::from_ref(&self.stripe_key), std::slice::from_ref(&other.stripe_key))
            && same(self.next_stripe_key.as_slice(), other.next_stripe_key.as_slice())
            && same(&self.stripe_webhooks, &other.stripe_webhooks)
    }
}

impl TenantConfig {
    /// The path of the file.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The file's text, which identifies its version and can be kept as the last valid one.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The merchant, from the file's name.
    #[must_use]
    pub fn id(&self) -> &MerchantId {
        &self.seed.id
    }

    /// The tenant that owns its rows.
    #[must_use]
    pub fn tenant(&self) -> Tenant {
        self.seed.tenant()
    }

    /// Test or live.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.seed.mode
    }

    /// Whether it sells.
    #[must_use]
    pub fn status(&self) -> MerchantStatus {
        self.seed.status
    }

    /// The merchant's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.seed.name
    }

    /// Its hosts, the first of which is used in links.
    #[must_use]
    pub fn hosts(&self) -> &[String] {
        &self.seed.hosts
    }

    /// Its products.
    #[must_use]
    pub fn catalog(&self) -> &Catalog {
        &self.seed.catalog
    }

    /// The Stripe account, if the file names it.
    #[must_use]
    pub fn account(&self) -> Option<&AccountId> {
        self.seed.account.as_ref()
    }

    /// The place of a dotted key in the file; of its table, if it is missing.
    #[must_use]
    pub fn place(&self, key: &str) -> Place {
        place_of(&self.file, &self.source, key)
    }

    /// The place of the account in the file, or of `[stripe]` if it is not named.
    pub(super) fn account_place(&self) -> &Place {
        &self.account_place
    }

    /// Whether another merchant may receive payments in the same Stripe account.
    #[must_use]
    pub fn shared_account(&self) -> bool {
        self.shared_account
    }

    /// The shop's data from the file.
    pub(super) fn seed(&self) -> &MerchantView {
        &self.seed
    }

    /// The address that its order events are sent to.
    pub(super) fn receiver(&self) -> Option<&url::Url> {
        self.webhook.as_ref().map(WebhookSetting::url)
    }

    /// Whether the merchant receives order events.
    pub(super) fn has_webhook(&self) -> bool {
        self.webhook.is_some()
    }

    /// Warnings about values that are valid, and more often a mistake.
    #[must_use]
    pub fn warnings(&self) -> &[Diagnostic] {
        &self.warnings
    }

    /// The places of its Stripe keys: the one in use, and the one that replaces it.
    pub fn stripe_keys(&self) -> impl Iterator<Item = &SecretRef> {
        std::iter::once(&self.stripe_key).chain(&self.next_stripe_key).map(|setting| &setting.reference)
    }

    /// The places of the secrets that verify Stripe's webhooks.
    pub fn stripe_webhooks(&self) -> impl Iterator<Item = &SecretRef> {
        self.stripe_webhooks.iter().map(|setting| &setting.reference)
    }

    /// The merchant's view for readers. `account` is Stripe's answer for the key; an account that the file names
    /// takes precedence over it, and if verification finds another one, nothing is charged.
    #[must_use]
    pub fn view(&self, generation: u64, account: Option<AccountId>) -> MerchantView {
        let mut view = self.seed.clone();
        view.generation = generation;
        view.account = view.account.or(account);
        view
    }

    /// Reads the merchant's secrets through their references; a secret that is missing or of the wrong kind is a
    /// problem at the place of its reference.
    pub fn resolve_secrets(
        &self,
        environment: &dyn Environment,
        dir: &SecretsDir,
    ) -> Result<TenantSecrets, Vec<Diagnostic>> {
        let resolve = |setting: &SecretSetting| self.resolve_stripe_key(setting, environment, dir);
        let key = resolve(&self.stripe_key);
        let next_key = self.next_stripe_key.as_ref().map(resolve).transpose();
        let webhook = self.webhook.as_ref().map(|webhook| webhook.resolve(environment, dir)).transpose();
        let (mut stripe_webhooks, mut problems) = (Vec::new(), Vec::new());
        for setting in &self.stripe_webhooks {
            match setting.resolve_webhook_secret(environment, dir) {
                Ok(secret) => stripe_webhooks.push(secret),
                Err(problem) => problems.push(problem),
            }
        }
        match (key, next_key, webhook) {
            (Ok(stripe_key), Ok(next_stripe_key), Ok(webhook)) if problems.is_empty() => {
                Ok(TenantSecrets { stripe_key, next_stripe_key, stripe_webhooks, webhook })
            }
            (key, next_key, webhook) => Err(key
                .err()
                .into_iter()
                .chain(next_key.err())
                .chain(problems)
                .chain(webhook.err().into_iter().flatten())
                .collect()),
        }
    }

    const fn key_example(&self) -> &'static str {
        match self.seed.mode {
            Mode::Test => "sk_test_…",
            Mode::Live => "rk_live_…",
        }
    }

    fn resolve_stripe_key(
        &self,
        SecretSetting { reference, place }: &SecretSetting,
        environment: &dyn Environment,
        dir: &SecretsDir,
    ) -> Result<SecretString, Diagnostic> {
        let key = reference.resolve(environment, dir);
        let key = key.map_err(|error| place.problem(error.to_string(), error.remedy(self.key_example())))?;
        match check_stripe_key(&key, self.mode()) {
            Ok(()) => Ok(key),
            Err(error) => {
                Err(place.problem(format!("the secret in {reference} {error}"), error.remedy(self.mode())))
            }
        }
    }

    /// The problem of the file with a gateway that sends order events over `https` only.
    pub fn plain_webhook(&self) -> Option<Diagnostic> {
        self.webhook.as_ref().and_then(WebhookSetting::plain)
    }

    pub(super) fn host_places(&self) -> impl Iterator<Item = (&str, &Place)> {
        self.seed.hosts.iter().map(String::as_str).zip(&self.host_places)
    }
}

/// Reads a merchant's file from its text. The file's name gives the id; its path is used in messages.
pub fn parse_tenant(file: &Path, text: &str) -> Result<TenantConfig, Vec<Diagnostic>> {
    match read_text(file, text) {
        (Some(config), problems) if problems.is_empty() => Ok(config),
        (_, problems) => Err(problems),
    }
}

/// The same; a file with problems gives what it says otherwise, if its essential values are readable, so that more can be
/// checked of it at once. It must not be served.
pub(super) fn read_text(file: &Path, text: &str) -> (Option<TenantConfig>, Vec<Diagnostic>) {
    let source = Source::new(file, text);
    let config = source.parse().and_then(|table| read_root(&source, source.root(&table)));
    let warnings = source.take_warnings();
    (config.map(|config| TenantConfig { warnings, ..config }), source.into_problems())
}

fn read_root(source: &Source<'_>, root: Section<'_>) -> Option<TenantConfig> {
    let id = read_id(source);
    let name = root.required("name", "write the shop's name");
    let name = name.and_then(|field| values::line(&field, LONGEST_NAME));
    let language = read_language(&root);
    let mode = read_mode(&root);
    let status = read_status(&root);
    let (hosts, host_places) = presence::read_hosts(&root, mode).into_iter().unzip();
    let currency = read_currency(&root);
    let (amounts, addresses) = (Amounts(currency), Addresses(mode));

    let stripe = stripe::read(&root, id.as_ref(), mode);
    let checkout = checkout::read(&root, amounts, stripe.as_ref().and_then(|stripe| stripe.country));
    let limits = checkout::read_limits(&root);
    let links = presence::read_links(&root, addresses);
    let chatgpt = presence::read_chatgpt(&root, addresses);
    let products = products::read(&root, (amounts, addresses));
    let shipping = shipping::read(&root, amounts, &checkout.countries);
    if shipping.is_empty()
        && root.field("shipping").is_none()
        && products.iter().any(|product| product.shippable)
    {
        root.missing(
            "shipping",
            "add a [[shipping]] option, or write shippable = false where nothing is sent",
        );
    }
    let tax = tax::read(&root, &checkout.countries);
    root.unsupported("discounts", "remove [[discounts]]");
    let webhook = webhook::read(&root, id.as_ref(), addresses);
    let catalog = Catalog::new(products)
        .inspect_err(|error| root.refuse(error.to_string(), "give one of them another id"));
    live::require(&root, mode, catalog.as_ref().ok());
    root.finish();

    let stripe = stripe?;
    let seed = MerchantView {
        id: id?,
        mode: mode?,
        generation: 0,
        name: name?,
        language,
        hosts,
        currency: currency?,
        catalog: Arc::new(catalog.ok()?),
        checkout,
        shipping,
        tax: tax?,
        network_id: stripe.network_id,
        account: stripe.account,
        payments_off: None,
        payment_methods: stripe.payment_methods,
        links,
        chatgpt,
        limits,
        status,
        records: Reconciliation::NotRestored,
    };
    Some(TenantConfig {
        file: source.file().to_path_buf(),
        source: source.text().to_owned(),
        host_places,
        stripe_key: stripe.key,
        next_stripe_key: stripe.next_key,
        stripe_webhooks: stripe.webhook_secrets,
        webhook,
        account_place: stripe.account_place,
        shared_account: stripe.shared_account,
        warnings: Vec::new(),
        seed,
    })
}

fn read_id(source: &Source<'_>) -> Option<MerchantId> {
    let stem = source.file().file_stem().unwrap_or_default().to_string_lossy();
    let id = stem.parse();
    if id.is_err() {
        source.report(
            &Place::whole(source.file()),
            format!("the file's name {} is no tenant id", quoted(&stem)),
            "name it by 1 to 63 lower-case letters and digits, with single hyphens between them, such as \
             harbor-coffee.toml",
        );
    }
    id.ok()
}

/// The mode; `None` if it is not one, and then nothing else is checked against it.
fn read_mode(root: &Section<'_>) -> Option<Mode> {
    let field = root.required("mode", "write mode = \"test\", until the shop may take real money")?;
    field.choice(&[("test", Mode::Test), ("live", Mode::Live)])
}

fn read_status(root: &Section<'_>) -> MerchantStatus {
    let words = [("active", MerchantStatus::Active), ("suspended", MerchantStatus::Suspended)];
    root.field("status").and_then(|field| field.choice(&words)).unwrap_or(MerchantStatus::Active)
}

fn read_language(root: &Section<'_>) -> Language {
    let languages = Language::ALL.map(|language| (language.code(), language));
    root.field("language").and_then(|field| field.choice(&languages)).unwrap_or_default()
}

fn read_currency(root: &Section<'_>) -> Option<Currency> {
    let field = root.required("currency", "write a three-letter code, such as \"usd\"")?;
    let currency: Currency = match field.text()?.parse() {
        Ok(currency) => currency,
        Err(error) => {
            field.refuse(error.to_string(), "write a three-letter ISO 4217 code, such as \"usd\"");
            return None;
        }
    };
    if let Some(newer) = currency.replaced_by() {
        field.warn(
            format!("names the {}, which has been replaced by the {}", currency.name(), newer.name()),
            format!("write \"{newer}\", with prices in it"),
        );
    }
    Some(currency)
}
