//! Order events that wait to be told, and how telling them went.
//!
//! Invariants: an event's row is written in the transaction of what it tells; of an order only the pending event with the
//! lowest sequence can be claimed, and none while another one of it is leased; a claim is a lease, and while it lasts nobody
//! else is given the event; a pending event is due no sooner than one of its order that goes before it, so that what waits for
//! another is not looked at again and again.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::ids::{OrderEventId, OrderId, OrderNumber, Tenant};
use crate::domain::order_event::{EventKind, OrderEvent, Sequence};
use crate::domain::time::{Span, Timestamp};

/// Nothing is put off for longer. What seems to be, a next try or the end of a lease, was so by a clock that has been set back
/// since, and counts as due.
pub const LONGEST_PAUSE: Span = Span::hours(2);

/// What a store does for telling order events, beside [`super::Store`].
#[async_trait]
pub trait Outbox: Send + Sync + 'static {
    /// Adds events to an order that is there, all or none, and answers the numbers they got. An event that is written with a
    /// change of its session goes into [`super::Commit::events`] instead.
    async fn append_events(
        &self,
        tenant: &Tenant,
        events: Vec<OrderEvent>,
    ) -> Result<Vec<Sequence>, StoreError>;

    /// The tenants that have an event to claim at `now`.
    async fn tenants_with_due_events(&self, now: Timestamp) -> Result<Vec<Tenant>, StoreError>;

    /// Leases events of a tenant that are due, the longest due first, and counts a try for each. The first try of an event is
    /// never later than its last.
    async fn claim_events(&self, tenant: &Tenant, claim: Claim) -> Result<Vec<Delivery>, StoreError>;

    /// Records how a try went that was claimed with this lease; `false` when the lease was no longer that one, and then
    /// nothing is changed. An event that was retried by hand since the claim, and not taken, is left as the retry has made it.
    async fn settle_event(
        &self,
        tenant: &Tenant,
        id: &OrderEventId,
        settlement: DeliveryResult,
    ) -> Result<bool, StoreError>;

    /// Events of a tenant, newest first.
    async fn deliveries(&self, tenant: &Tenant, which: DeliveriesQuery) -> Result<Vec<Delivery>, StoreError>;

    /// One event; `None` when there is none.
    async fn delivery(&self, tenant: &Tenant, id: &OrderEventId) -> Result<Option<Delivery>, StoreError>;

    /// Makes an event pending and due at `now`, as if it had never been tried, whatever became of it before; the event as it
    /// then stands, or `None` when there is none. One that is being tried at this moment is tried once more only when that
    /// has failed, and then whatever that failure would have led to. One whose content is gone stays as it is.
    async fn retry_event(
        &self,
        tenant: &Tenant,
        id: &OrderEventId,
        now: Timestamp,
    ) -> Result<Option<Delivery>, StoreError>;
}

/// How an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// It is to be sent, for the first time or again.
    Pending,
    /// The receiver has taken it.
    Delivered,
    /// It is sent no more, unless somebody asks for it.
    Parked,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Parked];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Parked => "parked",
        }
    }
}

/// An event as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its id.
    pub id: OrderEventId,
    /// Of which order.
    pub order: OrderId,
    /// Its number among those of its order.
    pub sequence: Sequence,
    /// What happened.
    pub kind: EventKind,
    /// The text that is sent; empty once it is kept no longer, and then it is never sent again.
    pub payload: String,
    /// When it happened.
    pub created: Timestamp,
    /// How it stands.
    pub state: DeliveryState,
    /// When it is due, if none of its order goes before it; `None` unless it is pending.
    pub next_try: Option<Timestamp>,
    /// Until when nobody else may claim it; kept until the next claim.
    pub leased_until: Option<Timestamp>,
    /// How often it was tried since it was made or last retried by hand; with a lease and no try, it was retried since it was
    /// claimed.
    pub tries: u32,
    /// When the first of those tries was.
    pub first_try: Option<Timestamp>,
    /// When it was last tried.
    pub last_try: Option<Timestamp>,
    /// What the receiver answered last.
    pub last_status: Option<u16>,
    /// Why the last try failed, without the receiver's words; `None` after one that did not.
    pub last_error: Option<String>,
}

impl Delivery {
    /// The row of an event that was never tried.
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

/// Why an event is parked that was never to be sent.
const NO_RECEIVER: &str = "the merchant had no [webhook] when it happened";

/// What is to be claimed.
#[derive(Clone, Copy, Debug)]
pub struct Claim {
    /// Events due at or before this moment; it is the moment of the try.
    pub now: Timestamp,
    /// Until when they are leased.
    pub until: Timestamp,
    /// How many at most.
    pub limit: u32,
}

/// How a try went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryResult {
    /// The lease that the event was claimed with.
    pub lease: Timestamp,
    /// What becomes of the event.
    pub outcome: DeliveryOutcome,
    /// The status that the receiver answered.
    pub status: Option<u16>,
    /// Why it failed.
    pub error: Option<String>,
}

/// What becomes of an event after a try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// The receiver has taken it.
    Delivered,
    /// Once more, at this moment.
    Again(Timestamp),
    /// No more.
    Parked,
}

impl DeliveryOutcome {
    /// Whether it stands although the event was retried by hand meanwhile.
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

/// Which events of a tenant are listed.
#[derive(Clone, Debug, Default)]
pub struct DeliveriesQuery {
    /// Only those in this state.
    pub state: Option<DeliveryState>,
    /// Only those of this order.
    pub order: Option<OrderId>,
    /// Only those behind this one: the last of one page begins the next.
    pub after: Option<OrderEventId>,
    /// How many at most.
    pub limit: u32,
}
