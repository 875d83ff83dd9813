//! When an event that was not accepted is tried again, and when no more. Pure.

use crate::domain::time::{Span, Timestamp};
use crate::store::LONGEST_PAUSE;

/// How long after its first try an event is tried for the last time.
pub const GIVE_UP: Span = Span::hours(72);

/// The pause after the first failure; it doubles from try to try.
const FIRST_PAUSE: Span = Span::seconds(5);

/// A try that failed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failed {
    /// When the event was first tried.
    pub first: Timestamp,
    /// How often it was tried, this try included.
    pub tries: u32,
    /// When this try ended.
    pub now: Timestamp,
    /// `Retry-After`, if the receiver sent one.
    pub asked: Option<Span>,
}

/// When to try again: after a pause that doubles up to two hours, minus `jitter` (`0.0..1.0`) times half of it, and
/// no sooner than the receiver asked, up to two hours as well. The last try is three days after the first; `None`
/// after it.
#[must_use]
pub(super) fn next_try(failed: &Failed, jitter: f64) -> Option<Timestamp> {
    let end = failed.first + GIVE_UP;
    if failed.now >= end {
        return None;
    }
    let longest = LONGEST_PAUSE.as_millis();
    let doublings = failed.tries.saturating_sub(1).min(16);
    let doubled = FIRST_PAUSE.as_millis().saturating_mul(1 << doublings).min(longest);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "at most two hours of milliseconds"
    )]
    let spread = (doubled as f64 * (0.5 + jitter / 2.0)) as i64;
    let pause = failed.asked.map_or(spread, |asked| asked.as_millis().clamp(spread, longest));
    Some((failed.now + Span::millis(pause)).min(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_seconds(1_790_000_000);

    /// The tries of an event that is never accepted, from the first on.
    fn moments(jitter: f64) -> Vec<Timestamp> {
        let mut moments = vec![START];
        loop {
            let now = moments[moments.len() - 1];
            let tries = u32::try_from(moments.len()).unwrap();
            match next_try(&Failed { first: START, tries, now, asked: None }, jitter) {
                Some(next) => moments.push(next),
                None => return moments,
            }
        }
    }

    #[test]
    fn an_undelivered_event_is_retried_ever_less_for_three_days() {
        for jitter in [0.0, 0.4, 0.999] {
            let moments = moments(jitter);
            assert_eq!(*moments.last().unwrap(), START + GIVE_UP, "the last try is at the very end");
            assert!((40..90).contains(&moments.len()), "{} tries", moments.len());
            let pauses: Vec<i64> = moments.windows(2).map(|two| two[1].since(two[0]).as_millis()).collect();
            assert!((2_500..=5_000).contains(&pauses[0]), "{pauses:?}");
            assert!(pauses[..pauses.len() - 1].is_sorted(), "{pauses:?}");
            assert!(pauses.iter().all(|pause| *pause <= LONGEST_PAUSE.as_millis()), "{pauses:?}");
        }
    }

    #[test]
    fn a_receiver_may_ask_for_a_longer_pause_but_not_for_any() {
        let after = |asked| {
            let failed = Failed { first: START, tries: 1, now: START, asked: Some(Span::seconds(asked)) };
            next_try(&failed, 0.5).unwrap().since(START)
        };
        assert_eq!(after(120), Span::seconds(120));
        assert_eq!(after(0), Span::millis(3_750), "never sooner than without it");
        assert_eq!(after(30 * 24 * 3600), LONGEST_PAUSE);
    }
}
