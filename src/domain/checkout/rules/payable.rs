//! Whether a session can be paid now, and by whom.

use crate::domain::address::Buyer;
use crate::domain::checkout::model::{
    Context, HostRejection, NotOffered, NotPayable, Payment, Rejection, Session, ShopRejection,
    ShopperRejection, State, StepError, TokenFacts,
};
use crate::domain::ids::Revision;
use crate::domain::merchant::{MerchantStatus, MerchantView, PaymentsOff};
use crate::domain::origin::{Agent, TokenDoor};
use crate::domain::pricing::Quote;
use crate::domain::time::Timestamp;

/// Why a session in this state accepts no edit, cancellation or payment; `Ok` if the shopper may still change it.
pub(crate) fn shoppers(session: &Session) -> Result<(), StepError> {
    let state = &session.state;
    if state.is_the_shoppers() {
        Ok(())
    } else if let State::AwaitingStripeCheckout { .. } = state {
        Err(StepError::StripeCheckoutOpen)
    } else if state.attempt().is_some() {
        Err(Rejection::Shopper(ShopperRejection::Undecided).into())
    } else {
        Err(Rejection::Shopper(ShopperRejection::Ended(state.into_str())).into())
    }
}

/// Why a caller who has seen this revision cannot pay the session now, with any payment source.
pub(crate) fn payable(
    session: &Session,
    seen: Option<Revision>,
    context: &Context<'_>,
) -> Result<(), StepError> {
    context.reliable_records()?;
    let in_this_state = shoppers(session);
    if let Err(StepError::Rejected(_)) = in_this_state {
        return in_this_state;
    }
    seen_revision(session, seen)?;
    can_be_paid(session, context.view, context.moment.now)?;
    // Last: a Stripe Checkout is closed only if the payment is possible afterwards.
    in_this_state
}

/// Why a session whose state allows a payment cannot be paid now, by any payer and in any way.
pub fn can_be_paid(session: &Session, view: &MerchantView, now: Timestamp) -> Result<(), Rejection> {
    if let State::AwaitingStripeCheckout { payment, .. } = &session.state
        && payment.attempt.intent.is_some()
    {
        // The shopper has paid there, and the outcome is not known yet.
        return Err(Rejection::Shopper(ShopperRejection::Undecided));
    }
    if session.late_payment().is_some() {
        // An operator is checking a payment; another one might be the second one.
        return Err(Rejection::Shopper(ShopperRejection::NotPayable(NotPayable::PaymentLookedInto)));
    }
    let Some(quote) = session.quote() else {
        return Err(Rejection::Shopper(ShopperRejection::NotPayable(unpriced(&session.state))));
    };
    if quote.expires <= now {
        return Err(Rejection::Shopper(ShopperRejection::QuoteExpired));
    }
    if view.status == MerchantStatus::Suspended {
        return Err(Rejection::Shop(ShopRejection::Suspended));
    }
    match &view.payments_off {
        None => {}
        Some(PaymentsOff::Unverified) => return Err(Rejection::Shop(ShopRejection::AccountUnknown)),
        Some(
            PaymentsOff::KeyRefused
            | PaymentsOff::NotPermitted { .. }
            | PaymentsOff::OtherAccount
            | PaymentsOff::AccountMisnamed
            | PaymentsOff::AccountTaken
            | PaymentsOff::Unreconciled
            | PaymentsOff::ClockDiffers,
        ) => return Err(Rejection::Shop(ShopRejection::PaymentsOff)),
    }
    let account = view.account.as_ref().ok_or(Rejection::Shop(ShopRejection::AccountUnknown))?;
    if session.account.as_ref().is_some_and(|pinned| pinned != account) {
        return Err(Rejection::Shop(ShopRejection::AccountUnknown));
    }
    Ok(())
}

/// Whether the buyer's mail address is missing: goods that are not sent go there.
#[must_use]
pub fn needs_email(quote: &Quote, buyer: &Buyer) -> bool {
    !quote.is_sent() && buyer.email.is_none()
}

/// Whether a payment names the present revision.
pub(crate) fn seen_revision(session: &Session, seen: Option<Revision>) -> Result<(), Rejection> {
    match seen {
        None => Err(Rejection::Host(HostRejection::RevisionMissing)),
        Some(seen) if seen != session.revision => {
            Err(Rejection::Host(HostRejection::StaleRevision { current: session.revision }))
        }
        Some(_) => Ok(()),
    }
}

/// Whether the shop accepts tokens that come through this door.
pub(crate) const fn takes_tokens(door: TokenDoor, context: &Context<'_>) -> Result<(), Rejection> {
    if context.view.checkout.takes_tokens(door) {
        return Ok(());
    }
    let not_offered = match door {
        TokenDoor::PaymentSheet => NotOffered::PaymentSheet,
        TokenDoor::Wallet => NotOffered::Wallet,
    };
    Err(Rejection::Shopper(ShopperRejection::NotOffered(not_offered)))
}

/// Who pays, if the shop takes payments of this agent.
pub(crate) fn admitted(
    payment: &Payment,
    facts: &TokenFacts,
    context: &Context<'_>,
) -> Result<Option<Agent>, Rejection> {
    let agent = Agent::of(payment.user_agent.as_deref(), facts.agent_profile.as_deref());
    if context.view.checkout.agents.admit(agent.as_ref()) {
        Ok(agent)
    } else {
        Err(Rejection::Shopper(ShopperRejection::AgentRefused))
    }
}

/// Why a session in this state has no quote.
fn unpriced(state: &State) -> NotPayable {
    if let State::Open { problem } = state {
        problem.clone().map_or(NotPayable::LastPaymentNotMade, NotPayable::Unpriced)
    } else {
        NotPayable::InState(state.into_str())
    }
}
