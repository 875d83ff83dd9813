//! Removes what nobody needs any more, and holds the number of unpaid checkouts down.
//!
//! Invariants: every step is a small write of its own, so that payments are committed in between; whatever fails, also by a
//! panic, fails for this round only; what a restored database has still to account for is left alone.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::config::gateway::RetentionConfig;
use crate::domain::ids::Tenant;
use crate::domain::time::Timestamp;
use crate::ports::Clock;
use crate::store::{
    DeliveryState, Inbox, Reconciliation, Retention, StoreError, Unpaid, UnpaidEnded, UnpaidOpen,
};

/// How often the number of unpaid checkouts is looked at.
const PERIOD: Duration = Duration::from_secs(1);

/// Every so many rounds what has become old is removed: every ten minutes.
const AGES_EVERY: u32 = 600;

/// How many rows one write removes at most.
const BATCH: u32 = 100;

/// How many writes one kind of thing gets in a round; what is left then waits for the next round.
const WRITES: u32 = 50;

/// What the task asks.
#[derive(Clone)]
pub struct Kept {
    /// What goes away.
    pub retention: Arc<dyn Retention>,
    /// What Stripe has told.
    pub inbox: Arc<dyn Inbox>,
    /// What a restored database has still to account for.
    pub reconciliation: Arc<dyn Reconciliation>,
}

/// Removes what `rules` no longer keep, at once and from then on, until `stop` says so.
pub async fn retain(
    kept: Kept,
    rules: RetentionConfig,
    clock: Arc<dyn Clock>,
    mut stop: watch::Receiver<bool>,
) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut until_ages = 0_u32;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let now = clock.now();
        let ages = until_ages == 0;
        let once = async {
            if ages { retain_once(&kept, &rules, now).await } else { hold_down(&kept, &rules, now).await }
        };
        let more = tokio::select! {
            done = AssertUnwindSafe(once).catch_unwind() => match done {
                Ok(Ok(more)) => more,
                Ok(Err(error)) => {
                    tracing::error!(%error, "retention_failed");
                    false
                }
                Err(_) => {
                    tracing::error!("retention_panicked");
                    false
                }
            },
            _ = stop.wait_for(|stop| *stop) => return,
        };
        until_ages = match (ages, more) {
            (true, true) => 0,
            (true, false) => AGES_EVERY - 1,
            (false, _) => until_ages - 1,
        };
    }
}

/// One round of all of it, as of a moment; whether there is more to remove.
pub async fn retain_once(kept: &Kept, rules: &RetentionConfig, now: Timestamp) -> Result<bool, StoreError> {
    hold_down(kept, rules, now).await?;
    Round { kept, rules, now }.remove_old().await
}

/// Holds the number of unpaid checkouts down.
async fn hold_down(kept: &Kept, rules: &RetentionConfig, now: Timestamp) -> Result<bool, StoreError> {
    Round { kept, rules, now }.hold_down().await?;
    Ok(false)
}

struct Round<'a> {
    kept: &'a Kept,
    rules: &'a RetentionConfig,
    now: Timestamp,
}

impl Round<'_> {
    /// Lets the oldest open checkouts give way where there are too many: of a merchant its own, of all merchants those of
    /// whoever has the most. Then removes ended ones where a merchant has too many.
    async fn hold_down(&self) -> Result<(), StoreError> {
        let mut counted = self.kept.retention.unpaid().await?;
        for unpaid in &mut counted {
            let over = unpaid.open.saturating_sub(self.rules.open_checkouts_per_merchant);
            self.expire(unpaid, over).await?;
        }
        let level =
            level(&counted.iter().map(|unpaid| unpaid.open).collect::<Vec<_>>(), self.rules.open_checkouts);
        for unpaid in &mut counted {
            let over = unpaid.open.saturating_sub(level);
            self.expire(unpaid, over).await?;
        }
        for unpaid in &counted {
            let over = unpaid.ended.saturating_sub(self.rules.unpaid_sessions_per_merchant);
            self.forget_surplus(unpaid, over).await?;
        }
        Ok(())
    }

    /// Lets so many of a merchant's open checkouts expire, and counts them off.
    async fn expire(&self, unpaid: &mut Unpaid, over: u64) -> Result<(), StoreError> {
        let mut left = over;
        for _ in 0..WRITES {
            let limit = u32::try_from(left).unwrap_or(u32::MAX).min(BATCH);
            if limit == 0 {
                break;
            }
            let which = UnpaidOpen { since: self.since(&unpaid.tenant), now: self.now, limit };
            let expired = self.kept.retention.expire_early(&unpaid.tenant, which).await?;
            left -= u64::from(expired);
            unpaid.open = unpaid.open.saturating_sub(u64::from(expired));
            unpaid.ended += u64::from(expired);
            if expired < limit {
                break;
            }
        }
        if left < over {
            let (merchant, expired) = (&unpaid.tenant.merchant, over - left);
            tracing::warn!(%merchant, expired, open = unpaid.open, "open_checkouts_gave_way");
        }
        Ok(())
    }

    /// Removes so many of a merchant's checkouts that ended unpaid.
    async fn forget_surplus(&self, unpaid: &Unpaid, over: u64) -> Result<(), StoreError> {
        let mut left = over;
        for _ in 0..WRITES {
            let limit = u32::try_from(left).unwrap_or(u32::MAX).min(BATCH);
            if limit == 0 {
                break;
            }
            let which = UnpaidEnded { before: self.now, since: self.since(&unpaid.tenant), limit };
            let gone = self.kept.retention.forget_sessions(&unpaid.tenant, which).await?;
            left -= u64::from(gone);
            if gone < limit {
                break;
            }
        }
        if left < over {
            let (merchant, removed) = (&unpaid.tenant.merchant, over - left);
            tracing::warn!(%merchant, removed, "unpaid_checkouts_removed_early");
        }
        Ok(())
    }

    /// Removes what has become old; whether there is more.
    async fn remove_old(&self) -> Result<bool, StoreError> {
        let Kept { retention, inbox, .. } = self.kept;
        let rules = self.rules;
        let mut more = false;
        for Unpaid { tenant, .. } in retention.unpaid().await? {
            let since = self.since(&tenant);
            let which = |span| UnpaidEnded { before: self.now - span, since, limit: BATCH };
            more |= again(|| retention.forget_sessions(&tenant, which(rules.unpaid_sessions))).await?;
            more |= again(|| retention.forget_people(&tenant, which(rules.unpaid_buyers))).await?;
        }
        for (state, span) in
            [(DeliveryState::Delivered, rules.delivered_events), (DeliveryState::Parked, rules.parked_events)]
        {
            more |= again(|| retention.forget_contents(state, self.now - span, BATCH)).await?;
        }
        more |= again(|| inbox.forget_events(self.now - rules.stripe_events, BATCH)).await?;
        Ok(more)
    }

    /// From when on a merchant's checkouts may go: what a restore brought back stays until it is accounted for.
    fn since(&self, tenant: &Tenant) -> Timestamp {
        let open = self.kept.reconciliation.unreconciled(tenant);
        let restored = open.iter().map(|epoch| epoch.restored).max();
        restored.unwrap_or(Timestamp::from_millis(i64::MIN))
    }
}

/// The most that each may have so that all together have no more than `most`: whoever has few keeps them.
fn level(counts: &[u64], most: u64) -> u64 {
    let kept = |level: u64| counts.iter().fold(0_u64, |sum, open| sum.saturating_add(*open.min(&level)));
    let (mut low, mut high) = (0, counts.iter().copied().max().unwrap_or(0));
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if kept(middle) <= most { low = middle } else { high = middle - 1 }
    }
    low
}

/// Repeats a write until it finds less than it may remove; whether it was given up before.
async fn again<F: Future<Output = Result<u32, StoreError>>>(
    write: impl Fn() -> F,
) -> Result<bool, StoreError> {
    for _ in 0..WRITES {
        if write().await? < BATCH {
            return Ok(false);
        }
    }
    Ok(true)
}
