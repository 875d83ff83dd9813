//! Removes old data, and limits the number of unpaid checkouts.
//!
//! Invariants: every step is a small write of its own, so that payments are committed in between; a failure, even a
//! panic, affects one merchant and the present round only; an unreadable session is skipped and logged; data of a
//! pending restore is not removed; an unsuccessful search is not repeated every second.

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

/// How often the number of unpaid checkouts is checked.
const PERIOD: Duration = Duration::from_secs(1);

/// The number of rounds between two removals of old data: every ten minutes.
const AGES_EVERY: u32 = 600;

/// How many rows one write removes at most.
const BATCH: u32 = 100;

/// The most writes for one kind of data in a round; the rest waits for the next round.
const WRITES: u32 = 50;

/// How long after its end a checkout with an attempt is kept in any case: three days, as long as Stripe repeats a
/// webhook.
const LATE_PAYMENTS: Span = Span::hours(3 * 24);

/// The stores that the task uses.
#[derive(Clone)]
pub struct Kept {
    /// Removes data.
    pub retention: Arc<dyn Retention>,
    /// Stripe's events.
    pub inbox: Arc<dyn Inbox>,
    /// The pending restores.
    pub reconciliation: Arc<dyn RestoreMarkers>,
}

/// Removes data that `rules` no longer keep, at once and from then on, until `stop` is set.
pub async fn retain(
    kept: Kept,
    rules: RetentionConfig,
    clock: Arc<dyn Clock>,
    mut stop: watch::Receiver<bool>,
) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut until_ages = 0_u32;
    let mut failures = RetentionFailures::default();
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let mut round = Round { kept: &kept, rules: &rules, now: clock.now(), failures: &mut failures };
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
            failures.is_over();
        }
    }
}

/// One round of everything at a moment; returns whether there is more to remove. Failures are logged.
pub async fn retain_once(kept: &Kept, rules: &RetentionConfig, now: Timestamp) -> bool {
    let mut round = Round { kept, rules, now, failures: &mut RetentionFailures::default() };
    round.hold_down().await;
    round.remove_old().await
}

/// Unsuccessful searches since the last removal of old data.
#[derive(Debug, Default)]
struct RetentionFailures {
    /// The merchants whose surplus must remain for now, which was logged, and whether that was found in this period.
    surplus: BTreeMap<Tenant, bool>,
    /// The unreadable sessions of each merchant.
    unreadable: BTreeMap<Tenant, Vec<String>>,
}

impl RetentionFailures {
    /// Begins a new period, in which everything is searched again.
    fn is_over(&mut self) {
        self.surplus.values_mut().for_each(|lately| *lately = false);
        self.unreadable.clear();
    }
}

struct Round<'a> {
    kept: &'a Kept,
    rules: &'a RetentionConfig,
    now: Timestamp,
    failures: &'a mut RetentionFailures,
}

impl Round<'_> {
    /// Lets the oldest open checkouts expire if there are too many: beyond a merchant's own limit its own, beyond the
    /// common limit those of the merchants with the most. Then removes ended ones if a merchant has too many.
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

    /// Lets this many of a merchant's open checkouts expire, and updates the count.
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

    /// Removes this many of a merchant's checkouts that ended unpaid. If some of them must remain for now, that is
    /// logged once, and the search is not repeated before the next removal of old data.
    async fn forget_surplus(&mut self, tenant: &Tenant, over: u64) {
        if over == 0 {
            self.failures.surplus.remove(tenant);
            return;
        }
        if self.failures.surplus.get(tenant) == Some(&true) {
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
        if must_stay && self.failures.surplus.insert(tenant.clone(), true).is_none() {
            tracing::warn!(%merchant, unpaid = left, "unpaid_checkouts_must_stay");
        }
    }

    /// Removes old data; returns whether there is more. A failure for one merchant does not affect another.
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

    /// Erases the personal data of a merchant's unpaid checkouts; returns whether there is more.
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

    /// The known unreadable sessions of a merchant.
    fn passed(&self, tenant: &Tenant) -> &[String] {
        self.failures.unreadable.get(tenant).map_or(&[], Vec::as_slice)
    }

    /// Excludes unreadable sessions from now on, and logs that.
    fn pass_over(&mut self, tenant: &Tenant, unreadable: Vec<String>) {
        if let Some(first) = unreadable.first() {
            let count = unreadable.len();
            tracing::error!(merchant = %tenant.merchant, unreadable = count, %first, "unreadable_sessions_passed_over");
            self.failures.unreadable.entry(tenant.clone()).or_default().extend(unreadable);
        }
    }

    /// The moment from which a merchant's checkouts may be removed: restored data remains until the restore is
    /// reconciled.
    fn since(&self, tenant: &Tenant) -> Timestamp {
        let open = self.kept.reconciliation.unreconciled(tenant);
        let restored = open.iter().map(|marker| marker.restored).max();
        restored.unwrap_or(Timestamp::from_millis(i64::MIN))
    }
}

/// The limit for each that keeps the sum at `most`: counts below the limit are not reduced.
fn level(counts: &[u64], most: u64) -> u64 {
    let kept = |level: u64| counts.iter().fold(0_u64, |sum, open| sum.saturating_add(*open.min(&level)));
    let (mut low, mut high) = (0, counts.iter().copied().max().unwrap_or(0));
    while low < high {
        let middle = low + (high - low).div_ceil(2);
        if kept(middle) <= most { low = middle } else { high = middle - 1 }
    }
    low
}

/// How many of the rest one write may remove.
fn at_most(left: u64) -> u32 {
    u32::try_from(left).unwrap_or(u32::MAX).min(BATCH)
}

/// The result of a step, unless it fails or panics; that is logged, and other steps still run.
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

/// Repeats a write until it changes fewer rows than it may; returns whether it was ended before that.
async fn again<F: Future<Output = Result<u32, StoreError>>>(of: &str, write: impl Fn() -> F) -> bool {
    for _ in 0..WRITES {
        if alone(of, write()).await.is_none_or(|removed| removed < BATCH) {
            return false;
        }
    }
    true
}
