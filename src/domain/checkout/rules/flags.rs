//! Payments that an operator must check.

use crate::domain::checkout::model::{Context, Flag, FlagReason, FreezeReason, Session, State, Transition};
use crate::domain::ids::PaymentIntentId;

/// Flags a payment that has succeeded, unless the transition's session accounts for it.
pub(crate) fn flag_unaccounted(transition: &mut Transition, intent: &PaymentIntentId, context: &Context<'_>) {
    if let Some(reason) = flag_reason(&transition.next, intent) {
        flag(transition, intent, reason, context);
    }
}

/// Flags a payment, at most once in a transition.
pub(crate) fn flag(
    transition: &mut Transition,
    intent: &PaymentIntentId,
    reason: FlagReason,
    context: &Context<'_>,
) {
    if transition.flags.iter().any(|flag| flag.intent == *intent) {
        return;
    }
    if !matches!(transition.next.state, State::Completed { .. } | State::Frozen { .. }) {
        transition.next.paid_late = true;
        transition.next.notice = None;
    }
    transition.flags.push(Flag {
        id: context.moment.flag_id(transition.flags.len()),
        session: transition.next.id.clone(),
        intent: intent.clone(),
        reason,
        seen: context.moment.now,
    });
}

fn flag_reason(session: &Session, intent: &PaymentIntentId) -> Option<FlagReason> {
    let state = &session.state;
    if let Some((_, known)) = state.paid() {
        return (known != intent).then_some(FlagReason::PaidTwice);
    }
    if state.is_unpaid_end() {
        return Some(FlagReason::PaidAfterEnd);
    }
    if let State::Frozen { attempt, reason } = state {
        return match reason {
            _ if attempt.intent.as_ref() != Some(intent) => Some(FlagReason::PaidTwice),
            FreezeReason::PaymentDisagrees => Some(FlagReason::PaymentDisagrees),
            FreezeReason::IdempotencyConflict | FreezeReason::Unreadable => None,
        };
    }
    let own = matches!(state, State::Charging(charging) if charging.attempt.intent.as_ref() == Some(intent));
    (!own).then_some(FlagReason::PaidByFailedAttempt)
}
