//! What a session's own clock asks for, apart from any caller: when it waits for something, and what that is.

use super::aftersales;
use super::attempt::{Inconclusive, Observation};
use super::effect::{CancelCause, Effect};
use super::event::Event;
use super::hosted::{self, StripeCheckoutAttempt};
use super::notification;
use super::outcome::{LONGEST_PAUSE, reading};
use super::session::{Charging, Phase, Session, State};
use super::stripe_checkout_polling;
use super::unconfirmed;
use crate::domain::time::Timestamp;

/// What a session's own clock asks for, apart from any caller.
#[derive(Clone, Debug)]
pub enum Work {
    /// Nothing before this moment; `None`: nothing at all.
    Wait(Option<Timestamp>),
    /// Something at Stripe, without a change of state.
    Run(Effect),
    /// A transition.
    Step(Box<Event>),
}

/// What is at stake in what a session waits for, the most urgent first. Due work is done in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// A payment whose outcome is not known, or that a page must be opened or closed for.
    Payment,
    /// A page at Stripe on which a shopper may be paying.
    OpenPage,
    /// A refund whose outcome is not known.
    Refund,
    /// A reading of what became of a payment or an order that is decided here.
    Poll,
    /// A cart that nobody has paid and nobody is paying: its time is over.
    Cart,
}

impl Priority {
    /// Every one, the most urgent first.
    pub const ALL: [Self; 5] = [Self::Payment, Self::OpenPage, Self::Refund, Self::Poll, Self::Cart];
}

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
        State::Completed { .. } => aftersales::due(&session.activity),
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
        State::Completed { .. } => aftersales::refund::beyond_any_pause(&session.activity, now),
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
                seen: Observation::Inconclusive(Inconclusive::default()),
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
        State::OpeningHosted(hosted) => hosted::opening(hosted, now),
        State::AwaitingHosted { hosted, page } => {
            let (attempt, awaited) = (hosted.attempt, hosted.awaited);
            Work::Run(Effect::ReadStripeCheckout { attempt, page: page.id.clone(), awaited })
        }
        State::ClosingHosted { hosted, page, .. } => Work::Run(Effect::ExpireStripeCheckout {
            attempt: hosted.attempt,
            page: page.id.clone(),
            tries: hosted.tries,
        }),
        State::Completed { intent, .. } => aftersales::work(session, intent, now),
        State::Frozen { .. } | State::Canceled { .. } | State::Expired => Work::Wait(due_at(session)),
    }
}
