//! What callers are answered.

use super::{Output, RequestId, Turn};
use crate::domain::checkout::model::{
    Answer, Context, Loaded, Notice, NoticeCode, Rejection, Session, State, TokenProblem,
};

/// Tells a caller no.
pub(super) fn refuse(request: RequestId, rejection: Rejection, out: &mut Vec<Output>) {
    out.push(Output::Reply(request, Err(rejection)));
}

/// Tells a caller how an unpaid session stands.
pub(super) fn reply_with(
    request: RequestId,
    session: &Session,
    notice: Option<Notice>,
    out: &mut Vec<Output>,
) {
    let notice = session.late_payment().or(notice);
    out.push(Output::Reply(
        request,
        Ok(Box::new(Answer {
            session: session.clone(),
            order: None,
            notice,
            repeats_payment: false,
            checkout_page: None,
        })),
    ));
}

/// Some refusals are no mistake of the caller's: they are told as a notice beside the unchanged session.
pub(super) fn rejected(request: RequestId, session: &Session, rejection: Rejection, out: &mut Vec<Output>) {
    let notice = match &rejection {
        Rejection::Undecided => Notice { code: NoticeCode::Conflict, text: rejection.to_string() },
        Rejection::Token(problem) => token_notice(problem),
        Rejection::NotFound
        | Rejection::StaleRevision { .. }
        | Rejection::RevisionMissing
        | Rejection::NotPayable(_)
        | Rejection::QuoteExpired
        | Rejection::Ended(_)
        | Rejection::UnknownItem(_)
        | Rejection::VariantNeeded(_)
        | Rejection::StripeCheckoutOpen
        | Rejection::NotOffered(_)
        | Rejection::EmailNeeded
        | Rejection::TokenUsedElsewhere
        | Rejection::Suspended
        | Rejection::AccountUnknown
        | Rejection::PaymentsOff
        | Rejection::ClockDiffers
        | Rejection::TokenUnread
        | Rejection::TooManyPayments
        | Rejection::NotPaid(_)
        | Rejection::RefundTooLarge { .. }
        | Rejection::RefundNotAWholeStep { .. }
        | Rejection::NothingToRefund
        | Rejection::GoneBack
        | Rejection::RefundUnderWay
        | Rejection::ReferenceTaken(_)
        | Rejection::NotOrdered(_)
        | Rejection::NotThatMany { .. }
        | Rejection::NothingToSend
        | Rejection::NotFrozen(_)
        | Rejection::Unverified(_)
        | Rejection::Busy
        | Rejection::NoRoom
        | Rejection::Unreconciled { .. }
        | Rejection::NotWritten
        | Rejection::Unavailable => return refuse(request, rejection, out),
    };
    reply_with(request, session, Some(notice), out);
}

/// A token that cannot pay is told on the payment sheet, where another way to pay can be chosen.
pub(super) fn token_notice(problem: &TokenProblem) -> Notice {
    Notice { code: NoticeCode::PaymentDeclined, text: problem.told() }
}

/// Answers callers that waited for an attempt.
pub(super) fn report(
    requests: Vec<RequestId>,
    notice: Option<&Notice>,
    loaded: &Loaded,
    turn: &mut Turn<'_>,
) {
    for request in requests {
        answer(request, loaded, notice.cloned(), turn);
    }
}

/// Answers a caller with the session as it was read.
pub(super) fn answer(request: RequestId, loaded: &Loaded, notice: Option<Notice>, turn: &mut Turn<'_>) {
    let reply = match &loaded.session {
        None => Err(Rejection::NotFound),
        Some((_, session)) => Ok(Box::new(Answer {
            session: session.clone(),
            order: loaded.order.clone(),
            notice: session.late_payment().or(notice).or_else(|| standing_notice(session, &turn.context)),
            repeats_payment: loaded.token_use.as_ref().is_some_and(|used| used.paid(&session.id)),
            checkout_page: None,
        })),
    };
    turn.out.push(Output::Reply(request, reply));
}

/// What there is to say of a session at any time: its last notice, or that its prices are too old.
fn standing_notice(session: &Session, context: &Context<'_>) -> Option<Notice> {
    match &session.state {
        State::Ready { quote } if quote.expires <= context.moment.now => {
            Some(Notice { code: NoticeCode::Expired, text: Rejection::QuoteExpired.to_string() })
        }
        State::Ready { .. }
        | State::Open { .. }
        | State::Charging(_)
        | State::OpeningHosted(_)
        | State::AwaitingHosted { .. }
        | State::ClosingHosted { .. }
        | State::Frozen { .. }
        | State::Completed { .. }
        | State::Canceled { .. }
        | State::Expired => session.notice.clone(),
    }
}
