//! Checks before any call to Stripe: a finished, running, foreign or stale payment never reaches the network.

use crate::domain::checkout::model::{
    AttemptEnd, Context, Event, Notice, Payment, Rejection, Session, SharedPaymentToken, ShopRejection,
    ShopperRejection, State, StepError, TokenFacts, TokenProblem, TokenReadError, TokenUse,
};
use crate::domain::checkout::rules::payable::{admitted, payable, seen_revision, takes_tokens};
use crate::domain::ids::{AttemptNumber, Revision};
use crate::domain::pricing::no_longer_sellable;

/// The result of a precheck.
pub(super) enum Precheck {
    /// The reply follows from what is already known.
    Answer(Option<Notice>),
    Reject(Rejection),
    /// Its attempt is already in progress.
    Join(AttemptNumber),
    /// The token must be read at Stripe first.
    Gather(SharedPaymentToken),
    /// A Stripe Checkout is open, and must be closed first.
    CloseFirst,
    Step(Box<Event>),
}

impl From<StepError> for Precheck {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Rejected(rejection) => Self::Reject(rejection),
            StepError::StripeCheckoutOpen => Self::CloseFirst,
        }
    }
}

/// Checks a request to pay on a Stripe Checkout. One that is already open is returned again.
pub(super) fn precheck_stripe_checkout(
    session: &Session,
    revision: Option<Revision>,
    context: &Context<'_>,
) -> Precheck {
    if session.paid().is_some() {
        return Precheck::Answer(None);
    }
    if let State::OpeningStripeCheckout(payment) = &session.state {
        return match seen_revision(session, revision) {
            Ok(()) => Precheck::Join(payment.attempt.number),
            Err(rejection) => Precheck::Reject(rejection),
        };
    }
    if matches!(session.state, State::AwaitingStripeCheckout { .. }) && revision == Some(session.revision) {
        return Precheck::Answer(None);
    }
    if let Err(error) = payable(session, revision, context) {
        return error.into();
    }
    gone(session, context)
        .unwrap_or_else(|| Precheck::Step(Box::new(Event::StripeCheckoutRequested { revision })))
}

/// The rejection for a line of the quote that can no longer be sold.
fn gone(session: &Session, context: &Context<'_>) -> Option<Precheck> {
    let State::Ready { quote } = &session.state else { return None };
    no_longer_sellable(context.view, quote).map(|item| Precheck::Step(Box::new(Event::LineGone(item))))
}

/// Checks a payment by token: a finished, running, foreign or stale payment never reaches the network.
pub(super) fn precheck(
    session: &Session,
    payment: &Payment,
    token_use: Option<&TokenUse>,
    facts: Option<&Result<TokenFacts, TokenReadError>>,
    context: &Context<'_>,
) -> Precheck {
    if matches!(session.state, State::Completed { .. }) {
        return Precheck::Answer(None);
    }
    if let Some(used) = token_use {
        if used.session != session.id {
            return Precheck::Reject(Rejection::Shopper(ShopperRejection::TokenUsedElsewhere));
        }
        return match (&used.end, &session.state) {
            (Some(AttemptEnd::Failed { notice }), _) => Precheck::Answer(Some(notice.clone())),
            (Some(AttemptEnd::Succeeded { .. } | AttemptEnd::NotCreated), _)
            | (None, State::Frozen { .. }) => Precheck::Answer(None),
            (None, _) => Precheck::Join(used.attempt),
        };
    }
    let close_first = match payable(session, payment.revision, context) {
        Ok(()) => false,
        Err(StepError::StripeCheckoutOpen) => true,
        Err(StepError::Rejected(Rejection::Shopper(ShopperRejection::Undecided))) => {
            return Precheck::Answer(Some(Notice::PaymentUnderWay));
        }
        Err(StepError::Rejected(rejection)) => return Precheck::Reject(rejection),
    };
    if let Err(rejection) = takes_tokens(payment.door, context) {
        return Precheck::Reject(rejection);
    }
    if let Some(gone) = gone(session, context) {
        return gone;
    }
    match facts {
        None => Precheck::Gather(payment.token.clone()),
        // A Stripe Checkout is not closed for a token or an agent that could not pay anyway.
        Some(Ok(facts)) if close_first => {
            let Some(quote) = session.quote() else { return Precheck::CloseFirst };
            if let Err(problem) =
                facts.check(context.view.mode, session.tokens, quote.total, context.moment.now)
            {
                return Precheck::Answer(Some(Notice::TokenRejected { problem }));
            }
            admitted(payment, facts, context).map_or_else(Precheck::Reject, |_| Precheck::CloseFirst)
        }
        Some(Ok(facts)) => {
            Precheck::Step(Box::new(Event::Paid { payment: payment.clone(), facts: facts.clone() }))
        }
        Some(Err(TokenReadError::Foreign | TokenReadError::Refused)) => {
            Precheck::Answer(Some(Notice::TokenRejected { problem: TokenProblem::Foreign }))
        }
        Some(Err(TokenReadError::TooMany)) => {
            Precheck::Reject(Rejection::Shop(ShopRejection::TooManyPayments))
        }
        Some(Err(TokenReadError::ReadFailed | TokenReadError::Limited)) => {
            Precheck::Reject(Rejection::Shop(ShopRejection::TokenUnread))
        }
        Some(Err(TokenReadError::KeyRefused)) => {
            Precheck::Reject(Rejection::Shop(ShopRejection::PaymentsOff))
        }
        Some(Err(TokenReadError::ClockDiffers)) => {
            Precheck::Reject(Rejection::Shop(ShopRejection::ClockDiffers))
        }
    }
}
