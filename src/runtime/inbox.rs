//! Follows up events of Stripe's that were kept and not followed: their process died, or the store failed it.
//!
//! Invariant: what one event meets, also a panic, keeps no other from being followed.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::domain::time::{Span, Timestamp};
use crate::ports::Clock;
use crate::store::{Inbox, StoreError, WaitingEvent};

/// How often the store is asked.
const PERIOD: Duration = Duration::from_secs(5);

/// How long whoever has kept an event is given to follow it.
const HEAD_START: Span = Span::seconds(10);

/// How many waiting events are read at a time.
const PAGE: u32 = 200;

/// Hands events that wait to `follow`: at once all that an earlier process has left, then every five seconds those that this
/// one did not follow, until `stop` says so. Whatever fails, also by a panic, fails for this time only.
pub async fn follow_up<F: Future<Output = ()> + Send>(
    inbox: Arc<dyn Inbox>,
    clock: Arc<dyn Clock>,
    follow: impl Fn(WaitingEvent) -> F + Send + Sync,
    mut stop: watch::Receiver<bool>,
) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut first = true;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let now = clock.now();
        // Nobody else follows what is there at the start, whatever the clock said when it came.
        let until = if first { Timestamp::from_millis(i64::MAX) } else { now - HEAD_START };
        first = false;
        match AssertUnwindSafe(follow_once(inbox.as_ref(), until, &follow)).catch_unwind().await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(cause = %error, "stripe_events_not_followed_up"),
            Err(_) => tracing::error!("following_up_stripe_events_panicked"),
        }
    }
}

/// Every waiting event once, page by page: those of merchants that are not served here never hide the rest.
async fn follow_once<F: Future<Output = ()>>(
    inbox: &dyn Inbox,
    until: Timestamp,
    follow: &impl Fn(WaitingEvent) -> F,
) -> Result<(), StoreError> {
    let mut after: Option<WaitingEvent> = None;
    loop {
        let page = inbox.waiting_events(until, after.as_ref(), PAGE).await?;
        let Some(last) = page.last().cloned() else { return Ok(()) };
        after = Some(last);
        for waiting in page {
            let (merchant, event) = (waiting.tenant.merchant.clone(), waiting.event.id.clone());
            // The very same event is met at every round, and those behind it must not wait for it.
            let following = async { follow(waiting).await };
            if AssertUnwindSafe(following).catch_unwind().await.is_err() {
                tracing::error!(%merchant, %event, "following_a_stripe_event_panicked");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::domain::ids::{Mode, Tenant};
    use crate::domain::stripe_event::StripeEvent;
    use crate::ports::ManualClock;
    use crate::store::{EventState, MemoryStore};

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
}
