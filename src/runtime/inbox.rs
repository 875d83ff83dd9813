//! Follows up events of Stripe's that were kept and not followed: their process died, or the store failed it.
//!
//! Invariant: what one merchant's events meet keeps no other's from being followed.

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

/// How long an event is remembered: Stripe sends none again after three days, and forgets its own after thirty.
const REMEMBERED: Span = Span::hours(30 * 24);

/// How often old events are forgotten, in rounds.
const FORGET_EVERY: u32 = 720;

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
    let mut round = 0_u32;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let now = clock.now();
        // Nobody else follows what is there at the start, whatever the clock said when it came.
        let until = if round == 0 { Timestamp::from_millis(i64::MAX) } else { now - HEAD_START };
        let forgetting = round.is_multiple_of(FORGET_EVERY).then_some(now - REMEMBERED);
        round = round.wrapping_add(1);
        let once = async {
            follow_once(inbox.as_ref(), until, &follow).await?;
            match forgetting {
                Some(before) => inbox.forget_events(before).await.map(|_| ()),
                None => Ok(()),
            }
        };
        match AssertUnwindSafe(once).catch_unwind().await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "stripe_events_not_followed_up"),
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
            follow(waiting).await;
        }
    }
}
