//! The listings of one merchant's payments, by which charges are found whose payment has no known id.
//!
//! One listing answers everybody who waits for one. Invariants: one is under way at a time; it answers only whoever asked before
//! it began, so that what it does not show had not been made when it began; an old attempt, whose listing is long, makes no
//! other's longer.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::merchant::Shared;
use super::services::Services;
use crate::domain::checkout::attempt::Seen;
use crate::domain::ids::{AttemptNumber, SessionId};
use crate::domain::time::{Span, Timestamp};
use crate::runtime::{PutOff, Reading};
use crate::stripe::{Listing, Observation};

/// Attempts that began within so long of each other share a listing.
const SHARED_WITHIN: Span = Span::hours(1);

/// How long those who wait for a listing wait for room for it before they are put off.
const PATIENCE: Duration = Duration::from_secs(3);

/// An attempt whose payment is looked for.
pub(super) struct Wanted {
    pub(super) session: SessionId,
    pub(super) attempt: AttemptNumber,
    /// When it was committed.
    pub(super) started: Timestamp,
}

struct Waiting {
    wanted: Wanted,
    tell: oneshot::Sender<Observation>,
}

/// Who waits for a listing, and the right to begin one.
#[derive(Default)]
pub(super) struct Listings {
    waiting: Mutex<Vec<Waiting>>,
    under_way: tokio::sync::Mutex<()>,
}

impl Listings {
    /// What a listing shows of an attempt: one that began after this was asked.
    pub(super) async fn find(&self, services: &Services, merchant: &Shared, wanted: Wanted) -> Observation {
        let (tell, mut told) = oneshot::channel();
        let started = wanted.started;
        self.waiting().push(Waiting { wanted, tell });
        let _under_way = self.under_way.lock().await;
        match told.try_recv() {
            Ok(observed) => return observed,
            // It was lost with the one that listed.
            Err(oneshot::error::TryRecvError::Closed) => return Seen::Unread.into(),
            Err(oneshot::error::TryRecvError::Empty) => {}
        }
        let place = room(merchant).await;
        let near = |waiting: &mut Waiting| waiting.wanted.started.is_within(SHARED_WITHIN, started);
        let waiting: Vec<Waiting> = self.waiting().extract_if(.., near).collect();
        let observed = match place {
            Ok(_place) => {
                // All of them asked before.
                let asked = services.clock.now();
                let listings: Vec<_> = waiting.iter().map(|waiting| waiting.wanted.listing(asked)).collect();
                merchant.stripe.load_full().find_intents(&listings).await
            }
            Err(PutOff { after }) => vec![Seen::PutOff { after }.into(); waiting.len()],
        };
        for (waiting, observed) in waiting.into_iter().zip(observed) {
            // Whoever has gone asks again.
            let _ = waiting.tell.send(observed);
        }
        told.try_recv().unwrap_or_else(|_| Seen::Unread.into())
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits a little for room for a listing.
async fn room(merchant: &Shared) -> Result<crate::runtime::Slot<'_>, PutOff> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match merchant.gate.reading(Reading::Listing).await {
            Err(PutOff { after }) if Instant::now() + after.to_duration() <= deadline => {
                tokio::time::sleep(after.to_duration()).await;
            }
            place => return place,
        }
    }
}

impl Wanted {
    fn listing(&self, asked: Timestamp) -> Listing<'_> {
        Listing { session: &self.session, attempt: self.attempt, started: self.started, asked }
    }
}

impl std::fmt::Debug for Listings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Listings").field("waiting", &self.waiting().len()).finish_non_exhaustive()
    }
}
