//! The shopper's edits: goods, address, cancellation; and expiry.

use super::payable::shoppers;
use crate::domain::checkout::model::{
    CancelReason, CheckoutInputs, Context, HostRejection, NotPayable, Notice, Patch, Rejection, Session,
    ShopRejection, ShopperRejection, State, StepError, Transition,
};
use crate::domain::ids::{ItemId, Revision, SessionId};
use crate::domain::merchant::{MerchantStatus, Reconciliation};
use crate::domain::order::OrderActivity;
use crate::domain::origin::Host;
use crate::domain::pricing::{PricingInput, PricingProblem, quote};

/// A margin above the number of revisions that a session may have had without a restored database knowing them.
const LOST_REVISIONS: u32 = 1000;

/// A new session.
pub fn begin(
    id: SessionId,
    patch: Patch,
    host: Option<Host>,
    context: &Context<'_>,
) -> Result<Session, Rejection> {
    if context.view.status == MerchantStatus::Suspended {
        return Err(Rejection::Shop(ShopRejection::Suspended));
    }
    let now = context.moment.now;
    let Some(cart) = patch.cart else {
        return Err(Rejection::Shopper(ShopperRejection::NotPayable(NotPayable::NothingWanted)));
    };
    let inputs = CheckoutInputs {
        cart,
        buyer: patch.buyer.unwrap_or_default(),
        address: patch.address,
        option_id: patch.option_id,
    };
    refuse_unknown_items(&inputs, context)?;
    let state = priced(&inputs, context);
    let expires = now + context.view.checkout.session_ttl;
    Ok(Session {
        id,
        created: now,
        host,
        expires,
        revision: Revision(1),
        inputs,
        attempts: 0,
        stripe_checkouts: 0,
        tokens: context.view.checkout.tokens,
        account: None,
        notice: None,
        state,
        activity: OrderActivity::default(),
        unmatched_payments: Vec::new(),
        unconfirmed: None,
        last_polls: Vec::new(),
        stripe_checkouts_not_asked: 0,
        notified: false,
        paid_late: false,
        ended: None,
    })
}

pub(crate) fn edit(
    session: &Session,
    revision: Option<Revision>,
    patch: Patch,
    context: &Context<'_>,
) -> Result<Transition, StepError> {
    let stale = revision.is_some_and(|seen| seen != session.revision);
    let in_this_state = shoppers(session);
    if let Err(StepError::Rejected(rejection)) = in_this_state {
        return Err(rejection.into());
    }
    if stale {
        return Err(Rejection::Host(HostRejection::StaleRevision { current: session.revision }).into());
    }
    let new_cart = patch.cart.is_some();
    let mut next = session.clone();
    next.inputs = patched(session.inputs.clone(), patch);
    if new_cart {
        refuse_unknown_items(&next.inputs, context)?;
    }
    // Last: no Stripe Checkout is closed for an edit that would be rejected anyway.
    in_this_state?;
    next.revision = next_revision(session, context);
    next.notice = None;
    next.state = priced(&next.inputs, context);
    Ok(Transition::to(next))
}

/// The revision of an edited session: a number under which no other quote was ever shown.
fn next_revision(session: &Session, context: &Context<'_>) -> Revision {
    match context.view.records {
        Reconciliation::Done { restored } if session.created < restored => {
            Revision(session.revision.0.saturating_add(LOST_REVISIONS))
        }
        Reconciliation::NotRestored | Reconciliation::Pending { .. } | Reconciliation::Done { .. } => {
            session.revision.next()
        }
    }
}

/// The inputs after a patch.
fn patched(inputs: CheckoutInputs, patch: Patch) -> CheckoutInputs {
    // An option belongs to the address that it was offered for, so a new address without an option drops the old
    // option.
    let kept_option = if patch.address.is_some() { None } else { inputs.option_id };
    CheckoutInputs {
        cart: patch.cart.unwrap_or(inputs.cart),
        buyer: patch.buyer.unwrap_or_default().or(inputs.buyer),
        address: patch.address.or(inputs.address),
        option_id: patch.option_id.or(kept_option),
    }
}

fn refuse_unknown_items(inputs: &CheckoutInputs, context: &Context<'_>) -> Result<(), Rejection> {
    for line in inputs.cart.lines() {
        context.view.catalog.sold(&line.id)?;
    }
    Ok(())
}

/// `ready` with a quote, or `open` with the missing part.
fn priced(inputs: &CheckoutInputs, context: &Context<'_>) -> State {
    let input = PricingInput {
        cart: &inputs.cart,
        address: inputs.address.as_ref(),
        option_id: inputs.option_id.as_ref(),
    };
    match quote(context.view, input, context.moment.now) {
        Ok(quote) => State::Ready { quote },
        Err(problem) => State::Open { problem: Some(problem) },
    }
}

pub(crate) fn line_gone(session: &Session, item: ItemId) -> Result<Transition, StepError> {
    shoppers(session)?;
    let mut next = session.clone();
    next.notice = Some(Notice::ItemUnavailable { item: item.clone() });
    next.state = State::Open { problem: Some(PricingProblem::Unavailable(item)) };
    Ok(Transition::to(next))
}

pub(crate) fn cancel(session: &Session) -> Result<Transition, StepError> {
    shoppers(session)?;
    let mut next = session.clone();
    next.notice = None;
    next.state = State::Canceled { reason: CancelReason::Shopper };
    Ok(Transition::to(next))
}

pub(crate) fn time_out(session: &Session, context: &Context<'_>) -> Result<Transition, StepError> {
    shoppers(session)?;
    let mut next = session.clone();
    if session.expires <= context.moment.now {
        next.notice = None;
        next.state = State::Expired;
    }
    Ok(Transition::to(next))
}
