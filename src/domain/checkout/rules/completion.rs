//! The order that a payment makes.

use super::order::polling::next_poll_at;
use crate::domain::checkout::model::{AttemptEnd, AttemptMove, Context, Session, State, Transition};
use crate::domain::ids::{AttemptNumber, PaymentIntentId};
use crate::domain::order::Order;
use crate::domain::pricing::Quote;

/// The order that a payment makes.
pub(crate) fn completed_by(
    session: &Session,
    number: AttemptNumber,
    quote: &Quote,
    intent: &PaymentIntentId,
    context: &Context<'_>,
) -> Transition {
    let attempt = session.state.attempt().filter(|attempt| attempt.number == number);
    let order = Order {
        id: context.moment.order_id(),
        session: session.id.clone(),
        revision: session.revision,
        payment_intent: intent.clone(),
        door: attempt.and_then(|attempt| attempt.door),
        host: session.host.clone(),
        agent: attempt.and_then(|attempt| attempt.agent.clone()),
        quote: quote.clone(),
        buyer: session.inputs.buyer.clone(),
        address: session.inputs.address.clone(),
        created: context.moment.now,
    };
    let mut next = session.clone();
    next.notice = None;
    next.state = State::Completed { quote: quote.clone(), order: order.id.clone(), intent: intent.clone() };
    next.activity.next_poll_at = next_poll_at(session, context.moment.now);
    next.unmatched_payments.retain(|waiting| waiting.payment != *intent);
    let end = AttemptEnd::Succeeded { intent: intent.clone() };
    Transition { attempt: Some(ended(number, end)), order: Some(order), ..Transition::to(next) }
}

/// The update that ends an attempt; its request is never sent again.
pub(crate) fn ended(number: AttemptNumber, end: AttemptEnd) -> AttemptMove {
    AttemptMove::Update { number, end: Some(end), erase_token: true }
}
