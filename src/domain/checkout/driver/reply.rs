//! What callers are answered.

use super::{Output, RequestId, Turn};
use crate::domain::checkout::model::{
    Answer, Context, HostRejection, Loaded, Notice, Rejection, Session, ShopperRejection, State,
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
    let notice = match rejection {
        Rejection::Shopper(ShopperRejection::Undecided) => Notice::PaymentUnderWay,
        // Told on the payment sheet, where another way to pay can be chosen.
        Rejection::Shopper(ShopperRejection::Token(problem)) => Notice::TokenRejected { problem },
        rejection @ (Rejection::Shopper(_)
        | Rejection::Host(_)
        | Rejection::Shop(_)
        | Rejection::Operator(_)) => {
            return refuse(request, rejection, out);
        }
    };
    reply_with(request, session, Some(notice), out);
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
        None => Err(Rejection::Host(HostRejection::NotFound)),
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
    if let State::Ready { quote } = &session.state
        && quote.expires <= context.moment.now
    {
        return Some(Notice::QuoteExpired);
    }
    session.notice.clone()
}
