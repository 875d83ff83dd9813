//! Order events that wait to be delivered, and the results of their deliveries.
//!
//! Invariants: an event's row is written in the transaction of the change that it reports; of an order only the
//! pending event with the lowest sequence can be claimed, and none while another one of it is leased; a claim is a
//! lease, during which no other claim gets the event; a pending event is due no sooner than the earlier ones of its
//! order, so that one that waits for another is not checked again and again.

use async_trait::async_trait;
use strum::{EnumString, IntoStaticStr};

use super::StoreError;
use crate::domain::ids::{OrderEventId, OrderId, OrderNumber, Tenant};
use crate::domain::order_event::{EventKind, OrderEvent, Sequence};
use crate::domain::time::{Span, Timestamp};

/// The longest pause. A next try or the end of a lease that is further off was set before the clock was set back, and
/// counts as due.
pub const LONGEST_PAUSE: Span = Span::hours(2);

/// The store's functions for delivering order events, in addition to [`super::Store`].
#[async_trait]
pub trait Outbox: Send + Sync + 'static {
    /// Adds events to an existing order, all or none, and returns their numbers. An event that is written with a
    /// change of its session goes into [`super::Commit::events`] instead.
    async fn append_events(
        &self,
        tenant: &Tenant,
        events: Vec<OrderEvent>,
    ) -> Result<Vec<Sequence>, StoreError>;

    /// The tenants that have an event to claim at `now`.
    async fn tenants_with_due_events(&self, now: Timestamp) -> Result<Vec<Tenant>, StoreError>;

    /// Leases events of a tenant that are due, the longest due first, and counts a try for each. The first try of an
    /// event is never later than its last.
    async fn claim_events(&self, tenant: &Tenant, claim: Claim) -> Result<Vec<Delivery>, StoreError>;

    /// Records the result of a try that was claimed with this lease; `false` if the lease is no longer that one, and
    /// then nothing changes. An event that was retried by hand since the claim, and was not accepted, keeps the state
    /// that the retry gave it.
    async fn settle_event(
        &self,
        tenant: &Tenant,
        id: &OrderEventId,
        settlement: DeliveryResult,
    ) -> Result<bool, StoreError>;

    /// Events of a tenant, newest first.
    async fn deliveries(&self, tenant: &Tenant, which: DeliveriesQuery) -> Result<Vec<Delivery>, StoreError>;

    /// One event; `None` if there is none.
    async fn delivery(&self, tenant: &Tenant, id: &OrderEventId) -> Result<Option<Delivery>, StoreError>;

    /// Makes an event pending and due at `now`, as if it had never been tried, whatever its state; returns the event
    /// afterwards, or `None` if there is none. An event that is being tried at this moment is tried once more only
    /// when that try has failed, whatever the failure would have led to. An event without content is not changed.
    async fn retry_event(
        &self,
        tenant: &Tenant,
        id: &OrderEventId,
        now: Timestamp,
    ) -> Result<Option<Delivery>, StoreError>;
}

/// The delivery state of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr, EnumString)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum DeliveryState {
    /// It is to be sent, for the first time or again.
    Pending,
    /// The receiver has accepted it.
    Delivered,
    /// It is no longer sent, unless an operator asks for it.
    Parked,
}

/// A stored event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub id: OrderEventId,
    pub order: OrderId,
    /// Its number among those of its order.
    pub sequence: Sequence,
    pub kind: EventKind,
    /// The text that is sent; empty once it is no longer stored, and then the event is never sent again.
    pub payload: String,
    pub created: Timestamp,
    pub state: DeliveryState,
    /// When it is due, if no earlier event of its order is pending; `None` unless it is pending.
    pub next_try: Option<Timestamp>,
    /// The end of its lease; kept until the next claim.
    pub leased_until: Option<Timestamp>,
    /// The number of tries since it was made or last retried by hand. A lease without a try means that it was retried
    /// since it was claimed.
    pub tries: u32,
    /// When the first of those tries was made.
    pub first_try: Option<Timestamp>,
    pub last_try: Option<Timestamp>,
    /// The receiver's last status.
    pub last_status: Option<u16>,
    /// Why the last try failed, without the receiver's text; `None` after a success.
    pub last_error: Option<String>,
}

impl Delivery {
    /// The row of a new event.
    #[must_use]
    pub fn new(tenant: &Tenant, event: &OrderEvent, (number, sequence): (OrderNumber, Sequence)) -> Self {
        let (state, next_try, last_error) = if event.wanted {
            (DeliveryState::Pending, Some(event.at), None)
        } else {
            (DeliveryState::Parked, None, Some(NO_RECEIVER.to_owned()))
        };
        Self {
            id: event.id.clone(),
            order: event.order.clone(),
            sequence,
            kind: event.kind,
            payload: event.payload(tenant, sequence, number),
            created: event.at,
            state,
            next_try,
            leased_until: None,
            tries: 0,
            first_try: None,
            last_try: None,
            last_status: None,
            last_error,
        }
    }
}

/// The error text of an event that was parked from the beginning.
const NO_RECEIVER: &str = "the merchant had no [webhook] when it happened";

/// The parameters of a claim.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// Events due at or before this moment, which is also the moment of the try.
    pub now: Timestamp,
    /// The end of their lease.
    pub until: Timestamp,
    pub limit: u32,
}

/// The result of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryResult {
    /// The lease that the event was claimed with.
    pub lease: Timestamp,
    /// The event's next step.
    pub outcome: DeliveryOutcome,
    /// The receiver's status.
    pub status: Option<u16>,
    /// Why it failed.
    pub error: Option<String>,
}

/// The next step of an event after a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The receiver has accepted it.
    Delivered,
    /// Another try, at this moment.
    Again(Timestamp),
    /// No further try.
    Parked,
}

impl DeliveryOutcome {
    /// Whether it applies although the event was retried by hand meanwhile.
    #[must_use]
    pub const fn is_final(self) -> bool {
        match self {
            Self::Delivered => true,
            Self::Again(_) | Self::Parked => false,
        }
    }

    /// The state after it, and when the event is due next.
    #[must_use]
    pub const fn leaves(self) -> (DeliveryState, Option<Timestamp>) {
        match self {
            Self::Delivered => (DeliveryState::Delivered, None),
            Self::Again(at) => (DeliveryState::Pending, Some(at)),
            Self::Parked => (DeliveryState::Parked, None),
        }
    }
}

/// The filters of a list of events.
#[derive(Clone, Debug, Default)]
pub struct DeliveriesQuery {
    /// Only those in this state.
    pub state: Option<DeliveryState>,
    /// Only those of this order.
    pub order: Option<OrderId>,
    /// Only those after this one: the last of one page begins the next.
    pub after: Option<OrderEventId>,
    pub limit: u32,
}
