//! Processes stored events of Stripe that are still waiting, because their process ended, or the store failed.
//!
//! Invariant: a failure with one event, even a panic, does not prevent the processing of others.

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

/// How long the request that stored an event is given to process it.
const HEAD_START: Span = Span::seconds(10);

/// How many waiting events are read at a time.
const PAGE: u32 = 200;

/// Passes waiting events to `follow`: at once all that an earlier process has left, then every five seconds those
/// that this one did not process, until `stop` is set. A failure, even a panic, affects the present round only.
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
        // No request of this process handles the events found at the start, whatever their time.
        let until = if first { Timestamp::from_millis(i64::MAX) } else { now - HEAD_START };
        first = false;
        match AssertUnwindSafe(follow_once(inbox.as_ref(), until, &follow)).catch_unwind().await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(cause = %error, "stripe_events_not_followed_up"),
            Err(_) => tracing::error!("following_up_stripe_events_panicked"),
        }
    }
}

/// Every waiting event once, page by page: events of merchants that are not served here never hide the rest.
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
            // The same event is processed in every round, and those after it must not wait for it.
            let following = async { follow(waiting).await };
            if AssertUnwindSafe(following).catch_unwind().await.is_err() {
                tracing::error!(%merchant, %event, "following_a_stripe_event_panicked");
            }
        }
    }
}
