//! Removes what nobody needs any more, and holds the number of unpaid checkouts down.
//!
//! Invariants: every step is a small write of its own, so that payments are committed in between; whatever fails, also by a
//! panic, fails for one merchant and for this round only; a session that cannot be read is passed over and told; what a
//! restored database has still to account for is left alone.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::config::gateway::RetentionConfig;
use crate::domain::ids::Tenant;
use crate::domain::time::{Span, Timestamp};
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

/// How long after its end a checkout that somebody tried to pay is kept in any case: three days, as long as Stripe sends a
/// webhook again.
const LATE_PAYMENTS: Span = Span::hours(3 * 24);

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
            if ages {
                return retain_once(&kept, &rules, now).await;
            }
            Round { kept: &kept, rules: &rules, now }.hold_down().await;
            false
        };
        let more = tokio::select! {
            more = once => more,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        until_ages = match (ages, more) {
            (true, true) => 0,
            (true, false) => AGES_EVERY - 1,
            (false, _) => until_ages - 1,
        };
    }
}

/// One round of all of it, as of a moment; whether there is more to remove. What fails is logged.
pub async fn retain_once(kept: &Kept, rules: &RetentionConfig, now: Timestamp) -> bool {
    let round = Round { kept, rules, now };
    round.hold_down().await;
    round.remove_old().await
}

struct Round<'a> {
    kept: &'a Kept,
    rules: &'a RetentionConfig,
    now: Timestamp,
}

impl Round<'_> {
    /// Lets the oldest open checkouts give way where there are too many: of a merchant its own, of all merchants those of
    /// whoever has the most. Then removes ended ones where a merchant has too many.
    async fn hold_down(&self) {
        let mut counted = self.counted().await;
        for unpaid in &mut counted {
            let over = unpaid.open.saturating_sub(self.rules.open_checkouts_per_merchant);
            self.expire(unpaid, over).await;
        }
        let level =
            level(&counted.iter().map(|unpaid| unpaid.open).collect::<Vec<_>>(), self.rules.open_checkouts);
        for unpaid in &mut counted {
            let over = unpaid.open.saturating_sub(level);
            self.expire(unpaid, over).await;
        }
        for unpaid in &counted {
            let over = unpaid.ended.saturating_sub(self.rules.unpaid_sessions_per_merchant);
            self.forget_surplus(unpaid, over).await;
        }
    }

    /// How many unpaid checkouts each merchant has.
    async fn counted(&self) -> Vec<Unpaid> {
        alone("all merchants", self.kept.retention.unpaid()).await.unwrap_or_default()
    }

    /// Lets so many of a merchant's open checkouts expire, and counts them off.
    async fn expire(&self, unpaid: &mut Unpaid, over: u64) {
        let Unpaid { tenant, .. } = &*unpaid;
        let (mut left, mut passed) = (over, Vec::new());
        for _ in 0..WRITES {
            let limit = u32::try_from(left).unwrap_or(u32::MAX).min(BATCH);
            if limit == 0 {
                break;
            }
            let which = UnpaidOpen { since: self.since(tenant), now: self.now, limit };
            let expiring = self.kept.retention.expire_early(tenant, which, &passed);
            let Some(swept) = alone(tenant.merchant.as_str(), expiring).await else { break };
            left -= u64::from(swept.changed);
            let seen = swept.seen();
            passed.extend(swept.unreadable);
            if seen < limit {
                break;
            }
        }
        tell_unreadable(tenant, &passed);
        if left < over {
            let expired = over - left;
            unpaid.open = unpaid.open.saturating_sub(expired);
            unpaid.ended += expired;
            let merchant = &unpaid.tenant.merchant;
            tracing::warn!(%merchant, expired, unpaid = unpaid.open, "open_checkouts_gave_way");
        }
    }

    /// Removes so many of a merchant's checkouts that ended unpaid.
    async fn forget_surplus(&self, unpaid: &Unpaid, over: u64) {
        let Unpaid { tenant, .. } = unpaid;
        let mut left = over;
        for _ in 0..WRITES {
            let limit = u32::try_from(left).unwrap_or(u32::MAX).min(BATCH);
            if limit == 0 {
                break;
            }
            let which = UnpaidEnded {
                before: self.now,
                tried_before: self.now - LATE_PAYMENTS,
                since: self.since(tenant),
                limit,
            };
            let removing = self.kept.retention.forget_sessions(tenant, which);
            let Some(gone) = alone(tenant.merchant.as_str(), removing).await else { break };
            left -= u64::from(gone);
            if gone < limit {
                break;
            }
        }
        if left < over {
            tracing::warn!(merchant = %tenant.merchant, removed = over - left, "unpaid_checkouts_removed_early");
        }
    }

    /// Removes what has become old; whether there is more. One merchant's trouble is not another's.
    async fn remove_old(&self) -> bool {
        let Kept { retention, inbox, .. } = self.kept;
        let rules = self.rules;
        let mut more = false;
        for Unpaid { tenant, .. } in self.counted().await {
            let merchant = tenant.merchant.as_str();
            let which = |span| UnpaidEnded {
                before: self.now - span,
                tried_before: self.now - span,
                since: self.since(&tenant),
                limit: BATCH,
            };
            let sessions = || retention.forget_sessions(&tenant, which(rules.unpaid_sessions));
            more |= again(merchant, sessions).await;
            more |= self.forget_people(&tenant, which(rules.unpaid_buyers)).await;
        }
        for (state, span) in
            [(DeliveryState::Delivered, rules.delivered_events), (DeliveryState::Parked, rules.parked_events)]
        {
            more |= again("order events", || retention.forget_contents(state, self.now - span, BATCH)).await;
        }
        more |= again("Stripe's events", || inbox.forget_events(self.now - rules.stripe_events, BATCH)).await;
        more
    }

    /// Erases what a merchant's unpaid checkouts hold of people; whether there is more.
    async fn forget_people(&self, tenant: &Tenant, which: UnpaidEnded) -> bool {
        let mut passed = Vec::new();
        let mut more = true;
        for _ in 0..WRITES {
            let erasing = self.kept.retention.forget_people(tenant, which, &passed);
            let swept = alone(tenant.merchant.as_str(), erasing).await.unwrap_or_default();
            more = swept.seen() >= BATCH;
            passed.extend(swept.unreadable);
            if !more {
                break;
            }
        }
        tell_unreadable(tenant, &passed);
        // What cannot be read now cannot be read at once either.
        more && passed.len() < (WRITES * BATCH) as usize
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

/// Says which of a merchant's sessions were passed over.
fn tell_unreadable(tenant: &Tenant, passed: &[String]) {
    if let Some(first) = passed.first() {
        let unreadable = passed.len();
        tracing::error!(merchant = %tenant.merchant, unreadable, %first, "unreadable_sessions_passed_over");
    }
}

/// What a step gives, unless it fails or panics, which is logged and keeps no other step from being made.
async fn alone<T>(of: &str, step: impl Future<Output = Result<T, StoreError>>) -> Option<T> {
    match AssertUnwindSafe(step).catch_unwind().await {
        Ok(Ok(done)) => Some(done),
        Ok(Err(error)) => {
            tracing::error!(of, cause = %error, "retention_failed");
            None
        }
        Err(_) => {
            tracing::error!(of, "retention_panicked");
            None
        }
    }
}

/// Repeats a write until it finds less than it may remove; whether it was given up before.
async fn again<F: Future<Output = Result<u32, StoreError>>>(of: &str, write: impl Fn() -> F) -> bool {
    for _ in 0..WRITES {
        if alone(of, write()).await.is_none_or(|removed| removed < BATCH) {
            return false;
        }
    }
    true
}
