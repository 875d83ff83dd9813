//! The limit on simultaneous requests to Stripe of all merchants together: each holds a connection, and the process
//! may open only a limited number.
//!
//! Invariants: readings never take the places of payments; no account is verified before the gateway listens; an
//! account whose merchant can already take payments never delays one whose merchant cannot.

use tokio::sync::{Semaphore, SemaphorePermit};

/// The share of the process's file descriptors that connections to Stripe may take.
const SHARE: u64 = 4;

/// The fewest and the most connections to Stripe.
const FEWEST: usize = 16;
const MOST: usize = 1024;

/// How many accounts are verified at once, and how many of these may belong to merchants that can already take
/// payments.
const VERIFICATIONS: usize = 32;
const LATER_VERIFICATIONS: usize = 2;

/// The places of one process for requests to Stripe.
#[derive(Debug)]
pub struct StripePlaces {
    all: Semaphore,
    readings: Semaphore,
    accountings: Semaphore,
    verifications: Semaphore,
    later: Semaphore,
}

/// Whether a merchant waits for the verification of its account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verification {
    /// The merchant cannot take payments before it.
    Awaited,
    /// The merchant can already take payments.
    Later,
}

/// A place; given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    _permits: [Option<SemaphorePermit<'a>>; 2],
}

impl StripePlaces {
    /// The places of a process with this limit on file descriptors; `None` if there is no limit.
    #[must_use]
    pub fn within(descriptors: Option<u64>) -> Self {
        let all = Self::connections_within(descriptors);
        Self {
            all: Semaphore::new(all),
            readings: Semaphore::new(all / 2),
            accountings: Semaphore::new(all / 4),
            verifications: Semaphore::new(0),
            later: Semaphore::new(LATER_VERIFICATIONS),
        }
    }

    /// The number of connections; the remaining descriptors are for everything else.
    #[must_use]
    pub fn connections_within(descriptors: Option<u64>) -> usize {
        let share = descriptors.map_or(MOST, |limit| usize::try_from(limit / SHARE).unwrap_or(MOST));
        share.clamp(FEWEST, MOST)
    }

    /// Allows verifications to begin, since the gateway listens now.
    pub fn begin_verifications(&self) {
        self.verifications.add_permits(VERIFICATIONS);
    }

    /// Waits for a place to read the account of a key.
    pub(crate) async fn verification(&self, verification: Verification) -> Place<'_> {
        let later = match verification {
            Verification::Awaited => None,
            Verification::Later => self.later.acquire().await.ok(),
        };
        Place { _permits: [later, self.verifications.acquire().await.ok()] }
    }

    /// Waits for a place to reconcile a restore, which takes as long as its listings.
    pub(crate) async fn accounting(&self) -> Place<'_> {
        Place { _permits: [self.accountings.acquire().await.ok(), None] }
    }

    /// Waits for a place for a request that moves money.
    pub(super) async fn payment(&self) -> Place<'_> {
        Place { _permits: [self.all.acquire().await.ok(), None] }
    }

    /// Waits for a place for a reading.
    pub(super) async fn reading(&self) -> Place<'_> {
        let reading = self.readings.acquire().await.ok();
        Place { _permits: [reading, self.all.acquire().await.ok()] }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn readings_leave_places_to_payments_whatever_the_limit() {
        for limit in [Some(0), Some(64), Some(1024), Some(u64::MAX), None] {
            let places = StripePlaces::within(limit);
            let mut held = Vec::new();
            while let Some(place) = places.reading().now_or_never() {
                held.push(place);
            }
            let mut paying = Vec::new();
            while let Some(place) = places.payment().now_or_never() {
                paying.push(place);
            }
            assert!(!held.is_empty() && paying.len() >= FEWEST / 2, "{limit:?}");
            let most = limit.map_or(MOST, |limit| usize::try_from(limit / SHARE).unwrap().max(FEWEST));
            assert!(held.len() + paying.len() <= most.min(MOST), "{limit:?}");
        }
    }

    #[test]
    fn verifications_start_on_listening_few_at_a_time_awaited_first() {
        let places = StripePlaces::within(Some(1024));
        assert!(places.verification(Verification::Awaited).now_or_never().is_none());
        places.begin_verifications();
        let mut held = Vec::new();
        while let Some(place) = places.verification(Verification::Later).now_or_never() {
            held.push(place);
        }
        assert_eq!(held.len(), LATER_VERIFICATIONS);
        while let Some(place) = places.verification(Verification::Awaited).now_or_never() {
            held.push(place);
        }
        assert_eq!(held.len(), VERIFICATIONS);
        held.pop();
        assert!(places.verification(Verification::Later).now_or_never().is_none());
        assert!(places.verification(Verification::Awaited).now_or_never().is_some());
    }
}
