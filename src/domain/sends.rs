//! The sends of a request that is repeated under one idempotency key: when they ended, and what an empty reading
//! proves afterwards.
//!
//! Invariant: a reading proves that a request had no effect only if it began [`ABSENCE_MARGIN`] after the last send.

use serde::{Deserialize, Serialize};

use super::time::{Span, Timestamp};

/// How long after the last send a reading that finds nothing begins to count. It covers the commit that ends the
/// sending, and the transit of the last request to Stripe.
pub const ABSENCE_MARGIN: Span = Span::minutes(2);

/// The least time between the two readings that together prove that a request had no effect.
pub const ABSENCE_INTERVAL: Span = Span::seconds(30);

/// How long after the end of the sending a request may still have its effect, whatever delays it in transit. Later
/// payments are not searched for.
pub const LATEST_ARRIVAL: Span = Span::hours(24);

/// The known facts about the sends of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sends {
    /// Whether one of them was refused while another had no known outcome. The request is sent once more: if Stripe
    /// has stored the refusal under the key, it repeats the refusal as stored, which then holds for all sends.
    #[serde(default)]
    pub refused: bool,
    /// When the sending ended; `None` while it continues.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// When Stripe asked for a longer pause than our longest one, and the next try waits for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits_since: Option<Timestamp>,
}

impl Sends {
    /// Ends the sending at this moment.
    pub fn end(&mut self, now: Timestamp) {
        self.ended.get_or_insert(now);
        self.waits_since = None;
    }

    /// Records whether Stripe asked for a longer pause than our longest one.
    pub fn record_wait(&mut self, longer: bool, now: Timestamp) {
        self.waits_since = longer.then_some(now);
    }

    /// Whether the next try waits as long as Stripe asked for; false if the clock was set back since.
    #[must_use]
    pub fn waits(&self, now: Timestamp) -> bool {
        self.waits_since.is_some_and(|told| told <= now)
    }

    /// The last moment at which the request can have had its effect; `None` while the sending continues.
    #[must_use]
    pub fn effective_by(&self, repeat_until: Timestamp) -> Option<Timestamp> {
        self.ended.map(|ended| ended.max(repeat_until) + LATEST_ARRIVAL)
    }

    /// Whether a complete reading that began at `asked` and did not find the request's effect counts.
    #[must_use]
    pub fn silence_counts(&self, asked: Timestamp, repeat_until: Timestamp) -> bool {
        let last = self.ended.map_or(repeat_until, |ended| ended.min(repeat_until));
        asked >= last + ABSENCE_MARGIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDED: Timestamp = Timestamp::from_seconds(1_790_000_000);

    fn ended() -> Sends {
        let mut sends = Sends { waits_since: Some(ENDED), ..Sends::default() };
        sends.end(ENDED);
        sends
    }

    #[test]
    fn only_the_first_end_of_sending_counts_and_it_ends_the_wait() {
        let mut sends = ended();
        assert_eq!((sends.ended, sends.waits_since), (Some(ENDED), None));
        sends.end(ENDED + Span::hours(1));
        assert_eq!(sends.ended, Some(ENDED));
    }

    #[test]
    fn a_request_may_arrive_for_a_day_after_its_last_possible_send() {
        for repeat_until in [ENDED, ENDED + Span::hours(3)] {
            assert_eq!(Sends::default().effective_by(repeat_until), None, "it is still sent");
            assert_eq!(ended().effective_by(repeat_until), Some(repeat_until + LATEST_ARRIVAL));
        }
        let early = Timestamp::from_seconds(0);
        assert_eq!(ended().effective_by(early), Some(ENDED + LATEST_ARRIVAL));
    }

    #[test]
    fn silence_counts_from_two_minutes_after_the_last_send() {
        let just_before = |at: Timestamp| Timestamp::from_seconds(at.as_seconds() - 1);
        let later = ENDED + Span::hours(3);
        for (sends, repeat_until, from) in [
            (ended(), later, ENDED + ABSENCE_MARGIN),
            (ended(), ENDED, ENDED + ABSENCE_MARGIN),
            (Sends::default(), later, later + ABSENCE_MARGIN),
        ] {
            assert!(sends.silence_counts(from, repeat_until));
            assert!(!sends.silence_counts(just_before(from), repeat_until));
        }
        assert!(ended().silence_counts(Timestamp::from_seconds(120), Timestamp::from_seconds(0)));
    }

    #[test]
    fn a_pause_from_stripe_holds_unless_the_clock_is_set_back() {
        let told = Sends { waits_since: Some(ENDED), ..Sends::default() };
        assert!(told.waits(ENDED) && told.waits(ENDED + Span::hours(1)));
        assert!(!told.waits(Timestamp::from_seconds(0)) && !Sends::default().waits(ENDED));
    }
}
