//! The timeline entries of one change.

use super::unconfirmed;
use crate::domain::checkout::model::{
    AttemptMove, AttemptObservation, Decision, Event, FreezeReason, Inconclusive, Observation,
    PaymentIntentSnapshot, Session, State, StripeAnswer, TimelineEntry, TimelineEvent, Transition,
};
use crate::domain::ids::AttemptNumber;
use crate::domain::order::{OrderActivity, RefundState};
use crate::domain::time::Timestamp;

/// The cause of a session's change, as far as a timeline shows it.
#[derive(Clone, Debug)]
pub(crate) enum Cause {
    /// A cause that the new state already shows.
    Unstated,
    AttemptObserved {
        attempt: AttemptNumber,
        seen: Box<Observation>,
        answer: Box<StripeAnswer>,
    },
    /// A decision of an operator.
    Decided(Decision),
    /// An answer or a reading about a paid order; the order activity shows the changes.
    OrderObserved {
        request_id: Option<String>,
    },
}

impl Cause {
    /// The cause for an event; `answer` has the details of the Stripe answer that led to the event.
    pub(crate) fn of(event: &Event, answer: Option<&StripeAnswer>) -> Self {
        let answer = || answer.cloned().unwrap_or_default().cut();
        match event {
            // Only the payment itself can show which attempt a payment belongs to that was not asked about.
            Event::AttemptObserved { attempt, seen: AttemptObservation { primary: seen, .. } }
            | Event::PaymentObserved {
                seen: seen @ Observation::PaymentIntent(PaymentIntentSnapshot { attempt: Some(attempt), .. }),
                ..
            } => Self::AttemptObserved {
                attempt: *attempt,
                seen: Box::new(seen.clone()),
                answer: Box::new(answer()),
            },
            Event::SendInterrupted(attempt) => Self::AttemptObserved {
                attempt: *attempt,
                seen: Box::new(AttemptObservation::unanswered().primary),
                answer: Box::default(),
            },
            Event::Decided { decision, .. } => Self::Decided(decision.clone()),
            Event::OrderObserved(_) => Self::OrderObserved { request_id: answer().request_id },
            Event::PaymentObserved { .. }
            | Event::Notified(_)
            | Event::Edited { .. }
            | Event::LineGone(_)
            | Event::StripeCheckoutRequested { .. }
            | Event::CloseRequested(_)
            | Event::Paid { .. }
            | Event::Canceled
            | Event::RefundRequested(_)
            | Event::Fulfilled(_)
            | Event::Reconciled(_)
            | Event::TimeOut
            | Event::RepeatingEnded => Self::Unstated,
        }
    }
}

/// The entries of one change.
pub(crate) fn entries(
    before: Option<&Session>,
    cause: &Cause,
    transition: &Transition,
    now: Timestamp,
) -> Vec<TimelineEntry> {
    let next = &transition.next;
    let mut happened = Vec::new();
    match cause {
        Cause::Unstated | Cause::OrderObserved { .. } => {}
        Cause::AttemptObserved { attempt, seen, answer } => {
            let tries = unconfirmed::tries(next, *attempt).or_else(|| tries(next));
            happened.extend(stripe(*attempt, seen, StripeAnswer::clone(answer), tries));
        }
        Cause::Decided(decision) => happened.push(TimelineEvent::Decided { decision: decision.clone() }),
    }
    match &transition.attempt {
        Some(AttemptMove::Start(intent)) => happened.push(TimelineEvent::AttemptStarted {
            attempt: intent.number,
            amount: intent.expected.total,
            account: intent.account.clone(),
        }),
        Some(AttemptMove::Update { number, end: Some(end), .. }) => {
            happened.push(TimelineEvent::AttemptEnded { attempt: *number, end: end.clone() });
        }
        Some(AttemptMove::Update { end: None, .. }) | None => {}
    }
    happened.extend(aftersales(before.map(|session| &session.activity), &next.activity, cause));
    let told = |session: &Session| (session.state.into_str(), session.revision);
    if before.map(told) != Some(told(next)) {
        happened.push(TimelineEvent::State {
            state: next.state.into_str().to_owned(),
            revision: next.revision,
            reason: freeze_reason(&next.state),
        });
    }
    happened.extend(
        transition
            .flags
            .iter()
            .map(|flag| TimelineEvent::Flagged { payment_intent: flag.intent.clone(), reason: flag.reason }),
    );
    happened.into_iter().map(|event| TimelineEntry { at: now, event }).collect()
}

/// The changes in an order's activity.
fn aftersales(before: Option<&OrderActivity>, next: &OrderActivity, cause: &Cause) -> Vec<TimelineEvent> {
    let request_id = match cause {
        Cause::OrderObserved { request_id } => request_id.clone(),
        Cause::Unstated | Cause::AttemptObserved { .. } | Cause::Decided(_) => None,
    };
    let none = OrderActivity::default();
    let before = before.unwrap_or(&none);
    let mut happened = Vec::new();
    for (at, refund) in next.refunds.iter().enumerate() {
        let known = before.refunds.get(at).map(|known| known.state.as_str());
        if known != Some(refund.state.as_str()) {
            let id = if let RefundState::Made { id, .. } = &refund.state { Some(id.clone()) } else { None };
            happened.push(TimelineEvent::Refund {
                refund: refund.origin.as_ref().map(|request| request.number),
                id,
                amount: refund.amount,
                status: refund.state.as_str().to_owned(),
                request_id: request_id.clone(),
            });
        }
    }
    for (at, dispute) in next.disputes.iter().enumerate() {
        if before.disputes.get(at).map(|known| &known.status) != Some(&dispute.status) {
            happened.push(TimelineEvent::Dispute {
                id: dispute.id.clone(),
                amount: dispute.amount,
                status: dispute.status.as_str().to_owned(),
                request_id: request_id.clone(),
            });
        }
    }
    let sent = next.fulfillments.iter().skip(before.fulfillments.len());
    happened.extend(sent.map(|sent| TimelineEvent::Fulfilled { reference: sent.reference.clone() }));
    happened
}

fn freeze_reason(state: &State) -> Option<FreezeReason> {
    if let State::Frozen { reason, .. } = state { Some(*reason) } else { None }
}

/// How often the present phase of a running attempt has been tried.
fn tries(session: &Session) -> Option<u32> {
    session.state.running().map(|attempt| attempt.retry.tries)
}

/// An observation in a word. One that changes nothing is written only at every doubling.
fn stripe(
    attempt: AttemptNumber,
    seen: &Observation,
    answer: StripeAnswer,
    tries: Option<u32>,
) -> Option<TimelineEvent> {
    if tries.is_some_and(|tries| tries > 1 && !tries.is_power_of_two()) {
        return None;
    }
    let (word, payment_intent) = match seen {
        Observation::PaymentIntent(PaymentIntentSnapshot { id, status, .. }) => {
            (format!("payment {}", status.into_str()), Some(id.clone()))
        }
        Observation::StripeCheckout(checkout) => (
            format!("stripe_checkout {}", checkout.status.into_str()),
            checkout.intent.as_ref().map(|(intent, _)| intent.clone()),
        ),
        Observation::Declined { intent, requires_3ds: true, .. } => {
            ("3D Secure demanded".to_owned(), intent.clone())
        }
        Observation::Declined { intent, .. } => ("declined".to_owned(), intent.clone()),
        Observation::TokenRefused { detail, .. } => (format!("token refused: {detail}"), None),
        Observation::RequestRefused { detail } => (format!("request refused: {detail}"), None),
        Observation::RefusedForGood { detail } => (format!("refused for good: {detail}"), None),
        Observation::IdempotencyConflict => ("idempotency conflict".to_owned(), None),
        Observation::KeyRefused => ("key refused".to_owned(), None),
        Observation::OtherAccount => ("the key opens another account".to_owned(), None),
        Observation::Inconclusive(Inconclusive { cannot_repeat: true, .. }) => {
            ("cannot be sent again".to_owned(), None)
        }
        Observation::Inconclusive(Inconclusive { replayed_error: true, .. }) => {
            ("replayed server error".to_owned(), None)
        }
        Observation::Inconclusive(_) => ("no certain answer".to_owned(), None),
        Observation::Absent { .. } => ("no payment found".to_owned(), None),
        Observation::ReadFailed => ("not read".to_owned(), None),
        // No request was sent, so there is no entry.
        Observation::PutOff { .. } => return None,
    };
    let shown = matches!(
        seen,
        Observation::PaymentIntent(_) | Observation::StripeCheckout(_) | Observation::Absent { .. }
    );
    let answer = if shown { answer.of_success() } else { answer };
    Some(TimelineEvent::Stripe {
        attempt,
        seen: word,
        payment_intent,
        answer,
        times: tries.filter(|tries| *tries > 1),
    })
}
