//! The stored Stripe account of a tenant.

use crate::domain::ids::AccountId;

/// The account of a tenant, with the key that it was verified with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAccount {
    pub account: AccountId,
    /// The key that it was last verified with; `None` if no key is known.
    pub key: Option<VerifiedKey>,
}

/// A key with which an account was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedKey {
    /// Identifies the key among others; the key cannot be computed from it.
    pub fingerprint: String,
    /// Whether Stripe itself confirmed the account of the key; else the configuration named it.
    pub verified_by_stripe: bool,
}
