//! The order that a payment makes.

use super::order::polling::next_poll_at;
use crate::domain::checkout::model::{
    AttemptEnd, AttemptMove, Charging, Context, Session, State, Transition,
};
use crate::domain::ids::PaymentIntentId;
use crate::domain::order::Order;

/// The order that a payment makes.
pub(crate) fn completed_by(
    session: &Session,
    charging: &Charging,
    intent: &PaymentIntentId,
    context: &Context<'_>,
) -> Transition {
    let order = Order {
        id: context.moment.order_id(),
        session: session.id.clone(),
        revision: session.revision,
        payment_intent: intent.clone(),
        quote: charging.quote.clone(),
        buyer: session.inputs.buyer.clone(),
        address: session.inputs.address.clone(),
        created: context.moment.now,
    };
    let mut next = session.clone();
    next.notice = None;
    next.state =
        State::Completed { quote: charging.quote.clone(), order: order.id.clone(), intent: intent.clone() };
    next.activity.next_poll_at = next_poll_at(session, context.moment.now);
    next.unmatched_payments.retain(|waiting| waiting.payment != *intent);
    let end = AttemptEnd::Succeeded { intent: intent.clone() };
    Transition { attempt: Some(ended(charging, end)), order: Some(order), ..Transition::to(next) }
}

pub(crate) fn ended(charging: &Charging, end: AttemptEnd) -> AttemptMove {
    AttemptMove::Update { number: charging.attempt, end: Some(end), erase_token: true }
}
