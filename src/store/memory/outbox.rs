//! Order events in memory.

use async_trait::async_trait;

use super::{MemoryStore, Shop, corrupt};
use crate::domain::ids::{OrderEventId, OrderId, OrderNumber, Tenant};
use crate::domain::order_event::{OrderEvent, Sequence};
use crate::domain::time::Timestamp;
use crate::store::outbox::{Claim, Delivery, DeliveryState, Outbox, Settlement, Which};
use crate::store::{Commit, CommitError, StoreError, name};

#[async_trait]
impl Outbox for MemoryStore {
    async fn append_events(
        &self,
        tenant: &Tenant,
        events: Vec<OrderEvent>,
    ) -> Result<Vec<Sequence>, StoreError> {
        let mut shops = self.shops();
        let shop = shops.entry(tenant.clone()).or_default();
        shop.check_new(tenant, &events)?;
        if let Some(event) = events.iter().find(|event| !shop.orders.contains_key(&event.order)) {
            return Err(event_error(tenant, event, "there is no such order"));
        }
        Ok(shop.append(tenant, &events))
    }

    async fn tenants_with_due_events(&self, now: Timestamp) -> Result<Vec<Tenant>, StoreError> {
        let shops = self.shops();
        let due = shops.iter().filter(|(_, shop)| shop.events.values().any(|event| shop.is_due(event, now)));
        Ok(due.map(|(tenant, _)| tenant.clone()).collect())
    }

    async fn claim_events(&self, tenant: &Tenant, claim: Claim) -> Result<Vec<Delivery>, StoreError> {
        let mut shops = self.shops();
        let Some(shop) = shops.get_mut(tenant) else { return Ok(Vec::new()) };
        let mut due: Vec<(Option<Timestamp>, OrderEventId)> = shop
            .events
            .values()
            .filter(|event| shop.is_due(event, claim.now))
            .map(|event| (event.next_try, event.id.clone()))
            .collect();
        due.sort();
        due.truncate(usize::try_from(claim.limit).unwrap_or(usize::MAX));
        let mut claimed = Vec::new();
        for (_, id) in due {
            if let Some(event) = shop.events.get_mut(&id) {
                event.leased_until = Some(claim.until);
                event.tries += 1;
                event.first_try = event.first_try.or(Some(claim.now));
                event.last_try = Some(claim.now);
                claimed.push(event.clone());
            }
        }
        Ok(claimed)
    }

    async fn settle_event(
        &self,
        tenant: &Tenant,
        id: &OrderEventId,
        settlement: Settlement,
    ) -> Result<bool, StoreError> {
        let mut shops = self.shops();
        let event = shops.get_mut(tenant).and_then(|shop| shop.events.get_mut(id));
        let Some(event) = event.filter(|event| event.leased_until == Some(settlement.lease)) else {
            return Ok(false);
        };
        (event.state, event.next_try) = settlement.outcome.leaves();
        event.leased_until = None;
        event.last_status = settlement.status;
        event.last_error = settlement.error;
        Ok(true)
    }

    async fn deliveries(&self, tenant: &Tenant, which: Which) -> Result<Vec<Delivery>, StoreError> {
        let shops = self.shops();
        let Some(shop) = shops.get(tenant) else { return Ok(Vec::new()) };
        let place = |event: &Delivery| (event.created, event.id.clone());
        let after = match &which.after {
            Some(id) => match shop.events.get(id) {
                Some(event) => Some(place(event)),
                None => return Ok(Vec::new()),
            },
            None => None,
        };
        let mut found: Vec<Delivery> = shop
            .events
            .values()
            .filter(|event| which.state.is_none_or(|state| event.state == state))
            .filter(|event| which.order.as_ref().is_none_or(|order| event.order == *order))
            .filter(|event| after.as_ref().is_none_or(|after| place(event) < *after))
            .cloned()
            .collect();
        found.sort_by_key(|event| std::cmp::Reverse(place(event)));
        found.truncate(usize::try_from(which.limit).unwrap_or(usize::MAX));
        Ok(found)
    }

    async fn delivery(&self, tenant: &Tenant, id: &OrderEventId) -> Result<Option<Delivery>, StoreError> {
        Ok(self.shops().get(tenant).and_then(|shop| shop.events.get(id).cloned()))
    }

    async fn retry_event(
        &self,
        tenant: &Tenant,
        id: &OrderEventId,
        now: Timestamp,
    ) -> Result<Option<Delivery>, StoreError> {
        let mut shops = self.shops();
        Ok(shops.get_mut(tenant).and_then(|shop| shop.events.get_mut(id)).map(|event| {
            event.state = DeliveryState::Pending;
            event.next_try = Some(now);
            event.tries = 0;
            event.first_try = None;
            event.clone()
        }))
    }
}

impl Shop {
    /// Whether an event can be claimed: it is time, nobody has it, and no earlier one of its order is pending.
    fn is_due(&self, event: &Delivery, now: Timestamp) -> bool {
        let pending = |event: &Delivery| event.state == DeliveryState::Pending;
        let earlier = |other: &Delivery| {
            pending(other) && other.order == event.order && other.sequence < event.sequence
        };
        pending(event)
            && event.next_try.is_some_and(|at| at <= now)
            && event.leased_until.is_none_or(|until| until <= now)
            && !self.events.values().any(earlier)
    }

    /// Refuses events whose ids are taken.
    fn check_new(&self, tenant: &Tenant, events: &[OrderEvent]) -> Result<(), StoreError> {
        for (at, event) in events.iter().enumerate() {
            let twice = events.iter().take(at).any(|earlier| earlier.id == event.id);
            if twice || self.events.contains_key(&event.id) {
                return Err(event_error(tenant, event, "its id is another event's"));
            }
        }
        Ok(())
    }

    /// Refuses a commit with events of an order that is not its session's.
    pub(super) fn check_events(&self, commit: &Commit) -> Result<(), CommitError> {
        self.check_new(&commit.tenant, &commit.events)?;
        let own = |id: &OrderId| {
            let new = commit.order.as_ref().map(|new| &new.order);
            let placed = new.or_else(|| self.orders.get(id).map(|placed| &placed.order));
            placed.is_some_and(|order| order.session == commit.session.id)
        };
        match commit.events.iter().find(|event| !own(&event.order)) {
            Some(event) => Err(event_error(&commit.tenant, event, "the session has no such order").into()),
            None => Ok(()),
        }
    }

    /// Keeps events that were checked.
    pub(super) fn append(&mut self, tenant: &Tenant, events: &[OrderEvent]) -> Vec<Sequence> {
        let mut numbers = Vec::new();
        for event in events {
            let of_order = self.events.values().filter(|known| known.order == event.order);
            let last = of_order.map(|known| known.sequence).max();
            let sequence = last.map_or(Sequence::FIRST, Sequence::next);
            let number = self.orders.get(&event.order).map_or(OrderNumber::FIRST, |placed| placed.number);
            self.events.insert(event.id.clone(), Delivery::new(tenant, event, (number, sequence)));
            numbers.push(sequence);
        }
        numbers
    }
}

fn event_error(tenant: &Tenant, event: &OrderEvent, why: &str) -> StoreError {
    corrupt(format!("order event {} of {}", event.id, name(tenant)), why)
}
