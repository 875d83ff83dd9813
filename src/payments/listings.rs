//! The listings of one merchant's payments, by which charges are found whose payment has no known id.
//!
//! One listing answers everybody who waits for one. Invariants: one of fresh attempts and one of old ones is under way at a
//! time, so that an old attempt, whose listing is long, holds up no fresh one and makes no fresh one's longer; every page of
//! it finds room of its own; it answers only for the attempts that it looked for from its first page on, with what was there
//! when it began; what it has read by the time that it stops is not read again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::stripe_budget::{Many, PutOff, Reading, Slot, StripeGate};
use crate::domain::checkout::model::{AttemptObservation, Observation};
use crate::domain::time::Span;
use crate::ports::Clock;
use crate::stripe::{CallResult, Search, Searched, SellerAccount, Sought, Stopped};

/// Attempts that began within so long of each other share a listing.
const SHARED_WITHIN: Span = Span::hours(1);

/// An attempt that began longer ago than this is an old one.
const FRESH: Span = Span::hours(1);

/// How long those who wait for a listing wait for room for it before they are put off.
const PATIENCE: Duration = Duration::from_secs(3);

/// The most pages of a listing that are read in one go, 20 000 payments of one account; then others have their turn.
const MOST_PAGES: u32 = 200;

/// How long one that has read so many waits for its next go.
const NEXT_GO: Span = Span::seconds(1);

/// For how long after its begin a listing that has stopped is gone on with. What it has seen of a payment may have changed
/// since.
const KEPT: Span = Span::hours(2);

/// What a listing shows of one attempt.
type Found = CallResult<AttemptObservation>;

struct Waiting {
    sought: Sought,
    tell: oneshot::Sender<Found>,
}

/// Where a merchant's payments are listed.
#[derive(Clone, Copy)]
pub(super) struct ListedAccount<'a> {
    pub(super) stripe: &'a dyn SellerAccount,
    pub(super) gate: &'a StripeGate,
    pub(super) clock: &'a dyn Clock,
}

/// Who waits for listings.
#[derive(Debug)]
pub(super) struct Listings {
    fresh: Queue,
    old: Queue,
}

impl Default for Listings {
    fn default() -> Self {
        Self { fresh: Queue::of(Many::FreshListing), old: Queue::of(Many::OldListing) }
    }
}

/// Who waits for a listing of one kind, and the right to go on with one: those that have begun and not come to their end.
struct Queue {
    /// What its listings' pages are read as.
    pages: Many,
    waiting: Mutex<Vec<Waiting>>,
    begun: tokio::sync::Mutex<Vec<Search>>,
}

impl Listings {
    /// What a listing shows of an attempt.
    pub(super) async fn find(&self, account: ListedAccount<'_>, sought: Sought) -> Found {
        let is_fresh = sought.started.is_within(FRESH, account.clock.now());
        let queue = if is_fresh { &self.fresh } else { &self.old };
        queue.find(account, sought).await
    }
}

impl Queue {
    fn of(pages: Many) -> Self {
        Self { pages, waiting: Mutex::default(), begun: tokio::sync::Mutex::default() }
    }

    async fn find(&self, account: ListedAccount<'_>, sought: Sought) -> Found {
        let (tell, mut told) = oneshot::channel();
        self.waiting().push(Waiting { sought: sought.clone(), tell });
        let mut begun = self.begun.lock().await;
        match told.try_recv() {
            Ok(observed) => return observed,
            // It was lost with the one that listed.
            Err(oneshot::error::TryRecvError::Closed) => return not_found(),
            Err(oneshot::error::TryRecvError::Empty) => {}
        }
        self.waiting().retain(|waiting| !waiting.tell.is_closed());
        begun.retain(|search| search.began().is_within(KEPT, account.clock.now()));
        let place = match room(account.gate).await {
            Ok(place) => place,
            Err(put_off) => {
                let shares = |other: &Sought| other.started.is_within(SHARED_WITHIN, sought.started);
                self.answer(shares, |_| of(put_off).map(Into::into));
                return told.try_recv().unwrap_or_else(|_| not_found());
            }
        };
        let at = begun.iter().position(|search| search.covers(&sought)).unwrap_or_else(|| {
            let together = self.together(&sought, &begun);
            // All of them asked before.
            begun.push(Search::new(together, account.clock.now()));
            begun.len() - 1
        });
        // Whoever stops waiting for it here leaves it as far as it is read.
        match go_on(account, &mut begun[at], (self.pages, place)).await {
            Ok(observed) => {
                let search = begun.swap_remove(at);
                let seen = |wanted: &Sought| {
                    let place = search.sought().iter().position(|sought| is_same(sought, wanted));
                    place.and_then(|place| observed.get(place).cloned()).unwrap_or_else(not_found)
                };
                self.answer(|wanted| search.covers(wanted), seen);
            }
            Err(Stopped { observed, may_go_on }) => {
                self.answer(
                    |wanted| begun[at].covers(wanted),
                    |_| CallResult::clone(&observed).map(Into::into),
                );
                if !may_go_on {
                    begun.swap_remove(at);
                }
            }
        }
        told.try_recv().unwrap_or_else(|_| not_found())
    }

    /// The attempts that share a listing with one: those near to it for which none has begun yet. Each once.
    fn together(&self, first: &Sought, begun: &[Search]) -> Vec<Sought> {
        let mut together = vec![first.clone()];
        for Waiting { sought, .. } in self.waiting().iter() {
            let is_near = sought.started.is_within(SHARED_WITHIN, first.started);
            let is_looked_for = begun.iter().any(|search| search.covers(sought));
            if is_near && !is_looked_for && !together.contains(sought) {
                together.push(sought.clone());
            }
        }
        together
    }

    /// Tells those who wait for some attempts what was seen of each.
    fn answer(&self, whom: impl Fn(&Sought) -> bool, seen: impl Fn(&Sought) -> Found) {
        let answered: Vec<Waiting> = self.waiting().extract_if(.., |waiting| whom(&waiting.sought)).collect();
        for Waiting { sought, tell } in answered {
            // Whoever has gone asks again.
            let _ = tell.send(seen(&sought));
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Goes on with a listing to its end, with a place for its next page; why where it does not come to it.
async fn go_on<'a>(
    account: ListedAccount<'a>,
    search: &mut Search,
    (pages, first): (Many, Slot<'a>),
) -> Result<Vec<Found>, Stopped> {
    let mut place = first;
    for _ in 0..MOST_PAGES {
        if let Searched::Whole(observed) = account.stripe.search(search).await? {
            return Ok(observed);
        }
        drop(place);
        place = account.gate.next_page(pages).await.map_err(stopped)?;
    }
    Err(stopped(PutOff { after: NEXT_GO }))
}

fn stopped(put_off: PutOff) -> Stopped {
    Stopped { observed: Box::new(of(put_off)), may_go_on: true }
}

/// The answer was lost with the one that listed.
fn not_found() -> Found {
    AttemptObservation::from(Observation::ReadFailed).into()
}

fn of(PutOff { after }: PutOff) -> CallResult {
    Observation::PutOff { after }.into()
}

fn is_same(one: &Sought, other: &Sought) -> bool {
    one.session == other.session && one.attempt == other.attempt
}

/// Waits a little for room for a listing.
async fn room(gate: &StripeGate) -> Result<Slot<'_>, PutOff> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match gate.reading(Reading::Listing).await {
            Err(PutOff { after }) if Instant::now() + after.to_duration() <= deadline => {
                tokio::time::sleep(after.to_duration()).await;
            }
            place => return place,
        }
    }
}

impl std::fmt::Debug for Queue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Queue").field("waiting", &self.waiting().len()).finish_non_exhaustive()
    }
}
