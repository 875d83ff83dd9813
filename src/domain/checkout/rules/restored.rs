//! Payments that were made after a backup was taken, applied to the sessions of the restored database.
//!
//! Such a session may seem payable although it was paid. Invariants: a session whose payment agrees with its quote
//! becomes the order that it was, on the account that was paid; a session whose payment does not agree is never
//! payable again, and the payment is flagged; the attempt numbers that Stripe knows are never used again.

use super::completion::{completed_by, ended};
use super::flags::flag;
use crate::domain::checkout::model::{
    AttemptEnd, AttemptMove, CancelReason, Context, FlagReason, Notice, PaymentIntentSnapshot,
    PaymentIntentStatus, RestoreEvidence, Session, ShownByStripe, State, Transition,
};
use crate::domain::ids::AttemptNumber;
use crate::domain::pricing::Quote;

/// Applies the evidence that Stripe shows of a session.
pub(crate) fn reconciled(session: &Session, evidence: &RestoreEvidence, context: &Context<'_>) -> Transition {
    let (attempt, paid) = match &evidence.shown {
        ShownByStripe::StripeCheckout(attempt) => (Some(*attempt), None),
        ShownByStripe::Payment { seen, buyer } => (
            seen.attempt,
            Some((seen, buyer)).filter(|(seen, _)| seen.status == PaymentIntentStatus::Succeeded),
        ),
    };
    let mut known = session.clone();
    // The session's first attempt pinned the account, which this database may lack.
    known.account.get_or_insert_with(|| evidence.account.clone());
    let newer = attempt.map_or(0, |attempt| attempt.0.saturating_sub(session.attempts));
    known.attempts = known.attempts.saturating_add(newer);
    if matches!(evidence.shown, ShownByStripe::StripeCheckout(_)) {
        known.stripe_checkouts = known.stripe_checkouts.saturating_add(newer);
    }
    match paid {
        Some((seen, buyer)) => {
            if !known.state.is_terminal() {
                known.inputs.buyer = buyer.clone().or(known.inputs.buyer);
            }
            account_for(known, seen, context)
        }
        None => Transition::to(known),
    }
}

fn account_for(session: Session, seen: &PaymentIntentSnapshot, context: &Context<'_>) -> Transition {
    let state = &session.state;
    if let Some((_, intent)) = state.paid() {
        return if *intent == seen.id {
            Transition::to(session)
        } else {
            flagged(session, seen, FlagReason::PaidTwice, context)
        };
    }
    if state.is_unpaid_end() {
        return flagged(session, seen, FlagReason::PaidAfterEnd, context);
    }
    if let Some(attempt) = state.attempt() {
        let (quote, running) = (attempt.quote.clone(), attempt.number);
        return under_way(session, &quote, running, (seen, context));
    }
    if let State::Ready { quote } = state {
        let quote = quote.clone();
        if agrees(&session, &quote, seen, context) {
            return placed(&session, &quote, None, seen, context);
        }
    }
    given_up(session, None, seen, context)
}

/// Handles a payment of a session with an undecided attempt. It belongs to that attempt, or to a later one; in the
/// latter case the undecided attempt failed.
fn under_way(
    session: Session,
    quote: &Quote,
    running: AttemptNumber,
    (seen, context): (&PaymentIntentSnapshot, &Context<'_>),
) -> Transition {
    if agrees(&session, quote, seen, context) {
        placed(&session, quote, Some(running), seen, context)
    } else if seen.attempt == Some(running) {
        // The attempt's own reading finds it and freezes the session for an operator.
        flagged(session, seen, FlagReason::PaymentDisagrees, context)
    } else {
        given_up(session, Some(running), seen, context)
    }
}

fn agrees(session: &Session, quote: &Quote, seen: &PaymentIntentSnapshot, context: &Context<'_>) -> bool {
    seen.amount == quote.total
        && seen.livemode == context.view.mode.livemode()
        && seen.session.as_ref() == Some(&session.id)
        && seen.revision == Some(session.revision)
}

/// Places the order that the payment made, once more. An attempt that the database never had has no row to end.
fn placed(
    session: &Session,
    quote: &Quote,
    running: Option<AttemptNumber>,
    seen: &PaymentIntentSnapshot,
    context: &Context<'_>,
) -> Transition {
    let attempt = seen.attempt.unwrap_or(AttemptNumber(session.attempts));
    let mut transition = completed_by(session, attempt, quote, &seen.id, context);
    transition.attempt = match running {
        Some(running) if running == attempt => transition.attempt,
        Some(running) => Some(failed(running)),
        None => None,
    };
    transition
}

fn failed(number: AttemptNumber) -> AttemptMove {
    ended(number, AttemptEnd::Failed { notice: Notice::DECLINED })
}

/// It was paid for something that the database does not know: it must not be paid again.
fn given_up(
    mut session: Session,
    running: Option<AttemptNumber>,
    seen: &PaymentIntentSnapshot,
    context: &Context<'_>,
) -> Transition {
    session.notice = None;
    session.state = State::Canceled { reason: CancelReason::Restored };
    let transition = flagged(session, seen, FlagReason::LostByRestore, context);
    Transition { attempt: running.map(failed), ..transition }
}

fn flagged(
    session: Session,
    seen: &PaymentIntentSnapshot,
    reason: FlagReason,
    context: &Context<'_>,
) -> Transition {
    let mut transition = Transition::to(session);
    flag(&mut transition, &seen.id, reason, context);
    transition
}
