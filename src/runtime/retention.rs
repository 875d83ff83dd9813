//! Removes what nobody needs any more, and holds the number of unpaid checkouts down.
//!
//! Invariants: every step is a small write of its own, so that payments are committed in between; whatever fails, also by a
//! panic, fails for one merchant and for this round only; a session that cannot be read is passed over and told; what a
//! restored database has still to account for is left alone; what was looked for in vain is not looked for every second.

use std::collections::BTreeMap;
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
    DeliveryState, Inbox, RestoreMarkers, Retention, StoreError, Unpaid, UnpaidEnded, UnpaidOpen,
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
    pub reconciliation: Arc<dyn RestoreMarkers>,
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
    let mut vain = Vain::default();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let mut round = Round { kept: &kept, rules: &rules, now: clock.now(), vain: &mut vain };
        let ages = until_ages == 0;
        let once = async {
            round.hold_down().await;
            ages && round.remove_old().await
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
        if until_ages == 0 && !ages {
            vain.is_over();
        }
    }
}

/// One round of all of it, as of a moment; whether there is more to remove. What fails is logged.
pub async fn retain_once(kept: &Kept, rules: &RetentionConfig, now: Timestamp) -> bool {
    let mut round = Round { kept, rules, now, vain: &mut Vain::default() };
    round.hold_down().await;
    round.remove_old().await
}

/// What was looked for in vain since what is old was last removed.
#[derive(Debug, Default)]
struct Vain {
    /// The merchants whose surplus must stay for now, which was told, and whether that was found out this time.
    surplus: BTreeMap<Tenant, bool>,
    /// The sessions of each merchant that cannot be read.
    unreadable: BTreeMap<Tenant, Vec<String>>,
}

impl Vain {
    /// Everything is looked for once more.
    fn is_over(&mut self) {
        self.surplus.values_mut().for_each(|lately| *lately = false);
        self.unreadable.clear();
    }
}

struct Round<'a> {
    kept: &'a Kept,
    rules: &'a RetentionConfig,
    now: Timestamp,
    vain: &'a mut Vain,
}

impl Round<'_> {
    /// Lets the oldest open checkouts give way where there are too many: of a merchant its own, of all merchants those of
    /// whoever has the most. Then removes ended ones where a merchant has too many.
    async fn hold_down(&mut self) {
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
            self.forget_surplus(&unpaid.tenant, over).await;
        }
    }

    /// How many unpaid checkouts each merchant has.
    async fn counted(&self) -> Vec<Unpaid> {
        alone("all merchants", self.kept.retention.unpaid()).await.unwrap_or_default()
    }

    /// Lets so many of a merchant's open checkouts expire, and counts them off.
    async fn expire(&mut self, unpaid: &mut Unpaid, over: u64) {
        let tenant = unpaid.tenant.clone();
        let mut left = over;
        for _ in 0..WRITES {
            let limit = at_most(left);
            if limit == 0 {
                break;
            }
            let which = UnpaidOpen { since: self.since(&tenant), now: self.now, limit };
            let expiring = self.kept.retention.expire_early(&tenant, which, self.passed(&tenant));
            let Some(swept) = alone(tenant.merchant.as_str(), expiring).await else { break };
            left -= u64::from(swept.changed);
            let seen = swept.seen();
            self.pass_over(&tenant, swept.unreadable);
            if seen < limit {
                break;
            }
        }
        if left < over {
            let expired = over - left;
            unpaid.open = unpaid.open.saturating_sub(expired);
            unpaid.ended += expired;
            let merchant = &tenant.merchant;
            tracing::warn!(%merchant, expired, unpaid = unpaid.open, "open_checkouts_gave_way");
        }
    }

    /// Removes so many of a merchant's checkouts that ended unpaid. Where some of them must stay for now, that is told once,
    /// and nothing is looked for before what is old is removed.
    async fn forget_surplus(&mut self, tenant: &Tenant, over: u64) {
        if over == 0 {
            self.vain.surplus.remove(tenant);
            return;
        }
        if self.vain.surplus.get(tenant) == Some(&true) {
            return;
        }
        let merchant = &tenant.merchant;
        let mut left = over;
        let mut must_stay = false;
        for _ in 0..WRITES {
            let limit = at_most(left);
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
            let Some(gone) = alone(merchant.as_str(), removing).await else { break };
            left -= u64::from(gone);
            must_stay = gone < limit;
            if must_stay {
                break;
            }
        }
        if left < over {
            tracing::warn!(%merchant, removed = over - left, "unpaid_checkouts_removed_early");
        }
        if must_stay && self.vain.surplus.insert(tenant.clone(), true).is_none() {
            tracing::warn!(%merchant, unpaid = left, "unpaid_checkouts_must_stay");
        }
    }

    /// Removes what has become old; whether there is more. One merchant's trouble is not another's.
    async fn remove_old(&mut self) -> bool {
        let rules = self.rules;
        let mut more = false;
        for Unpaid { tenant, .. } in self.counted().await {
            let (now, since) = (self.now, self.since(&tenant));
            let which =
                |span| UnpaidEnded { before: now - span, tried_before: now - span, since, limit: BATCH };
            let sessions = || self.kept.retention.forget_sessions(&tenant, which(rules.unpaid_sessions));
            more |= again(tenant.merchant.as_str(), sessions).await;
            more |= self.forget_people(&tenant, which(rules.unpaid_buyers)).await;
        }
        let Kept { retention, inbox, .. } = self.kept;
        for (state, span) in
            [(DeliveryState::Delivered, rules.delivered_events), (DeliveryState::Parked, rules.parked_events)]
        {
            more |= again("order events", || retention.forget_contents(state, self.now - span, BATCH)).await;
        }
        more |= again("Stripe's events", || inbox.forget_events(self.now - rules.stripe_events, BATCH)).await;
        more
    }

    /// Erases what a merchant's unpaid checkouts hold of people; whether there is more.
    async fn forget_people(&mut self, tenant: &Tenant, which: UnpaidEnded) -> bool {
        for _ in 0..WRITES {
            let erasing = self.kept.retention.forget_people(tenant, which, self.passed(tenant));
            let swept = alone(tenant.merchant.as_str(), erasing).await.unwrap_or_default();
            let is_last = swept.seen() < BATCH;
            self.pass_over(tenant, swept.unreadable);
            if is_last {
                return false;
            }
        }
        true
    }

    /// The sessions of a merchant that cannot be read, as far as they were met.
    fn passed(&self, tenant: &Tenant) -> &[String] {
        self.vain.unreadable.get(tenant).map_or(&[], Vec::as_slice)
    }

    /// Leaves sessions alone that cannot be read, and says so.
    fn pass_over(&mut self, tenant: &Tenant, unreadable: Vec<String>) {
        if let Some(first) = unreadable.first() {
            let count = unreadable.len();
            tracing::error!(merchant = %tenant.merchant, unreadable = count, %first, "unreadable_sessions_passed_over");
            self.vain.unreadable.entry(tenant.clone()).or_default().extend(unreadable);
        }
    }

    /// From when on a merchant's checkouts may go: what a restore brought back stays until it is accounted for.
    fn since(&self, tenant: &Tenant) -> Timestamp {
        let open = self.kept.reconciliation.unreconciled(tenant);
        let restored = open.iter().map(|marker| marker.restored).max();
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

/// How many of what is left one write may remove.
fn at_most(left: u64) -> u32 {
    u32::try_from(left).unwrap_or(u32::MAX).min(BATCH)
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
