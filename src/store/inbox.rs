//! Stripe's events that were accepted, and the progress of each.
//!
//! Invariants: an event is stored once, however often it is sent; only ids are stored of it.

use async_trait::async_trait;
use strum::{EnumString, IntoStaticStr, VariantArray};

use super::StoreError;
use crate::domain::ids::{SessionId, StripeEventId, Tenant};
use crate::domain::stripe_event::StripeEvent;
use crate::domain::time::Timestamp;

/// The store's functions for Stripe's events, in addition to [`super::Store`].
#[async_trait]
pub trait Inbox: Send + Sync + 'static {
    /// Stores an event. After `Ok` the event survives a crash; `false` if it was stored before, and then nothing
    /// changes.
    async fn keep_event(
        &self,
        tenant: &Tenant,
        event: StripeEvent,
        state: EventState,
    ) -> Result<bool, StoreError>;

    /// Records the progress of a stored event.
    async fn event_followed(
        &self,
        tenant: &Tenant,
        id: &StripeEventId,
        state: EventState,
    ) -> Result<(), StoreError>;

    /// The events that are waiting and arrived at or before `until`, the earliest first, at most `limit`, after
    /// `after`: the last event of one page begins the next. A shorter page is the last one; an unreadable event is
    /// left out.
    async fn waiting_events(
        &self,
        until: Timestamp,
        after: Option<&WaitingEvent>,
        limit: u32,
    ) -> Result<Vec<WaitingEvent>, StoreError>;

    /// The session of this tenant that an event is about: the one that it names, if it exists here; else that of the
    /// order, or of the flag, of its payment.
    async fn session_of_event(
        &self,
        tenant: &Tenant,
        event: &StripeEvent,
    ) -> Result<Option<SessionId>, StoreError>;

    /// The events of a tenant, the latest first, at most `limit`.
    async fn stripe_events(&self, tenant: &Tenant, limit: u32) -> Result<Vec<KeptEvent>, StoreError>;

    /// Deletes events of every tenant that arrived before a moment and are not waiting, at most `limit`; returns how
    /// many.
    async fn forget_events(&self, before: Timestamp, limit: u32) -> Result<u32, StoreError>;
}

/// The progress of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, EnumString, VariantArray)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum EventState {
    /// It was not processed yet.
    Waiting,
    /// Its session was made to read Stripe.
    Followed,
    /// It concerns nothing of ours.
    Ignored,
}

/// A stored event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptEvent {
    pub event: StripeEvent,
    pub state: EventState,
}

/// An event that waits to be processed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingEvent {
    pub tenant: Tenant,
    pub event: StripeEvent,
}
