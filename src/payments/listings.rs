//! The listings of one merchant's payments, which find charges whose payment id is not known.
//!
//! All attempts that wait share a listing. Invariants: at most one listing of fresh attempts and one of old ones are
//! in progress, so an old attempt, whose listing is long, neither delays a fresh one nor makes its listing longer;
//! every page needs room in the budget; a listing answers only for the attempts that it searched for from its first
//! page on, with the state at the moment when it began; pages read before an interruption are not read again.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::stripe_budget::{Many, PutOff, Reading, Slot, StripeGate};
use crate::domain::checkout::model::{AttemptObservation, Observation};
use crate::domain::time::Span;
use crate::ports::Clock;
use crate::stripe::{CallResult, Search, Searched, SellerAccount, Sought, Stopped};

/// Attempts that began within this time of each other share a listing.
const SHARED_WITHIN: Span = Span::hours(1);

/// An attempt that began longer ago than this is an old one.
const FRESH: Span = Span::hours(1);

/// How long waiting attempts wait for room for a listing before they are put off.
const PATIENCE: Duration = Duration::from_secs(3);

/// The most pages of a listing that are read without a break, 20 000 payments of one account; then others have their
/// turn.
const MOST_PAGES: u32 = 200;

/// How long a listing waits after that many pages.
const NEXT_GO: Span = Span::seconds(1);

/// For how long after its beginning an interrupted listing may be continued. The payments that it has seen may change
/// in the meantime.
const KEPT: Span = Span::hours(2);

/// The result of a listing for one attempt.
type Found = CallResult<AttemptObservation>;

struct Waiting {
    sought: Sought,
    reply: oneshot::Sender<Found>,
}

/// The account on which a merchant's payments are listed.
#[derive(Clone, Copy)]
pub(super) struct ListedAccount<'a> {
    pub(super) stripe: &'a dyn SellerAccount,
    pub(super) gate: &'a StripeGate,
    pub(super) clock: &'a dyn Clock,
}

/// The attempts that wait for listings.
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

/// The attempts that wait for one kind of listing, and its unfinished listings with the right to continue one.
struct Queue {
    /// The budget of its pages.
    pages: Many,
    waiting: Mutex<Vec<Waiting>>,
    begun: tokio::sync::Mutex<Vec<Search>>,
}

impl Listings {
    /// Searches for an attempt in a listing.
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
        let (reply, mut found) = oneshot::channel();
        self.waiting().push(Waiting { sought: sought.clone(), reply });
        let mut begun = self.begun.lock().await;
        match found.try_recv() {
            Ok(observed) => return observed,
            // The result was lost when the listing was dropped.
            Err(oneshot::error::TryRecvError::Closed) => return not_found(),
            Err(oneshot::error::TryRecvError::Empty) => {}
        }
        self.waiting().retain(|waiting| !waiting.reply.is_closed());
        begun.retain(|search| search.began().is_within(KEPT, account.clock.now()));
        let place = match room(account.gate).await {
            Ok(place) => place,
            Err(put_off) => {
                let shares = |other: &Sought| other.started.is_within(SHARED_WITHIN, sought.started);
                self.answer(shares, |_| of(put_off).map(Into::into));
                return found.try_recv().unwrap_or_else(|_| not_found());
            }
        };
        let at = begun.iter().position(|search| search.covers(&sought)).unwrap_or_else(|| {
            let together = self.together(&sought, &begun);
            // All of these attempts asked before this moment.
            begun.push(Search::new(together, account.clock.now()));
            begun.len() - 1
        });
        // A caller that is dropped here leaves the listing in its present state.
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
        found.try_recv().unwrap_or_else(|_| not_found())
    }

    /// The attempts that share a listing with this one: those close to it in time without a listing of their own.
    /// Each once.
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

    /// Sends the observations to the callers that wait for these attempts.
    fn answer(&self, whom: impl Fn(&Sought) -> bool, seen: impl Fn(&Sought) -> Found) {
        let answered: Vec<Waiting> = self.waiting().extract_if(.., |waiting| whom(&waiting.sought)).collect();
        for Waiting { sought, reply } in answered {
            // A caller that has gone asks again.
            let _ = reply.send(seen(&sought));
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Continues a listing to its end, with a place for its next page; an error if it does not reach the end.
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

/// The result was lost when the listing was dropped.
fn not_found() -> Found {
    AttemptObservation::from(Observation::ReadFailed).into()
}

fn of(PutOff { after }: PutOff) -> CallResult {
    Observation::PutOff { after }.into()
}

fn is_same(one: &Sought, other: &Sought) -> bool {
    one.session == other.session && one.attempt == other.attempt
}

/// Waits a short time for room for a listing.
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
