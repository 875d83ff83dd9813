//! The stored data of one merchant, for display.
//!
//! Invariant: nothing here changes data. The store reads on its own runtime, so callers may be on any.

use super::dependencies::Dependencies;
use crate::domain::checkout::model::{PlacedOrder, TimelineEntry};
use crate::domain::ids::{OrderEventId, OrderId, SessionId, Tenant};
use crate::store::{
    DeliveriesQuery, Delivery, FlagsQuery, KeptEvent, KeptFlag, OrdersPage, OrdersQuery, StoreError,
};

/// The records of one merchant.
#[derive(Clone, Copy)]
pub struct Records<'a> {
    tenant: &'a Tenant,
    deps: &'a Dependencies,
}

impl<'a> Records<'a> {
    pub(crate) const fn of(tenant: &'a Tenant, deps: &'a Dependencies) -> Self {
        Self { tenant, deps }
    }

    /// One order.
    pub async fn order(self, id: &OrderId) -> Result<Option<PlacedOrder>, StoreError> {
        self.deps.store.order(self.tenant, id).await
    }

    /// Orders, newest first.
    pub async fn orders(self, which: OrdersQuery) -> Result<OrdersPage, StoreError> {
        self.deps.store.orders(self.tenant, which).await
    }

    /// The timeline of a session, in order.
    pub async fn timeline(self, id: &SessionId) -> Result<Vec<TimelineEntry>, StoreError> {
        self.deps.store.timeline(self.tenant, id).await
    }

    /// Payments that fit no order, oldest first.
    pub async fn flags(self, which: FlagsQuery) -> Result<Vec<KeptFlag>, StoreError> {
        self.deps.store.flags(self.tenant, which).await
    }

    /// The merchant's order events, newest first.
    pub async fn deliveries(self, which: DeliveriesQuery) -> Result<Vec<Delivery>, StoreError> {
        self.deps.outbox.deliveries(self.tenant, which).await
    }

    /// One of the merchant's order events.
    pub async fn delivery(self, id: &OrderEventId) -> Result<Option<Delivery>, StoreError> {
        self.deps.outbox.delivery(self.tenant, id).await
    }

    /// Stripe's events, the latest first.
    pub async fn stripe_events(self, limit: u32) -> Result<Vec<KeptEvent>, StoreError> {
        self.deps.inbox.stripe_events(self.tenant, limit).await
    }
}
