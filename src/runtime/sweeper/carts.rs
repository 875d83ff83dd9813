//! Expires carts in batches, without an actor for each.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::{DueSessions, guarded};
use crate::domain::checkout::model::Priority;
use crate::domain::ids::Tenant;
use crate::domain::time::Timestamp;
use crate::ports::Clock;
use crate::store::{DueQuery, DueSession, Store, StoreError};

/// How often the store is asked: a late expiry of a cart has no cost.
const PERIOD: Duration = Duration::from_secs(5);

/// How many carts of one merchant are expired at once. A payment meanwhile waits for this many writes at most.
const BATCH: u32 = 200;

/// The result of a batch.
#[derive(Default)]
struct Batch {
    expired: usize,
    /// The last cart, if there may be more after it.
    last: Option<DueSession>,
}

/// Expired carts.
pub(super) struct Carts {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    sessions: Arc<dyn DueSessions>,
    /// The latest known moment, so that a clock that was set back does not revive carts.
    latest: Timestamp,
}

impl Carts {
    pub(super) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, sessions: Arc<dyn DueSessions>) -> Self {
        let latest = clock.now();
        Self { store, clock, sessions, latest }
    }

    /// Runs at once and then every five seconds, until `stop` is set, even between two batches.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                _ = ticks.tick() => {}
            }
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                _ = guarded(self.round()) => {}
            }
        }
    }

    /// Every due cart, with a batch of each merchant in turn.
    async fn round(&mut self) -> Result<(), StoreError> {
        self.latest = self.latest.max(self.clock.now());
        let tenants = self.store.tenants_with_due_sessions(self.latest, Priority::Cart).await?;
        let mut waiting: BTreeMap<Tenant, Option<DueSession>> =
            tenants.into_iter().map(|tenant| (tenant, None)).collect();
        let mut expired = 0;
        while !waiting.is_empty() {
            for (tenant, after) in std::mem::take(&mut waiting) {
                let batch = self.batch(&tenant, after).await?;
                expired += batch.expired;
                if batch.last.is_some() {
                    waiting.insert(tenant, batch.last);
                }
            }
        }
        if expired > 0 {
            tracing::info!(expired, "carts_expired");
        }
        Ok(())
    }

    /// Expires the carts after `after`. One that cannot be expired is tried again in the next round, and does not
    /// block those after it.
    async fn batch(&self, tenant: &Tenant, after: Option<DueSession>) -> Result<Batch, StoreError> {
        if !self.sessions.can_go_on(tenant) {
            return Ok(Batch::default());
        }
        let query = DueQuery { now: self.latest, priority: Priority::Cart, after, limit: BATCH };
        let carts = self.store.due_sessions(tenant, query).await?;
        let full = u32::try_from(carts.len()).is_ok_and(|read| read == BATCH);
        let last = carts.last().cloned().filter(|_| full);
        if carts.is_empty() {
            return Ok(Batch::default());
        }
        let carts = carts.into_iter().map(|cart| cart.id).collect();
        Ok(Batch { expired: self.sessions.expire_carts(tenant, carts).await, last })
    }
}
