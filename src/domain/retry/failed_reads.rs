//! Failed readings of Stripe, and when an operator must decide.

use crate::domain::time::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// How long readings of Stripe fail, without a break, before an operator must decide.
const READING_LIMIT: Span = Span::hours(24);

/// How many readings must have failed before an operator must decide; after a long outage of the gateway, time alone
/// is no sign of a failure at Stripe.
const READING_TRIES: u32 = 20;

/// If a try is this much later than it was due, the gateway was not running meanwhile.
const BREAK: Span = Span::minutes(10);

/// Failed readings in a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedReads {
    /// When the first of them was made.
    pub since: Option<Timestamp>,
    /// How many there were.
    pub count: u32,
}

impl FailedReads {
    /// Counts a failed reading; returns whether readings have failed for so long that an operator must decide. If the
    /// reading was much later than it was due, the gateway was not running meanwhile, and the count starts again.
    pub(crate) fn failed(&mut self, due: Timestamp, now: Timestamp) -> bool {
        if now > due + BREAK {
            *self = Self::default();
        }
        let since = self.since.unwrap_or(now);
        *self = Self { since: Some(since), count: self.count.saturating_add(1) };
        now >= since + READING_LIMIT && self.count >= READING_TRIES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

    /// Fails this many times, at this interval, each this much later than due; returns whether an operator must
    /// decide at the end.
    fn fails(times: u32, apart: Span, late: Span) -> (bool, FailedReads) {
        let (mut unread, mut asked, mut now) = (FailedReads::default(), false, NOW);
        for _ in 0..times {
            asked = unread.failed(now - late, now);
            now = now + apart;
        }
        (asked, unread)
    }

    #[test]
    fn an_operator_is_asked_after_a_day_and_twenty_readings_in_vain() {
        let hour = Span::hours(1);
        assert!(!fails(24, hour, Span::millis(0)).0, "not for 23 hours");
        assert!(fails(25, hour, Span::millis(0)).0);
        assert!(!fails(19, Span::hours(2), Span::millis(0)).0, "not for 19 readings");
        assert!(fails(20, Span::hours(2), Span::millis(0)).0);
    }

    #[test]
    fn failed_reads_are_recounted_after_a_break_of_over_ten_minutes() {
        let (_, counted) = fails(5, Span::hours(1), BREAK);
        assert_eq!(counted, FailedReads { since: Some(NOW), count: 5 });
        let (_, counted) = fails(5, Span::hours(1), Span::millis(BREAK.as_millis() + 1));
        assert_eq!(counted, FailedReads { since: Some(NOW + Span::hours(4)), count: 1 });
    }
}
