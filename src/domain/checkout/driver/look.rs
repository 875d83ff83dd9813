//! What is looked at before anything is asked of the network: a finished, running, foreign or stale payment never
//! reaches it.

use super::GatherError;
use super::reply::token_notice;
use crate::domain::checkout::attempt::AttemptEnd;
use crate::domain::checkout::command::{Payment, Rejection};
use crate::domain::checkout::event::Event;
use crate::domain::checkout::session::{Notice, NoticeCode, Session, State};
use crate::domain::checkout::snapshot::TokenUse;
use crate::domain::checkout::step::{Context, payable, seen_revision, takes_tokens};
use crate::domain::checkout::token::{SharedPaymentToken, TokenFacts, TokenProblem};
use crate::domain::ids::{AttemptNumber, Revision};
use crate::domain::pricing::no_longer_sellable;

/// What a payment meets before anything is asked of the network.
pub(super) enum Look {
    /// It is answered from what is known.
    Answer(Option<Notice>),
    /// It is refused.
    Reject(Rejection),
    /// Its attempt is under way already.
    Join(AttemptNumber),
    /// Stripe must tell about the token first.
    Gather(SharedPaymentToken),
    /// The machine decides.
    Step(Box<Event>),
}

/// What a shopper meets who wants to pay on a page at Stripe. A page that is open already is shown again.
pub(super) fn look_for_page(session: &Session, revision: Option<Revision>, context: &Context<'_>) -> Look {
    match &session.state {
        State::Completed { .. } => return Look::Answer(None),
        State::OpeningHosted(hosted) => {
            return match seen_revision(session, revision) {
                Ok(()) => Look::Join(hosted.attempt),
                Err(rejection) => Look::Reject(rejection),
            };
        }
        State::AwaitingHosted { .. } if revision == Some(session.revision) => return Look::Answer(None),
        State::Open { .. }
        | State::Ready { .. }
        | State::Charging(_)
        | State::AwaitingHosted { .. }
        | State::ClosingHosted { .. }
        | State::Frozen { .. }
        | State::Canceled { .. }
        | State::Expired => {}
    }
    if let Err(rejection) = payable(session, revision, context) {
        return Look::Reject(rejection);
    }
    gone(session, context).unwrap_or_else(|| Look::Step(Box::new(Event::PageWanted { revision })))
}

/// A line of the quote that can no longer be sold.
fn gone(session: &Session, context: &Context<'_>) -> Option<Look> {
    let State::Ready { quote } = &session.state else { return None };
    no_longer_sellable(context.view, quote).map(|item| Look::Step(Box::new(Event::LineGone(item))))
}

/// Looks before asking: a finished, running, foreign or stale payment never reaches the network.
pub(super) fn look(
    session: &Session,
    payment: &Payment,
    token_use: Option<&TokenUse>,
    facts: Option<&Result<TokenFacts, GatherError>>,
    context: &Context<'_>,
) -> Look {
    if matches!(session.state, State::Completed { .. }) {
        return Look::Answer(None);
    }
    if let Some(used) = token_use {
        if used.session != session.id {
            return Look::Reject(Rejection::TokenUsedElsewhere);
        }
        return match (&used.end, &session.state) {
            (Some(AttemptEnd::Dead { notice }), _) => Look::Answer(Some(notice.clone())),
            (Some(AttemptEnd::Succeeded { .. } | AttemptEnd::NotOpened), _)
            | (None, State::Frozen { .. }) => Look::Answer(None),
            (None, _) => Look::Join(used.attempt),
        };
    }
    let standing = payable(session, payment.revision, context);
    match &standing {
        Err(Rejection::Undecided) => {
            let text = Rejection::Undecided.to_string();
            return Look::Answer(Some(Notice { code: NoticeCode::Conflict, text }));
        }
        Ok(()) | Err(Rejection::PageOpen) => {}
        Err(rejection) => return Look::Reject(rejection.clone()),
    }
    if let Err(rejection) = takes_tokens(context) {
        return Look::Reject(rejection);
    }
    if let Some(gone) = gone(session, context) {
        return gone;
    }
    match facts {
        None => Look::Gather(payment.token.clone()),
        // No page is closed for a token that could not pay anyway.
        Some(Ok(facts)) if standing.is_err() => {
            let Some(quote) = session.quote() else { return Look::Reject(Rejection::PageOpen) };
            match facts.check(context.view.mode, session.tokens, quote.total, context.moment.now) {
                Ok(()) => Look::Reject(Rejection::PageOpen),
                Err(problem) => Look::Answer(Some(token_notice(&problem))),
            }
        }
        Some(Ok(facts)) => {
            Look::Step(Box::new(Event::Paid { payment: payment.clone(), facts: facts.clone() }))
        }
        Some(Err(GatherError::Foreign | GatherError::Refused)) => {
            Look::Answer(Some(token_notice(&TokenProblem::Foreign)))
        }
        Some(Err(GatherError::TooMany)) => Look::Reject(Rejection::TooManyPayments),
        Some(Err(GatherError::Unread | GatherError::Limited)) => Look::Reject(Rejection::TokenUnread),
        Some(Err(GatherError::KeyRefused)) => Look::Reject(Rejection::PaymentsOff),
        Some(Err(GatherError::ClockDiffers)) => Look::Reject(Rejection::ClockDiffers),
    }
}
