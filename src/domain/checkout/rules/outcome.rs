//! Passes an observation of an attempt to the rules of its payment source; a late payment is flagged.

use super::flags::flag_unaccounted;
use super::notification::poll_again_soon;
use super::{charge, stripe_checkout, unconfirmed};
use crate::domain::checkout::model::{
    AttemptObservation, Context, Observation, PaymentIntentSnapshot, PaymentIntentStatus, Session, State,
    StripeCheckoutSnapshot, StripeCheckoutStatus, Transition,
};
use crate::domain::ids::AttemptNumber;

/// Applies an observation of an attempt.
pub(crate) fn apply_observation(
    session: &Session,
    attempt: AttemptNumber,
    observed: AttemptObservation,
    context: &Context<'_>,
) -> Transition {
    let AttemptObservation { primary: seen, other_payments } = observed;
    let awaited = session.state.running().is_some_and(|running| running.number == attempt);
    let mut transition = if let State::Charging(charging) = &session.state
        && awaited
    {
        charge::apply_observation(session, charging, seen, context)
    } else if let Some(payment) = session.state.stripe_checkout_payment()
        && awaited
    {
        stripe_checkout::apply_observation(session, payment, seen, context)
    } else {
        let mut transition = seen_too_late(session, &seen, context);
        unconfirmed::apply_observation(&mut transition.next, attempt, &seen, context);
        transition
    };
    poll_again_soon(&mut transition.next, context);
    for intent in &other_payments {
        flag_unaccounted(&mut transition, intent, context);
    }
    transition
}

/// Applies an observation of an attempt that is already decided: a payment in it is flagged, all else is ignored.
fn seen_too_late(session: &Session, seen: &Observation, context: &Context<'_>) -> Transition {
    let mut transition = Transition::to(session.clone());
    if let Observation::PaymentIntent(PaymentIntentSnapshot {
        id,
        status: PaymentIntentStatus::Succeeded,
        ..
    })
    | Observation::StripeCheckout(StripeCheckoutSnapshot {
        intent: Some((id, _)),
        status: StripeCheckoutStatus::Paid,
        ..
    }) = seen
    {
        flag_unaccounted(&mut transition, id, context);
    }
    transition
}

/// The time for sending an attempt's request is over.
pub(crate) fn repeating_ended(session: &Session, context: &Context<'_>) -> Transition {
    if let State::Charging(charging) = &session.state {
        charge::read_from_now_on(session, charging, context)
    } else if let State::OpeningStripeCheckout(payment) = &session.state {
        stripe_checkout::unopened(session, payment, context)
    } else {
        Transition::to(session.clone())
    }
}
