//! Wakes sessions whose time has come, however they came to sleep: passivated, restarted, or left by a panic.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::domain::time::Timestamp;
use crate::ports::Clock;
use crate::store::{DueSession, Store};

/// How often the store is asked.
const PERIOD: Duration = Duration::from_secs(1);

/// How many due sessions are read at a time.
const PAGE: u32 = 500;

/// Asks the store for due sessions, at once and then every second, and hands each to `wake`, until `stop` says so. Whatever
/// fails, also by a panic, fails for this time only: without a sweeper, payments would be left undecided.
pub async fn sweep(
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    wake: impl Fn(DueSession) + Send,
    mut stop: watch::Receiver<bool>,
) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut latest = clock.now();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        // A clock that was set back puts nobody to sleep: what was due stays due.
        latest = latest.max(clock.now());
        // Nothing of a sweep outlives it, so that a panic leaves nothing half done.
        match AssertUnwindSafe(sweep_once(store.as_ref(), latest, &wake)).catch_unwind().await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "sweep_failed"),
            Err(_) => tracing::error!("sweep_panicked"),
        }
    }
}

/// Every due session once, page by page: rows of merchants that are not served here never hide the rest.
async fn sweep_once(
    store: &dyn Store,
    now: Timestamp,
    wake: &(impl Fn(DueSession) + Send),
) -> Result<(), crate::store::StoreError> {
    let mut after: Option<DueSession> = None;
    loop {
        let page = store.due(now, after.as_ref(), PAGE).await?;
        let Some(last) = page.last().cloned() else {
            return Ok(());
        };
        after = Some(last);
        page.into_iter().for_each(wake);
    }
}
