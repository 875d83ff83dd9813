//! A key of a merchant's Stripe account, the client that uses it, and what Stripe has said about it.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use secrecy::{ExposeSecret as _, SecretString};

use super::dependencies::Dependencies;
use super::key_status::KeyStatus;
use super::listings::Listings;
use super::stripe_budget::StripeGate;
use crate::stripe::{KeyObserver, KeyReport, SellerAccount};

/// A key in use.
#[derive(Debug)]
pub(crate) struct SellerKey {
    pub(super) secret: SecretString,
    pub(super) stripe: Arc<dyn SellerAccount>,
    /// Whether Stripe itself has confirmed the account of the key. If a restricted key may not read its account,
    /// payments rely on the configuration, but a payment that is not in the listing does not count as absent.
    pub(crate) account_verified_by_stripe: AtomicBool,
    /// Stripe's reports about the key.
    pub(crate) status: Arc<KeyStatus>,
    pub(super) listings: Listings,
}

impl SellerKey {
    /// A key of which nothing is known yet.
    pub(super) fn new(secret: &SecretString, gate: &Arc<StripeGate>, deps: &Dependencies) -> Self {
        let status = Arc::new(KeyStatus::default());
        Self {
            secret: secret.clone(),
            stripe: deps.stripe.account(secret.clone(), observer(gate, &status)),
            account_verified_by_stripe: AtomicBool::new(false),
            status,
            listings: Listings::default(),
        }
    }

    pub(super) fn is(&self, secret: &SecretString) -> bool {
        self.secret.expose_secret() == secret.expose_secret()
    }
}

/// Passes Stripe's reports about a key on.
fn observer(gate: &Arc<StripeGate>, status: &Arc<KeyStatus>) -> KeyObserver {
    let (gate, status) = (Arc::clone(gate), Arc::clone(status));
    KeyObserver::new(move |report| {
        match &report {
            KeyReport::Limited { retry_after } => gate.limited(*retry_after),
            KeyReport::Taken(_) => gate.not_limited(),
            KeyReport::Refused(_) => {}
        }
        status.observe(report);
    })
}
