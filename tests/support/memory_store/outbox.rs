//! Order events in memory.

use async_trait::async_trait;

use super::{MemoryStore, Shop, corrupt, name};
use merchant_gateway::domain::ids::{OrderEventId, OrderId, OrderNumber, Tenant};
use merchant_gateway::domain::order_event::{OrderEvent, Sequence};
use merchant_gateway::domain::time::Timestamp;
use merchant_gateway::store::{
    Claim, DeliveriesQuery, Delivery, DeliveryResult, DeliveryState, LONGEST_PAUSE, Outbox,
};
use merchant_gateway::store::{Commit, CommitError, StoreError};

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
                event.first_try = Some(event.first_try.map_or(claim.now, |first| first.min(claim.now)));
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
        settlement: DeliveryResult,
    ) -> Result<bool, StoreError> {
        let mut shops = self.shops();
        let Some(shop) = shops.get_mut(tenant) else { return Ok(false) };
        let event = shop.events.get_mut(id);
        let Some(event) = event.filter(|event| event.leased_until == Some(settlement.lease)) else {
            return Ok(false);
        };
        let retried = event.tries == 0;
        if !retried || settlement.outcome.is_final() {
            (event.state, event.next_try) = settlement.outcome.leaves();
        }
        event.leased_until = None;
        event.last_status = settlement.status;
        event.last_error = settlement.error;
        let settled = event.clone();
        shop.keep_turn(&settled);
        Ok(true)
    }

    async fn deliveries(&self, tenant: &Tenant, which: DeliveriesQuery) -> Result<Vec<Delivery>, StoreError> {
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
        let Some(shop) = shops.get_mut(tenant) else { return Ok(None) };
        let Some(event) = shop.events.get_mut(id) else { return Ok(None) };
        if event.payload.is_empty() {
            return Ok(Some(event.clone()));
        }
        event.state = DeliveryState::Pending;
        event.next_try = Some(now);
        event.tries = 0;
        event.first_try = None;
        let retried = event.clone();
        shop.keep_turn(&retried);
        Ok(Some(retried))
    }
}

impl Shop {
    /// Whether an event can be claimed: it is time, no earlier one of its order is pending, and nobody has one of them.
    fn is_due(&self, event: &Delivery, now: Timestamp) -> bool {
        let pending = |event: &Delivery| event.state == DeliveryState::Pending;
        let goes_before = |other: &Delivery| {
            other.order == event.order
                && pending(other)
                && (other.sequence < event.sequence || holds(other.leased_until, now))
        };
        pending(event) && is_time(event.next_try, now) && !self.events.values().any(goes_before)
    }

    /// Those of its order that wait for an event are due when it is; when it is pending no more, the next one is due now.
    fn keep_turn(&mut self, changed: &Delivery) {
        let of_order = self.events.values_mut().filter(|event| event.order == changed.order);
        let mut pending: Vec<&mut Delivery> =
            of_order.filter(|event| event.state == DeliveryState::Pending).collect();
        pending.sort_by_key(|event| event.sequence);
        if changed.state == DeliveryState::Pending {
            let later = pending.into_iter().filter(|event| event.sequence > changed.sequence);
            later.for_each(|event| event.next_try = changed.next_try);
        } else if let Some(next) = pending.into_iter().next().filter(|next| next.sequence > changed.sequence)
        {
            next.next_try = next.next_try.min(changed.last_try.or(next.next_try));
        }
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
            let mut row = Delivery::new(tenant, event, (number, sequence));
            let of_order = self.events.values().filter(|known| known.order == event.order);
            if let (Some(at), Some(waits)) =
                (&mut row.next_try, of_order.filter_map(|known| known.next_try).max())
            {
                *at = waits;
            }
            self.events.insert(event.id.clone(), row);
            numbers.push(sequence);
        }
        numbers
    }
}

fn event_error(tenant: &Tenant, event: &OrderEvent, why: &str) -> StoreError {
    corrupt(format!("order event {} of {}", event.id, name(tenant)), why)
}

/// Whether a lease holds at a moment.
fn holds(lease: Option<Timestamp>, now: Timestamp) -> bool {
    lease.is_some_and(|until| until > now && until <= now + LONGEST_PAUSE)
}

/// Whether what was put off to a moment is due at another.
fn is_time(next_try: Option<Timestamp>, now: Timestamp) -> bool {
    next_try.is_some_and(|at| at <= now || at > now + LONGEST_PAUSE)
}
