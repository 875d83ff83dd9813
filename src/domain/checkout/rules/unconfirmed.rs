//! An attempt that was called unpaid although a payment of it may still appear. An operator called it so while Stripe
//! could not be read, or empty readings did before the end of the time in which its request can still arrive.
//!
//! Invariants: the former is read until one reading is complete, however long that takes; the latter is read once
//! more when nothing of it can arrive any more, with retries for some days; a payment that could still succeed is
//! canceled, and one that has succeeded is flagged.

use super::order::polling::{LONGEST_POLL_BACKOFF, read_backoff};
use crate::domain::checkout::model::{
    Attempt, CancelCause, Context, Effect, Observation, PaymentIntentSnapshot, PaymentIntentStatus, Session,
    Unconfirmed,
};
use crate::domain::ids::AttemptNumber;
use crate::domain::retry::{Retry, pause};
use crate::domain::sends::LATEST_ARRIVAL;
use crate::domain::time::Timestamp;

/// After this many failed last readings, in about four days, no further one is made: Stripe retries its webhooks for
/// three.
const MOST_LAST_POLLS: u32 = 30;

impl Unconfirmed {
    /// The reading that is still to be made of an attempt that was decided without one.
    pub(crate) fn of(attempt: &Attempt, context: &Context<'_>) -> Self {
        Self {
            attempt: attempt.number,
            intent: attempt.intent.clone(),
            repeat_until: attempt.repeat_until,
            sends: attempt.sends,
            retry: Retry::at(context.moment.now + pause(0, None, context.moment.jitter)),
            arrived_by: None,
        }
    }

    /// The last reading of an attempt that is now called unpaid because of an empty reading begun at `asked`; `None`
    /// if nothing of it could arrive any more at that moment. Stripe's clock has just agreed with ours, so the last
    /// reading is timed from now.
    pub(crate) fn by_silence(attempt: &Attempt, asked: Timestamp, context: &Context<'_>) -> Option<Self> {
        Self::of(attempt, context).last_poll(asked, context)
    }

    fn last_poll(self, asked: Timestamp, context: &Context<'_>) -> Option<Self> {
        let last = self.sends.ended.map_or(self.repeat_until, |ended| ended.max(self.repeat_until));
        let arrived_by = context.moment.now + LATEST_ARRIVAL;
        (asked < last + LATEST_ARRIVAL).then_some(Self {
            retry: Retry::at(arrived_by),
            arrived_by: Some(arrived_by),
            ..self
        })
    }

    /// Whether a complete reading that began at `asked` and found nothing is final.
    fn silence_counts(&self, asked: Timestamp) -> bool {
        self.arrived_by.is_none_or(|by| asked >= by) && self.sends.silence_counts(asked, self.repeat_until)
    }

    fn is_due(&self, now: Timestamp) -> bool {
        // A moment beyond any pause was set before the clock was set back; the first pause of a last reading is a
        // day.
        let beyond_any_pause =
            || self.retry.is_beyond(LONGEST_POLL_BACKOFF, now) && self.arrived_by.is_none_or(|by| by <= now);
        self.retry.next_try <= now || beyond_any_pause()
    }

    fn is_given_up(&self) -> bool {
        self.arrived_by.is_some() && self.retry.tries >= MOST_LAST_POLLS
    }

    fn poll(&self) -> Effect {
        let attempt = self.attempt;
        if let Some(intent) = self.intent.clone() {
            return Effect::Cancel {
                attempt,
                intent,
                cause: CancelCause::Unconfirmed,
                tries: self.retry.tries,
            };
        }
        let made_by = self.sends.effective_by(self.repeat_until).max(self.arrived_by);
        Effect::Read { attempt, intent: None, made_by }
    }

    fn again(&mut self, context: &Context<'_>) {
        self.retry.again_after(read_backoff(self.retry.tries, context), context.moment.now);
    }
}

/// The attempt that is read next. There is none while another attempt is in progress, which is decided first.
fn next(session: &Session) -> Option<&Unconfirmed> {
    if session.running().is_some() {
        return None;
    }
    session.unconfirmed.iter().chain(&session.last_polls).min_by_key(|unconfirmed| unconfirmed.retry.next_try)
}

/// When such an attempt is read next.
pub(crate) fn due(session: &Session) -> Option<Timestamp> {
    next(session).map(|unconfirmed| unconfirmed.retry.next_try)
}

/// The reading of such an attempt that is due now.
pub(crate) fn work(session: &Session, now: Timestamp) -> Option<Effect> {
    next(session).filter(|unconfirmed| unconfirmed.is_due(now)).map(Unconfirmed::poll)
}

/// How many readings of an attempt have failed since it was called unpaid; `None` if it is no longer read.
pub(crate) fn tries(session: &Session, attempt: AttemptNumber) -> Option<u32> {
    let mut read = session.unconfirmed.iter().chain(&session.last_polls);
    read.find(|unconfirmed| unconfirmed.attempt == attempt).map(|unconfirmed| unconfirmed.retry.tries)
}

/// Applies an observation of such an attempt; the caller flags a success.
pub(crate) fn apply_observation(
    next: &mut Session,
    attempt: AttemptNumber,
    seen: &Observation,
    context: &Context<'_>,
) {
    let goes_on =
        |unconfirmed: &mut Unconfirmed| unconfirmed.attempt != attempt || goes_on(unconfirmed, seen, context);
    next.last_polls.retain_mut(goes_on);
    if next.unconfirmed.as_mut().is_some_and(|unconfirmed| !goes_on(unconfirmed)) {
        let known = next.unconfirmed.take();
        if let Observation::Absent { asked } = seen {
            next.last_polls.extend(known.and_then(|known| known.last_poll(*asked, context)));
        }
    }
}

/// Whether it is still to be read.
fn goes_on(unconfirmed: &mut Unconfirmed, seen: &Observation, context: &Context<'_>) -> bool {
    let now = context.moment.now;
    match seen {
        Observation::PaymentIntent(PaymentIntentSnapshot {
            status: PaymentIntentStatus::Succeeded | PaymentIntentStatus::Canceled,
            ..
        }) => {
            return false;
        }
        Observation::PaymentIntent(PaymentIntentSnapshot { id, .. }) => unconfirmed.intent = Some(id.clone()),
        // The answer to an earlier reading.
        _ if unconfirmed.arrived_by.is_some_and(|by| now < by) => return true,
        Observation::Absent { asked } if unconfirmed.silence_counts(*asked) => return false,
        Observation::PutOff { after } => {
            unconfirmed.retry.next_try = now + *after;
            return true;
        }
        Observation::Absent { .. }
        | Observation::StripeCheckout(_)
        | Observation::Declined { .. }
        | Observation::TokenRefused { .. }
        | Observation::RequestRefused { .. }
        | Observation::RefusedForGood { .. }
        | Observation::IdempotencyConflict
        | Observation::KeyRefused
        | Observation::OtherAccount
        | Observation::Inconclusive(_)
        | Observation::ReadFailed => {}
    }
    unconfirmed.again(context);
    !unconfirmed.is_given_up()
}
