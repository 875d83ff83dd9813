//! Due work: wakes sessions with due work, whether they were passivated, or left by a restart or by a panic.
//!
//! [`wakes`] wakes sessions whose work concerns money; [`carts`] expires carts in batches. [`turns`] limits the wakes
//! and shares them between merchants.
//!
//! Invariants: the number of sessions awake by a sweep is limited, for one merchant and in total; payments come
//! before Stripe Checkouts, these before refunds, those before readings, and carts delay none of them; every due
//! session gets its turn, whatever happens to those before it.

mod carts;
mod turns;
mod wakes;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt as _;
use tokio::sync::watch;

use crate::domain::ids::{SessionId, Tenant};
use crate::ports::Clock;
use crate::store::{Store, StoreError};

/// The merchants of this process, as the sweeper uses them.
#[async_trait]
pub trait DueSessions: Send + Sync + 'static {
    /// Whether the due sessions of this tenant can continue here now.
    fn can_go_on(&self, tenant: &Tenant) -> bool;

    /// Makes a session do its due work; ends when it has no work in progress any more.
    async fn wake(&self, tenant: &Tenant, id: &SessionId);

    /// Expires due carts durably; returns how many. A cart that was changed meanwhile is left as it is.
    async fn expire_carts(&self, tenant: &Tenant, carts: Vec<SessionId>) -> usize;
}

/// Does due work until `stop` is set.
pub async fn sweep(
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    sessions: Arc<dyn DueSessions>,
    stop: watch::Receiver<bool>,
) {
    let wakes = wakes::Wakes::new(Arc::clone(&store), Arc::clone(&clock), Arc::clone(&sessions));
    let carts = carts::Carts::new(store, clock, sessions);
    tokio::join!(wakes.run(stop.clone()), carts.run(stop));
}

/// Runs one round. A failure, even a panic, affects this round only: without a sweeper, payments would remain
/// undecided. `None` if it failed.
async fn guarded<T>(round: impl Future<Output = Result<T, StoreError>>) -> Option<T> {
    match AssertUnwindSafe(round).catch_unwind().await {
        Ok(Ok(done)) => return Some(done),
        Ok(Err(error)) => tracing::error!(cause = %error, "sweep_failed"),
        Err(_) => tracing::error!("sweep_panicked"),
    }
    None
}
