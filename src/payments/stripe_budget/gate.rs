//! What every call to one merchant's Stripe account passes: a bound on requests at once, the pace of its readings, and a
//! circuit breaker that turns new payments away at once while Stripe does not answer.
//!
//! Invariants: a charge or refund that is durable waits for a slot and for nothing else; a reading never takes a payment's
//! slot, and one that finds no room is put off, not failed; the breaker stops only what was not begun.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::newcomers::{Newcomers, Turn};
use super::pace::{Lane, Many, Pace, Reading};
use super::places::{Place, StripePlaces};
use crate::domain::time::Span;

/// How many payments of one merchant that are begun are at Stripe at once.
const SLOTS: usize = 16;

/// How long a new payment waits for a slot.
const PATIENCE: Duration = Duration::from_secs(5);

/// After so many failures in a row new payments are turned away.
const FAILURES: u32 = 5;

/// How long, at first and at most; then one payment is let through to see.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The gate between one merchant's payments and Stripe.
#[derive(Debug)]
pub(crate) struct StripeGate {
    slots: Semaphore,
    newcomers: Newcomers,
    readings: [Semaphore; Lane::ALL.len()],
    pace: Mutex<Pace>,
    places: Arc<StripePlaces>,
    breaker: Mutex<Breaker>,
}

/// A new payment is turned away: Stripe does not answer, or too many are under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no new payment is begun while Stripe does not answer")]
pub(crate) struct CircuitOpen;

/// A reading finds no room now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not read now; try again in {} ms", after.as_millis())]
pub(crate) struct PutOff {
    /// When there may be room.
    pub(crate) after: Span,
}

/// How things stand with Stripe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Breaker {
    /// It answers, but for the last few.
    Closed { failures: u32 },
    /// It does not; nobody is let through before this moment.
    Open { until: Instant, pause: Duration },
    /// One is let through to see, since this moment.
    Trying { since: Instant, pause: Duration },
}

impl StripeGate {
    /// The gate of a merchant, whose requests take their places among those of all merchants.
    #[must_use]
    pub(crate) fn new(places: Arc<StripePlaces>) -> Self {
        Self {
            slots: Semaphore::new(SLOTS),
            newcomers: Newcomers::default(),
            readings: Lane::ALL.map(|lane| Semaphore::new(lane.at_once())),
            pace: Mutex::new(Pace::new(Instant::now())),
            places,
            breaker: Mutex::new(Breaker::Closed { failures: 0 }),
        }
    }

    /// Lets a payment that is not begun yet ask Stripe; it keeps its place while it asks, and says [`StripeGate::saw`] what came
    /// of it. No network takes the places of all others, and none of them is one of those that are begun.
    pub(crate) async fn admit(&self, network: Option<IpAddr>) -> Result<Admitted<'_>, CircuitOpen> {
        // The turn first: whoever waits for one of this merchant's holds no place of another's.
        let admitting = async {
            let turn = self.newcomers.turn(network).await;
            Admitted { _turn: turn, _place: self.places.payment().await }
        };
        let admitted = tokio::time::timeout(PATIENCE, admitting).await.map_err(|_| CircuitOpen)?;
        if self.breaker().lets_through(Instant::now()) { Ok(admitted) } else { Err(CircuitOpen) }
    }

    /// Waits for a slot for an attempt that is durable: it is sent in any case.
    pub(crate) async fn slot(&self) -> Slot<'_> {
        let permit = self.slots.acquire().await.ok();
        Slot { _permit: permit, _place: self.places.payment().await }
    }

    /// Lets a reading begin, if there is room for it; else it is put off.
    pub(crate) async fn reading(&self, reading: Reading) -> Result<Slot<'_>, PutOff> {
        let places = &self.readings[reading.lane() as usize];
        let permit = if places.available_permits() > reading.leaves_places() {
            places.try_acquire().ok()
        } else {
            None
        };
        let Some(permit) = permit else {
            return Err(PutOff { after: self.pace().turn(reading, Instant::now()) });
        };
        self.pace().take(reading, Instant::now()).map_err(|after| PutOff { after })?;
        Ok(Slot { _permit: Some(permit), _place: self.places.reading().await })
    }

    /// Waits for a place for a reading that an operator waits for: it counts, and is not put off.
    pub(crate) async fn awaited_reading(&self) -> Slot<'_> {
        self.pace().count(Instant::now());
        Slot { _permit: None, _place: self.places.reading().await }
    }

    /// Waits until there is room for one more of many readings, of which each waits for the one before; not for as long as
    /// Stripe takes none for a while.
    pub(crate) async fn one_of_many(&self) -> Result<(), PutOff> {
        self.one_of(Many::Accounting).await
    }

    /// The same for the next page of a listing, with a place for it.
    pub(crate) async fn next_page(&self, listing: Many) -> Result<Slot<'_>, PutOff> {
        self.one_of(listing).await?;
        Ok(Slot { _permit: None, _place: self.places.reading().await })
    }

    async fn one_of(&self, many: Many) -> Result<(), PutOff> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let taken = self.pace().take_one_of_many(many, Instant::now());
            let Err(after) = taken else { return Ok(()) };
            if Instant::now() + after.to_duration() > deadline {
                return Err(PutOff { after });
            }
            tokio::time::sleep(after.to_duration()).await;
        }
    }

    /// Stripe takes no more requests of this merchant for now: its readings wait as long as it says, and where it says
    /// nothing, longer from time to time.
    pub(crate) fn limited(&self, retry_after: Option<Span>) {
        self.pace().limited(retry_after, Instant::now());
    }

    /// Stripe takes requests of this merchant.
    pub(crate) fn not_limited(&self) {
        self.pace().not_limited();
    }

    /// Learns whether Stripe answered. True when that opens or closes the breaker.
    pub(crate) fn saw(&self, answered: bool) -> bool {
        let mut breaker = self.breaker();
        let before = breaker.is_open();
        breaker.saw(answered, Instant::now());
        before != breaker.is_open()
    }

    fn pace(&self) -> MutexGuard<'_, Pace> {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who asks for a payment that is not begun yet; the place is given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Admitted<'a> {
    _turn: Turn<'a>,
    _place: Place<'a>,
}

/// A place among the requests that are at Stripe at once; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Slot<'a> {
    _permit: Option<SemaphorePermit<'a>>,
    _place: Place<'a>,
}

impl Breaker {
    fn lets_through(&mut self, now: Instant) -> bool {
        match *self {
            Self::Closed { .. } => true,
            Self::Open { until, .. } if now < until => false,
            Self::Open { pause, .. } => {
                *self = Self::Trying { since: now, pause };
                true
            }
            // Whoever was let through may have gone without a word; then another one may try.
            Self::Trying { since, pause } if now >= since + LONGEST_PAUSE => {
                *self = Self::Trying { since: now, pause };
                true
            }
            Self::Trying { .. } => false,
        }
    }

    fn saw(&mut self, answered: bool, now: Instant) {
        *self = match (*self, answered) {
            (_, true) => Self::Closed { failures: 0 },
            (Self::Closed { failures }, false) if failures + 1 < FAILURES => {
                Self::Closed { failures: failures + 1 }
            }
            (Self::Closed { .. }, false) => Self::Open { until: now + FIRST_PAUSE, pause: FIRST_PAUSE },
            (Self::Trying { pause, .. }, false) => {
                let pause = (pause * 2).min(LONGEST_PAUSE);
                Self::Open { until: now + pause, pause }
            }
            (open @ Self::Open { .. }, false) => open,
        };
    }

    const fn is_open(self) -> bool {
        matches!(self, Self::Open { .. } | Self::Trying { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gate() -> StripeGate {
        StripeGate::new(Arc::new(StripePlaces::within(None)))
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_turn_new_payments_away_until_one_is_answered() {
        let gate = gate();
        for _ in 1..FAILURES {
            gate.saw(false);
        }
        gate.saw(true);
        for _ in 1..FAILURES {
            assert!(!gate.saw(false) && gate.admit(None).await.is_ok(), "the count began anew");
        }
        assert!(gate.saw(false), "it opens");
        assert!(gate.admit(None).await.is_err());
        tokio::time::advance(FIRST_PAUSE).await;
        assert!(gate.admit(None).await.is_ok(), "one is let through to see");
        assert!(gate.admit(None).await.is_err(), "and only one");
        gate.saw(false);
        tokio::time::advance(FIRST_PAUSE).await;
        assert!(gate.admit(None).await.is_err(), "the pause has doubled");
        tokio::time::advance(FIRST_PAUSE).await;
        assert!(gate.admit(None).await.is_ok());
        assert!(gate.saw(true), "it closes");
        assert!(gate.admit(None).await.is_ok() && gate.admit(None).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_was_let_through_and_never_came_back_does_not_keep_the_others_out_for_good() {
        let gate = gate();
        for _ in 0..FAILURES {
            gate.saw(false);
        }
        tokio::time::advance(FIRST_PAUSE).await;
        drop(gate.admit(None).await);
        tokio::time::advance(LONGEST_PAUSE).await;
        assert!(gate.admit(None).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn payments_that_wait_for_their_turn_at_one_merchant_hold_no_place_of_another() {
        let places = Arc::new(StripePlaces::within(Some(0)));
        let (crowded, other) = (StripeGate::new(Arc::clone(&places)), StripeGate::new(places));
        let mut held = Vec::new();
        while let Ok(admitted) = crowded.admit(None).await {
            held.push(admitted);
        }
        let waiting = futures_util::future::join_all((0..50).map(|_| crowded.admit(None)));
        let elsewhere = async {
            tokio::task::yield_now().await;
            tokio::time::timeout(Duration::from_millis(1), other.admit(None)).await
        };
        let (_, admitted) = futures_util::future::join(waiting, elsewhere).await;
        assert!(matches!(admitted, Ok(Ok(_))), "it waits for nobody");
    }

    #[tokio::test(start_paused = true)]
    async fn a_hanging_stripe_holds_a_bounded_number_of_newcomers_and_none_of_what_is_begun() {
        let gate = gate();
        let mut held = Vec::new();
        while let Ok(admitted) = gate.admit(None).await {
            held.push(admitted);
            assert!(held.len() < 100, "there is an end");
        }
        let begun = tokio::time::timeout(Duration::from_millis(1), gate.slot()).await;
        assert!(begun.is_ok(), "what is begun waits for none of them");
        held.pop();
        assert!(gate.admit(None).await.is_ok());
    }
}
