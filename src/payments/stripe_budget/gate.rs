//! The gate for every call to one merchant's Stripe account: a limit on simultaneous requests, the pace of its
//! readings, and a circuit breaker that rejects new payments at once while Stripe does not answer.
//!
//! Invariants: a durable charge or refund waits for a slot and for nothing else; a reading never takes a payment's
//! slot, and a reading without room is put off, not failed; the breaker stops only payments that have not begun.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::newcomers::{Newcomers, Turn};
use super::pace::{Lane, Many, Pace, Reading};
use super::places::{Place, StripePlaces};
use crate::domain::time::Span;

/// How many begun payments of one merchant may be at Stripe at once.
const SLOTS: usize = 16;

/// How long a new payment waits for a slot.
const PATIENCE: Duration = Duration::from_secs(5);

/// The number of failures in a row after which new payments are rejected.
const FAILURES: u32 = 5;

/// For how long they are rejected, at first and at most; then one payment is let through as a test.
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

/// A new payment is rejected: Stripe does not answer, or too many are in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no new payment is begun while Stripe does not answer")]
pub(crate) struct CircuitOpen;

/// There is no room for a reading now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not read now; try again in {} ms", after.as_millis())]
pub(crate) struct PutOff {
    /// When there may be room.
    pub(crate) after: Span,
}

/// The state of the circuit breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Breaker {
    /// Stripe answers, except for the last few requests.
    Closed { failures: u32 },
    /// Stripe does not answer; no request is let through before this moment.
    Open { until: Instant, pause: Duration },
    /// One request is let through as a test, since this moment.
    Trying { since: Instant, pause: Duration },
}

impl StripeGate {
    /// The gate of a merchant, whose requests share the places of all merchants.
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

    /// Admits a payment that has not begun yet, so that it can call Stripe. It keeps its place during the call, and
    /// reports the result with [`StripeGate::saw`]. One network cannot take all places, and admitted payments take
    /// none of the places of begun ones.
    pub(crate) async fn admit(&self, network: Option<IpAddr>) -> Result<Admitted<'_>, CircuitOpen> {
        // The turn first: a payment that waits for one of this merchant's turns holds no place of the process.
        let admitting = async {
            let turn = self.newcomers.turn(network).await;
            Admitted { _turn: turn, _place: self.places.payment().await }
        };
        let admitted = tokio::time::timeout(PATIENCE, admitting).await.map_err(|_| CircuitOpen)?;
        if self.breaker().lets_through(Instant::now()) { Ok(admitted) } else { Err(CircuitOpen) }
    }

    /// Waits for a slot for a durable attempt, which is sent in any case.
    pub(crate) async fn slot(&self) -> Slot<'_> {
        let permit = self.slots.acquire().await.ok();
        Slot { _permit: permit, _place: self.places.payment().await }
    }

    /// Lets a reading begin, if there is room for it; otherwise it is put off.
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

    /// Waits until there is room for the next of many consecutive readings; an error while Stripe rejects readings
    /// for some time.
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

    /// Stripe accepts no further requests of this merchant for now: its readings wait for the time that Stripe names,
    /// and without one, longer each time.
    pub(crate) fn limited(&self, retry_after: Option<Span>) {
        self.pace().limited(retry_after, Instant::now());
    }

    /// Stripe accepts requests of this merchant.
    pub(crate) fn not_limited(&self) {
        self.pace().not_limited();
    }

    /// Records whether Stripe answered. Returns whether that opens or closes the breaker.
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

/// A caller that asks for a payment that has not begun; its place is given back when it is dropped.
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
            // The one that was let through may have been dropped without a result; then another one may try.
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
    async fn an_abandoned_probe_does_not_keep_the_gate_closed() {
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
    async fn payments_waiting_at_one_merchant_hold_no_place_of_another() {
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
    async fn a_hanging_stripe_admits_few_new_payments_and_all_begun_ones() {
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
