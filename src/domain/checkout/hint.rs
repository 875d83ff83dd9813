//! What somebody says has happened at Stripe: a webhook, or a shopper who comes back from its page.
//!
//! A hint is never believed. Invariants: it makes the look due that may bear it out, in a commit of its own, so that no crash
//! and no failed look loses it; a payment that a session cannot account for is read until Stripe has shown it, and flagged if
//! it has succeeded, or if Stripe has not shown its end in a month.

use serde::{Deserialize, Serialize};

use super::aftersales::{LONGEST_WATCH, watch};
use super::attempt::{FlagReason, IntentSeen, IntentStatus, Seen};
use super::command::Rejection;
use super::effect::Effect;
use super::session::{Charging, Phase, Session, State};
use super::settle::{flag, pause, raise};
use super::step::{Context, Transition};
use crate::domain::ids::PaymentIntentId;
use crate::domain::stripe_event::Concern;
use crate::domain::time::{Span, Timestamp};

/// The most payments of one session that wait to be looked at; a further one is to be told of again later.
const MOST_UNEXPLAINED: usize = 8;

/// After so many readings in vain, in about a month, an operator is asked instead.
const MOST_TRIES: u32 = 170;

/// How many readings in vain follow each other within a minute or less.
const QUICK_TRIES: u32 = 8;

/// What somebody says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// What may have changed.
    pub concern: Concern,
    /// The payment that it happened to, where it is known.
    pub payment: Option<PaymentIntentId>,
}

impl Hint {
    /// That there may be something to see of a session's payment.
    #[must_use]
    pub const fn payment() -> Self {
        Self { concern: Concern::Payment, payment: None }
    }
}

/// A payment that was told of and that its session cannot account for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unexplained {
    /// The payment.
    pub payment: PaymentIntentId,
    /// How often it was read in vain.
    pub tries: u32,
    /// When it is read next.
    pub next_try: Timestamp,
}

/// Somebody says that something has happened: the look that may bear it out is due now.
pub(super) fn heard(session: &Session, hint: &Hint, context: &Context<'_>) -> Result<Transition, Rejection> {
    let now = context.moment.now;
    let mut next = session.clone();
    next.hinted = is_looked_at(&session.state);
    match &mut next.state {
        State::AwaitingHosted { hosted, .. } if hint.payment.is_none() => {
            next.hinted = hosted.is_come_back_from(now);
        }
        // While the request is still sent, its own answer is what counts: a reading may meet a payment in the making.
        State::Charging(Charging { phase: Phase::Sending, .. }) | State::OpeningHosted(_) => {}
        State::Charging(Charging { next_try, .. }) => *next_try = now.min(*next_try),
        State::AwaitingHosted { hosted, .. } => hosted.is_awaited(now),
        State::ClosingHosted { hosted, .. } => hosted.next_try = now.min(hosted.next_try),
        // Of a paid one only its order can change.
        State::Completed { .. } if hint.concern == Concern::Order => next.book.hear(now),
        State::Completed { .. }
        | State::Open { .. }
        | State::Ready { .. }
        | State::Frozen { .. }
        | State::Canceled { .. }
        | State::Expired => {}
    }
    if let Some(payment) = &hint.payment
        && !accounts_for(session, payment)
        && !session.unexplained.iter().any(|known| known.payment == *payment)
    {
        if session.unexplained.len() >= MOST_UNEXPLAINED {
            return Err(Rejection::Busy);
        }
        next.unexplained.push(Unexplained { payment: payment.clone(), tries: 0, next_try: now });
    }
    Ok(Transition::to(next))
}

/// Whether what became of the payment is found by looks.
const fn is_looked_at(state: &State) -> bool {
    match state {
        State::Charging(Charging { phase, .. }) => match phase {
            Phase::Sending => false,
            Phase::Reading { .. } | Phase::Canceling { .. } => true,
        },
        State::AwaitingHosted { .. } | State::ClosingHosted { .. } => true,
        State::Open { .. }
        | State::Ready { .. }
        | State::OpeningHosted(_)
        | State::Frozen { .. }
        | State::Completed { .. }
        | State::Canceled { .. }
        | State::Expired => false,
    }
}

/// What came of a look, after a hint: it may be what was there before, and the look that the hint asked for is not put off with
/// it.
pub(super) fn look_again_soon(next: &mut Session, context: &Context<'_>) {
    if !std::mem::take(&mut next.hinted) || !is_looked_at(&next.state) {
        return;
    }
    let soon = context.moment.now + pause(0, None, context);
    match &mut next.state {
        State::Charging(Charging { next_try, .. }) => *next_try = soon.min(*next_try),
        State::AwaitingHosted { hosted, .. } | State::ClosingHosted { hosted, .. } => {
            hosted.next_try = soon.min(hosted.next_try);
        }
        State::Open { .. }
        | State::Ready { .. }
        | State::OpeningHosted(_)
        | State::Frozen { .. }
        | State::Completed { .. }
        | State::Canceled { .. }
        | State::Expired => {}
    }
}

/// Whether a payment is the one that the session was paid with, or is being paid with.
fn accounts_for(session: &Session, payment: &PaymentIntentId) -> bool {
    match &session.state {
        State::Completed { intent, .. } => intent == payment,
        State::Charging(charging) | State::Frozen { charging, .. } => {
            charging.intent.as_ref() == Some(payment)
        }
        State::Open { .. }
        | State::Ready { .. }
        | State::OpeningHosted(_)
        | State::AwaitingHosted { .. }
        | State::ClosingHosted { .. }
        | State::Canceled { .. }
        | State::Expired => false,
    }
}

/// The unexplained payment that is read next. None is while a request for a payment or a page is on its way: its answer may
/// explain it.
fn next(session: &Session) -> Option<&Unexplained> {
    match &session.state {
        State::Charging(_) | State::OpeningHosted(_) => None,
        State::Open { .. }
        | State::Ready { .. }
        | State::AwaitingHosted { .. }
        | State::ClosingHosted { .. }
        | State::Frozen { .. }
        | State::Completed { .. }
        | State::Canceled { .. }
        | State::Expired => session.unexplained.iter().min_by_key(|unexplained| unexplained.next_try),
    }
}

/// When an unexplained payment is to be read.
pub(super) fn due(session: &Session) -> Option<Timestamp> {
    next(session).map(|unexplained| unexplained.next_try)
}

/// What is to be done about unexplained payments now.
pub(super) fn work(session: &Session, now: Timestamp) -> Option<Effect> {
    // A moment beyond any pause was written before the clock was set back.
    let due = |at: Timestamp| at <= now || at > now + LONGEST_WATCH;
    let unexplained = next(session).filter(|unexplained| due(unexplained.next_try))?;
    Some(Effect::ReadPayment { payment: unexplained.payment.clone(), account: session.account.clone() })
}

/// Applies what was seen of an unexplained payment: once Stripe has shown it, it is explained or flagged.
pub(super) fn settle(
    session: &Session,
    payment: &PaymentIntentId,
    seen: &Seen,
    context: &Context<'_>,
) -> Transition {
    let mut next = session.clone();
    let shown = if let Seen::Intent(seen) = seen { Some(seen) } else { None };
    let Some(seen) = shown.filter(|seen| !may_still_succeed(session, seen)) else {
        let now = context.moment.now;
        for waiting in next.unexplained.iter_mut().filter(|waiting| waiting.payment == *payment) {
            if let Seen::PutOff { after } = seen {
                waiting.next_try = now + *after;
                continue;
            }
            waiting.next_try = now + pause_after(waiting.tries, context);
            waiting.tries = waiting.tries.saturating_add(1);
        }
        let given_up = |waiting: &Unexplained| waiting.payment == *payment && waiting.tries >= MOST_TRIES;
        let is_over = next.unexplained.iter().any(given_up);
        next.unexplained.retain(|waiting| !given_up(waiting));
        let mut transition = Transition::to(next);
        if is_over {
            flag(&mut transition, payment, FlagReason::NotShown, context);
        }
        return transition;
    };
    next.unexplained.retain(|waiting| waiting.payment != *payment);
    if let State::Frozen { charging, .. } = &mut next.state
        && charging.intent.is_none()
        && seen.session.as_ref() == Some(&session.id)
        && seen.attempt == Some(charging.attempt)
    {
        // What an operator decides about; it is read again then.
        charging.intent = Some(payment.clone());
    }
    let mut transition = Transition::to(next);
    if is_another_success(session, seen) {
        raise(&mut transition, payment, context);
    }
    transition
}

/// How long to wait after so many readings in vain: seconds at first, then ever longer, since it may be that nobody can read it
/// for days.
pub(super) fn pause_after(tries: u32, context: &Context<'_>) -> Span {
    match tries.checked_sub(QUICK_TRIES) {
        None => pause(tries, None, context),
        Some(looks) => watch(looks, context),
    }
}

/// Whether a payment of this session is under way.
fn may_still_succeed(session: &Session, seen: &IntentSeen) -> bool {
    let under_way = match seen.status {
        IntentStatus::Processing
        | IntentStatus::RequiresAction
        | IntentStatus::RequiresConfirmation
        | IntentStatus::RequiresCapture => true,
        IntentStatus::Succeeded | IntentStatus::Canceled | IntentStatus::RequiresPaymentMethod => false,
    };
    under_way && seen.session.as_ref() == Some(&session.id)
}

/// Whether a payment is of this session, has succeeded, and is not the one that a look of its own will find. A frozen session
/// is looked at no more.
fn is_another_success(session: &Session, seen: &IntentSeen) -> bool {
    let awaited = session.undecided_attempt().is_some_and(|running| Some(running) == seen.attempt)
        && !matches!(session.state, State::Frozen { .. });
    seen.status == IntentStatus::Succeeded && seen.session.as_ref() == Some(&session.id) && !awaited
}
