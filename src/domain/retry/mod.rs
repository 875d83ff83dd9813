//! The time of the next try of a request to Stripe, and the results of its tries so far: one type for charges, Stripe
//! Checkouts, refunds and searches for payments.

mod backoff;
mod failed_reads;

pub(crate) use backoff::{LONGEST_PAUSE, doubling, pause};
pub use failed_reads::FailedReads;

use serde::{Deserialize, Serialize};

use super::sends::ABSENCE_INTERVAL;
use super::time::{Span, Timestamp};

/// The tries of one request or reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// How many tries of the present step had no result. While a request is sent, zero means that no send of it has
    /// an unknown outcome.
    pub tries: u32,
    /// When the next try is due.
    pub next_try: Timestamp,
    /// The failed readings in a row.
    #[serde(default)]
    pub failed_reads: FailedReads,
    /// When the first of two complete readings that found nothing began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absent_since: Option<Timestamp>,
}

impl Retry {
    /// No try yet; the first is due at this moment.
    #[must_use]
    pub const fn at(next_try: Timestamp) -> Self {
        Self { tries: 0, next_try, failed_reads: FailedReads { since: None, count: 0 }, absent_since: None }
    }

    /// A try had no result: the next follows a pause that doubles from try to try, and is not shorter than
    /// `at_least`.
    pub fn again(&mut self, at_least: Option<Span>, now: Timestamp, jitter: f64) {
        self.again_after(pause(self.tries, at_least, jitter), now);
    }

    /// A try had no result: the next follows this pause.
    pub fn again_after(&mut self, pause: Span, now: Timestamp) {
        self.next_try = now + pause;
        self.tries = self.tries.saturating_add(1);
    }

    /// A try was not made because the budget had no room: it is due a little later, and counts neither as a try nor
    /// as a failure.
    pub fn put_off(&mut self, after: Span, longest: Span, now: Timestamp) {
        self.next_try = now + after.min(longest);
    }

    /// Moves the next try to this moment, unless it is earlier.
    pub fn by(&mut self, latest: Timestamp) {
        self.next_try = self.next_try.min(latest);
    }

    /// A reading completed: failed ones are counted from zero.
    pub fn was_read(&mut self) {
        self.failed_reads = FailedReads::default();
    }

    /// A reading failed; returns whether readings have failed for so long that an operator must decide.
    #[must_use]
    pub fn read_failed(&mut self, now: Timestamp) -> bool {
        self.failed_reads.failed(self.next_try, now)
    }

    /// A complete reading that counts, begun at `asked`, found nothing. Returns whether that proves that nothing
    /// exists: a second such reading proves it, some time after the first.
    #[must_use]
    pub fn not_found(&mut self, asked: Timestamp) -> bool {
        let first = *self.absent_since.get_or_insert(asked);
        asked >= first + ABSENCE_INTERVAL
    }

    /// Whether the next try is due. A time further off than the longest pause was set before the clock was set back.
    #[must_use]
    pub fn is_due(&self, longest: Span, now: Timestamp) -> bool {
        self.next_try <= now || self.is_beyond(longest, now)
    }

    /// Whether the next try is further off than the longest pause.
    #[must_use]
    pub fn is_beyond(&self, longest: Span, now: Timestamp) -> bool {
        self.next_try > now + longest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

    #[test]
    fn each_try_in_vain_doubles_the_pause_and_is_counted() {
        let mut retry = Retry::at(NOW);
        for (tries, millis) in [(1, 500), (2, 1000), (3, 2000), (4, 4000)] {
            retry.again(None, NOW, 1.0);
            assert_eq!((retry.tries, retry.next_try), (tries, NOW + Span::millis(millis)));
        }
        retry.again(Some(Span::minutes(5)), NOW, 1.0);
        assert_eq!(retry.next_try, NOW + Span::minutes(5), "Stripe asked for more");
    }

    #[test]
    fn a_postponement_is_no_try_and_a_deadline_only_hastens_the_try() {
        let mut retry = Retry { tries: 3, ..Retry::at(NOW) };
        retry.put_off(Span::hours(1), Span::minutes(1), NOW);
        assert_eq!((retry.tries, retry.next_try), (3, NOW + Span::minutes(1)));
        retry.by(NOW + Span::minutes(2));
        assert_eq!(retry.next_try, NOW + Span::minutes(1));
        retry.by(NOW);
        assert_eq!(retry.next_try, NOW);
    }

    #[test]
    fn two_readings_half_a_minute_apart_prove_that_there_is_nothing() {
        let mut retry = Retry::at(NOW);
        assert!(!retry.not_found(NOW), "the first");
        assert!(!retry.not_found(NOW + Span::millis(29_999)), "too soon");
        assert!(retry.not_found(NOW + Span::seconds(30)));
        assert_eq!(retry.absent_since, Some(NOW));
    }

    #[test]
    fn a_try_is_due_at_its_time_and_when_the_clock_was_set_back() {
        let longest = Span::minutes(1);
        let due = |after: i64| Retry::at(NOW + Span::millis(after)).is_due(longest, NOW);
        assert!(due(-1) && due(0) && due(60_001));
        assert!(!due(1) && !due(60_000));
    }
}
