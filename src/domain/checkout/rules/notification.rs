//! Notifications about Stripe: a webhook, or a shopper who returns from a Stripe Checkout.
//!
//! A notification is never taken as proof. Invariants: it makes the reading due that may confirm it, in a commit of
//! its own, so that neither a crash nor a failed reading loses it; a payment that a session cannot account for is
//! read until Stripe shows it; it is flagged if it has succeeded, or if Stripe has not shown its end in a month.

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

/// The most payments of one session that wait to be read; a notification of a further one must be repeated later.
const MOST_UNMATCHED: usize = 8;

/// After this many unsuccessful readings, in about a month, the payment is flagged for an operator instead.
const MOST_TRIES: u32 = 170;

/// A notification has arrived: the reading that may confirm it is due now.
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
            next.notified = payment.record_return(now);
        } else {
            payment.poll_soon(now);
        }
    } else if next.state.paid().is_some() {
        // Only the order of a paid session can change.
        if notification.affected == Affected::Order {
            next.activity.notify(now);
        }
    } else if is_polled(&next.state) {
        // While a request is still sent, its own answer counts: a reading may find a payment that is still being
        // made.
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

/// Whether readings decide the payment in this state.
const fn is_polled(state: &State) -> bool {
    if let State::Charging(Charging { phase, .. }) = state {
        return !matches!(phase, Phase::Sending);
    }
    matches!(state, State::AwaitingStripeCheckout { .. } | State::ClosingStripeCheckout { .. })
}

/// Keeps a reading due soon after a notification. The observation just applied may be older than the notification, so
/// its pause must not delay that reading.
pub(crate) fn poll_again_soon(next: &mut Session, context: &Context<'_>) {
    if std::mem::take(&mut next.notified) && is_polled(&next.state) {
        next.state.poll_by(context.moment.now + pause(0, None, context.moment.jitter));
    }
}

/// Whether a payment is the one that paid the session, or that is in progress for it.
fn accounts_for(session: &Session, payment: &PaymentIntentId) -> bool {
    let paid = session.paid().map(|(_, intent)| intent);
    let seen = session.state.attempt().and_then(|attempt| attempt.intent.as_ref());
    paid.or(seen) == Some(payment)
}

/// The unmatched payment that is read next. There is none while a request that charges a token or creates a Stripe
/// Checkout is in progress, since its answer may account for the payment.
fn next(session: &Session) -> Option<&UnmatchedPayment> {
    if matches!(session.state, State::Charging(_) | State::OpeningStripeCheckout(_)) {
        return None;
    }
    session.unmatched_payments.iter().min_by_key(|unmatched| unmatched.retry.next_try)
}

/// When an unmatched payment is read next.
pub(crate) fn due(session: &Session) -> Option<Timestamp> {
    next(session).map(|unmatched| unmatched.retry.next_try)
}

/// The reading of unmatched payments that is due now.
pub(crate) fn work(session: &Session, now: Timestamp) -> Option<Effect> {
    let unmatched = next(session).filter(|unmatched| unmatched.retry.is_due(LONGEST_POLL_BACKOFF, now))?;
    Some(Effect::ReadPayment { payment: unmatched.payment.clone(), account: session.account.clone() })
}

/// Applies an observation of an unmatched payment: once Stripe has shown it, it is accounted for or flagged.
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
        // An operator decides about it; it is read again then.
        attempt.intent = Some(payment.clone());
    }
    let mut transition = Transition::to(next);
    if is_another_success(session, seen) {
        flag_unaccounted(&mut transition, payment, context);
    }
    transition
}

/// Whether a payment of this session is in progress.
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

/// Whether a payment is of this session, has succeeded, and will not be found by a reading that is due anyway. A
/// frozen session has no such readings.
fn is_another_success(session: &Session, seen: &PaymentIntentSnapshot) -> bool {
    let awaited = session.undecided_attempt().is_some_and(|running| Some(running) == seen.attempt)
        && !matches!(session.state, State::Frozen { .. });
    seen.status == PaymentIntentStatus::Succeeded && seen.session.as_ref() == Some(&session.id) && !awaited
}
