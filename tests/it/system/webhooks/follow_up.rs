//! Stripe's events that a process has left behind are followed by the next one.

use std::sync::{Arc, Mutex};

use merchant_gateway::domain::ids::{Mode, Tenant};
use merchant_gateway::domain::stripe_event::StripeEvent;
use merchant_gateway::domain::time::{Span, Timestamp};
use merchant_gateway::ports::ManualClock;
use merchant_gateway::runtime::follow_up;
use merchant_gateway::store::{EventState, Inbox as _, WaitingEvent};
use tokio::sync::watch;

use test_support::memory_store::MemoryStore;

const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

#[tokio::test(start_paused = true)]
async fn one_event_that_panics_keeps_none_behind_it_from_being_followed() {
    let (store, clock) = (Arc::new(MemoryStore::new()), Arc::new(ManualClock::new(NOW)));
    let tenant = Tenant { merchant: "harbor-coffee".parse().unwrap(), mode: Mode::Test };
    for number in 1..=3 {
        let id = format!("evt_{number}").parse().unwrap();
        let kind = "charge.refunded".parse().unwrap();
        let received = NOW + Span::seconds(number);
        let event = StripeEvent { id, kind, object: None, session: None, intent: None, received };
        store.keep_event(&tenant, event, EventState::Waiting).await.unwrap();
    }
    let (stop, stopped) = watch::channel(false);
    let met = Arc::new(Mutex::new(Vec::new()));
    let meeting = Arc::clone(&met);
    let follow = move |waiting: WaitingEvent| {
        let id = waiting.event.id.as_str().to_owned();
        meeting.lock().unwrap().push(id.clone());
        // Whether it panics before it is waited for or while it is.
        assert_ne!(id, "evt_1", "as it was told to");
        async move { assert_ne!(id, "evt_2", "as it was told to") }
    };
    let following = tokio::spawn(follow_up(Arc::clone(&store) as _, clock, follow, stopped));
    // Nobody here waits for time, so that it stands still: what is met is met in the first round.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    stop.send(true).unwrap();
    following.await.unwrap();
    assert_eq!(*met.lock().unwrap(), ["evt_1", "evt_2", "evt_3"]);
}
