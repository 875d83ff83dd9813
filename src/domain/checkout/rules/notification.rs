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
    Rejection, Session, ShopRejection, State, StripeNotification, Transition, UnmatchedPayment,
};
use crate::domain::ids::PaymentIntentId;
use crate::domain::retry::{Retry, pause};
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
    next.notified = is_polled(&session.state);
    if let State::AwaitingStripeCheckout { payment, .. } = &mut next.state {
        if notification.payment.is_none() {
            next.notified = payment.is_come_back_from(now);
        } else {
            payment.is_awaited(now);
        }
    } else if next.state.paid().is_some() {
        // Of a paid one only its order can change.
        if notification.affected == Affected::Order {
            next.activity.notify(now);
        }
    } else if is_polled(&next.state) {
        // While a request is still sent, its own answer is what counts: a reading may meet a payment in the making.
        next.state.poll_by(now);
    }
    if let Some(payment) = &notification.payment
        && !accounts_for(session, payment)
        && !session.unmatched_payments.iter().any(|known| known.payment == *payment)
    {
        if session.unmatched_payments.len() >= MOST_UNMATCHED {
            return Err(Rejection::Shop(ShopRejection::Busy));
        }
        next.unmatched_payments.push(UnmatchedPayment { payment: payment.clone(), retry: Retry::at(now) });
    }
    Ok(Transition::to(next))
}

/// Whether what became of the payment is found by looks.
const fn is_polled(state: &State) -> bool {
    if let State::Charging(Charging { phase, .. }) = state {
        return !matches!(phase, Phase::Sending);
    }
    matches!(state, State::AwaitingStripeCheckout { .. } | State::ClosingStripeCheckout { .. })
}

/// What came of a look, after a hint: it may be what was there before, and the look that the hint asked for is not put off with
/// it.
pub(crate) fn poll_again_soon(next: &mut Session, context: &Context<'_>) {
    if std::mem::take(&mut next.notified) && is_polled(&next.state) {
        next.state.poll_by(context.moment.now + pause(0, None, context.moment.jitter));
    }
}

/// Whether a payment is the one that the session was paid with, or is being paid with.
fn accounts_for(session: &Session, payment: &PaymentIntentId) -> bool {
    let paid = session.paid().map(|(_, intent)| intent);
    let seen = session.state.attempt().and_then(|attempt| attempt.intent.as_ref());
    paid.or(seen) == Some(payment)
}

/// The unexplained payment that is read next. None is while a request for a payment or a page is on its way: its answer may
/// explain it.
fn next(session: &Session) -> Option<&UnmatchedPayment> {
    if matches!(session.state, State::Charging(_) | State::OpeningStripeCheckout(_)) {
        return None;
    }
    session.unmatched_payments.iter().min_by_key(|unmatched| unmatched.retry.next_try)
}

/// When an unexplained payment is to be read.
pub(crate) fn due(session: &Session) -> Option<Timestamp> {
    next(session).map(|unmatched| unmatched.retry.next_try)
}

/// What is to be done about unexplained payments now.
pub(crate) fn work(session: &Session, now: Timestamp) -> Option<Effect> {
    let unmatched = next(session).filter(|unmatched| unmatched.retry.is_due(LONGEST_POLL_BACKOFF, now))?;
    Some(Effect::ReadPayment { payment: unmatched.payment.clone(), account: session.account.clone() })
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
                waiting.retry.next_try = now + *after;
                continue;
            }
            waiting.retry.again_after(read_backoff(waiting.retry.tries, context), now);
        }
        let given_up =
            |waiting: &UnmatchedPayment| waiting.payment == *payment && waiting.retry.tries >= MOST_TRIES;
        let is_over = next.unmatched_payments.iter().any(given_up);
        next.unmatched_payments.retain(|waiting| !given_up(waiting));
        let mut transition = Transition::to(next);
        if is_over {
            flag(&mut transition, payment, FlagReason::NotShown, context);
        }
        return transition;
    };
    next.unmatched_payments.retain(|waiting| waiting.payment != *payment);
    if let State::Frozen { attempt, .. } = &mut next.state
        && attempt.intent.is_none()
        && seen.session.as_ref() == Some(&session.id)
        && seen.attempt == Some(attempt.number)
    {
        // What an operator decides about; it is read again then.
        attempt.intent = Some(payment.clone());
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
