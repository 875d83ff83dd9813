//! A merchant: its configuration, and the state that its actor publishes, one generation after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use secrecy::{ExposeSecret as _, SecretString};

use super::dependencies::Dependencies;
use super::key_status::KeyStatus;
use super::listings::Listings;
use super::orphaned_payments::OrphanedPayments;
use super::stripe_budget::StripeGate;
use super::webhook_verifier::WebhookVerifier;
use crate::delivery::Receiver;
use crate::domain::ids::{AccountId, Tenant};
use crate::domain::merchant::{MerchantView, PaymentsOff, Reconciliation};
use crate::limiter::MerchantLimiter;
use crate::stripe::{KeyObserver, KeyReport, SellerAccount};

/// A merchant as configured, ready to start.
#[derive(Clone, Debug)]
pub struct MerchantSetup {
    /// The view; its `account` is ignored.
    pub view: MerchantView,
    /// `stripe.account_id`, if configured.
    pub given_account: Option<AccountId>,
    /// Whether another merchant may receive payments in the same account.
    pub shares_account: bool,
    pub key: SecretString,
    /// The key that replaces it, once Stripe has confirmed that it opens the same account.
    pub next_key: Option<SecretString>,
    /// The endpoint for its order events.
    pub receiver: Option<Receiver>,
    /// The secrets that verify Stripe's webhooks to it; without one it accepts none.
    pub webhook_secrets: Vec<SecretString>,
    /// Whether it has no file any more: it begins nothing, and what it has begun ends. It claims no account, which
    /// may be another merchant's by now.
    pub is_removed: bool,
}

/// A merchant's present generation. Each piece of work loads it once, so it sees one generation as a whole.
pub(crate) type PresentMerchant = ArcSwap<MerchantState>;

/// One generation of a merchant: its configuration, and the state that its actor publishes and its handles read.
#[derive(Debug)]
pub(crate) struct MerchantState {
    pub(crate) tenant: Tenant,
    pub(crate) view: ArcSwap<MerchantView>,
    pub(super) stripe: Arc<dyn SellerAccount>,
    /// The key of the account.
    pub(super) key: SecretString,
    /// The key that will replace it.
    next_key: Option<SecretString>,
    pub(super) given_account: Option<AccountId>,
    pub(super) shares_account: bool,
    pub(super) is_removed: bool,
    pub(crate) limiter: Arc<MerchantLimiter>,
    pub(super) gate: Arc<StripeGate>,
    pub(super) listings: Arc<Listings>,
    pub(crate) orphaned_payments: Arc<OrphanedPayments>,
    /// The endpoint for order events; without one they are kept, and not sent.
    pub(crate) receiver: Option<Receiver>,
    pub(crate) webhooks: WebhookVerifier,
    /// Whether Stripe itself has confirmed the account of the key. If a restricted key may not read its account,
    /// payments rely on the configuration, but a payment that is not in the listing does not count as absent.
    pub(crate) account_verified_by_stripe: AtomicBool,
    /// Stripe's reports about the key. Generations with the same key and account share it.
    pub(crate) key_status: Arc<KeyStatus>,
}

impl MerchantState {
    /// The first generation of a configured merchant.
    pub(crate) fn new(setup: &MerchantSetup, deps: &Dependencies) -> Self {
        let gate = Arc::new(StripeGate::new(Arc::clone(&deps.places)));
        let key_status = Arc::new(KeyStatus::default());
        let tenant = setup.view.tenant();
        let owed = deps.reconciliation.unreconciled(&tenant);
        let records = match owed.iter().map(|marker| marker.restored).max() {
            Some(restored) => Reconciliation::Pending { until: restored + deps.drain },
            None => reliable_records(deps),
        };
        Self {
            tenant,
            view: ArcSwap::from_pointee(unverified(setup, records)),
            stripe: deps.stripe.account(setup.key.clone(), observer(&gate, &key_status)),
            key: setup.key.clone(),
            next_key: setup.next_key.clone().filter(|next| !is_same(next, &setup.key)),
            given_account: setup.given_account.clone(),
            shares_account: setup.shares_account,
            is_removed: setup.is_removed,
            limiter: Arc::new(MerchantLimiter::new(&setup.view.limits)),
            gate,
            listings: Arc::default(),
            orphaned_payments: Arc::default(),
            receiver: setup.receiver.clone(),
            webhooks: WebhookVerifier::new(setup.webhook_secrets.clone()),
            account_verified_by_stripe: AtomicBool::new(false),
            key_status,
        }
    }

    /// The next generation, of the same tenant. What is in use at Stripe, the limits' fill and the counts go on. With
    /// the same key and account, payments go on too; otherwise, and after a removal, the account must be verified first.
    pub(crate) fn next(&self, setup: &MerchantSetup, deps: &Dependencies) -> Self {
        let present = self.view.load();
        let is_put_back = self.is_removed && !setup.is_removed;
        let is_known = |key: &SecretString| is_same(key, &self.key);
        let is_same_account = !is_put_back
            && (is_known(&setup.key) || setup.next_key.as_ref().is_some_and(is_known))
            && self.given_account == setup.given_account
            && self.shares_account == setup.shares_account;
        let mut view = unverified(setup, present.records);
        let (stripe, key_status, listings) = if is_same_account {
            view.account.clone_from(&present.account);
            view.payments_off.clone_from(&present.payments_off);
            (Arc::clone(&self.stripe), Arc::clone(&self.key_status), Arc::clone(&self.listings))
        } else {
            let key_status = Arc::new(KeyStatus::default());
            let stripe = deps.stripe.account(setup.key.clone(), observer(&self.gate, &key_status));
            (stripe, key_status, Arc::default())
        };
        let key = if is_same_account { self.key.clone() } else { setup.key.clone() };
        let verified = is_same_account && self.account_verified_by_stripe.load(Ordering::Acquire);
        Self {
            tenant: self.tenant.clone(),
            view: ArcSwap::from_pointee(view),
            stripe,
            next_key: setup.next_key.clone().filter(|next| !is_same(next, &key)),
            key,
            given_account: setup.given_account.clone(),
            shares_account: setup.shares_account,
            is_removed: setup.is_removed,
            limiter: Arc::new(self.limiter.next(&setup.view.limits)),
            gate: Arc::clone(&self.gate),
            listings,
            orphaned_payments: Arc::clone(&self.orphaned_payments),
            receiver: setup.receiver.clone(),
            webhooks: self.webhooks.with_secrets(setup.webhook_secrets.clone()),
            account_verified_by_stripe: AtomicBool::new(verified),
            key_status,
        }
    }

    /// The same generation with its next key in use, if it has one; its account is not verified.
    pub(crate) fn with_next_key(&self, deps: &Dependencies) -> Option<Self> {
        let key = self.next_key.clone()?;
        let key_status = Arc::new(KeyStatus::default());
        // Nobody reads it before its account is verified.
        let view = MerchantView::clone(&self.view.load());
        Some(Self {
            tenant: self.tenant.clone(),
            view: ArcSwap::from_pointee(view),
            stripe: deps.stripe.account(key.clone(), observer(&self.gate, &key_status)),
            key,
            next_key: None,
            given_account: self.given_account.clone(),
            shares_account: self.shares_account,
            is_removed: self.is_removed,
            limiter: Arc::clone(&self.limiter),
            gate: Arc::clone(&self.gate),
            listings: Arc::default(),
            orphaned_payments: Arc::clone(&self.orphaned_payments),
            receiver: self.receiver.clone(),
            webhooks: self.webhooks.clone(),
            account_verified_by_stripe: AtomicBool::new(false),
            key_status,
        })
    }

    /// Whether both generations use the same key and account.
    pub(crate) fn has_account_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.key_status, &other.key_status)
    }

    /// Whether the merchant's key belongs to this account.
    pub(crate) fn key_opens(&self, account: &AccountId) -> bool {
        self.view.load().account.as_ref() == Some(account)
    }
}

fn is_same(one: &SecretString, other: &SecretString) -> bool {
    one.expose_secret() == other.expose_secret()
}

/// A configured view before its account is known.
fn unverified(setup: &MerchantSetup, records: Reconciliation) -> MerchantView {
    MerchantView { account: None, payments_off: Some(PaymentsOff::Unverified), records, ..setup.view.clone() }
}

/// Passes Stripe's reports about a key on.
fn observer(gate: &Arc<StripeGate>, key_status: &Arc<KeyStatus>) -> KeyObserver {
    let (gate, key_status) = (Arc::clone(gate), Arc::clone(key_status));
    KeyObserver::new(move |report| {
        match &report {
            KeyReport::Limited { retry_after } => gate.limited(*retry_after),
            KeyReport::Taken(_) => gate.not_limited(),
            KeyReport::Refused(_) => {}
        }
        key_status.observe(report);
    })
}

/// The records of a merchant without a pending restore.
pub(crate) fn reliable_records(deps: &Dependencies) -> Reconciliation {
    let restored = deps.reconciliation.last_restore();
    restored.map_or(Reconciliation::NotRestored, |restored| Reconciliation::Done { restored })
}
