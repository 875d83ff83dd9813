//! What the merchant is to be told, in the real store in memory: written with what makes it true, in the gateway's own words.
//!
//! Beside it stands what was written, so that nothing is believed of the store that it only says.

use std::collections::{BTreeMap, HashMap};

use futures_util::FutureExt as _;
use merchant_gateway::domain::checkout::model::{NewOrder, OrderChange, PlacedOrder, Session, Version};
use merchant_gateway::domain::ids::{Mode, OrderEventId, OrderId, SessionId, Tenant};
use merchant_gateway::domain::order_event::OrderEvent;
use merchant_gateway::domain::time::Timestamp;
use merchant_gateway::protocol::order_events::{self, OrderEventParts};
use merchant_gateway::store::{
    Claim, Commit, DeliveriesQuery, Delivery, DeliveryResult, DeliveryState, Outbox as _, Store as _,
    StoreError,
};
use test_support::memory_store::MemoryStore;

pub struct ModelOutbox {
    store: MemoryStore,
    tenant: Tenant,
    versions: HashMap<SessionId, Version>,
    /// Every event that a commit has made, in the order of their numbers.
    pub made: BTreeMap<OrderId, Vec<OrderEventId>>,
    count: u128,
}

impl Default for ModelOutbox {
    fn default() -> Self {
        Self {
            store: MemoryStore::new(),
            tenant: Tenant { merchant: "test-shop".parse().unwrap(), mode: Mode::Test },
            versions: HashMap::new(),
            made: BTreeMap::new(),
            count: 0,
        }
    }
}

/// A store in memory never makes anybody wait.
fn now<T>(answer: impl Future<Output = Result<T, StoreError>>) -> T {
    answer.now_or_never().expect("it has answered").expect("it does what it is asked")
}

impl ModelOutbox {
    /// Writes what a commit of this session tells of its order: that it came to be, and what is new.
    pub fn write(
        &mut self,
        session: &Session,
        (placed, is_new): (&PlacedOrder, bool),
        order_changes: &[OrderChange],
        at: Timestamp,
    ) -> Result<(), String> {
        let mut events = Vec::new();
        if is_new {
            events.push(order_events::created(self.new_id(), &placed.order, "", true));
        }
        if session.activity.refunded() > placed.order.quote.total.minor {
            return Err(format!(
                "figures: {} tells of more than was paid: {:?}",
                session.id, session.activity
            ));
        }
        for change in order_changes {
            let parts = OrderEventParts { id: self.new_id(), at, wanted: true };
            let event = order_events::of_change(change, placed, &session.activity, parts);
            events.push(event.ok_or_else(|| format!("{}: {change:?} is not in the activity", session.id))?);
        }
        if events.is_empty() {
            return Ok(());
        }
        let new = NewOrder {
            order: placed.order.clone(),
            permalink: String::new(),
            completion: placed.completion.clone(),
        };
        let of_order = self.made.entry(placed.order.id.clone()).or_default();
        of_order.extend(events.iter().map(|event: &OrderEvent| event.id.clone()));
        let commit = Commit {
            tenant: self.tenant.clone(),
            expected: self.versions.get(&session.id).copied(),
            session: session.clone(),
            due_at: None,
            attempt: None,
            order: is_new.then_some(new),
            refund: None,
            flags: Vec::new(),
            timeline: Vec::new(),
            events,
        };
        let committed = self.store.commit(commit).now_or_never().expect("it has answered");
        let version = committed.map_err(|error| format!("{}: {error}", session.id))?;
        self.versions.insert(session.id.clone(), version);
        Ok(())
    }

    fn new_id(&mut self) -> OrderEventId {
        self.count += 1;
        OrderEventId::from_random(self.count)
    }

    /// Whether there is something to claim.
    pub fn has_due(&self, at: Timestamp) -> bool {
        !now(self.store.tenants_with_due_events(at)).is_empty()
    }

    pub fn claim(&self, claim: Claim) -> Vec<Delivery> {
        now(self.store.claim_events(&self.tenant, claim))
    }

    pub fn record_result(&self, id: &OrderEventId, settlement: DeliveryResult) -> bool {
        now(self.store.settle_event(&self.tenant, id, settlement))
    }

    pub fn retry(&self, id: &OrderEventId, at: Timestamp) {
        now(self.store.retry_event(&self.tenant, id, at));
    }

    /// An event as it is kept.
    pub fn kept(&self, id: &OrderEventId) -> Option<Delivery> {
        now(self.store.delivery(&self.tenant, id))
    }

    /// What is still to be sent.
    pub fn pending(&self) -> Vec<Delivery> {
        let which = DeliveriesQuery {
            state: Some(DeliveryState::Pending),
            limit: 1000,
            ..DeliveriesQuery::default()
        };
        now(self.store.deliveries(&self.tenant, which))
    }
}
