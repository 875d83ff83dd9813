//! What happens to a session that is paid: refunds, disputes, goods that are sent.
//!
//! What happened at Stripe without us is found by looking there: soon when somebody hints at it or something is undecided,
//! and now and then in any case. What is asked for here is in [`refund`], what is sent in [`fulfillment`].
//! Source: Stripe API `2026-09-30.preview`, Refunds and Disputes.

pub mod fulfillment;
pub mod refund;

use refund::Told;
pub use refund::{RefundAnswer, RefundIntent, RefundSeen, RefundWish};

use super::command::Rejection;
use super::due::Work;
use super::effect::{Effect, OrderEffect};
use super::session::{Session, State};
use super::settle::{LONGEST_PAUSE, doubling};
use super::step::{Context, Transition};
use crate::domain::ids::{DisputeId, PaymentIntentId, Reference, RefundId, RefundNumber};
use crate::domain::order::{Book, Dispute};
use crate::domain::pricing::Quote;
use crate::domain::time::{Span, Timestamp};

const DAY: Span = Span::hours(24);

/// When a paid order is looked at in any case, in days from when its checkout began: a dispute may come for months.
const LOOKS: [u32; 7] = [1, 7, 14, 30, 60, 90, 120];

/// The same from when each of its refunds was made: one may come back long after it has left.
const REFUND_LOOKS: [u32; 5] = [1, 3, 7, 14, 30];

/// For how many days a refund or a dispute that has no end yet is looked at; later only webhooks and operators bring news.
const WATCHED: u32 = 120;

/// How many looks in a row may fail before only those are made that are made in any case: about a week of them.
const LOOKS_IN_VAIN: u32 = 40;

/// The longest pause between two looks at something that Stripe has still to decide.
pub(super) const LONGEST_WATCH: Span = Span::hours(6);

/// Something that a merchant is told of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A refund stands elsewhere than before.
    Refunded(RefundId),
    /// A dispute does.
    Disputed(DisputeId),
    /// Goods were sent.
    Fulfilled(Reference),
}

/// What one look at Stripe showed of a paid order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderSeen {
    /// The answer to the request for a refund.
    Asked {
        /// Which.
        number: RefundNumber,
        /// What was answered.
        answer: RefundAnswer,
    },
    /// The refunds and disputes of the payment.
    Read {
        /// The refunds.
        refunds: Vec<RefundSeen>,
        /// The disputes; `None` when they could not be read.
        disputes: Option<Vec<Dispute>>,
        /// When the looking began: what it says is no younger.
        asked: Timestamp,
        /// Whether a refund that it does not show was not made until then.
        complete: bool,
    },
    /// A look that did not come to its end.
    Unread,
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
pub(super) fn due(book: &Book) -> Option<Timestamp> {
    let asking = book.asking().map(|(_, asking)| asking.next_try);
    [asking, book.next_look].into_iter().flatten().min()
}

/// What is to be done for a paid session that is due.
pub(super) fn work(session: &Session, payment: &PaymentIntentId, now: Timestamp) -> Work {
    refund::work(&session.book, now).unwrap_or_else(|| Work::Run(look(session, payment)))
}

/// The look that tells what became of an order.
fn look(session: &Session, payment: &PaymentIntentId) -> Effect {
    let account = session.account.clone();
    let undecided = session.book.asking().is_some();
    Effect::Order(OrderEffect::Read { payment: payment.clone(), account, undecided })
}

/// When a paid session is looked at next in any case.
pub(super) fn next_look(session: &Session, now: Timestamp) -> Option<Timestamp> {
    let of_order = LOOKS.iter().map(|days| session.created + days_of(*days));
    let refunds = session.book.refunds.iter();
    let of_refunds = refunds.flat_map(|made| REFUND_LOOKS.map(|days| made.created + days_of(days)));
    of_order.chain(of_refunds).filter(|at| *at > now).min()
}

fn days_of(days: u32) -> Span {
    Span::millis(DAY.as_millis() * i64::from(days))
}

/// Applies what was seen of a paid order.
pub(super) fn settle(session: &Session, seen: OrderSeen, context: &Context<'_>) -> Transition {
    let mut next = session.clone();
    let mut news = Vec::new();
    if paid(session).is_err() {
        return Transition::to(next);
    }
    match seen {
        OrderSeen::Asked { number, answer: RefundAnswer::Made(seen) } => {
            let told = refund::made(&mut next.book, number, &seen);
            if told != Told::Known {
                news.push(News::Refunded(seen.id));
                // A look that is due all the same stays due.
                let due = next.book.next_look;
                schedule(&mut next, true, context);
                next.book.next_look = [due, next.book.next_look].into_iter().flatten().min();
            }
            if told == Told::Stored {
                next.book.look_now(context.moment.now);
            }
        }
        OrderSeen::Asked { number, answer } => {
            if refund::answered(&mut next.book, number, answer, context) {
                // What Stripe knows may be more than we do: money that went back by other hands.
                next.book.look_now(context.moment.now);
            }
        }
        OrderSeen::Read { refunds, disputes, asked, complete } => {
            let all = disputes.is_some();
            take_refunds(&mut next, refunds, &mut news);
            for seen in disputes.into_iter().flatten() {
                take_dispute(&mut next.book, seen, &mut news);
            }
            refund::missed(&mut next.book, complete.then_some(asked), context);
            let hinted_since =
                next.book.next_look.is_some_and(|due| due >= asked && due <= context.moment.now);
            if hinted_since {
                // What was told of while this look was under way, it may have missed.
            } else if all {
                next.book.is_told_of = false;
                schedule(&mut next, !news.is_empty(), context);
            } else {
                look_again(&mut next, context);
            }
        }
        OrderSeen::Unread => {
            refund::unread(&mut next.book, context);
            look_again(&mut next, context);
        }
        OrderSeen::PutOff { after } => {
            let (now, later) = (context.moment.now, context.moment.now + after.min(LONGEST_PAUSE));
            refund::put_off(&mut next.book, later, now);
            next.book.next_look = next.book.next_look.map(|due| if due <= now { later } else { due });
        }
    }
    Transition { news, ..Transition::to(next) }
}

fn take_refunds(session: &mut Session, seen: Vec<RefundSeen>, news: &mut Vec<News>) {
    for seen in seen {
        if refund::take(&mut session.book, &session.id, &seen) {
            news.push(News::Refunded(seen.id));
        }
    }
}

fn take_dispute(book: &mut Book, seen: Dispute, news: &mut Vec<News>) {
    let id = seen.id.clone();
    match book.disputes.iter_mut().find(|known| known.id == seen.id) {
        Some(known) if *known == seen => return,
        Some(known) => *known = seen,
        None => book.disputes.push(seen),
    }
    news.push(News::Disputed(id));
}

/// When the next look is due: soon while Stripe has something to decide, else when it is time for the next in any case.
fn schedule(session: &mut Session, anything_new: bool, context: &Context<'_>) {
    let now = context.moment.now;
    let looks = if anything_new { 0 } else { session.book.looks };
    session.book.looks = looks.saturating_add(1);
    let in_any_case = next_look(session, now);
    let soon = is_watched(session, now).then(|| now + watch(looks, context));
    session.book.next_look = [in_any_case, soon].into_iter().flatten().min();
}

/// A look did not come to its end: it is made again after a pause, however far off the next one is. After
/// [`LOOKS_IN_VAIN`] of them only the looks are left that are made in any case.
fn look_again(session: &mut Session, context: &Context<'_>) {
    let now = context.moment.now;
    let looks = session.book.looks;
    session.book.looks = looks.saturating_add(1);
    let soon = looks < LOOKS_IN_VAIN || is_watched(session, now);
    session.book.is_told_of &= soon;
    session.book.next_look = if soon { Some(now + watch(looks, context)) } else { next_look(session, now) };
}

/// Whether Stripe has still to say how something ends, and it is not so old that only a webhook may tell.
fn is_watched(session: &Session, now: Timestamp) -> bool {
    session.book.is_unsettled_since(now - days_of(WATCHED))
}

/// A pause that doubles from look to look, from a minute to [`LONGEST_WATCH`].
pub(super) fn watch(looks: u32, context: &Context<'_>) -> Span {
    doubling((LONGEST_PAUSE, LONGEST_WATCH), looks, context)
}
