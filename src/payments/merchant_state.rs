//! A merchant: its configuration, and the state that its actor publishes, one generation after the other.

use std::sync::Arc;

use arc_swap::ArcSwap;
use secrecy::SecretString;

use super::dependencies::Dependencies;
use super::orphaned_payments::OrphanedPayments;
use super::seller_key::SellerKey;
use super::stripe_budget::StripeGate;
use super::webhook_verifier::WebhookVerifier;
use crate::delivery::Receiver;
use crate::domain::ids::{AccountId, Tenant};
use crate::domain::merchant::{MerchantView, PaymentsOff, Reconciliation};
use crate::limiter::MerchantLimiter;

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
    /// The key of its account. Generations with the same key and account share it.
    pub(crate) key: Arc<SellerKey>,
    /// The key that will replace it.
    next_key: Option<SecretString>,
    pub(super) given_account: Option<AccountId>,
    pub(super) shares_account: bool,
    pub(super) is_removed: bool,
    pub(crate) limiter: Arc<MerchantLimiter>,
    pub(super) gate: Arc<StripeGate>,
    pub(crate) orphaned_payments: Arc<OrphanedPayments>,
    /// The endpoint for order events; without one they are kept, and not sent.
    pub(crate) receiver: Option<Receiver>,
    pub(crate) webhooks: WebhookVerifier,
}

impl MerchantState {
    /// The first generation of a configured merchant.
    pub(crate) fn new(setup: &MerchantSetup, deps: &Dependencies) -> Self {
        let gate = Arc::new(StripeGate::new(Arc::clone(&deps.places)));
        let key = Arc::new(SellerKey::new(&setup.key, &gate, deps));
        let tenant = setup.view.tenant();
        let owed = deps.reconciliation.unreconciled(&tenant);
        let records = match owed.iter().map(|marker| marker.restored).max() {
            Some(restored) => Reconciliation::Pending { until: restored + deps.drain },
            None => reliable_records(deps),
        };
        Self {
            tenant,
            view: ArcSwap::from_pointee(unverified(setup, records)),
            next_key: setup.next_key.clone().filter(|next| !key.is(next)),
            key,
            given_account: setup.given_account.clone(),
            shares_account: setup.shares_account,
            is_removed: setup.is_removed,
            limiter: Arc::new(MerchantLimiter::new(&setup.view.limits)),
            gate,
            orphaned_payments: Arc::default(),
            receiver: setup.receiver.clone(),
            webhooks: WebhookVerifier::new(setup.webhook_secrets.clone()),
        }
    }

    /// The next generation, of the same tenant. What is in use at Stripe, the limits' fill and the counts go on. With
    /// the same key and account, payments go on too; otherwise, and after a removal, the account must be verified first.
    pub(crate) fn next(&self, setup: &MerchantSetup, deps: &Dependencies) -> Self {
        let present = self.view.load();
        let is_put_back = self.is_removed && !setup.is_removed;
        let is_same_account = !is_put_back
            && (self.key.is(&setup.key) || setup.next_key.as_ref().is_some_and(|next| self.key.is(next)))
            && self.given_account == setup.given_account
            && self.shares_account == setup.shares_account;
        let mut view = unverified(setup, present.records);
        let key = if is_same_account {
            view.account.clone_from(&present.account);
            view.payments_off.clone_from(&present.payments_off);
            Arc::clone(&self.key)
        } else {
            Arc::new(SellerKey::new(&setup.key, &self.gate, deps))
        };
        Self {
            tenant: self.tenant.clone(),
            view: ArcSwap::from_pointee(view),
            next_key: setup.next_key.clone().filter(|next| !key.is(next)),
            key,
            given_account: setup.given_account.clone(),
            shares_account: setup.shares_account,
            is_removed: setup.is_removed,
            limiter: Arc::new(self.limiter.next(&setup.view.limits)),
            gate: Arc::clone(&self.gate),
            orphaned_payments: Arc::clone(&self.orphaned_payments),
            receiver: setup.receiver.clone(),
            webhooks: self.webhooks.with_secrets(setup.webhook_secrets.clone()),
        }
    }

    /// The same generation with its next key in use, if it has one; its account is not verified.
    pub(crate) fn with_next_key(&self, deps: &Dependencies) -> Option<Self> {
        let key = SellerKey::new(self.next_key.as_ref()?, &self.gate, deps);
        // Nobody reads it before its account is verified.
        let view = MerchantView::clone(&self.view.load());
        Some(Self {
            tenant: self.tenant.clone(),
            view: ArcSwap::from_pointee(view),
            key: Arc::new(key),
            next_key: None,
            given_account: self.given_account.clone(),
            shares_account: self.shares_account,
            is_removed: self.is_removed,
            limiter: Arc::clone(&self.limiter),
            gate: Arc::clone(&self.gate),
            orphaned_payments: Arc::clone(&self.orphaned_payments),
            receiver: self.receiver.clone(),
            webhooks: self.webhooks.clone(),
        })
    }

    /// Whether both generations use the same key and account.
    pub(crate) fn has_account_of(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.key, &other.key)
    }

    /// Whether the merchant's key belongs to this account.
    pub(crate) fn key_opens(&self, account: &AccountId) -> bool {
        self.view.load().account.as_ref() == Some(account)
    }
}

/// A configured view before its account is known.
fn unverified(setup: &MerchantSetup, records: Reconciliation) -> MerchantView {
    MerchantView { account: None, payments_off: Some(PaymentsOff::Unverified), records, ..setup.view.clone() }
}

/// The records of a merchant without a pending restore.
pub(crate) fn reliable_records(deps: &Dependencies) -> Reconciliation {
    let restored = deps.reconciliation.last_restore();
    restored.map_or(Reconciliation::NotRestored, |restored| Reconciliation::Done { restored })
}
