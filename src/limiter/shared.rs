//! A bucket shared by many callers, of which none can empty it for the others.
//!
//! Invariants: a caller that has taken nothing lately finds room as long as there is any, however much others ask
//! for; the amount that a caller has taken counts against it for a while; while half of the bucket is free, any
//! caller may take from it; the number of remembered callers is limited.
//!
//! The rule is the dynamic threshold of shared switch buffers (Choudhury and Hahne, IEEE/ACM Transactions on
//! Networking 6(2), 1998): a caller may have taken no more than a share of the free amount. The more callers take
//! without end, the less each of them gets, and some room always remains free.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::TooMany;

/// The most callers that are remembered at once.
const MAX_CALLERS: usize = 20_000;

/// The part of a bucket that must be free so that any caller may take from it.
const PLENTY: f64 = 0.5;

/// A caller that has taken less than this lately counts as one that has taken nothing.
const QUIET: f64 = 0.5;

/// The shortest time for which taken amounts count.
const SHORTEST_MEMORY: Duration = Duration::from_secs(1);

/// The longest wait that a caller is asked for.
const LONGEST_WAIT: Duration = Duration::from_secs(64);

/// The size of a bucket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) holds: u32,
    /// The time in which an empty one fills.
    pub(super) fills_in: Duration,
}

/// The limits of a caller.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    /// The share of the free amount that it may have taken.
    pub(super) share: f64,
    /// The extra amount that it may have taken, which does not come from the bucket.
    pub(super) besides: f64,
    /// The time in which its taken amount decays to about a third.
    pub(super) remembers: Duration,
}

/// A caller, and its limits.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallerShare {
    key: u64,
    part: Part,
}

#[derive(Debug)]
pub(super) struct SharedBucket {
    size: Size,
    names: RandomState,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    used: f64,
    at: Instant,
    callers: HashMap<u64, Taken>,
}

/// The amount that a caller has taken, at a moment.
#[derive(Clone, Copy, Debug)]
struct Taken {
    amount: f64,
    at: Instant,
    remembers: Duration,
}

impl Taken {
    fn at(self, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.amount * (-passed / self.remembers.as_secs_f64()).exp()
    }
}

impl SharedBucket {
    /// A full bucket.
    pub(super) fn new(size: Size) -> Self {
        let state = State { used: 0.0, at: Instant::now(), callers: HashMap::new() };
        Self { size, names: RandomState::new(), state: Mutex::new(state) }
    }

    /// A share of the free amount. Taken amounts count for as long as an empty bucket takes to fill: with a longer
    /// time, callers that steadily take less than their share of the inflow would find no room beside one that takes
    /// without end.
    pub(super) fn part(&self, share: f64) -> Part {
        Part { share, besides: 0.0, remembers: self.size.fills_in.max(SHORTEST_MEMORY) }
    }

    /// The caller with this name, which is not stored.
    pub(super) fn caller(&self, name: impl Hash, part: Part) -> CallerShare {
        CallerShare { key: self.names.hash_one(name), part }
    }

    /// Takes one for all of these, the widest first, or returns when to try again.
    pub(super) fn take(&self, callers: &[CallerShare]) -> Result<(), TooMany> {
        self.take_at(callers, Instant::now())
    }

    fn take_at(&self, callers: &[CallerShare], now: Instant) -> Result<(), TooMany> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.used = self.used_at(&state, now);
        state.at = state.at.max(now);
        if !self.has_room(&state, callers, now) {
            let waits = std::iter::successors(Some(Duration::from_secs(1)), |wait| Some(*wait * 2));
            let mut waits = waits.take_while(|wait| *wait <= LONGEST_WAIT);
            let found = waits.find(|wait| self.has_room(&state, callers, now + *wait));
            return Err(TooMany { retry_after: found.unwrap_or(LONGEST_WAIT) });
        }
        if !is_besides(&state, callers, now) {
            state.used += 1.0;
        }
        for caller in callers {
            let amount = taken_at(&state, *caller, now) + 1.0;
            state.callers.insert(caller.key, Taken { amount, at: now, remembers: caller.part.remembers });
        }
        if state.callers.len() > MAX_CALLERS {
            forget_some(&mut state, now);
        }
        drop(state);
        Ok(())
    }

    fn has_room(&self, state: &State, callers: &[CallerShare], now: Instant) -> bool {
        let holds = f64::from(self.size.holds);
        let free = holds - self.used_at(state, now);
        let Some((narrowest, wider)) = callers.split_last() else { return free >= 1.0 };
        // Half of a network's share is reserved for its callers that have taken nothing lately.
        let is_quiet = taken_at(state, *narrowest, now) < QUIET;
        let kept = if is_quiet { 1.0 } else { 0.5 };
        let within = |caller: &CallerShare, kept: f64| {
            taken_at(state, *caller, now) - caller.part.besides <= caller.part.share * kept * (free - 1.0)
        };
        let are_within = within(narrowest, 1.0) && wider.iter().all(|caller| within(caller, kept));
        free >= 1.0 && (free >= PLENTY * holds || are_within) || is_besides(state, callers, now)
    }

    fn used_at(&self, state: &State, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(state.at).as_secs_f64();
        let filled = passed * f64::from(self.size.holds) / self.size.fills_in.as_secs_f64();
        (state.used - filled).max(0.0)
    }
}

/// Whether each of these has enough of its extra amount left, so that it need not take from the bucket.
fn is_besides(state: &State, callers: &[CallerShare], now: Instant) -> bool {
    callers.iter().all(|caller| taken_at(state, *caller, now) + 1.0 <= caller.part.besides)
}

fn taken_at(state: &State, caller: CallerShare, now: Instant) -> f64 {
    state.callers.get(&caller.key).map_or(0.0, |taken| taken.at(now))
}

/// Forgets the callers that have taken least, or all of them if that frees too little room.
fn forget_some(state: &mut State, now: Instant) {
    for least in [0.1, 0.9, 1.5, f64::INFINITY] {
        state.callers.retain(|_, taken| taken.at(now) >= least);
        if state.callers.len() <= MAX_CALLERS / 4 * 3 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn bucket(holds: u32) -> SharedBucket {
        SharedBucket::new(Size { holds, fills_in: MINUTE })
    }

    fn part(share: f64) -> Part {
        Part { share, besides: 0.0, remembers: Duration::from_hours(1) }
    }

    /// How many of these calls of one caller find room.
    fn taken(bucket: &SharedBucket, name: &str, share: f64, (calls, now): (u32, Instant)) -> usize {
        let caller = bucket.caller(name, part(share));
        (0..calls).filter(|_| bucket.take_at(&[caller], now).is_ok()).count()
    }

    #[test]
    fn a_modest_caller_finds_room_beside_forty_flooding_callers() {
        let bucket = bucket(120);
        let start = Instant::now();
        for second in 0..300 {
            let now = start + Duration::from_secs(second);
            for stranger in 0..40 {
                taken(&bucket, &format!("stranger {stranger}"), 0.1, (25, now));
            }
            if second % 60 == 59 {
                assert_eq!(taken(&bucket, &format!("payer {second}"), 0.1, (3, now)), 3, "second {second}");
            }
        }
    }

    #[test]
    fn one_alone_may_take_most_of_it_and_leaves_room_for_another() {
        let bucket = bucket(120);
        let now = Instant::now();
        assert_eq!(taken(&bucket, "a", 3.0, (1000, now)), 90);
        assert!(taken(&bucket, "b", 3.0, (1000, now)) >= 20);
        assert!(taken(&bucket, "c", 3.0, (1000, now)) >= 4);
        assert!(taken(&bucket, "d", 3.0, (1, now)) == 1, "whoever has taken nothing finds room");
    }

    #[test]
    fn one_that_is_nearly_full_is_everybodys_whatever_they_have_taken() {
        let bucket = bucket(1);
        let now = Instant::now();
        assert_eq!(taken(&bucket, "a", 1.0, (5, now)), 1);
        assert_eq!(taken(&bucket, "a", 1.0, (5, now + MINUTE)), 1);
    }

    #[test]
    fn what_each_caller_may_take_besides_leaves_the_bucket_alone() {
        let bucket = bucket(10);
        let now = Instant::now();
        let part = Part { besides: 4.0, ..part(3.0) };
        let taken = |name, calls| {
            let caller = bucket.caller(name, part);
            (0..calls).filter(|_| bucket.take_at(&[caller], now).is_ok()).count()
        };
        assert_eq!(taken("stranger", 1000), 11, "four, and most of the ten");
        for shopper in ["a", "b", "c", "d"] {
            assert!(taken(shopper, 5) >= 4, "{shopper}");
        }
    }

    #[test]
    fn all_together_take_no_more_than_it_holds_and_fills() {
        let bucket = bucket(60);
        let start = Instant::now();
        let mut all = 0;
        for second in 0..60 {
            for name in ["a", "b", "c", "d"] {
                all += taken(&bucket, name, 3.0, (100, start + Duration::from_secs(second)));
            }
        }
        assert!((100..=120).contains(&all), "{all}");
    }

    #[test]
    fn a_refusal_says_when_there_is_room_again() {
        let bucket = bucket(60);
        let now = Instant::now();
        let caller = bucket.caller("a", part(3.0));
        while bucket.take_at(&[caller], now).is_ok() {}
        let TooMany { retry_after } = bucket.take_at(&[caller], now).unwrap_err();
        assert!(bucket.take_at(&[caller], now + retry_after).is_ok(), "{retry_after:?}");
    }

    #[test]
    fn a_flood_of_names_is_forgotten_before_one_who_takes_without_end() {
        let bucket = bucket(u32::MAX);
        let now = Instant::now();
        taken(&bucket, "stranger", 3.0, (50, now));
        for name in 0..50_000 {
            taken(&bucket, &format!("{name}"), 3.0, (1, now + Duration::from_secs(name / 40)));
        }
        let state = bucket.state.lock().unwrap();
        assert!(state.callers.len() <= MAX_CALLERS);
        assert!(state.callers.contains_key(&bucket.names.hash_one("stranger")));
    }

    #[test]
    fn a_quiet_caller_finds_room_on_a_flooding_network() {
        let bucket = bucket(240);
        let now = Instant::now();
        let network = bucket.caller("network", part(3.0));
        for _ in 0..20 {
            for number in 0..60 {
                let _ = bucket.take_at(&[network, bucket.caller(number, part(0.1))], now);
            }
        }
        for shopper in 100..110 {
            let caller = bucket.caller(shopper, part(0.1));
            assert!(bucket.take_at(&[network, caller], now).is_ok(), "{shopper}");
        }
    }
}
