//! What keeps no event from its receiver: receivers that hang, clocks that are set, panics, a process that dies.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use merchant_gateway::delivery::GIVE_UP;
use merchant_gateway::domain::ids::{OrderEventId, OrderId, Tenant};
use merchant_gateway::domain::order_event::{OrderEvent, Sequence};
use merchant_gateway::domain::time::{Span, Timestamp};
use merchant_gateway::store::{
    Claim, DeliveriesQuery, Delivery, DeliveryResult, DeliveryState, Outbox, StoreError,
};
use test_support::memory_store::MemoryStore;

use super::post::{Does, Post, since_start};

/// A merchant whose receiver takes is told of a hundred orders; from when.
async fn a_hundred_events_of_another_arrive_soon(post: &Post) -> tokio::time::Instant {
    for number in 1001..=1100 {
        post.order("swift", number).await;
    }
    let before = tokio::time::Instant::now();
    while post.arrived("swift").len() < 100 {
        tokio::time::advance(Duration::from_millis(1)).await;
    }
    assert!(before.elapsed() <= Duration::from_secs(2), "no later than at the next look");
    before
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_hangs_delays_no_other_merchants_events() {
    let post = Post::new();
    post.receiver_does("stuck", Does::Hangs);
    for number in 1..=300 {
        post.order("stuck", number).await;
    }
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let running = tokio::spawn(Arc::clone(&post.dispatcher).run(stopped));
    post.town.hung.notified().await;
    let before = a_hundred_events_of_another_arrive_soon(&post).await;
    let stuck = post.deliveries("stuck").await;
    let tried = stuck.iter().filter(|event| event.tries > 0).count();
    assert!((1..=4).contains(&tried), "{tried} of the stuck merchant's are under way");
    stop.send(true).unwrap();
    // Those that hang are waited for no longer than a try may take.
    running.await.unwrap();
    assert!(before.elapsed() <= Duration::from_secs(20));
    let kept = post.deliveries("stuck").await;
    let error = kept.iter().find_map(|event| event.last_error.clone()).unwrap();
    assert_eq!(error, "no answer within 15 seconds");
}

#[tokio::test(start_paused = true)]
async fn a_hundred_receivers_that_hang_delay_no_other_merchants_events() {
    let post = Post::new();
    for merchant in 0..100 {
        post.receiver_does(&format!("stuck-{merchant}"), Does::Hangs);
        for number in 1..=10 {
            post.order(&format!("stuck-{merchant}"), number).await;
        }
    }
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let running = tokio::spawn(Arc::clone(&post.dispatcher).run(stopped));
    while post.town.tried.lock().unwrap().len() < 100 {
        post.town.hung.notified().await;
    }
    a_hundred_events_of_another_arrive_soon(&post).await;
    stop.send(true).unwrap();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_ahead_and_is_set_back_stops_no_event() {
    let post = Post::new();
    post.receiver_does("harbor", Does::IsDown);
    for number in 1..=5 {
        post.order("harbor", number).await;
    }
    let year = Span::hours(365 * 24);
    post.clock.advance(year);
    post.record_result().await;
    post.record_result().await;
    post.clock.advance(Span::millis(-year.as_millis()));
    post.receiver_does("harbor", Does::Takes);
    post.town.signed.lock().unwrap().clear();
    // The lane may rest for a minute, as it does after any failures.
    post.pass(Span::minutes(1)).await;
    assert_eq!(post.arrived("harbor").len(), 5);
    let signed = post.town.signed.lock().unwrap().clone();
    assert!(signed.iter().all(|at| since_start(*at) <= Span::minutes(1)), "signed by the clock as it is");

    post.order("harbor", 6).await;
    post.record_result().await;
    assert_eq!(post.arrived("harbor").len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_lets_no_receiver_rest_longer() {
    let post = Post::new();
    post.receiver_does("harbor", Does::IsDown);
    for number in 1..=5 {
        post.order("harbor", number).await;
    }
    post.record_result().await;
    post.clock.advance(Span::minutes(-30));
    post.receiver_does("harbor", Does::Takes);
    post.order("harbor", 6).await;
    post.pass(Span::minutes(1)).await;
    assert_eq!(post.arrived("harbor"), [(OrderId::from_random(6), 1)]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_counts_however_late_its_body_ends() {
    let post = Post::new();
    post.receiver_does("harbor", Does::Dribbles(Duration::from_millis(14_500)));
    post.order("harbor", 1).await;
    let claimed = post.dispatcher.claim().await.unwrap();
    let before = tokio::time::Instant::now();
    for claimed in claimed {
        post.dispatcher.attempt(claimed).await;
    }
    let kept = &post.deliveries("harbor").await[0];
    assert_eq!((kept.state, kept.last_status), (DeliveryState::Delivered, Some(200)), "{kept:?}");
    assert_eq!(before.elapsed(), Duration::from_millis(15_500), "and nobody listens to it for long");
}

#[tokio::test(start_paused = true)]
async fn a_try_that_panics_is_a_try_that_failed() {
    let post = Post::new();
    post.receiver_does("harbor", Does::Panics);
    post.order("harbor", 1).await;
    post.record_result().await;
    let kept = &post.deliveries("harbor").await[0];
    assert_eq!(kept.last_error.as_deref(), Some("the try broke off"));
    post.pass(GIVE_UP).await;
    assert_eq!(post.deliveries("harbor").await[0].state, DeliveryState::Parked);
}

/// Panics when it is asked who has something due, so many times.
struct Panicking(Arc<MemoryStore>, Mutex<u32>);

#[async_trait]
impl Outbox for Panicking {
    async fn append_events(
        &self,
        tenant: &Tenant,
        events: Vec<OrderEvent>,
    ) -> Result<Vec<Sequence>, StoreError> {
        self.0.append_events(tenant, events).await
    }

    async fn tenants_with_due_events(&self, now: Timestamp) -> Result<Vec<Tenant>, StoreError> {
        let left = {
            let mut left = self.1.lock().unwrap();
            *left = left.saturating_sub(1);
            *left
        };
        assert_eq!(left, 0, "as it was told to");
        self.0.tenants_with_due_events(now).await
    }

    async fn claim_events(&self, tenant: &Tenant, claim: Claim) -> Result<Vec<Delivery>, StoreError> {
        self.0.claim_events(tenant, claim).await
    }

    async fn settle_event(
        &self,
        tenant: &Tenant,
        id: &OrderEventId,
        settlement: DeliveryResult,
    ) -> Result<bool, StoreError> {
        self.0.settle_event(tenant, id, settlement).await
    }

    async fn deliveries(&self, tenant: &Tenant, which: DeliveriesQuery) -> Result<Vec<Delivery>, StoreError> {
        self.0.deliveries(tenant, which).await
    }

    async fn delivery(&self, tenant: &Tenant, id: &OrderEventId) -> Result<Option<Delivery>, StoreError> {
        self.0.delivery(tenant, id).await
    }

    async fn retry_event(
        &self,
        tenant: &Tenant,
        id: &OrderEventId,
        now: Timestamp,
    ) -> Result<Option<Delivery>, StoreError> {
        self.0.retry_event(tenant, id, now).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_dispatcher_that_panics_goes_on_at_its_next_look() {
    let store = Arc::new(MemoryStore::new());
    let panicking = Panicking(Arc::clone(&store), Mutex::new(3));
    let post = Post::over(Arc::new(panicking), store);
    post.order("harbor", 1).await;
    let took = post.run_until(|post| post.arrived("harbor").len() == 1).await;
    assert!((Duration::from_secs(1)..Duration::from_secs(4)).contains(&took), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_working_receiver_gets_all_due_events_without_another_poll() {
    let post = Post::new();
    for number in 1..=200 {
        post.order("harbor", number).await;
    }
    let took = post.run_until(|post| post.arrived("harbor").len() == 200).await;
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn an_event_claimed_by_a_dead_process_is_resent_after_its_lease() {
    let post = Post::new();
    post.order("harbor", 1).await;
    let lost = post.dispatcher.claim().await.unwrap();
    assert_eq!(lost.len(), 1);
    drop(lost);
    post.record_result().await;
    assert_eq!(post.arrived("harbor"), [], "nobody else may send it yet");
    post.pass(Span::minutes(1)).await;
    assert_eq!(post.arrived("harbor"), [(OrderId::from_random(1), 1)]);
}
