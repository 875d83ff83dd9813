//! A bucket that many callers take from, of whom none can empty it for the others.
//!
//! Invariants: whoever has taken nothing lately finds room as long as there is any, however much others ask for; what a caller
//! has taken counts against that caller for a while; while half of it is free it is everybody's; the number of callers that
//! are remembered is bounded.
//!
//! The rule is the dynamic threshold of shared switch buffers (Choudhury and Hahne, IEEE/ACM Transactions on Networking
//! 6(2), 1998): a caller may have taken no more than a share of what is still free. The more callers take without end, the
//! less each of them gets, and some room always stays free.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, Hash, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::TooMany;

/// The most callers that are remembered at once.
const MAX_CALLERS: usize = 20_000;

/// How much of a bucket must be free so that it is everybody's, whatever they have taken.
const PLENTY: f64 = 0.5;

/// The longest that a caller is told to wait.
const LONGEST_WAIT: Duration = Duration::from_secs(64);

/// How much a bucket gives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    /// How much it holds, one for each call.
    pub(super) holds: u32,
    /// The time in which an empty one fills.
    pub(super) fills_in: Duration,
    /// The time in which what a caller has taken fades to about a third.
    pub(super) remembers: Duration,
    /// How much each caller may have taken besides, which leaves what the bucket holds alone.
    pub(super) besides: u32,
}

/// A caller, and the share of what is free that it may have taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallerShare {
    key: u64,
    share: f64,
}

/// The bucket.
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

/// What a caller has taken, as it was at a moment.
#[derive(Clone, Copy, Debug)]
struct Taken {
    amount: f64,
    at: Instant,
}

impl Taken {
    fn at(self, now: Instant, remembers: Duration) -> f64 {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.amount * (-passed / remembers.as_secs_f64()).exp()
    }
}

impl SharedBucket {
    /// A full bucket.
    pub(super) fn new(size: Size) -> Self {
        let state = State { used: 0.0, at: Instant::now(), callers: HashMap::new() };
        Self { size, names: RandomState::new(), state: Mutex::new(state) }
    }

    /// Whoever calls by this name, which is not kept.
    pub(super) fn caller(&self, name: impl Hash, share: f64) -> CallerShare {
        CallerShare { key: self.names.hash_one(name), share }
    }

    /// Takes one in the name of all of these, or says when to come again.
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
        if !self.is_besides(&state, callers, now) {
            state.used += 1.0;
        }
        for caller in callers {
            let amount = self.taken_at(&state, *caller, now) + 1.0;
            state.callers.insert(caller.key, Taken { amount, at: now });
        }
        if state.callers.len() > MAX_CALLERS {
            self.forget_some(&mut state, now);
        }
        drop(state);
        Ok(())
    }

    fn has_room(&self, state: &State, callers: &[CallerShare], now: Instant) -> bool {
        let holds = f64::from(self.size.holds);
        let free = holds - self.used_at(state, now);
        let within = |caller: &CallerShare| {
            self.taken_at(state, *caller, now) - f64::from(self.size.besides) <= caller.share * (free - 1.0)
        };
        let shared = free >= 1.0 && (free >= PLENTY * holds || callers.iter().all(within));
        shared || self.is_besides(state, callers, now)
    }

    /// Whether each of these has so much left that it need not take from what is shared.
    fn is_besides(&self, state: &State, callers: &[CallerShare], now: Instant) -> bool {
        let besides = f64::from(self.size.besides);
        callers.iter().all(|caller| self.taken_at(state, *caller, now) + 1.0 <= besides)
    }

    fn used_at(&self, state: &State, now: Instant) -> f64 {
        let passed = now.saturating_duration_since(state.at).as_secs_f64();
        let filled = passed * f64::from(self.size.holds) / self.size.fills_in.as_secs_f64();
        (state.used - filled).max(0.0)
    }

    fn taken_at(&self, state: &State, caller: CallerShare, now: Instant) -> f64 {
        state.callers.get(&caller.key).map_or(0.0, |taken| taken.at(now, self.size.remembers))
    }

    /// Forgets those who have taken least, and all of them where that makes too little room.
    fn forget_some(&self, state: &mut State, now: Instant) {
        for least in [0.1, 0.9, 1.5, f64::INFINITY] {
            state.callers.retain(|_, taken| taken.at(now, self.size.remembers) >= least);
            if state.callers.len() <= MAX_CALLERS / 4 * 3 {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_mins(1);

    fn bucket(holds: u32, remembers: Duration) -> SharedBucket {
        SharedBucket::new(Size { holds, fills_in: MINUTE, remembers, besides: 0 })
    }

    /// How many of so many calls of one caller find room.
    fn taken(bucket: &SharedBucket, name: &str, share: f64, (calls, now): (u32, Instant)) -> usize {
        let caller = bucket.caller(name, share);
        (0..calls).filter(|_| bucket.take_at(&[caller], now).is_ok()).count()
    }

    #[test]
    fn a_caller_that_has_taken_little_finds_room_beside_forty_that_take_without_end() {
        let bucket = bucket(120, Duration::from_hours(1));
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
        let bucket = bucket(120, MINUTE);
        let now = Instant::now();
        assert_eq!(taken(&bucket, "a", 3.0, (1000, now)), 90);
        assert!(taken(&bucket, "b", 3.0, (1000, now)) >= 20);
        assert!(taken(&bucket, "c", 3.0, (1000, now)) >= 4);
        assert!(taken(&bucket, "d", 3.0, (1, now)) == 1, "whoever has taken nothing finds room");
    }

    #[test]
    fn one_that_is_nearly_full_is_everybodys_whatever_they_have_taken() {
        let bucket = bucket(1, Duration::from_hours(1));
        let now = Instant::now();
        assert_eq!(taken(&bucket, "a", 1.0, (5, now)), 1);
        assert_eq!(taken(&bucket, "a", 1.0, (5, now + MINUTE)), 1);
    }

    #[test]
    fn what_each_caller_may_take_besides_leaves_the_bucket_alone() {
        let size = Size { holds: 10, fills_in: MINUTE, remembers: MINUTE, besides: 4 };
        let bucket = SharedBucket::new(size);
        let now = Instant::now();
        assert_eq!(taken(&bucket, "stranger", 3.0, (1000, now)), 11, "four, and most of the ten");
        for shopper in ["a", "b", "c", "d"] {
            assert!(taken(&bucket, shopper, 0.1, (5, now)) >= 4, "{shopper}");
        }
    }

    #[test]
    fn all_together_take_no_more_than_it_holds_and_fills() {
        let bucket = bucket(60, MINUTE);
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
        let bucket = bucket(60, MINUTE);
        let now = Instant::now();
        let caller = bucket.caller("a", 3.0);
        while bucket.take_at(&[caller], now).is_ok() {}
        let TooMany { retry_after } = bucket.take_at(&[caller], now).unwrap_err();
        assert!(bucket.take_at(&[caller], now + retry_after).is_ok(), "{retry_after:?}");
    }

    #[test]
    fn a_flood_of_names_is_forgotten_before_one_who_takes_without_end() {
        let bucket = bucket(u32::MAX, Duration::from_hours(1));
        let now = Instant::now();
        taken(&bucket, "stranger", 3.0, (50, now));
        for name in 0..50_000 {
            taken(&bucket, &format!("{name}"), 3.0, (1, now + Duration::from_secs(name / 40)));
        }
        let state = bucket.state.lock().unwrap();
        assert!(state.callers.len() <= MAX_CALLERS);
        assert!(state.callers.contains_key(&bucket.caller("stranger", 3.0).key));
    }
}
