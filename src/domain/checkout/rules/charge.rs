//! What each answer of Stripe means for an attempt in progress: the core of "exactly once".
//!
//! Invariants: an empty reading proves nothing before no payment can arrive any more; an attempt ends only when it is
//! known to be paid or known to have failed; a payment that differs from the expected one never becomes an order.

use super::completion::{completed_by, ended};
use super::flags::flag_unaccounted;
use crate::domain::checkout::model::{
    AttemptEnd, AttemptMove, CancelCause, CancelReason, Charging, Context, Effect, FreezeReason,
    Inconclusive, Notice, Observation, PaymentIntentSnapshot, PaymentIntentStatus, Phase, RefusedField,
    Session, State, Transition, Unconfirmed,
};
use crate::domain::retry::LONGEST_PAUSE;
use crate::domain::sends::ABSENCE_INTERVAL;
use crate::domain::time::{Span, Timestamp};

/// Applies an observation of an attempt that charges a token.
pub(crate) fn apply_observation(
    session: &Session,
    charging: &Charging,
    seen: Observation,
    context: &Context<'_>,
) -> Transition {
    match seen {
        Observation::PaymentIntent(intent) => payment_intent_seen(session, charging, &intent, context),
        Observation::Declined { intent: _, requires_3ds, reason } => match charging.phase {
            Phase::Sending if requires_3ds => failed(session, charging, Notice::ConfirmationNeeded),
            Phase::Sending => failed(session, charging, Notice::PaymentDeclined { reason }),
            Phase::Reading | Phase::Canceling { .. } => again_later(session, charging, None, context),
        },
        Observation::TokenRefused { maybe_consumed, .. } => {
            refused(session, charging, (!maybe_consumed).then_some(Notice::TokenUnusable), context)
        }
        Observation::RequestRefused { detail } => {
            let notice = Notice::RequestRefused { field: RefusedField::named_in(&detail) };
            refused(session, charging, Some(notice), context)
        }
        Observation::RefusedForGood { detail } => match charging.phase {
            Phase::Sending => {
                let field = RefusedField::named_in(&detail);
                failed(session, charging, Notice::PaymentRefused { field })
            }
            Phase::Reading | Phase::Canceling { .. } => again_later(session, charging, None, context),
        },
        Observation::IdempotencyConflict => {
            frozen(session, charging, FreezeReason::IdempotencyConflict, context)
        }
        Observation::KeyRefused | Observation::OtherAccount => match charging.phase {
            Phase::Sending => again_later(session, charging, None, context),
            Phase::Reading | Phase::Canceling { .. } => unread(session, charging, context),
        },
        Observation::Inconclusive(unknown) => unknown_seen(session, charging, &unknown, context),
        Observation::Absent { asked } => absent(session, charging, asked, context),
        Observation::ReadFailed => unread(session, charging, context),
        Observation::PutOff { after } => put_off(session, charging, after, context),
        // An attempt that charges a token has no Stripe Checkout to ask about.
        Observation::StripeCheckout(_) => again_later(session, charging, None, context),
    }
}

/// A send was refused. The refusal ends the attempt, with this notice, only if no other send of it may have paid: a
/// send whose answer was lost, or the payment that used up the token. At the next send Stripe says whether it has
/// stored the refusal under the key; if so, the refusal holds for every send. Otherwise Stripe is read.
fn refused(
    session: &Session,
    charging: &Charging,
    notice: Option<Notice>,
    context: &Context<'_>,
) -> Transition {
    match (&charging.phase, notice) {
        (Phase::Sending, Some(notice)) if charging.attempt.retry.tries == 0 => {
            failed(session, charging, notice)
        }
        (Phase::Sending, _) if charging.attempt.retry.tries > 0 && !charging.attempt.sends.refused => {
            let mut charging = charging.clone();
            charging.attempt.sends.refused = true;
            again_later(session, &charging, None, context)
        }
        (Phase::Sending, _) => read_from_now_on(session, charging, context),
        (Phase::Reading | Phase::Canceling { .. }, _) => again_later(session, charging, None, context),
    }
}

fn payment_intent_seen(
    session: &Session,
    charging: &Charging,
    intent: &PaymentIntentSnapshot,
    context: &Context<'_>,
) -> Transition {
    match intent.status {
        PaymentIntentStatus::Succeeded if agrees(charging, intent, context) => {
            completed_by(session, charging.attempt.number, &charging.attempt.quote, &intent.id, context)
        }
        PaymentIntentStatus::Succeeded => {
            let mut charging = charging.clone();
            charging.attempt.intent = Some(intent.id.clone());
            let mut transition = frozen(session, &charging, FreezeReason::PaymentDisagrees, context);
            flag_unaccounted(&mut transition, &intent.id, context);
            transition
        }
        PaymentIntentStatus::Processing => {
            let mut charging = charging.clone();
            charging.attempt.intent = Some(intent.id.clone());
            match charging.phase {
                Phase::Canceling { .. } => {}
                Phase::Reading => charging.attempt.retry.absent_since = None,
                Phase::Sending => enter(&mut charging, Phase::Reading, context),
            }
            charging.attempt.retry.was_read();
            again_later(session, &charging, None, context)
        }
        PaymentIntentStatus::RequiresAction
        | PaymentIntentStatus::RequiresConfirmation
        | PaymentIntentStatus::RequiresCapture => canceling(session, charging, intent, context),
        // From a read, and not the answer to a send: the send that created it may still be in progress.
        PaymentIntentStatus::RequiresPaymentMethod if !matches!(charging.phase, Phase::Sending) => {
            canceling(session, charging, intent, context)
        }
        PaymentIntentStatus::RequiresPaymentMethod | PaymentIntentStatus::Canceled => {
            let end = match &charging.phase {
                Phase::Canceling { end: AttemptEnd::Failed { notice } } => notice.clone(),
                Phase::Canceling { end: AttemptEnd::Succeeded { .. } | AttemptEnd::NotCreated }
                | Phase::Sending
                | Phase::Reading => Notice::DECLINED,
            };
            failed(session, charging, end)
        }
    }
}

/// Whether a succeeded payment is the expected one.
fn agrees(charging: &Charging, intent: &PaymentIntentSnapshot, context: &Context<'_>) -> bool {
    let charge = &charging.attempt.expected;
    intent.amount == charge.total
        && intent.livemode == context.view.mode.livemode()
        && intent.session.as_ref() == Some(&charge.session)
        && intent.revision == Some(charge.revision)
        && intent.attempt == Some(charge.attempt)
}

fn failed(session: &Session, charging: &Charging, notice: Notice) -> Transition {
    let mut next = session.clone();
    next.notice = Some(notice.clone());
    next.state = if session.is_spent() {
        State::Canceled { reason: CancelReason::TooManyAttempts }
    } else {
        State::Ready { quote: charging.attempt.quote.clone() }
    };
    Transition {
        attempt: Some(ended(charging.attempt.number, AttemptEnd::Failed { notice })),
        ..Transition::to(next)
    }
}

fn frozen(session: &Session, charging: &Charging, reason: FreezeReason, context: &Context<'_>) -> Transition {
    let mut attempt = charging.attempt.clone();
    attempt.sends.end(context.moment.now);
    let mut next = session.clone();
    next.state = State::Frozen { attempt, reason };
    Transition { attempt: Some(never_sent_again(charging)), ..Transition::to(next) }
}

fn canceling(
    session: &Session,
    charging: &Charging,
    intent: &PaymentIntentSnapshot,
    context: &Context<'_>,
) -> Transition {
    let mut charging = charging.clone();
    charging.attempt.retry.was_read();
    if matches!(charging.phase, Phase::Canceling { .. }) {
        return again_later(session, &charging, None, context);
    }
    let notice = if intent.status == PaymentIntentStatus::RequiresAction {
        Notice::ConfirmationNeeded
    } else {
        Notice::DECLINED
    };
    charging.attempt.intent = Some(intent.id.clone());
    enter(&mut charging, Phase::Canceling { end: AttemptEnd::Failed { notice } }, context);
    charging.attempt.retry.next_try = context.moment.now;
    let (attempt, intent) = (charging.attempt.number, intent.id.clone());
    let effect = Effect::Cancel { attempt, intent, cause: CancelCause::Ending, tries: 0 };
    stays(session, charging, Some(effect))
}

fn unknown_seen(
    session: &Session,
    charging: &Charging,
    unknown: &Inconclusive,
    context: &Context<'_>,
) -> Transition {
    if charging.phase != Phase::Sending {
        return unread(session, charging, context);
    }
    if unknown.is_final() || context.moment.now >= charging.attempt.repeat_until {
        return read_from_now_on(session, charging, context);
    }
    again_later(session, charging, unknown.retry_after, context)
}

/// Ends the sending of an attempt's request: from here on Stripe is only read.
pub(crate) fn read_from_now_on(session: &Session, charging: &Charging, context: &Context<'_>) -> Transition {
    let mut charging = charging.clone();
    if matches!(charging.phase, Phase::Sending) {
        enter(&mut charging, Phase::Reading, context);
    }
    charging.attempt.retry.next_try = context.moment.now;
    let effect = reading(&charging);
    stays(session, charging, Some(effect))
}

/// The reading that may decide an attempt.
pub(crate) fn reading(charging: &Charging) -> Effect {
    let made_by = charging.attempt.sends.effective_by(charging.attempt.repeat_until);
    Effect::Read { attempt: charging.attempt.number, intent: charging.attempt.intent.clone(), made_by }
}

/// Begins another phase of the attempt: its request is no longer sent, and its tries are counted from zero.
fn enter(charging: &mut Charging, phase: Phase, context: &Context<'_>) {
    charging.phase = phase;
    charging.attempt.sends.end(context.moment.now);
    charging.attempt.retry.tries = 0;
    charging.attempt.retry.was_read();
    charging.attempt.retry.absent_since = None;
}

/// A complete reading, begun at `asked`, found no payment of this attempt.
fn absent(session: &Session, charging: &Charging, asked: Timestamp, context: &Context<'_>) -> Transition {
    let mut charging = charging.clone();
    charging.attempt.retry.was_read();
    let silence_counts = charging.attempt.sends.silence_counts(asked, charging.attempt.repeat_until);
    if charging.phase != Phase::Reading || !silence_counts {
        return again_later(session, &charging, None, context);
    }
    if charging.attempt.retry.not_found(asked) {
        return never_happened(session, &charging, asked, context);
    }
    again_later(session, &charging, Some(ABSENCE_INTERVAL), context)
}

/// The attempt did not reach Stripe, and very probably never will: the shopper must see the order again. The attempt
/// is read once more when its request can no longer arrive.
fn never_happened(
    session: &Session,
    charging: &Charging,
    asked: Timestamp,
    context: &Context<'_>,
) -> Transition {
    let notice = Notice::PaymentNotMade;
    let mut next = session.clone();
    next.notice = Some(notice.clone());
    next.last_polls.extend(Unconfirmed::by_silence(&charging.attempt, asked, context));
    next.state = if session.is_spent() {
        State::Canceled { reason: CancelReason::TooManyAttempts }
    } else if session.expires <= context.moment.now {
        State::Expired
    } else {
        State::Open { problem: None }
    };
    Transition {
        attempt: Some(ended(charging.attempt.number, AttemptEnd::Failed { notice })),
        ..Transition::to(next)
    }
}

/// A reading failed.
fn unread(session: &Session, charging: &Charging, context: &Context<'_>) -> Transition {
    let mut charging = charging.clone();
    if matches!(charging.phase, Phase::Sending) {
        return again_later(session, &charging, None, context);
    }
    if charging.attempt.retry.read_failed(context.moment.now) {
        return frozen(session, &charging, FreezeReason::Unreadable, context);
    }
    again_later(session, &charging, None, context)
}

/// A reading was not made because the budget had no room: it is due a little later, and counts neither as a try nor
/// as a failure.
fn put_off(session: &Session, charging: &Charging, after: Span, context: &Context<'_>) -> Transition {
    let mut charging = charging.clone();
    charging.attempt.retry.put_off(after, LONGEST_PAUSE, context.moment.now);
    stays(session, charging, None)
}

/// Tries the same again after a pause.
fn again_later(
    session: &Session,
    charging: &Charging,
    at_least: Option<Span>,
    context: &Context<'_>,
) -> Transition {
    let mut charging = charging.clone();
    let (attempt, now) = (&mut charging.attempt, context.moment.now);
    attempt.retry.again(at_least, now, context.moment.jitter);
    attempt.sends.record_wait(at_least.is_some_and(|least| least > LONGEST_PAUSE), now);
    if matches!(charging.phase, Phase::Sending) {
        // Reading begins at the last moment for sending: no pause lasts beyond it.
        attempt.retry.by(attempt.repeat_until.max(now));
    }
    stays(session, charging, None)
}

/// The attempt continues; its token is erased as soon as its request will never be sent again.
fn stays(session: &Session, charging: Charging, effect: Option<Effect>) -> Transition {
    let sending = matches!(charging.phase, Phase::Sending);
    let attempt = if sending { None } else { Some(never_sent_again(&charging)) };
    let mut next = session.clone();
    next.state = State::Charging(charging);
    Transition { attempt, effect, ..Transition::to(next) }
}

fn never_sent_again(charging: &Charging) -> AttemptMove {
    AttemptMove::Update { number: charging.attempt.number, end: None, erase_token: true }
}
