//! Goods that were sent.

use super::paid;
use crate::domain::checkout::model::{
    Context, OperatorRejection, OrderChange, Rejection, Session, Transition,
};
use crate::domain::order::{Fulfilled, Fulfillment, OrderActivity, OrderState};
use crate::domain::pricing::Quote;

/// Records goods as sent. Without items, all remaining goods were sent.
pub(crate) fn fulfill(
    session: &Session,
    fulfillment: &Fulfillment,
    context: &Context<'_>,
) -> Result<Transition, Rejection> {
    let (quote, _) = paid(session)?;
    let state = OrderState::of(&session.activity, quote);
    let activity = &session.activity;
    let rest = fulfillment.items.is_empty();
    if let Some(known) = activity.fulfillments.iter().find(|known| known.reference == fulfillment.reference) {
        let stated = if rest { &known.items } else { &fulfillment.items };
        let again =
            Fulfillment { created: known.created, items: stated.clone(), rest, ..fulfillment.clone() };
        return if again == *known {
            Ok(Transition::to(session.clone()))
        } else {
            Err(Rejection::Operator(OperatorRejection::ReferenceTaken(fulfillment.reference.clone())))
        };
    }
    if state == OrderState::Refunded {
        return Err(Rejection::Operator(OperatorRejection::GoneBack));
    }
    let left = unsent(quote, activity);
    let items = if rest { left.clone() } else { summed(&fulfillment.items) };
    for sent in &items {
        if !quote.lines.iter().any(|line| line.item == sent.item) {
            return Err(Rejection::Operator(OperatorRejection::NotOrdered(sent.item.clone())));
        }
        let available = left.iter().find(|left| left.item == sent.item).map_or(0, |left| left.quantity);
        if sent.quantity == 0 || sent.quantity > available {
            return Err(Rejection::Operator(OperatorRejection::NotThatMany {
                item: sent.item.clone(),
                left: available,
            }));
        }
    }
    if items.is_empty() {
        return Err(Rejection::Operator(OperatorRejection::NothingToSend));
    }
    let items = if rest { items } else { fulfillment.items.clone() };
    let sent = Fulfillment { items, rest, created: context.moment.now, ..fulfillment.clone() };
    let mut next = session.clone();
    next.activity.fulfillments.push(sent);
    Ok(Transition {
        order_changes: vec![OrderChange::Fulfilled(fulfillment.reference.clone())],
        ..Transition::to(next)
    })
}

/// Each item once, with its total quantity; a quantity of zero stays zero.
fn summed<'a>(items: impl IntoIterator<Item = &'a Fulfilled>) -> Vec<Fulfilled> {
    let mut sums: Vec<Fulfilled> = Vec::new();
    for stated in items {
        match sums.iter_mut().find(|known| known.item == stated.item) {
            Some(known) if known.quantity == 0 || stated.quantity == 0 => known.quantity = 0,
            Some(known) => known.quantity = known.quantity.saturating_add(stated.quantity),
            None => sums.push(stated.clone()),
        }
    }
    sums
}

/// The goods of an order that are not sent yet.
fn unsent(quote: &Quote, activity: &OrderActivity) -> Vec<Fulfilled> {
    let bought: Vec<Fulfilled> = quote
        .lines
        .iter()
        .map(|line| Fulfilled { item: line.item.clone(), quantity: line.quantity })
        .collect();
    let mut left = summed(&bought);
    for known in &mut left {
        known.quantity = known.quantity.saturating_sub(activity.sent(&known.item));
    }
    left.retain(|known| known.quantity > 0);
    left
}
