//! `step(session, event, context)`: every transition of a checkout, pure and total.
//!
//! Pure: it reads no clock, draws no random number and has no side effects; effects are data. The dispatch of
//! callers' events is below; observations of Stripe go to [`outcome`](super::outcome).

use super::model::{AttemptObservation, Context, Event, Session, StepError, Transition};
use super::rules::decision::decided;
pub use super::rules::edit::begin;
use super::rules::edit::{cancel, edit, line_gone, time_out};
use super::rules::outcome::{apply_observation, repeating_ended};
use super::rules::payment::pay;
use super::rules::{notification, order, restored, stripe_checkout};

/// One transition. `Err` changes nothing.
pub fn step(session: &Session, event: Event, context: &Context<'_>) -> Result<Transition, StepError> {
    if event.needs_reliable_records() {
        context.reliable_records()?;
    }
    match event {
        Event::Edited { revision, patch } => edit(session, revision, patch, context),
        Event::LineGone(item) => line_gone(session, item),
        Event::Paid { payment, facts } => pay(session, &payment, &facts, context),
        Event::StripeCheckoutRequested { revision } => stripe_checkout::open(session, revision, context),
        Event::CloseRequested(request) => Ok(stripe_checkout::close(session, request, context)?),
        Event::Canceled => cancel(session),
        Event::TimeOut => time_out(session, context),
        Event::RepeatingEnded => Ok(repeating_ended(session, context)),
        Event::Decided { decision, seen } => Ok(decided(session, &decision, seen, context)?),
        Event::AttemptObserved { attempt, seen } => Ok(apply_observation(session, attempt, seen, context)),
        Event::SendInterrupted(attempt) => {
            Ok(apply_observation(session, attempt, AttemptObservation::unanswered(), context))
        }
        Event::RefundRequested(request) => Ok(order::refund::refund(session, &request, context)?),
        Event::Fulfilled(fulfillment) => Ok(order::fulfillment::fulfill(session, &fulfillment, context)?),
        Event::Reconciled(evidence) => Ok(restored::reconciled(session, &evidence, context)),
        Event::OrderObserved(seen) => Ok(order::apply_observation(session, seen, context)),
        Event::Notified(notification) => Ok(notification::notified(session, &notification, context)?),
        Event::PaymentObserved { payment, seen } => {
            Ok(notification::apply_observation(session, &payment, &seen, context))
        }
    }
}
