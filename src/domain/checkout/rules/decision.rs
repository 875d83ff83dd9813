//! An operator's decision about a frozen session, whose charge no reading could decide.
//!
//! Invariants: a session is completed only by a payment that was read and has succeeded; a payment that Stripe shows
//! as succeeded or in progress is never called not charged; if Stripe could not be read, an attempt is called not
//! charged only on the operator's explicit request, and is read afterwards.

use super::completion::{completed_by, ended};
use super::flags::{flag, flag_unaccounted};
use crate::domain::checkout::model::{
    Attempt, AttemptEnd, AttemptObservation, CancelReason, Context, Decision, FlagReason, Notice,
    Observation, OperatorRejection, PaymentIntentSnapshot, PaymentIntentStatus, Rejection, Session, State,
    Transition, Unconfirmed, Unverified, Verification,
};
use crate::domain::ids::PaymentIntentId;

/// The data to read for a decision on this session, or why there is nothing to decide.
pub(crate) fn verification(session: &Session, decision: &Decision) -> Result<Verification, Rejection> {
    let State::Frozen { attempt, .. } = &session.state else {
        return Err(Rejection::Operator(OperatorRejection::NotFrozen(session.state.into_str())));
    };
    Ok(Verification {
        attempt: attempt.number,
        known: attempt.intent.clone(),
        made_by: attempt.sends.effective_by(attempt.repeat_until),
        decision: decision.clone(),
    })
}

/// Whether the session is in the state that this decision leads to: then it was made before.
pub(crate) fn was_made(session: &Session, decision: &Decision) -> bool {
    match decision {
        Decision::Charged { payment_intent } => {
            session.paid().is_some_and(|(_, intent)| intent == payment_intent)
        }
        Decision::NotCharged { .. } => {
            matches!(session.state, State::Canceled { reason: CancelReason::Operator })
        }
    }
}

/// Applies a decision, with the observation of the payment just before.
pub(crate) fn decided(
    session: &Session,
    decision: &Decision,
    observed: AttemptObservation,
    context: &Context<'_>,
) -> Result<Transition, Rejection> {
    let State::Frozen { attempt, .. } = &session.state else {
        return Err(Rejection::Operator(OperatorRejection::NotFrozen(session.state.into_str())));
    };
    let AttemptObservation { primary: seen, other_payments } = observed;
    let mut transition = match decision {
        Decision::Charged { payment_intent } => charged(session, attempt, payment_intent, &seen, context)?,
        Decision::NotCharged { override_unread } => {
            not_charged(session, attempt, (&seen, *override_unread), context)?
        }
    };
    for intent in &other_payments {
        flag_unaccounted(&mut transition, intent, context);
    }
    Ok(transition)
}

pub(crate) fn charged(
    session: &Session,
    attempt: &Attempt,
    intent: &PaymentIntentId,
    seen: &Observation,
    context: &Context<'_>,
) -> Result<Transition, Rejection> {
    let unverified = |why: fn(PaymentIntentId) -> Unverified| {
        Err(Rejection::Operator(OperatorRejection::Unverified(why(intent.clone()))))
    };
    let Observation::PaymentIntent(seen) = seen else {
        return unverified(Unverified::PaymentUnread);
    };
    let ours = seen.session.as_ref() == Some(&session.id) || attempt.intent.as_ref() == Some(intent);
    if seen.id != *intent || !ours {
        return unverified(Unverified::NotOfSession);
    }
    if seen.livemode != context.view.mode.livemode() {
        return unverified(Unverified::OtherMode);
    }
    if seen.status != PaymentIntentStatus::Succeeded {
        let why = Unverified::NotSucceeded(intent.clone(), seen.status.into_str());
        return Err(Rejection::Operator(OperatorRejection::Unverified(why)));
    }
    let mut transition = completed_by(session, attempt.number, &attempt.quote, intent, context);
    // It was paid some time ago, so its refunds and disputes since then are read now.
    transition.next.activity.poll_now(context.moment.now);
    if seen.amount != attempt.expected.total {
        // The operator's decision makes the order; the flag on the difference remains to be handled.
        flag(&mut transition, intent, FlagReason::PaymentDisagrees, context);
        transition.next.activity.paid = Some(seen.amount);
    }
    Ok(transition)
}

/// What a reading proves for an operator who calls an attempt unpaid.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Finding {
    /// It was not paid and will not be.
    NoPayment,
    /// No payment yet; the last request may still be on its way.
    NoPaymentYet,
    Nothing,
}

fn finding(attempt: &Attempt, seen: &Observation) -> Finding {
    match seen {
        Observation::PaymentIntent(PaymentIntentSnapshot {
            status: PaymentIntentStatus::Canceled, ..
        }) => Finding::NoPayment,
        Observation::Absent { asked } if attempt.intent.is_none() => {
            let late = attempt.sends.silence_counts(*asked, attempt.repeat_until);
            if late { Finding::NoPayment } else { Finding::NoPaymentYet }
        }
        Observation::Absent { .. }
        | Observation::PaymentIntent(_)
        | Observation::StripeCheckout(_)
        | Observation::Declined { .. }
        | Observation::TokenRefused { .. }
        | Observation::RequestRefused { .. }
        | Observation::RefusedForGood { .. }
        | Observation::IdempotencyConflict
        | Observation::KeyRefused
        | Observation::OtherAccount
        | Observation::Inconclusive(_)
        | Observation::ReadFailed
        | Observation::PutOff { .. } => Finding::Nothing,
    }
}

pub(crate) fn not_charged(
    session: &Session,
    attempt: &Attempt,
    (seen, override_unread): (&Observation, bool),
    context: &Context<'_>,
) -> Result<Transition, Rejection> {
    if let Observation::PaymentIntent(PaymentIntentSnapshot { id, status, .. }) = seen
        && *status != PaymentIntentStatus::Canceled
    {
        let why = if *status == PaymentIntentStatus::Succeeded {
            Unverified::Succeeded(id.clone())
        } else {
            Unverified::StillAlive(id.clone(), status.into_str())
        };
        return Err(Rejection::Operator(OperatorRejection::Unverified(why)));
    }
    let finding = finding(attempt, seen);
    if finding == Finding::Nothing && !override_unread {
        return Err(Rejection::Operator(OperatorRejection::Unverified(Unverified::ReadFailed)));
    }
    let notice = Notice::NothingCharged;
    let mut next = session.clone();
    next.notice = Some(notice.clone());
    next.state = State::Canceled { reason: CancelReason::Operator };
    next.unconfirmed = (finding != Finding::NoPayment).then(|| Unconfirmed::of(attempt, context));
    if let (Finding::NoPayment, Observation::Absent { asked }) = (&finding, seen) {
        next.last_polls.extend(Unconfirmed::by_silence(attempt, *asked, context));
    }
    Ok(Transition {
        attempt: Some(ended(attempt.number, AttemptEnd::Failed { notice })),
        ..Transition::to(next)
    })
}
