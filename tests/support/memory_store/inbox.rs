//! Stripe's events in memory.

use async_trait::async_trait;

use super::MemoryStore;
use merchant_gateway::domain::ids::{PaymentIntentId, SessionId, StripeEventId, Tenant};
use merchant_gateway::domain::stripe_event::StripeEvent;
use merchant_gateway::domain::time::Timestamp;
use merchant_gateway::store::StoreError;
use merchant_gateway::store::{EventState, Inbox, KeptEvent, WaitingEvent};

#[async_trait]
impl Inbox for MemoryStore {
    async fn keep_event(
        &self,
        tenant: &Tenant,
        event: StripeEvent,
        state: EventState,
    ) -> Result<bool, StoreError> {
        let mut shops = self.shops();
        let kept = &mut shops.entry(tenant.clone()).or_default().stripe_events;
        let new = !kept.contains_key(&event.id);
        if new {
            kept.insert(event.id.clone(), KeptEvent { event, state });
        }
        Ok(new)
    }

    async fn event_followed(
        &self,
        tenant: &Tenant,
        id: &StripeEventId,
        state: EventState,
    ) -> Result<(), StoreError> {
        let mut shops = self.shops();
        if let Some(kept) = shops.get_mut(tenant).and_then(|shop| shop.stripe_events.get_mut(id)) {
            kept.state = state;
        }
        Ok(())
    }

    async fn waiting_events(
        &self,
        until: Timestamp,
        after: Option<&WaitingEvent>,
        limit: u32,
    ) -> Result<Vec<WaitingEvent>, StoreError> {
        let shops = self.shops();
        let rows =
            shops.iter().flat_map(|(tenant, shop)| shop.stripe_events.values().map(move |row| (tenant, row)));
        let mut waiting: Vec<WaitingEvent> = rows
            .filter(|(_, row)| row.state == EventState::Waiting && row.event.received <= until)
            .map(|(tenant, row)| WaitingEvent { tenant: tenant.clone(), event: row.event.clone() })
            .collect();
        waiting.sort_by(|one, other| place(one).cmp(&place(other)));
        if let Some(after) = after {
            waiting.retain(|row| place(row) > place(after));
        }
        waiting.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(waiting)
    }

    async fn session_of_event(
        &self,
        tenant: &Tenant,
        event: &StripeEvent,
    ) -> Result<Option<SessionId>, StoreError> {
        let shops = self.shops();
        let Some(shop) = shops.get(tenant) else { return Ok(None) };
        let named = event.session.as_ref().filter(|session| shop.sessions.contains_key(session));
        let of_intent = |intent: &PaymentIntentId| {
            let ordered = shop.orders.values().find(|placed| placed.order.payment_intent == *intent);
            let flagged = shop.flags.iter().find(|kept| kept.flag.intent == *intent);
            ordered.map(|placed| &placed.order.session).or(flagged.map(|kept| &kept.flag.session))
        };
        Ok(named.or_else(|| event.intent.as_ref().and_then(of_intent)).cloned())
    }

    async fn stripe_events(&self, tenant: &Tenant, limit: u32) -> Result<Vec<KeptEvent>, StoreError> {
        let shops = self.shops();
        let Some(shop) = shops.get(tenant) else { return Ok(Vec::new()) };
        let mut kept: Vec<KeptEvent> = shop.stripe_events.values().cloned().collect();
        kept.sort_by(|one, other| {
            (other.event.received, &other.event.id).cmp(&(one.event.received, &one.event.id))
        });
        kept.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(kept)
    }

    async fn forget_events(&self, before: Timestamp, limit: u32) -> Result<u32, StoreError> {
        let mut forgotten = 0;
        for shop in self.shops().values_mut() {
            shop.stripe_events.retain(|_, row| {
                let is_over = row.state != EventState::Waiting && row.event.received < before;
                let goes = forgotten < limit && is_over;
                forgotten += u32::from(goes);
                !goes
            });
        }
        Ok(forgotten)
    }
}

/// The place of a waiting event among all.
fn place(waiting: &WaitingEvent) -> (Timestamp, &str, &str, &str) {
    let WaitingEvent { tenant, event } = waiting;
    (event.received, tenant.merchant.as_str(), tenant.mode.into_str(), event.id.as_str())
}
