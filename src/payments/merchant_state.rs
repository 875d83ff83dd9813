//! A merchant: its configuration, and the state that its actor publishes.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arc_swap::ArcSwap;
use secrecy::SecretString;

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
    /// The endpoint for its order events.
    pub receiver: Option<Receiver>,
    /// The secrets that verify Stripe's webhooks to it; without one it accepts none.
    pub webhook_secrets: Vec<SecretString>,
}

/// The state that a merchant's actor publishes and its handles read.
#[derive(Debug)]
pub(crate) struct MerchantState {
    pub(crate) tenant: Tenant,
    pub(crate) view: ArcSwap<MerchantView>,
    pub(super) stripe: Box<dyn SellerAccount>,
    /// The key of the account.
    pub(super) key: SecretString,
    pub(crate) limiter: MerchantLimiter,
    pub(super) gate: Arc<StripeGate>,
    pub(super) listings: Listings,
    pub(crate) orphaned_payments: OrphanedPayments,
    /// The endpoint for order events; without one they are kept, and not sent.
    pub(crate) receiver: Option<Receiver>,
    pub(crate) webhooks: WebhookVerifier,
    pub(super) shares_account: bool,
    /// Whether Stripe itself has confirmed the account of the key. If a restricted key may not read its account,
    /// payments rely on the configuration, but a payment that is not in the listing does not count as absent.
    pub(crate) account_verified_by_stripe: AtomicBool,
    /// Stripe's reports about the key.
    pub(crate) key_status: Arc<KeyStatus>,
}

impl MerchantState {
    /// The state of a configured merchant.
    pub(crate) fn new(setup: &MerchantSetup, deps: &Dependencies) -> Self {
        let key_status = Arc::new(KeyStatus::default());
        let gate = Arc::new(StripeGate::new(Arc::clone(&deps.places)));
        let observer = KeyObserver::new({
            let (gate, key_status) = (Arc::clone(&gate), Arc::clone(&key_status));
            move |report| {
                match &report {
                    KeyReport::Limited { retry_after } => gate.limited(*retry_after),
                    KeyReport::Taken(_) => gate.not_limited(),
                    KeyReport::Refused(_) => {}
                }
                key_status.observe(report);
            }
        });
        let tenant = setup.view.tenant();
        let owed = deps.reconciliation.unreconciled(&tenant);
        let records = match owed.iter().map(|marker| marker.restored).max() {
            Some(restored) => Reconciliation::Pending { until: restored + deps.drain },
            None => reliable_records(deps),
        };
        let view = MerchantView {
            account: None,
            payments_off: Some(PaymentsOff::Unverified),
            records,
            ..setup.view.clone()
        };
        Self {
            tenant,
            key_status,
            limiter: MerchantLimiter::new(&view.limits),
            gate,
            listings: Listings::default(),
            orphaned_payments: OrphanedPayments::default(),
            key: setup.key.clone(),
            receiver: setup.receiver.clone(),
            webhooks: WebhookVerifier::new(setup.webhook_secrets.clone()),
            account_verified_by_stripe: AtomicBool::new(false),
            shares_account: setup.shares_account,
            view: ArcSwap::from_pointee(view),
            stripe: deps.stripe.account(setup.key.clone(), observer),
        }
    }

    /// Whether the merchant's key belongs to this account.
    pub(crate) fn key_opens(&self, account: &AccountId) -> bool {
        self.view.load().account.as_ref() == Some(account)
    }
}

/// The records of a merchant without a pending restore.
pub(crate) fn reliable_records(deps: &Dependencies) -> Reconciliation {
    let restored = deps.reconciliation.last_restore();
    restored.map_or(Reconciliation::NotRestored, |restored| Reconciliation::Done { restored })
}
