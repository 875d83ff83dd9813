//! What is remembered of merchants that were served before, and what became of an account that was to be forgotten.

use super::KeptAccount;
use crate::domain::ids::{AccountId, SessionId, StripeEventId, Tenant};
use crate::domain::time::Timestamp;

/// What merchants have, each row with its tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// The hosts on which merchants were last served, by name.
    pub hosts: Vec<ServedHost>,
    /// Their accounts.
    pub accounts: Vec<(Tenant, KeptAccount)>,
}

/// A host, and the merchant that was last served there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedHost {
    /// The host.
    pub host: String,
    /// Whose.
    pub tenant: Tenant,
    /// Since when.
    pub since: Timestamp,
}

/// What became of an account that was to be forgotten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forgetting {
    /// It is forgotten.
    Forgotten,
    /// Another one is kept, or none.
    NotKept(Option<AccountId>),
    /// The outcome of something on it is not known yet; this session is the first of them.
    Undecided(SessionId),
    /// Stripe has told of something that nobody has looked into yet, and nobody could on another account; this event came
    /// first.
    EventsWait(StripeEventId),
}
