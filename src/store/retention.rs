//! What goes away by itself, and what is erased because somebody asks for it.
//!
//! Invariants: nothing is deleted or changed of a session that is paid or whose payment is undecided; a token's hash
//! outlives its session; orders and flags stay; every call does a bounded amount of work.

use async_trait::async_trait;

use super::{DeliveryState, StoreError};
use crate::domain::ids::{OrderId, Tenant};
use crate::domain::order::Order;
use crate::domain::time::Timestamp;

/// What a store does for retention, beside [`super::Store`]. Calls that remove something answer how many rows they changed:
/// as many as they were allowed to, and there may be more.
#[async_trait]
pub trait Retention: Send + Sync + 'static {
    /// How many unpaid sessions each tenant has. Costs a row per tenant.
    async fn unpaid(&self) -> Result<Vec<Unpaid>, StoreError>;

    /// Removes unpaid sessions with their attempts and timelines, the one that ended first in front. One with a flag that
    /// nobody has resolved stays.
    async fn forget_sessions(&self, tenant: &Tenant, which: UnpaidEnded) -> Result<u32, StoreError>;

    /// Erases what unpaid sessions hold of a person, but those in `passed`. One that cannot be read is passed over.
    async fn forget_people(
        &self,
        tenant: &Tenant,
        which: UnpaidEnded,
        passed: &[String],
    ) -> Result<Swept, StoreError>;

    /// Lets open sessions expire before their time, the one that would expire first in front. Whatever is under way in one
    /// finds that it has changed. Those in `passed` are left out, and one that cannot be read is passed over.
    async fn expire_early(
        &self,
        tenant: &Tenant,
        which: UnpaidOpen,
        passed: &[String],
    ) -> Result<Swept, StoreError>;

    /// Empties the contents of order events of every tenant that stand so and were last touched before a moment.
    async fn forget_contents(
        &self,
        state: DeliveryState,
        before: Timestamp,
        limit: u32,
    ) -> Result<u32, StoreError>;

    /// Erases what is kept of an order's buyer, and notes it in the timeline, once. `None` when there is no such order; else
    /// whether there was anything to erase.
    async fn erase_buyer(&self, tenant: &Tenant, erasure: Erasure) -> Result<Option<bool>, StoreError>;
}

/// What became of the sessions that one call looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many it changed.
    pub changed: u32,
    /// The ids of those that it could not read, and left as they are.
    pub unreadable: Vec<String>,
}

impl Swept {
    /// How many sessions were looked at.
    #[must_use]
    pub fn seen(&self) -> u32 {
        self.changed.saturating_add(u32::try_from(self.unreadable.len()).unwrap_or(u32::MAX))
    }
}

/// How many unpaid sessions a tenant has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpaid {
    /// Whose.
    pub tenant: Tenant,
    /// How many can still be paid.
    pub open: u64,
    /// How many have ended.
    pub ended: u64,
}

/// Unpaid sessions that ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnpaidEnded {
    /// Only those that ended, or were to end, before this moment.
    pub before: Timestamp,
    /// Of those that somebody tried to pay only those that ended before this moment: Stripe may tell of a payment late, and
    /// without its session nobody would know whose it is.
    pub tried_before: Timestamp,
    /// Only those that began at this moment or later, and ended after that.
    pub since: Timestamp,
    /// How many at most.
    pub limit: u32,
}

/// Unpaid sessions that can still be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnpaidOpen {
    /// Only those that began at this moment or later.
    pub since: Timestamp,
    /// The present moment.
    pub now: Timestamp,
    /// How many at most.
    pub limit: u32,
}

/// What an order is to be without its buyer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// Which order.
    pub id: OrderId,
    /// The order without its buyer.
    pub order: Order,
    /// The answer to repeats of the completed request, made of that order.
    pub completion: String,
    /// The present moment.
    pub at: Timestamp,
}
