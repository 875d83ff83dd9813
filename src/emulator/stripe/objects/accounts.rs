//! Accounts and their secret keys: the account and the mode of a request.
//!
//! Must not import payments or the HTTP server. Invariants: a key belongs to one account permanently; the mode
//! depends only on the key's prefix; no message contains a whole key.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::stripe::error::StripeError;
use crate::stripe::refusal::Refusal;
use crate::stripe::request_kind::RequestKind;

/// A secret or restricted key of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySeed {
    /// The key: `sk_test_…`, `rk_test_…`, `sk_live_…` or `rk_live_…`. Its prefix decides the mode.
    pub key: String,
    /// Whether `GET /v1/account` is allowed with it; a restricted key often lacks that permission.
    pub may_read_account: bool,
}

/// An account of the emulator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountSeed {
    /// `acct_…`.
    pub account_id: String,
    /// The keys that are valid from now on.
    pub secret_keys: Vec<KeySeed>,
    /// The account's Stripe profile, `profile_…` or `profile_test_…`, by which agents identify the merchant.
    pub network_id: String,
}

/// Test data or real money (here as little real as the rest).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mode {
    /// Keys `…_test_…`.
    Test,
    /// Keys `…_live_…`.
    Live,
}

impl Mode {
    /// The value of `livemode` in objects.
    pub(crate) const fn livemode(self) -> bool {
        matches!(self, Self::Live)
    }

    /// The other mode.
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Test => Self::Live,
            Self::Live => Self::Test,
        }
    }

    fn of_key(key: &str) -> Option<Self> {
        let secret = key.strip_prefix("sk_").or_else(|| key.strip_prefix("rk_"))?;
        let (mode, rest) = match secret.strip_prefix("test_") {
            Some(rest) => (Self::Test, rest),
            None => (Self::Live, secret.strip_prefix("live_")?),
        };
        (!rest.is_empty()).then_some(mode)
    }
}

/// One mode of one account: a state of its own.
pub(crate) type Scope = (String, Mode);

/// The sender of a request.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    /// The account.
    pub(crate) account: String,
    /// The mode of the key.
    pub(crate) mode: Mode,
    /// The key, masked.
    pub(crate) masked_key: String,
    may_read_account: bool,
}

impl Caller {
    /// The state that the caller's requests use.
    pub(crate) fn scope(&self) -> Scope {
        (self.account.clone(), self.mode)
    }
}

#[derive(Debug)]
struct KeyRecord {
    account: String,
    mode: Mode,
    may_read_account: bool,
    expired: bool,
}

#[derive(Debug)]
struct AccountRecord {
    network_id: String,
    created: i64,
    /// Whether it may take real payments.
    is_activated: bool,
}

/// All accounts and keys.
#[derive(Debug, Default)]
pub(crate) struct Keyring {
    accounts: BTreeMap<String, AccountRecord>,
    keys: BTreeMap<String, KeyRecord>,
    /// The forbidden requests of restricted keys, by key.
    forbidden: BTreeMap<String, Vec<RequestKind>>,
}

impl Keyring {
    /// Adds an account, or gives a known one these keys: its earlier keys that are not listed expire.
    pub(crate) fn seed(&mut self, seed: &AccountSeed, now: i64) -> Result<(), Refusal> {
        for KeySeed { key, .. } in &seed.secret_keys {
            if Mode::of_key(key).is_none() {
                return Err(Refusal::NotASecretKey { key: mask(key) });
            }
            if self.keys.get(key).is_some_and(|known| known.account != seed.account_id) {
                return Err(Refusal::KeyOfAnotherAccount { key: mask(key) });
            }
        }
        for record in self.keys.values_mut().filter(|record| record.account == seed.account_id) {
            record.expired = true;
        }
        for KeySeed { key, may_read_account } in &seed.secret_keys {
            let Some(mode) = Mode::of_key(key) else { continue };
            let record = KeyRecord {
                account: seed.account_id.clone(),
                mode,
                may_read_account: *may_read_account,
                expired: false,
            };
            self.keys.insert(key.clone(), record);
        }
        let known = self.accounts.get(&seed.account_id);
        let (created, is_activated) = known.map_or((now, true), |known| (known.created, known.is_activated));
        let record = AccountRecord { network_id: seed.network_id.clone(), created, is_activated };
        self.accounts.insert(seed.account_id.clone(), record);
        Ok(())
    }

    /// Removes the permission for exactly these requests from a key.
    pub(crate) fn forbid(&mut self, key: &str, kinds: &[RequestKind]) {
        self.forbidden.insert(key.to_owned(), kinds.to_vec());
    }

    /// Makes an account one that Stripe has not activated: it makes test payments only.
    pub(crate) fn deactivate(&mut self, account: &str) -> Result<(), Refusal> {
        let known = self.accounts.get_mut(account);
        known.ok_or_else(|| Refusal::UnknownAccount { account: account.to_owned() })?.is_activated = false;
        Ok(())
    }

    fn is_activated(&self, account: &str) -> bool {
        self.accounts.get(account).is_some_and(|known| known.is_activated)
    }

    /// Refuses a request that its key, or its account, may not make.
    pub(crate) fn permit(
        &self,
        key: Option<&str>,
        caller: &Caller,
        kind: RequestKind,
    ) -> Result<(), StripeError> {
        let forbidden = key.and_then(|key| self.forbidden.get(key));
        if forbidden.is_some_and(|kinds| kinds.contains(&kind)) {
            return Err(not_permitted(caller, permission(kind)));
        }
        let takes_payment = matches!(kind, RequestKind::CreateIntent | RequestKind::CreateSession);
        if takes_payment && caller.mode == Mode::Live && !self.is_activated(&caller.account) {
            return Err(StripeError::invalid_request("Your account cannot currently make live charges.")
                .with_code("testmode_charges_only"));
        }
        Ok(())
    }

    /// Whether the account exists.
    pub(crate) fn knows(&self, account: &str) -> bool {
        self.accounts.contains_key(account)
    }

    /// The account whose profile this is.
    pub(crate) fn account_of_network(&self, network_id: &str) -> Option<String> {
        let (account, _) = self.accounts.iter().find(|(_, record)| record.network_id == network_id)?;
        Some(account.clone())
    }

    /// The owner of the key in an `Authorization` header, acting on the account of a `Stripe-Account` header.
    pub(crate) fn authenticate(
        &self,
        key: Option<&str>,
        stripe_account: Option<&str>,
    ) -> Result<Caller, StripeError> {
        let key = key.ok_or_else(|| {
            StripeError::unauthorized(
                "You did not provide an API key. You need to provide your API key in the Authorization header, \
                 using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
            )
        })?;
        if key.starts_with("pk_") {
            return Err(StripeError::unauthorized(
                "This API call cannot be made with a publishable API key. Please use a secret API key.",
            )
            .with_code("secret_key_required"));
        }
        let masked_key = mask(key);
        let record = self
            .keys
            .get(key)
            .ok_or_else(|| StripeError::unauthorized(format!("Invalid API Key provided: {masked_key}")))?;
        if record.expired {
            return Err(StripeError::unauthorized(format!("Expired API Key provided: {masked_key}"))
                .with_code("api_key_expired"));
        }
        if let Some(other) = stripe_account.filter(|account| *account != record.account) {
            return Err(StripeError::forbidden(format!(
                "The provided key '{masked_key}' does not have access to account '{other}' (or that account does \
                 not exist). Application access may have been revoked."
            ))
            .with_code("account_invalid"));
        }
        Ok(Caller {
            account: record.account.clone(),
            mode: record.mode,
            masked_key,
            may_read_account: record.may_read_account,
        })
    }

    /// `GET /v1/account`.
    pub(crate) fn read_account(&self, caller: &Caller) -> Result<Value, StripeError> {
        if !caller.may_read_account {
            return Err(not_permitted(caller, permission(RequestKind::ReadAccount)));
        }
        let created = self.accounts.get(&caller.account).map(|record| record.created);
        let is_activated = self.is_activated(&caller.account);
        let capability = if is_activated { "active" } else { "inactive" };
        Ok(json!({
            "id": caller.account,
            "object": "account",
            "business_profile": {
                "mcc": null, "name": null, "product_description": null, "support_address": null,
                "support_email": null, "support_phone": null, "support_url": null, "url": null,
            },
            "business_type": null,
            "capabilities": {"card_payments": capability, "transfers": capability},
            "charges_enabled": is_activated,
            "controller": {"type": "account"},
            "country": "US",
            "created": created,
            "default_currency": "usd",
            "details_submitted": is_activated,
            "email": null,
            "metadata": {},
            "payouts_enabled": is_activated,
            "settings": {
                "branding": {"icon": null, "logo": null, "primary_color": null, "secondary_color": null},
                "card_payments": {
                    "decline_on": {"avs_failure": true, "cvc_failure": true}, "statement_descriptor_prefix": null,
                },
                "dashboard": {"display_name": null, "timezone": "Etc/UTC"},
                "payments": {"statement_descriptor": null},
            },
            "type": "standard",
        }))
    }
}

fn not_permitted(caller: &Caller, permission: &str) -> StripeError {
    StripeError::forbidden(format!(
        "The provided key '{}' does not have the required permissions for this endpoint on account '{}'. Having the \
         '{permission}' permission would allow this request to continue.",
        caller.masked_key, caller.account
    ))
}

/// The permission that a restricted key needs for a request.
const fn permission(kind: RequestKind) -> &'static str {
    match kind {
        RequestKind::ReadAccount => "rak_accounts_kyc_basic_read",
        RequestKind::MintToken | RequestKind::RevokeToken => "rak_shared_payment_granted_token_write",
        RequestKind::ReadToken => "rak_shared_payment_granted_token_read",
        RequestKind::CreateIntent | RequestKind::CancelIntent => "rak_payment_intent_write",
        RequestKind::ReadIntent | RequestKind::ListIntents => "rak_payment_intent_read",
        RequestKind::CreateSession | RequestKind::ExpireSession => "rak_checkout_session_write",
        RequestKind::ReadSession | RequestKind::ListSessions | RequestKind::ListSessionLines => {
            "rak_checkout_session_read"
        }
        RequestKind::CreateRefund => "rak_charge_write",
        RequestKind::ReadRefund | RequestKind::ListRefunds | RequestKind::ReadCharge => "rak_charge_read",
        RequestKind::ReadDispute | RequestKind::ListDisputes => "rak_dispute_read",
        RequestKind::ReadEvent | RequestKind::ListEvents => "rak_event_read",
        RequestKind::ListWebhookEndpoints => "rak_webhook_read",
        RequestKind::CreateWebhookEndpoint | RequestKind::UpdateWebhookEndpoint => "rak_webhook_write",
    }
}

/// A key, masked: its prefix and its last four characters.
pub(crate) fn mask(key: &str) -> String {
    let prefix = ["sk_test_", "sk_live_", "rk_test_", "rk_live_", "pk_test_", "pk_live_"]
        .into_iter()
        .find(|prefix| key.starts_with(prefix))
        .unwrap_or_default();
    let rest = key.get(prefix.len()..).unwrap_or_default();
    let last_four = match rest.char_indices().rev().nth(3) {
        Some((at, _)) if rest.len() > 8 => &rest[at..],
        _ => "",
    };
    format!("{prefix}****{last_four}")
}
