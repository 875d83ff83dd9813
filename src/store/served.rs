//! The stored data of merchants that were served before, and the result of forgetting an account.

use super::KeptAccount;
use crate::domain::ids::{AccountId, SessionId, StripeEventId, Tenant};
use crate::domain::time::Timestamp;

/// The hosts and accounts of merchants, each row with its tenant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// The hosts on which merchants were last served, sorted by name.
    pub hosts: Vec<ServedHost>,
    pub accounts: Vec<(Tenant, KeptAccount)>,
}

/// What a merchant is served with from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedTenant {
    pub tenant: Tenant,
    pub hosts: Vec<String>,
    /// The text of its file, with references to secrets and no secrets.
    pub config: String,
}

/// A configuration that a merchant was last served with in a mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedConfig {
    /// The text of its file.
    pub config: String,
    /// Whether the merchant was removed since, or is served in its other mode.
    pub removed: bool,
}

/// A host, and the merchant that was last served there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServedHost {
    pub host: String,
    pub tenant: Tenant,
    pub since: Timestamp,
}

/// The result of forgetting an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Forgetting {
    Forgotten,
    /// Another account is stored, or none.
    NotKept(Option<AccountId>),
    /// A payment or refund on it is undecided; this session is the first such one.
    Undecided(SessionId),
    /// An event of Stripe is not processed yet, and could not be on another account; this is the first such event.
    EventsWait(StripeEventId),
}
