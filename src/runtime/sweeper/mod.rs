//! Due work: wakes sessions whose time has come, however they came to sleep: passivated, restarted, or left by a panic.
//!
//! [`wakes`] lets sessions go on for which money is at stake; [`carts`] ends carts whose time is over, in batches. [`turns`] is
//! how wakes are bounded and shared between merchants.
//!
//! Invariants: so many sessions at most are awake by a sweep, of one merchant and in all; payments come before pages, pages
//! before refunds, those before readings, and carts hold up none of them; every due session gets its turn, whatever becomes
//! of those before it.

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

/// Who serves merchants: what the sweeper asks of it.
#[async_trait]
pub trait DueSessions: Send + Sync + 'static {
    /// Whether the due sessions of this tenant can go on here now.
    fn can_go_on(&self, tenant: &Tenant) -> bool;

    /// Lets a session do what is due; ends when it has nothing under way any more.
    async fn wake(&self, tenant: &Tenant, id: &SessionId);

    /// Ends carts whose time is over, durably; how many. A cart that was changed meanwhile stays.
    async fn expire_carts(&self, tenant: &Tenant, carts: Vec<SessionId>) -> usize;
}

/// Does what is due until `stop` says so.
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

/// Runs one round. Whatever fails, also by a panic, fails for this round only: without a sweeper, payments would be left
/// undecided. `None` when it failed.
async fn guarded<T>(round: impl Future<Output = Result<T, StoreError>>) -> Option<T> {
    match AssertUnwindSafe(round).catch_unwind().await {
        Ok(Ok(done)) => return Some(done),
        Ok(Err(error)) => tracing::error!(cause = %error, "sweep_failed"),
        Err(_) => tracing::error!("sweep_panicked"),
    }
    None
}
