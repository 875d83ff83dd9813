//! The work that a session has due by time, apart from any caller.

use super::model::{CancelCause, Effect, Event, Phase, Priority, Session, State, Work};
use super::rules::charge::reading;
use super::rules::{notification, order, stripe_checkout, stripe_checkout_polling, unconfirmed};
use crate::domain::retry::LONGEST_PAUSE;
use crate::domain::time::Timestamp;

/// The priority of the work that a session waits for.
#[must_use]
pub fn priority(session: &Session) -> Priority {
    let is_cart = || notification::due(session).is_none() && unconfirmed::due(session).is_none();
    if matches!(session.state, State::AwaitingStripeCheckout { .. }) {
        Priority::StripeCheckout
    } else if session.state.running().is_some() {
        Priority::Payment
    } else if session.running().is_some() {
        Priority::Refund
    } else if session.state.is_the_shoppers() && is_cart() {
        Priority::Cart
    } else {
        // This includes an unpaid session with an unmatched payment, since only its actor reads that.
        Priority::Poll
    }
}

/// When the session's next work is due; the sweeper wakes it then.
#[must_use]
pub fn due_at(session: &Session) -> Option<Timestamp> {
    [state_due_at(session), unconfirmed::due(session), notification::due(session)].into_iter().flatten().min()
}

fn state_due_at(session: &Session) -> Option<Timestamp> {
    if session.state.is_the_shoppers() {
        Some(session.expires)
    } else if session.paid().is_some() {
        order::due(&session.activity)
    } else {
        session.state.running().map(|attempt| attempt.retry.next_try)
    }
}

/// Whether the next try is further off than the longest pause. Then the clock was set back, and the try is due now.
fn beyond_any_pause(session: &Session, now: Timestamp) -> bool {
    if session.paid().is_some() {
        return order::refund::beyond_any_pause(&session.activity, now);
    }
    let is_open = matches!(session.state, State::AwaitingStripeCheckout { .. });
    let longest = if is_open { stripe_checkout_polling::LONGEST_POLL_BACKOFF } else { LONGEST_PAUSE };
    let running = session.state.running();
    running.is_some_and(|attempt| attempt.retry.is_beyond(longest, now) && !attempt.sends.waits(now))
}

/// The work that is due for a session now.
#[must_use]
pub fn work(session: &Session, now: Timestamp) -> Work {
    let due = |at: Timestamp| at <= now || beyond_any_pause(session, now);
    if state_due_at(session).is_some_and(due) {
        return state_work(session, now);
    }
    // The work of the state itself goes first: it may account for the payment.
    unconfirmed::work(session, now)
        .or_else(|| notification::work(session, now))
        .map_or_else(|| Work::Wait(due_at(session)), Work::Run)
}

fn state_work(session: &Session, now: Timestamp) -> Work {
    match &session.state {
        State::Open { .. } | State::Ready { .. } => Work::Step(Box::new(Event::TimeOut)),
        State::Charging(charging) => match (&charging.phase, &charging.attempt.intent) {
            // Due although no answer to the first send was recorded.
            (Phase::Sending, _) if charging.attempt.retry.tries == 0 => {
                Work::Step(Box::new(Event::SendInterrupted(charging.attempt.number)))
            }
            (Phase::Sending, _) if now < charging.attempt.repeat_until => {
                Work::Run(Effect::Charge(charging.attempt.number))
            }
            (Phase::Sending, _) => Work::Step(Box::new(Event::RepeatingEnded)),
            (Phase::Canceling { .. }, Some(intent)) => Work::Run(Effect::Cancel {
                attempt: charging.attempt.number,
                intent: intent.clone(),
                cause: CancelCause::Ending,
                tries: charging.attempt.retry.tries,
            }),
            (Phase::Reading | Phase::Canceling { .. }, _) => Work::Run(reading(charging)),
        },
        State::OpeningStripeCheckout(payment) => stripe_checkout::opening(payment, now),
        State::AwaitingStripeCheckout { payment, checkout } => {
            let (attempt, awaited) = (payment.attempt.number, payment.awaited);
            Work::Run(Effect::ReadStripeCheckout { attempt, checkout: checkout.id.clone(), awaited })
        }
        State::ClosingStripeCheckout { payment, checkout, .. } => Work::Run(Effect::ExpireStripeCheckout {
            attempt: payment.attempt.number,
            checkout: checkout.id.clone(),
            tries: payment.attempt.retry.tries,
        }),
        State::Completed { intent, .. } => order::work(session, intent, now),
        State::Frozen { .. } | State::Canceled { .. } | State::Expired => Work::Wait(due_at(session)),
    }
}
