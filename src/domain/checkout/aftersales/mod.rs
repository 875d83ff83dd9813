//! What happens to a session that is paid: refunds, disputes, goods that are sent.
//!
//! What happened at Stripe without us is found by looking there: soon when somebody hints at it or something is undecided,
//! and now and then in any case. What is asked for here is in [`refund`], what is sent in [`fulfillment`].
//! Source: Stripe API `2026-09-30.preview`, Refunds and Disputes.

pub mod fulfillment;
pub mod refund;

use refund::Freshness;
pub use refund::{RefundAnswer, RefundIntent, RefundRequest, RefundSnapshot};

use super::command::Rejection;
use super::due::Work;
use super::effect::{Effect, OrderEffect};
use super::outcome::{LONGEST_PAUSE, doubling};
use super::session::{Session, State};
use super::step::{Context, Transition};
use crate::domain::ids::{DisputeId, PaymentIntentId, Reference, RefundId, RefundNumber};
use crate::domain::order::{Dispute, OrderActivity};
use crate::domain::pricing::Quote;
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
pub(super) const LONGEST_POLL_BACKOFF: Span = Span::hours(6);

/// Something that a merchant is told of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderChange {
    /// A refund stands elsewhere than before.
    Refunded(RefundId),
    /// A dispute does.
    Disputed(DisputeId),
    /// Goods were sent.
    Fulfilled(Reference),
}

/// What one look at Stripe showed of a paid order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderObservation {
    /// The answer to the request for a refund.
    RefundAnswered {
        /// Which.
        number: RefundNumber,
        /// What was answered.
        answer: RefundAnswer,
    },
    /// The refunds and disputes of the payment.
    Read {
        /// The refunds.
        refunds: Vec<RefundSnapshot>,
        /// The disputes; `None` when they could not be read.
        disputes: Option<Vec<Dispute>>,
        /// When the looking began: what it says is no younger.
        asked: Timestamp,
        /// Whether a refund that it does not show was not made until then.
        complete: bool,
    },
    /// A look that did not come to its end.
    ReadFailed,
    /// Stripe was not asked: this merchant's calls to it have a budget, and there was no room.
    PutOff {
        /// When there may be room.
        after: Span,
    },
}

/// What a paid session was paid with and for.
fn paid(session: &Session) -> Result<(&Quote, &PaymentIntentId), Rejection> {
    match &session.state {
        State::Completed { quote, intent, .. } => Ok((quote, intent)),
        State::Open { .. }
        | State::Ready { .. }
        | State::Charging(_)
        | State::OpeningHosted(_)
        | State::AwaitingHosted { .. }
        | State::ClosingHosted { .. }
        | State::Frozen { .. }
        | State::Canceled { .. }
        | State::Expired => Err(Rejection::NotPaid(session.state.name())),
    }
}

/// When a paid session waits for something next.
pub(super) fn due(activity: &OrderActivity) -> Option<Timestamp> {
    let asking = activity.asking().map(|(_, asking)| asking.next_try);
    [asking, activity.next_poll_at].into_iter().flatten().min()
}

/// What is to be done for a paid session that is due.
pub(super) fn work(session: &Session, payment: &PaymentIntentId, now: Timestamp) -> Work {
    refund::work(&session.activity, now).unwrap_or_else(|| Work::Run(poll(session, payment)))
}

/// The look that tells what became of an order.
fn poll(session: &Session, payment: &PaymentIntentId) -> Effect {
    let account = session.account.clone();
    let undecided = session.activity.asking().is_some();
    Effect::Order(OrderEffect::Read { payment: payment.clone(), account, undecided })
}

/// When a paid session is looked at next in any case.
pub(super) fn next_poll_at(session: &Session, now: Timestamp) -> Option<Timestamp> {
    let of_order = POLL_DAYS.iter().map(|days| session.created + days_of(*days));
    let refunds = session.activity.refunds.iter();
    let of_refunds = refunds.flat_map(|made| REFUND_POLL_DAYS.map(|days| made.created + days_of(days)));
    of_order.chain(of_refunds).filter(|at| *at > now).min()
}

fn days_of(days: u32) -> Span {
    Span::millis(DAY.as_millis() * i64::from(days))
}

/// Applies what was seen of a paid order.
pub(super) fn apply_observation(
    session: &Session,
    seen: OrderObservation,
    context: &Context<'_>,
) -> Transition {
    let mut next = session.clone();
    let mut news = Vec::new();
    if paid(session).is_err() {
        return Transition::to(next);
    }
    match seen {
        OrderObservation::RefundAnswered { number, answer: RefundAnswer::Made(seen) } => {
            let told = refund::made(&mut next.activity, number, &seen);
            if told != Freshness::Known {
                news.push(OrderChange::Refunded(seen.id));
                // A look that is due all the same stays due.
                let due = next.activity.next_poll_at;
                schedule(&mut next, true, context);
                next.activity.next_poll_at = [due, next.activity.next_poll_at].into_iter().flatten().min();
            }
            if told == Freshness::Stored {
                next.activity.poll_now(context.moment.now);
            }
        }
        OrderObservation::RefundAnswered { number, answer } => {
            if refund::answered(&mut next.activity, number, answer, context) {
                // What Stripe knows may be more than we do: money that went back by other hands.
                next.activity.poll_now(context.moment.now);
            }
        }
        OrderObservation::Read { refunds, disputes, asked, complete } => {
            let all = disputes.is_some();
            take_refunds(&mut next, refunds, &mut news);
            for seen in disputes.into_iter().flatten() {
                take_dispute(&mut next.activity, seen, &mut news);
            }
            refund::missed(&mut next.activity, complete.then_some(asked), context);
            let hinted_since =
                next.activity.next_poll_at.is_some_and(|due| due >= asked && due <= context.moment.now);
            if hinted_since {
                // What was told of while this look was under way, it may have missed.
            } else if all {
                next.activity.poll_requested = false;
                schedule(&mut next, !news.is_empty(), context);
            } else {
                poll_again(&mut next, context);
            }
        }
        OrderObservation::ReadFailed => {
            refund::unread(&mut next.activity, context);
            poll_again(&mut next, context);
        }
        OrderObservation::PutOff { after } => {
            let (now, later) = (context.moment.now, context.moment.now + after.min(LONGEST_PAUSE));
            refund::put_off(&mut next.activity, later, now);
            next.activity.next_poll_at =
                next.activity.next_poll_at.map(|due| if due <= now { later } else { due });
        }
    }
    Transition { news, ..Transition::to(next) }
}

fn take_refunds(session: &mut Session, seen: Vec<RefundSnapshot>, news: &mut Vec<OrderChange>) {
    for seen in seen {
        if refund::take(&mut session.activity, &session.id, &seen) {
            news.push(OrderChange::Refunded(seen.id));
        }
    }
}

fn take_dispute(activity: &mut OrderActivity, seen: Dispute, news: &mut Vec<OrderChange>) {
    let id = seen.id.clone();
    match activity.disputes.iter_mut().find(|known| known.id == seen.id) {
        Some(known) if *known == seen => return,
        Some(known) => *known = seen,
        None => activity.disputes.push(seen),
    }
    news.push(OrderChange::Disputed(id));
}

/// When the next look is due: soon while Stripe has something to decide, else when it is time for the next in any case.
fn schedule(session: &mut Session, anything_new: bool, context: &Context<'_>) {
    let now = context.moment.now;
    let polls = if anything_new { 0 } else { session.activity.polls };
    session.activity.polls = polls.saturating_add(1);
    let in_any_case = next_poll_at(session, now);
    let soon = is_polled(session, now).then(|| now + poll_backoff(polls, context));
    session.activity.next_poll_at = [in_any_case, soon].into_iter().flatten().min();
}

/// A look did not come to its end: it is made again after a pause, however far off the next one is. After
/// [`MOST_FAILED_POLLS`] of them only the looks are left that are made in any case.
fn poll_again(session: &mut Session, context: &Context<'_>) {
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
pub(super) fn poll_backoff(polls: u32, context: &Context<'_>) -> Span {
    doubling((LONGEST_PAUSE, LONGEST_POLL_BACKOFF), polls, context)
}
