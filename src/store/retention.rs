//! The automatic removal of old data, and the erasure of data on request.
//!
//! Invariants: a session that is paid or whose payment is undecided is neither deleted nor changed; a token's hash
//! outlives its session; orders and flags remain; every call does a bounded amount of work.

use async_trait::async_trait;

use super::{DeliveryState, StoreError};
use crate::domain::ids::{OrderId, Tenant};
use crate::domain::order::Order;
use crate::domain::time::Timestamp;

/// The store's functions for retention, in addition to [`super::Store`]. Calls that remove data return how many rows
/// they changed; if that is the limit, there may be more.
#[async_trait]
pub trait Retention: Send + Sync + 'static {
    /// How many unpaid sessions each tenant has. The cost is one row per tenant.
    async fn unpaid(&self) -> Result<Vec<Unpaid>, StoreError>;

    /// Removes unpaid sessions with their attempts and timelines, the earliest ended first. A session with an
    /// unresolved flag remains.
    async fn forget_sessions(&self, tenant: &Tenant, which: UnpaidEnded) -> Result<u32, StoreError>;

    /// Erases the personal data of unpaid sessions, except those in `passed`. An unreadable session is skipped.
    async fn forget_people(
        &self,
        tenant: &Tenant,
        which: UnpaidEnded,
        passed: &[String],
    ) -> Result<Swept, StoreError>;

    /// Lets open sessions expire early, the one that would expire first at the front. Work in progress on a session
    /// then meets another version. Those in `passed` are left out, and an unreadable session is skipped.
    async fn expire_early(
        &self,
        tenant: &Tenant,
        which: UnpaidOpen,
        passed: &[String],
    ) -> Result<Swept, StoreError>;

    /// Empties the contents of order events of every tenant that have this state and were last changed before a
    /// moment.
    async fn forget_contents(
        &self,
        state: DeliveryState,
        before: Timestamp,
        limit: u32,
    ) -> Result<u32, StoreError>;

    /// Erases the personal data of an order's buyer, and adds that to the timeline, once. `None` if there is no such
    /// order; else whether there was any data to erase.
    async fn erase_buyer(&self, tenant: &Tenant, erasure: Erasure) -> Result<Option<bool>, StoreError>;
}

/// The result of one call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many sessions it changed.
    pub changed: u32,
    /// The ids of the unreadable ones, which it did not change.
    pub unreadable: Vec<String>,
}

impl Swept {
    /// How many sessions were read.
    #[must_use]
    pub fn seen(&self) -> u32 {
        self.changed.saturating_add(u32::try_from(self.unreadable.len()).unwrap_or(u32::MAX))
    }
}

/// How many unpaid sessions a tenant has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpaid {
    pub tenant: Tenant,
    /// How many can still be paid.
    pub open: u64,
    pub ended: u64,
}

/// Unpaid sessions that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnpaidEnded {
    /// Only those whose end was before this moment.
    pub before: Timestamp,
    /// Sessions with an attempt must have ended before this moment: Stripe may report a payment late, which could not
    /// be matched without its session.
    pub tried_before: Timestamp,
    /// Only those that began at or after this moment, and ended after it.
    pub since: Timestamp,
    pub limit: u32,
}

/// Unpaid sessions that can still be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnpaidOpen {
    /// Only those that began at or after this moment.
    pub since: Timestamp,
    pub now: Timestamp,
    pub limit: u32,
}

/// An order without its buyer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    pub id: OrderId,
    /// The order without its buyer.
    pub order: Order,
    /// The reply to repeats of the completed request, rendered from that order.
    pub completion: String,
    pub at: Timestamp,
}
