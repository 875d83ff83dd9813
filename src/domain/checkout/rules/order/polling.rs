//! When a paid order is read at Stripe for what happened there without us.

use crate::domain::checkout::model::{Context, Session};
use crate::domain::retry::{LONGEST_PAUSE, doubling, pause};
use crate::domain::time::{Span, Timestamp};

const DAY: Span = Span::hours(24);

/// When a paid order is looked at in any case, in days from when its checkout began: a dispute may come for months.
const POLL_DAYS: [u32; 7] = [1, 7, 14, 30, 60, 90, 120];

/// The same from when each of its refunds was made: one may come back long after it has left.
const REFUND_POLL_DAYS: [u32; 5] = [1, 3, 7, 14, 30];

/// For how many days a refund or a dispute that has no end yet is looked at; later only webhooks and operators bring news.
const POLLED_DAYS: u32 = 120;

/// How many looks in a row may fail before only those are made that are made in any case: about a week of them.
const MOST_FAILED_POLLS: u32 = 40;

/// The longest pause between two looks at something that Stripe has still to decide.
pub(crate) const LONGEST_POLL_BACKOFF: Span = Span::hours(6);

/// When a paid session is looked at next in any case.
pub(crate) fn next_poll_at(session: &Session, now: Timestamp) -> Option<Timestamp> {
    let of_order = POLL_DAYS.iter().map(|days| session.created + days_of(*days));
    let refunds = session.activity.refunds.iter();
    let of_refunds = refunds.flat_map(|made| REFUND_POLL_DAYS.map(|days| made.created + days_of(days)));
    of_order.chain(of_refunds).filter(|at| *at > now).min()
}

fn days_of(days: u32) -> Span {
    Span::millis(DAY.as_millis() * i64::from(days))
}

/// When the next look is due: soon while Stripe has something to decide, else when it is time for the next in any case.
pub(crate) fn schedule(session: &mut Session, anything_new: bool, context: &Context<'_>) {
    let now = context.moment.now;
    let polls = if anything_new { 0 } else { session.activity.polls };
    session.activity.polls = polls.saturating_add(1);
    let in_any_case = next_poll_at(session, now);
    let soon = is_polled(session, now).then(|| now + poll_backoff(polls, context));
    session.activity.next_poll_at = [in_any_case, soon].into_iter().flatten().min();
}

/// A look did not come to its end: it is made again after a pause, however far off the next one is. After
/// [`MOST_FAILED_POLLS`] of them only the looks are left that are made in any case.
pub(crate) fn poll_again(session: &mut Session, context: &Context<'_>) {
    let now = context.moment.now;
    let polls = session.activity.polls;
    session.activity.polls = polls.saturating_add(1);
    let soon = polls < MOST_FAILED_POLLS || is_polled(session, now);
    session.activity.poll_requested &= soon;
    session.activity.next_poll_at =
        if soon { Some(now + poll_backoff(polls, context)) } else { next_poll_at(session, now) };
}

/// Whether Stripe has still to say how something ends, and it is not so old that only a webhook may tell.
fn is_polled(session: &Session, now: Timestamp) -> bool {
    session.activity.is_unsettled_since(now - days_of(POLLED_DAYS))
}

/// A pause that doubles from look to look, from a minute to [`LONGEST_POLL_BACKOFF`].
fn poll_backoff(polls: u32, context: &Context<'_>) -> Span {
    doubling((LONGEST_PAUSE, LONGEST_POLL_BACKOFF), polls, context.moment.jitter)
}

/// How many readings in vain follow each other within a minute or less.
const QUICK_TRIES: u32 = 8;

/// How long to wait after so many readings in vain: seconds at first, then ever longer, since it may be that nobody can read it
/// for days.
pub(crate) fn read_backoff(tries: u32, context: &Context<'_>) -> Span {
    match tries.checked_sub(QUICK_TRIES) {
        None => pause(tries, None, context.moment.jitter),
        Some(polls) => poll_backoff(polls, context),
    }
}
