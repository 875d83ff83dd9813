//! Events of Stripe's about payments whose checkout is not there, and what they cost while they wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use merchant_gateway::domain::checkout::model::FlagReason;
use merchant_gateway::domain::ids::{SessionId, StripeEventId, Tenant};
use merchant_gateway::domain::stripe_event::StripeEvent;
use merchant_gateway::domain::time::{Span, Timestamp};
use merchant_gateway::store::{EventState, FlagsQuery, Inbox, KeptEvent, StoreError, WaitingEvent};
use test_support::memory_store::MemoryStore;

use super::harness::{ActorHarness, on_one_thread};

/// An inbox that counts how often it is asked whose an event is.
pub struct CountedInbox {
    rows: Arc<MemoryStore>,
    asked: AtomicU32,
}

impl CountedInbox {
    pub fn new(rows: Arc<MemoryStore>) -> Self {
        Self { rows, asked: AtomicU32::new(0) }
    }
}

#[async_trait]
impl Inbox for CountedInbox {
    async fn keep_event(
        &self,
        tenant: &Tenant,
        event: StripeEvent,
        state: EventState,
    ) -> Result<bool, StoreError> {
        self.rows.keep_event(tenant, event, state).await
    }

    async fn event_followed(
        &self,
        tenant: &Tenant,
        id: &StripeEventId,
        state: EventState,
    ) -> Result<(), StoreError> {
        self.rows.event_followed(tenant, id, state).await
    }

    async fn waiting_events(
        &self,
        until: Timestamp,
        after: Option<&WaitingEvent>,
        limit: u32,
    ) -> Result<Vec<WaitingEvent>, StoreError> {
        self.rows.waiting_events(until, after, limit).await
    }

    async fn session_of_event(
        &self,
        tenant: &Tenant,
        event: &StripeEvent,
    ) -> Result<Option<SessionId>, StoreError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.rows.session_of_event(tenant, event).await
    }

    async fn stripe_events(&self, tenant: &Tenant, limit: u32) -> Result<Vec<KeptEvent>, StoreError> {
        self.rows.stripe_events(tenant, limit).await
    }

    async fn forget_events(&self, before: Timestamp, limit: u32) -> Result<u32, StoreError> {
        self.rows.forget_events(before, limit).await
    }
}

/// An event about a payment that nobody can read, of a checkout that is not there.
fn gone(received: Timestamp) -> StripeEvent {
    StripeEvent {
        id: "evt_gone".parse().unwrap(),
        kind: "payment_intent.succeeded".parse().unwrap(),
        object: None,
        session: Some(SessionId::from_random(9)),
        intent: Some("pi_gone".parse().unwrap()),
        received,
    }
}

#[test]
fn an_orphan_payment_unreadable_for_a_month_is_flagged() {
    for (days, flagged) in [(29, None), (31, Some(FlagReason::NotShown))] {
        on_one_thread(async {
            let harness = ActorHarness::calm().await;
            let merchant = &harness.merchants[0];
            let event = gone(harness.now() - Span::hours(days * 24));
            harness.inbox.keep_event(merchant.tenant(), event.clone(), EventState::Waiting).await.unwrap();
            merchant.follow(&event).await;
            tokio::time::sleep(Duration::from_secs(5)).await;
            let flags = merchant.records().flags(FlagsQuery::ALL).await.unwrap();
            assert_eq!(flags.first().map(|kept| kept.flag.reason), flagged, "after {days} days");
            let state = harness.inbox.stripe_events(merchant.tenant(), 1).await.unwrap()[0].state;
            let over = if flagged.is_some() { EventState::Followed } else { EventState::Waiting };
            assert_eq!(state, over, "after {days} days");
        });
    }
}

#[test]
fn an_unresolved_event_skips_the_store_during_its_backoff() {
    on_one_thread(async {
        let harness = ActorHarness::calm().await;
        let merchant = &harness.merchants[0];
        let event = gone(harness.now());
        // As often as what waits is followed up, for ten minutes.
        for _ in 0..120 {
            merchant.follow(&event).await;
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        let asked = harness.inbox.asked.load(Ordering::Relaxed);
        assert!((4..=8).contains(&asked), "asked {asked} times");
    });
}
