//! What a session's own clock asks for, apart from any caller: when it waits for something, and what that is.

use super::model::{
    AttemptObservation, CancelCause, Charging, Effect, Event, LONGEST_PAUSE, Phase, Priority, Session, State,
    StripeCheckoutAttempt, Work,
};
use super::rules::charge::reading;
use super::rules::{notification, order, stripe_checkout, stripe_checkout_polling, unconfirmed};
use crate::domain::time::Timestamp;

/// What is at stake in what a session waits for.
#[must_use]
pub fn priority(session: &Session) -> Priority {
    match &session.state {
        State::Charging(_) | State::OpeningHosted(_) | State::ClosingHosted { .. } => Priority::Payment,
        State::AwaitingHosted { .. } => Priority::OpenPage,
        State::Completed { .. } if session.activity.asking().is_some() => Priority::Refund,
        // A payment that the session cannot account for is read, and one looked for, which only its actor does.
        State::Open { .. } | State::Ready { .. }
            if notification::due(session).is_none() && unconfirmed::due(session).is_none() =>
        {
            Priority::Cart
        }
        State::Open { .. }
        | State::Ready { .. }
        | State::Completed { .. }
        | State::Frozen { .. }
        | State::Canceled { .. }
        | State::Expired => Priority::Poll,
    }
}

/// When a session waits for something next: the sweeper wakes it then.
#[must_use]
pub fn due_at(session: &Session) -> Option<Timestamp> {
    [state_due_at(session), unconfirmed::due(session), notification::due(session)].into_iter().flatten().min()
}

fn state_due_at(session: &Session) -> Option<Timestamp> {
    match &session.state {
        State::Open { .. } | State::Ready { .. } => Some(session.expires),
        State::Charging(charging) => Some(charging.next_try),
        State::OpeningHosted(hosted)
        | State::AwaitingHosted { hosted, .. }
        | State::ClosingHosted { hosted, .. } => Some(hosted.next_try),
        State::Completed { .. } => order::due(&session.activity),
        State::Frozen { .. } | State::Canceled { .. } | State::Expired => None,
    }
}

/// Whether the next try is further off than any pause is long: then the clock was set back, and it is due now.
fn beyond_any_pause(session: &Session, now: Timestamp) -> bool {
    match &session.state {
        State::Charging(Charging { next_try, sends, .. }) => {
            *next_try > now + LONGEST_PAUSE && !sends.waits(now)
        }
        State::AwaitingHosted { hosted: StripeCheckoutAttempt { next_try, .. }, .. } => {
            *next_try > now + stripe_checkout_polling::LONGEST_POLL_BACKOFF
        }
        State::OpeningHosted(StripeCheckoutAttempt { next_try, .. })
        | State::ClosingHosted { hosted: StripeCheckoutAttempt { next_try, .. }, .. } => {
            *next_try > now + LONGEST_PAUSE
        }
        State::Completed { .. } => order::refund::beyond_any_pause(&session.activity, now),
        State::Open { .. }
        | State::Ready { .. }
        | State::Frozen { .. }
        | State::Canceled { .. }
        | State::Expired => false,
    }
}

/// What is to be done for a session now.
#[must_use]
pub fn work(session: &Session, now: Timestamp) -> Work {
    let due = |at: Timestamp| at <= now || beyond_any_pause(session, now);
    if state_due_at(session).is_some_and(due) {
        return state_work(session, now);
    }
    // What the state itself waits for goes first: it may account for the payment.
    unconfirmed::work(session, now)
        .or_else(|| notification::work(session, now))
        .map_or_else(|| Work::Wait(due_at(session)), Work::Run)
}

fn state_work(session: &Session, now: Timestamp) -> Work {
    match &session.state {
        State::Open { .. } | State::Ready { .. } => Work::Step(Box::new(Event::TimeOut)),
        State::Charging(charging) => match (&charging.phase, &charging.intent) {
            // Due, and never told of: the answer to the first send died with the process that waited for it.
            (Phase::Sending, _) if charging.tries == 0 => Work::Step(Box::new(Event::AttemptObserved {
                attempt: charging.attempt,
                seen: AttemptObservation::unanswered(),
            })),
            (Phase::Sending, _) if now < charging.repeat_until => Work::Run(Effect::Charge(charging.attempt)),
            (Phase::Sending, _) => Work::Step(Box::new(Event::RepeatingEnded)),
            (Phase::Canceling { .. }, Some(intent)) => Work::Run(Effect::Cancel {
                attempt: charging.attempt,
                intent: intent.clone(),
                cause: CancelCause::Ending,
                tries: charging.tries,
            }),
            (Phase::Reading { .. } | Phase::Canceling { .. }, _) => Work::Run(reading(charging)),
        },
        State::OpeningHosted(hosted) => stripe_checkout::opening(hosted, now),
        State::AwaitingHosted { hosted, page } => {
            let (attempt, awaited) = (hosted.attempt, hosted.awaited);
            Work::Run(Effect::ReadStripeCheckout { attempt, page: page.id.clone(), awaited })
        }
        State::ClosingHosted { hosted, page, .. } => Work::Run(Effect::ExpireStripeCheckout {
            attempt: hosted.attempt,
            page: page.id.clone(),
            tries: hosted.tries,
        }),
        State::Completed { intent, .. } => order::work(session, intent, now),
        State::Frozen { .. } | State::Canceled { .. } | State::Expired => Work::Wait(due_at(session)),
    }
}
