//! What somebody says has happened at Stripe: a webhook, or a shopper who comes back from its page.
//!
//! A hint is never believed. Invariants: it makes the look due that may bear it out, in a commit of its own, so that no crash
//! and no failed look loses it; a payment that a session cannot account for is read until Stripe has shown it, and flagged if
//! it has succeeded, or if Stripe has not shown its end in a month.

use super::flags::{flag, flag_unaccounted};
use super::order::polling::{LONGEST_POLL_BACKOFF, read_backoff};
use crate::domain::checkout::model::Affected;
use crate::domain::checkout::model::{
    Charging, Context, Effect, FlagReason, Observation, PaymentIntentSnapshot, PaymentIntentStatus, Phase,
    Rejection, Session, ShopRejection, State, StripeNotification, Transition, UnmatchedPayment, pause,
};
use crate::domain::ids::PaymentIntentId;
use crate::domain::time::Timestamp;

/// The most payments of one session that wait to be looked at; a further one is to be told of again later.
const MOST_UNMATCHED: usize = 8;

/// After so many readings in vain, in about a month, an operator is asked instead.
const MOST_TRIES: u32 = 170;

/// Somebody says that something has happened: the look that may bear it out is due now.
pub(crate) fn notified(
    session: &Session,
    notification: &StripeNotification,
    context: &Context<'_>,
) -> Result<Transition, Rejection> {
    let now = context.moment.now;
    let mut next = session.clone();
    next.notified = is_looked_at(&session.state);
    match &mut next.state {
        State::AwaitingHosted { hosted, .. } if notification.payment.is_none() => {
            next.notified = hosted.is_come_back_from(now);
        }
        // While the request is still sent, its own answer is what counts: a reading may meet a payment in the making.
        State::Charging(Charging { phase: Phase::Sending, .. }) | State::OpeningHosted(_) => {}
        State::Charging(Charging { next_try, .. }) => *next_try = now.min(*next_try),
        State::AwaitingHosted { hosted, .. } => hosted.is_awaited(now),
        State::ClosingHosted { hosted, .. } => hosted.next_try = now.min(hosted.next_try),
        // Of a paid one only its order can change.
        State::Completed { .. } if notification.affected == Affected::Order => next.activity.notify(now),
        State::Completed { .. }
        | State::Open { .. }
        | State::Ready { .. }
        | State::Frozen { .. }
        | State::Canceled { .. }
        | State::Expired => {}
    }
    if let Some(payment) = &notification.payment
        && !accounts_for(session, payment)
        && !session.unmatched_payments.iter().any(|known| known.payment == *payment)
    {
        if session.unmatched_payments.len() >= MOST_UNMATCHED {
            return Err(Rejection::Shop(ShopRejection::Busy));
        }
        next.unmatched_payments.push(UnmatchedPayment { payment: payment.clone(), tries: 0, next_try: now });
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
pub(crate) fn poll_again_soon(next: &mut Session, context: &Context<'_>) {
    if !std::mem::take(&mut next.notified) || !is_looked_at(&next.state) {
        return;
    }
    let soon = context.moment.now + pause(0, None, context.moment.jitter);
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
fn next(session: &Session) -> Option<&UnmatchedPayment> {
    match &session.state {
        State::Charging(_) | State::OpeningHosted(_) => None,
        State::Open { .. }
        | State::Ready { .. }
        | State::AwaitingHosted { .. }
        | State::ClosingHosted { .. }
        | State::Frozen { .. }
        | State::Completed { .. }
        | State::Canceled { .. }
        | State::Expired => {
            session.unmatched_payments.iter().min_by_key(|unmatched_payments| unmatched_payments.next_try)
        }
    }
}

/// When an unexplained payment is to be read.
pub(crate) fn due(session: &Session) -> Option<Timestamp> {
    next(session).map(|unmatched_payments| unmatched_payments.next_try)
}

/// What is to be done about unexplained payments now.
pub(crate) fn work(session: &Session, now: Timestamp) -> Option<Effect> {
    // A moment beyond any pause was written before the clock was set back.
    let due = |at: Timestamp| at <= now || at > now + LONGEST_POLL_BACKOFF;
    let unmatched_payments = next(session).filter(|unmatched_payments| due(unmatched_payments.next_try))?;
    Some(Effect::ReadPayment {
        payment: unmatched_payments.payment.clone(),
        account: session.account.clone(),
    })
}

/// Applies what was seen of an unexplained payment: once Stripe has shown it, it is explained or flagged.
pub(crate) fn apply_observation(
    session: &Session,
    payment: &PaymentIntentId,
    seen: &Observation,
    context: &Context<'_>,
) -> Transition {
    let mut next = session.clone();
    let shown = if let Observation::PaymentIntent(seen) = seen { Some(seen) } else { None };
    let Some(seen) = shown.filter(|seen| !may_still_succeed(session, seen)) else {
        let now = context.moment.now;
        for waiting in next.unmatched_payments.iter_mut().filter(|waiting| waiting.payment == *payment) {
            if let Observation::PutOff { after } = seen {
                waiting.next_try = now + *after;
                continue;
            }
            waiting.next_try = now + read_backoff(waiting.tries, context);
            waiting.tries = waiting.tries.saturating_add(1);
        }
        let given_up =
            |waiting: &UnmatchedPayment| waiting.payment == *payment && waiting.tries >= MOST_TRIES;
        let is_over = next.unmatched_payments.iter().any(given_up);
        next.unmatched_payments.retain(|waiting| !given_up(waiting));
        let mut transition = Transition::to(next);
        if is_over {
            flag(&mut transition, payment, FlagReason::NotShown, context);
        }
        return transition;
    };
    next.unmatched_payments.retain(|waiting| waiting.payment != *payment);
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
        flag_unaccounted(&mut transition, payment, context);
    }
    transition
}

/// Whether a payment of this session is under way.
fn may_still_succeed(session: &Session, seen: &PaymentIntentSnapshot) -> bool {
    let under_way = match seen.status {
        PaymentIntentStatus::Processing
        | PaymentIntentStatus::RequiresAction
        | PaymentIntentStatus::RequiresConfirmation
        | PaymentIntentStatus::RequiresCapture => true,
        PaymentIntentStatus::Succeeded
        | PaymentIntentStatus::Canceled
        | PaymentIntentStatus::RequiresPaymentMethod => false,
    };
    under_way && seen.session.as_ref() == Some(&session.id)
}

/// Whether a payment is of this session, has succeeded, and is not the one that a look of its own will find. A frozen session
/// is looked at no more.
fn is_another_success(session: &Session, seen: &PaymentIntentSnapshot) -> bool {
    let awaited = session.undecided_attempt().is_some_and(|running| Some(running) == seen.attempt)
        && !matches!(session.state, State::Frozen { .. });
    seen.status == PaymentIntentStatus::Succeeded && seen.session.as_ref() == Some(&session.id) && !awaited
}
