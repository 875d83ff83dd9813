//! Wakes due sessions, the most urgent first.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::turns::{PER_MERCHANT, Turns};
use super::{DueSessions, guarded};
use crate::domain::checkout::model::Priority;
use crate::domain::ids::{SessionId, Tenant};
use crate::domain::time::Timestamp;
use crate::ports::Clock;
use crate::store::{DueQuery, DueSession, Store, StoreError};

/// How often the store is asked for due sessions.
const PERIOD: Duration = Duration::from_secs(1);

/// The number of periods between two queries for readings that no caller waits for.
const POLL_EVERY: u32 = 5;

/// How long a session may be awake before it stops taking the common room.
const BRISK: Duration = Duration::from_secs(5);

/// How long after that it may be woken again, and another one of its merchant in its place.
const PATIENCE: Duration = Duration::from_mins(1);

/// The number of sessions that must rest before the store is asked again within a period.
const ENOUGH_ROOM: usize = PER_MERCHANT / 2;

/// A session that was woken, and the rest of its work.
struct Awake {
    tenant: Tenant,
    id: SessionId,
    hangs: bool,
    /// `None` once it rests.
    working: Option<BoxFuture<'static, ()>>,
}

impl Awake {
    /// Waits until it rests, but for a limited time.
    async fn wait(mut self) -> Self {
        let limit = if self.hangs { PATIENCE } else { BRISK };
        if let Some(working) = &mut self.working
            && tokio::time::timeout(limit, working).await.is_ok()
        {
            self.working = None;
        }
        self
    }
}

/// Due sessions whose work concerns money.
pub(super) struct Wakes {
    store: Arc<dyn Store>,
    clock: Arc<dyn Clock>,
    sessions: Arc<dyn DueSessions>,
    turns: Turns,
    /// The tenants and priorities whose sessions have all had their turn in this period. Sessions that remain due
    /// after their turn are tried again in the next one, and not at once.
    through: HashSet<(Tenant, Priority)>,
    awake: FuturesUnordered<BoxFuture<'static, Awake>>,
    /// The latest known moment, so that due sessions remain due when the clock is set back.
    latest: Timestamp,
}

impl Wakes {
    pub(super) fn new(store: Arc<dyn Store>, clock: Arc<dyn Clock>, sessions: Arc<dyn DueSessions>) -> Self {
        let latest = clock.now();
        Self {
            store,
            clock,
            sessions,
            turns: Turns::default(),
            through: HashSet::new(),
            awake: FuturesUnordered::new(),
            latest,
        }
    }

    /// Runs at once and then every second, and while there are more due sessions than room, whenever there is room
    /// again.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut period, mut more, mut rested) = (0_u32, false, 0_usize);
        loop {
            tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return,
                Some(awake) = self.awake.next(), if !self.awake.is_empty() => {
                    rested += 1;
                    self.rests(awake);
                    if !more || (rested < ENOUGH_ROOM && !self.awake.is_empty()) {
                        continue;
                    }
                }
                _ = ticks.tick() => {
                    self.through.clear();
                    period = period.wrapping_add(1);
                }
            }
            rested = 0;
            let polls = more || period.is_multiple_of(POLL_EVERY);
            more = guarded(self.round(polls)).await.unwrap_or(false);
        }
    }

    /// Wakes as many sessions as there is room for; true if more are due.
    async fn round(&mut self, polls: bool) -> Result<bool, StoreError> {
        self.latest = self.latest.max(self.clock.now());
        let mut more = false;
        for priority in [Priority::Payment, Priority::StripeCheckout, Priority::Refund, Priority::Poll] {
            if priority == Priority::Poll && !polls {
                continue;
            }
            let tenants = self.store.tenants_with_due_sessions(self.latest, priority).await?;
            for tenant in self.turns.in_turn(tenants) {
                if !self.sessions.can_go_on(&tenant) {
                    continue;
                }
                let turn = (tenant, priority);
                if !self.through.contains(&turn) {
                    more |= self.serve(&turn.0, priority).await?;
                }
            }
        }
        Ok(more)
    }

    /// Wakes as many of a tenant's sessions as there is room for; true if more are due.
    async fn serve(&mut self, tenant: &Tenant, priority: Priority) -> Result<bool, StoreError> {
        let mut room = self.turns.room(tenant, priority);
        if room == 0 {
            return Ok(true);
        }
        // Sessions that are awake remain due until they have written their result: they may come first, and must not
        // fill the page.
        let limit = 2 * PER_MERCHANT;
        let page = self.page(tenant, priority, limit).await?;
        let whole = page.len() < limit;
        for due in page {
            if room == 0 {
                return Ok(true);
            }
            if self.turns.wake(tenant, &due, priority) {
                room -= 1;
                self.wake(tenant.clone(), due.id);
            }
        }
        if whole {
            self.turns.rewind(tenant, priority);
            self.through.insert((tenant.clone(), priority));
        }
        Ok(!whole)
    }

    async fn page(
        &mut self,
        tenant: &Tenant,
        priority: Priority,
        limit: usize,
    ) -> Result<Vec<DueSession>, StoreError> {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let after = self.turns.cursor(tenant, priority);
        self.store.due_sessions(tenant, DueQuery { now: self.latest, priority, after, limit }).await
    }

    fn wake(&self, tenant: Tenant, id: SessionId) {
        let sessions = Arc::clone(&self.sessions);
        let (whose, which) = (tenant.clone(), id.clone());
        let working: BoxFuture<'static, ()> = Box::pin(async move { sessions.wake(&whose, &which).await });
        let awake = Awake { tenant, id, hangs: false, working: Some(working) };
        self.awake.push(Box::pin(awake.wait()));
    }

    /// Takes back the room of a session that rests or hangs.
    fn rests(&mut self, mut awake: Awake) {
        if awake.working.is_none() || awake.hangs {
            self.turns.rests(&awake.tenant, &awake.id, awake.hangs);
        } else {
            self.turns.hangs();
            awake.hangs = true;
            self.awake.push(Box::pin(awake.wait()));
        }
    }
}
