//! When a paid order is read at Stripe for events that did not start here.

use crate::domain::checkout::model::{Context, Session};
use crate::domain::retry::{LONGEST_PAUSE, doubling, pause};
use crate::domain::time::{Span, Timestamp};

const DAY: Span = Span::hours(24);

/// When a paid order is always read, in days from the beginning of its checkout: a dispute may come for months.
const POLL_DAYS: [u32; 7] = [1, 7, 14, 30, 60, 90, 120];

/// The same in days from the creation of each of its refunds: a refund may come back long after it was sent.
const REFUND_POLL_DAYS: [u32; 5] = [1, 3, 7, 14, 30];

/// For how many days an undecided refund or dispute is polled; later only webhooks and operators report changes.
const POLLED_DAYS: u32 = 120;

/// How many readings in a row may fail, in about a week, before only the readings at set times remain.
const MOST_FAILED_POLLS: u32 = 40;

/// The longest pause between two readings while Stripe has something undecided.
pub(crate) const LONGEST_POLL_BACKOFF: Span = Span::hours(6);

/// The next set time at which a paid session is read.
pub(crate) fn next_poll_at(session: &Session, now: Timestamp) -> Option<Timestamp> {
    let of_order = POLL_DAYS.iter().map(|days| session.created + days_of(*days));
    let refunds = session.activity.refunds.iter();
    let of_refunds = refunds.flat_map(|made| REFUND_POLL_DAYS.map(|days| made.created + days_of(days)));
    of_order.chain(of_refunds).filter(|at| *at > now).min()
}

fn days_of(days: u32) -> Span {
    Span::millis(DAY.as_millis() * i64::from(days))
}

/// Sets the time of the next reading: soon while Stripe has something undecided, else at the next set time.
pub(crate) fn schedule(session: &mut Session, anything_new: bool, context: &Context<'_>) {
    let now = context.moment.now;
    let polls = if anything_new { 0 } else { session.activity.polls };
    session.activity.polls = polls.saturating_add(1);
    let in_any_case = next_poll_at(session, now);
    let soon = is_polled(session, now).then(|| now + poll_backoff(polls, context));
    session.activity.next_poll_at = [in_any_case, soon].into_iter().flatten().min();
}

/// Handles a failed reading: it is repeated after a pause, however far off the next set time is. After
/// [`MOST_FAILED_POLLS`] of them only the readings at set times remain.
pub(crate) fn poll_again(session: &mut Session, context: &Context<'_>) {
    let now = context.moment.now;
    let polls = session.activity.polls;
    session.activity.polls = polls.saturating_add(1);
    let soon = polls < MOST_FAILED_POLLS || is_polled(session, now);
    session.activity.poll_requested &= soon;
    session.activity.next_poll_at =
        if soon { Some(now + poll_backoff(polls, context)) } else { next_poll_at(session, now) };
}

/// Whether Stripe has something undecided that is young enough to be polled.
fn is_polled(session: &Session, now: Timestamp) -> bool {
    session.activity.is_unsettled_since(now - days_of(POLLED_DAYS))
}

/// A pause that doubles with each poll, from a minute to [`LONGEST_POLL_BACKOFF`].
fn poll_backoff(polls: u32, context: &Context<'_>) -> Span {
    doubling((LONGEST_PAUSE, LONGEST_POLL_BACKOFF), polls, context.moment.jitter)
}

/// How many failed readings follow each other within a minute or less.
const QUICK_TRIES: u32 = 8;

/// The pause after this many failed readings: seconds at first, then longer and longer, since Stripe may be
/// unreadable for days.
pub(crate) fn read_backoff(tries: u32, context: &Context<'_>) -> Span {
    match tries.checked_sub(QUICK_TRIES) {
        None => pause(tries, None, context.moment.jitter),
        Some(polls) => poll_backoff(polls, context),
    }
}
