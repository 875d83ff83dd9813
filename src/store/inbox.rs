//! Stripe's events that were taken, and how far each was followed.
//!
//! Invariants: an event is kept once, whatever is sent again; nothing of it is kept but names.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::ids::{SessionId, StripeEventId, Tenant};
use crate::domain::stripe_event::StripeEvent;
use crate::domain::time::Timestamp;

/// What a store does for Stripe's events, beside [`super::Store`].
#[async_trait]
pub trait Inbox: Send + Sync + 'static {
    /// Keeps an event. When it answers `Ok`, the event survives a crash; `false` when it was kept before, and then nothing
    /// is changed.
    async fn keep_event(
        &self,
        tenant: &Tenant,
        event: StripeEvent,
        state: EventState,
    ) -> Result<bool, StoreError>;

    /// Records how far a kept event was followed.
    async fn event_followed(
        &self,
        tenant: &Tenant,
        id: &StripeEventId,
        state: EventState,
    ) -> Result<(), StoreError>;

    /// The events that wait to be followed and came at or before `until`, the earliest first, at most `limit`, from behind
    /// `after` on: the last of one page begins the next. Fewer than `limit` are all that there are; one that cannot be read is
    /// passed over.
    async fn waiting_events(
        &self,
        until: Timestamp,
        after: Option<&WaitingEvent>,
        limit: u32,
    ) -> Result<Vec<WaitingEvent>, StoreError>;

    /// The session of this tenant that an event is about: the one that it names, if there is one here; else that of the
    /// order, or of the flag, of its payment.
    async fn session_of_event(
        &self,
        tenant: &Tenant,
        event: &StripeEvent,
    ) -> Result<Option<SessionId>, StoreError>;

    /// The events of a tenant, the latest first, at most `limit`.
    async fn stripe_events(&self, tenant: &Tenant, limit: u32) -> Result<Vec<KeptEvent>, StoreError>;

    /// Forgets events of every tenant that came before a moment and do not wait, at most `limit`; how many.
    async fn forget_events(&self, before: Timestamp, limit: u32) -> Result<u32, StoreError>;
}

/// How far an event was followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventState {
    /// Nobody has looked yet.
    Waiting,
    /// Its session was told to look at Stripe.
    Followed,
    /// It is about nothing of ours.
    Ignored,
}

impl EventState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Followed, Self::Ignored];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Followed => "followed",
            Self::Ignored => "ignored",
        }
    }
}

/// An event as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptEvent {
    /// The event.
    pub event: StripeEvent,
    /// How far it was followed.
    pub state: EventState,
}

/// An event that waits to be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingEvent {
    /// Whose.
    pub tenant: Tenant,
    /// The event.
    pub event: StripeEvent,
}
