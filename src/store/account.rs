//! The Stripe account of a tenant as it is kept.

use crate::domain::ids::AccountId;

/// The account of a tenant, and what is known of how it became known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAccount {
    /// The account.
    pub account: AccountId,
    /// The key that it was last verified with; `None` where nothing is known of a key.
    pub key: Option<VerifiedKey>,
}

/// A key with which an account was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedKey {
    /// What tells it from other keys, and from which it cannot be found out.
    pub fingerprint: String,
    /// Whether Stripe itself said which account the key opens; else the configuration did.
    pub verified_by_stripe: bool,
}
