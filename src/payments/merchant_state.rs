//! A merchant: as its configuration describes it, and as its actor publishes it to all who work for it.

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

/// A merchant as its configuration describes it, ready to be opened.
#[derive(Clone, Debug)]
pub struct MerchantSetup {
    /// The view; its `account` is not looked at.
    pub view: MerchantView,
    /// `stripe.account_id`, where it is given.
    pub given_account: Option<AccountId>,
    /// Whether another merchant may be paid into the same account.
    pub shares_account: bool,
    /// The secret key.
    pub key: SecretString,
    /// Where its order events go.
    pub receiver: Option<Receiver>,
    /// What signs Stripe's webhooks to it; without one it takes none.
    pub webhook_secrets: Vec<SecretString>,
}

/// What a merchant's actor publishes and its handles read.
#[derive(Debug)]
pub(crate) struct MerchantState {
    pub(crate) tenant: Tenant,
    pub(crate) view: ArcSwap<MerchantView>,
    pub(super) stripe: Box<dyn SellerAccount>,
    /// The key that opens the account.
    pub(super) key: SecretString,
    pub(crate) limiter: MerchantLimiter,
    pub(super) gate: Arc<StripeGate>,
    pub(super) listings: Listings,
    pub(crate) orphaned_payments: OrphanedPayments,
    /// Where order events go; without one they are kept, and sent to nobody.
    pub(crate) receiver: Option<Receiver>,
    pub(crate) webhooks: WebhookVerifier,
    pub(super) shares_account: bool,
    /// Whether Stripe itself has said which account the key opens. Where a restricted key may not read its account, the
    /// configuration's word is taken for paying, but a payment that its listing does not show is not taken for absent.
    pub(crate) account_verified_by_stripe: AtomicBool,
    /// What Stripe says of the key.
    pub(crate) key_status: Arc<KeyStatus>,
}

impl MerchantState {
    /// The merchant of a setup.
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

    /// Whether the merchant's key opens this account.
    pub(crate) fn key_opens(&self, account: &AccountId) -> bool {
        self.view.load().account.as_ref() == Some(account)
    }
}

/// The records of a merchant that has nothing to account for.
pub(crate) fn reliable_records(deps: &Dependencies) -> Reconciliation {
    let restored = deps.reconciliation.last_restore();
    restored.map_or(Reconciliation::NotRestored, |restored| Reconciliation::Done { restored })
}
