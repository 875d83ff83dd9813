//! A refund requested here: it is durable before its request is sent, sent under one idempotency key, sent again
//! while its outcome is not known, and then searched for at Stripe.
//!
//! Invariants: nothing is requested twice; the requests never exceed the payment; a refund counts as made only when
//! Stripe shows it, and as not made only when two late readings have missed it.

use super::paid;
use crate::domain::checkout::model::{
    AnsweredWith, Context, Effect, Event, IdempotencyKey, Inconclusive, OperatorRejection, OrderEffect,
    OrderObservation, RefundAnswer, RefundIntent, RefundRequest, RefundSnapshot, Rejection, Session,
    ShopRejection, Transition, Work,
};
use crate::domain::ids::{AccountId, PaymentIntentId, RefundNumber, SessionId, Tenant};
use crate::domain::money::Money;
use crate::domain::order::{
    LastAnswer, OrderActivity, Refund, RefundAttempt, RefundOrigin, RefundRefusal, RefundState,
};
use crate::domain::retry::{LONGEST_PAUSE, Retry};
use crate::domain::sends::{ABSENCE_INTERVAL, Sends};
use crate::domain::time::{Span, Timestamp};

/// How long the request for a refund is repeated; Stripe would keep its key for a day.
const REPEAT: Span = Span::hours(1);

/// Stripe's `Idempotency-Key` of a refund: recomputable, and different for every reference.
fn key_of(
    tenant: &Tenant,
    session: &Session,
    (account, payment): (&AccountId, &PaymentIntentId),
    asked: &Refund,
) -> IdempotencyKey {
    let reference = asked.origin.as_ref().map_or("", |origin| origin.reference.as_str());
    IdempotencyKey::of_parts([
        "refund",
        tenant.merchant.as_str(),
        account.as_str(),
        tenant.mode.into_str(),
        session.id.as_str(),
        payment.as_str(),
        reference,
        &asked.amount.minor.to_string(),
        asked.amount.currency.code(),
    ])
}

/// The refund that the same request made before, if any; `Err` if its reference belongs to another.
pub(crate) fn asked_before<'a>(
    session: &'a Session,
    request: &RefundRequest,
) -> Result<Option<&'a Refund>, Rejection> {
    let Some(known) = session.activity.refund_of(&request.reference) else { return Ok(None) };
    let whole = known.origin.as_ref().is_some_and(|origin| origin.whole);
    let same_amount = request.amount.map_or(whole, |amount| !whole && amount == known.amount.minor);
    if same_amount && request.reason == known.reason {
        Ok(Some(known))
    } else {
        Err(Rejection::Operator(OperatorRejection::ReferenceTaken(request.reference.clone())))
    }
}

/// Begins a refund.
pub(crate) fn refund(
    session: &Session,
    request: &RefundRequest,
    context: &Context<'_>,
) -> Result<Transition, Rejection> {
    let (quote, payment) = paid(session)?;
    if asked_before(session, request)?.is_some() {
        return Ok(Transition::to(session.clone()));
    }
    if session.activity.refund_attempt().is_some() {
        return Err(Rejection::Operator(OperatorRejection::RefundUnderWay));
    }
    let account = session.account.as_ref().ok_or(Rejection::Shop(ShopRejection::AccountUnknown))?;
    if context.view.account.as_ref() != Some(account) {
        return Err(Rejection::Shop(ShopRejection::AccountUnknown));
    }
    let paid = session.activity.paid.unwrap_or(quote.total);
    let left = paid.minor.saturating_sub(session.activity.reserved());
    if left <= 0 {
        return Err(Rejection::Operator(OperatorRejection::NothingToRefund));
    }
    let minor = request.amount.unwrap_or(left);
    if minor <= 0 || minor > left {
        return Err(Rejection::Operator(OperatorRejection::RefundTooLarge {
            left: Money::new(left, paid.currency),
        }));
    }
    let step = paid.currency.step();
    if request.amount.is_some_and(|amount| amount % step.minor != 0) {
        return Err(Rejection::Operator(OperatorRejection::RefundNotAWholeStep { step }));
    }
    let now = context.moment.now;
    let number = session.activity.next_refund();
    let origin =
        RefundOrigin { number, reference: request.reference.clone(), whole: request.amount.is_none() };
    let asked = Refund {
        origin: Some(origin.clone()),
        amount: Money::new(minor, paid.currency),
        reason: request.reason,
        created: now,
        state: RefundState::Requested(RefundAttempt {
            repeat_until: now + REPEAT,
            searching: false,
            retry: Retry::at(now),
            sends: Sends::default(),
            last_answer: None,
        }),
    };
    let intent = RefundIntent {
        origin,
        session: session.id.clone(),
        payment: payment.clone(),
        amount: asked.amount,
        reason: asked.reason,
        account: account.clone(),
        idempotency_key: key_of(&context.view.tenant(), session, (account, payment), &asked),
        started: now,
        repeat_until: now + REPEAT,
    };
    let mut next = session.clone();
    next.activity.refunds.push(asked);
    Ok(Transition {
        refund: Some(Box::new(intent)),
        effect: Some(Effect::Order(OrderEffect::Refund(number))),
        ..Transition::to(next)
    })
}

/// Whether the next try of a refund is further off than the longest pause: then the clock was set back.
pub(crate) fn beyond_any_pause(activity: &OrderActivity, now: Timestamp) -> bool {
    activity
        .refund_attempt()
        .is_some_and(|(_, attempt)| attempt.retry.is_beyond(LONGEST_PAUSE, now) && !attempt.sends.waits(now))
}

/// The work for a refund that is due; `None` if there is none, or if only a reading can decide.
pub(crate) fn work(activity: &OrderActivity, now: Timestamp) -> Option<Work> {
    let unknown = |number, unknown| {
        let answer = RefundAnswer::Inconclusive(unknown);
        Work::Step(Box::new(Event::OrderObserved(OrderObservation::RefundAnswered { number, answer })))
    };
    let due = |attempt: &RefundAttempt| attempt.retry.next_try <= now || beyond_any_pause(activity, now);
    let (number, attempt) =
        activity.refund_attempt().filter(|(_, attempt)| due(attempt) && !attempt.searching)?;
    Some(if now >= attempt.repeat_until {
        unknown(number, Inconclusive { cannot_repeat: true, ..Inconclusive::default() })
    } else if attempt.retry.tries == 0 {
        // Due, and without an answer: the answer to the first send was lost with the process that waited for it.
        unknown(number, Inconclusive::default())
    } else {
        Work::Run(Effect::Order(OrderEffect::Refund(number)))
    })
}

/// How recent an answer with a refund is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// Its status is that of a refund just made.
    Fresh,
    /// It may be the answer that Stripe stored for an earlier send; a reading shows the present status.
    Stored,
    /// A reading that is at least as recent has already shown the refund.
    Known,
}

/// The request was answered with the refund that it made, whatever the refund's status is.
pub(crate) fn made(activity: &mut OrderActivity, number: RefundNumber, seen: &RefundSnapshot) -> Freshness {
    let asked = |refund: &&mut Refund| refund.origin.as_ref().is_some_and(|origin| origin.number == number);
    let Some(refund) = activity.refunds.iter_mut().find(asked) else { return Freshness::Known };
    let freshness = match &refund.state {
        RefundState::Made { .. } => return Freshness::Known,
        RefundState::Requested(attempt) if attempt.retry.tries == 0 && !attempt.searching => Freshness::Fresh,
        RefundState::Requested(_) | RefundState::Refused { .. } => Freshness::Stored,
    };
    refund.amount = seen.amount;
    refund.state = RefundState::Made { id: seen.id.clone(), status: seen.status };
    freshness
}

/// Records a refund that Stripe shows: one that was requested here, one that is known, or one that was made
/// elsewhere. Returns whether anything changed.
pub(crate) fn take(activity: &mut OrderActivity, session: &SessionId, seen: &RefundSnapshot) -> bool {
    let made = RefundState::Made { id: seen.id.clone(), status: seen.status };
    let known = |refund: &Refund| matches!(&refund.state, RefundState::Made { id, .. } if *id == seen.id);
    // Only our own requests name a session and a reference; an origin copied from another session's metadata is
    // ignored.
    let origin = seen.origin.clone().filter(|_| seen.session.as_ref() == Some(session));
    let reference = origin.as_ref().map(|origin| &origin.reference);
    // This includes a refund considered refused: what Stripe shows counts.
    let expected = |refund: &Refund| {
        let asked = refund.origin.as_ref().map(|origin| &origin.reference);
        asked.is_some() && asked == reference && !matches!(refund.state, RefundState::Made { .. })
    };
    let at = activity.refunds.iter().position(known).or_else(|| activity.refunds.iter().position(expected));
    match at.and_then(|at| activity.refunds.get_mut(at)) {
        Some(refund) if refund.state == made => return false,
        Some(refund) => {
            refund.amount = seen.amount;
            refund.state = made;
        }
        None => activity.refunds.push(Refund {
            // Requested here and missing in a restored database: its reference is in use.
            origin,
            amount: seen.amount,
            reason: seen.reason,
            created: seen.created,
            state: made,
        }),
    }
    true
}

fn refund_attempt_mut(activity: &mut OrderActivity) -> Option<(RefundNumber, &mut Refund)> {
    let asked = |refund: &&mut Refund| matches!(refund.state, RefundState::Requested(_));
    let refund = activity.refunds.iter_mut().find(asked)?;
    Some((refund.origin.as_ref()?.number, refund))
}

/// Records an answer without a refund. Returns whether the refund is refused now.
pub(crate) fn answered(
    activity: &mut OrderActivity,
    number: RefundNumber,
    answer: RefundAnswer,
    context: &Context<'_>,
) -> bool {
    let Some((_, refund)) = refund_attempt_mut(activity).filter(|(attempt, _)| *attempt == number) else {
        return false;
    };
    let RefundState::Requested(attempt) = &mut refund.state else { return false };
    if let Some(last) = last_answer(&answer) {
        attempt.last_answer = Some(last);
    }
    match answer {
        // No other send of it, such as one whose answer was lost, may have made it.
        RefundAnswer::Refused { why, stored } if stored || attempt.retry.tries == 0 && !attempt.searching => {
            refund.state = RefundState::Refused { reason: RefundRefusal::Refused { detail: why } };
            return true;
        }
        // At the next send Stripe says whether this refusal holds for every send.
        RefundAnswer::Refused { .. } if !attempt.searching && !attempt.sends.refused => {
            attempt.sends.refused = true;
            again(attempt, None, context);
        }
        RefundAnswer::Inconclusive(unknown) if !attempt.searching => {
            let hopeless = unknown.is_final() || context.moment.now >= attempt.repeat_until;
            if hopeless { search(attempt, context) } else { again(attempt, unknown.retry_after, context) }
        }
        RefundAnswer::Refused { .. } | RefundAnswer::Conflict => search(attempt, context),
        RefundAnswer::KeyRefused
        | RefundAnswer::Unverified
        | RefundAnswer::OtherAccount
        | RefundAnswer::Inconclusive(_)
        | RefundAnswer::Made(_) => {
            again(attempt, None, context);
        }
    }
    false
}

/// The part of an answer that is kept for operators; `None` if no request was sent.
fn last_answer(answer: &RefundAnswer) -> Option<LastAnswer> {
    Some(match answer {
        RefundAnswer::Made(_) => LastAnswer::Made,
        RefundAnswer::Refused { why, .. } => LastAnswer::Refused { detail: why.clone() },
        RefundAnswer::Conflict => LastAnswer::Conflict,
        RefundAnswer::KeyRefused => LastAnswer::KeyRefused,
        RefundAnswer::Unverified => LastAnswer::Unverified,
        RefundAnswer::OtherAccount => LastAnswer::OtherAccount,
        RefundAnswer::Inconclusive(Inconclusive {
            answered: Some(AnsweredWith { status, request_id }),
            ..
        }) => LastAnswer::Status { status: *status, request_id: request_id.as_deref().map(cut) },
        RefundAnswer::Inconclusive(Inconclusive { cannot_repeat: true, .. }) => return None,
        RefundAnswer::Inconclusive(_) => LastAnswer::None,
    })
}

/// An id, shortened to the length that is kept.
fn cut(id: &str) -> String {
    const LONGEST: usize = 100;
    id.chars().take(LONGEST).collect()
}

/// The request is no longer sent: from now on the refund is searched for.
fn search(attempt: &mut RefundAttempt, context: &Context<'_>) {
    if !attempt.searching {
        attempt.searching = true;
        attempt.sends.end(context.moment.now);
        attempt.retry.tries = 0;
    }
    attempt.retry.next_try = context.moment.now;
}

fn again(attempt: &mut RefundAttempt, at_least: Option<Span>, context: &Context<'_>) {
    let now = context.moment.now;
    attempt.retry.again(at_least, now, context.moment.jitter);
    attempt.sends.record_wait(at_least.is_some_and(|least| least > LONGEST_PAUSE), now);
    if !attempt.searching {
        // The search begins at the last moment for sending: no pause lasts beyond it.
        attempt.retry.by(attempt.repeat_until.max(now));
    }
}

/// A reading that is due was not made because the budget had no room: it is made later, and does not count as a try.
pub(crate) fn put_off(activity: &mut OrderActivity, later: Timestamp, now: Timestamp) {
    if let Some((_, Refund { state: RefundState::Requested(attempt), .. })) = refund_attempt_mut(activity)
        && attempt.searching
        && attempt.retry.next_try <= now
    {
        attempt.retry.next_try = later;
    }
}

/// A reading failed.
pub(crate) fn unread(activity: &mut OrderActivity, context: &Context<'_>) {
    if let Some((_, Refund { state: RefundState::Requested(attempt), .. })) = refund_attempt_mut(activity)
        && attempt.searching
    {
        again(attempt, None, context);
    }
}

/// A reading did not find the requested refund. If it was complete, on the right account, and begun at `proof`, it
/// may prove that the refund does not exist.
pub(crate) fn missed(activity: &mut OrderActivity, proof: Option<Timestamp>, context: &Context<'_>) {
    let Some((_, refund)) = refund_attempt_mut(activity) else { return };
    let RefundState::Requested(attempt) = &mut refund.state else { return };
    if !attempt.searching {
        return;
    }
    let Some(asked) = proof.filter(|asked| attempt.sends.silence_counts(*asked, attempt.repeat_until)) else {
        again(attempt, None, context);
        return;
    };
    if attempt.retry.not_found(asked) {
        let reason = RefundRefusal::NotShown { last_answer: attempt.last_answer.clone() };
        refund.state = RefundState::Refused { reason };
    } else {
        again(attempt, Some(ABSENCE_INTERVAL), context);
    }
}
