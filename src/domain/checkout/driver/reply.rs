//! Replies to callers.

use super::{Output, RequestId, Turn};
use crate::domain::checkout::model::{
    Answer, Context, HostRejection, Loaded, Notice, Rejection, Session, ShopperRejection, State,
};

/// Rejects a caller's request.
pub(super) fn refuse(request: RequestId, rejection: Rejection, out: &mut Vec<Output>) {
    out.push(Output::Reply(request, Err(rejection)));
}

/// Replies to a caller with an unpaid session.
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
            wallet_address: None,
        })),
    ));
}

/// Replies with a rejection. Some rejections are not the caller's mistake: these become a notice on the unchanged
/// session.
pub(super) fn rejected(request: RequestId, session: &Session, rejection: Rejection, out: &mut Vec<Output>) {
    let notice = match rejection {
        Rejection::Shopper(ShopperRejection::Undecided) => Notice::PaymentUnderWay,
        // Shown on the payment sheet, where the shopper can choose another payment method.
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

/// Replies to callers that waited for an attempt.
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

/// Replies to a caller with the session as it was read.
pub(super) fn answer(request: RequestId, loaded: &Loaded, notice: Option<Notice>, turn: &mut Turn<'_>) {
    let reply = match &loaded.session {
        None => Err(Rejection::Host(HostRejection::NotFound)),
        Some((_, session)) => Ok(Box::new(Answer {
            session: session.clone(),
            order: loaded.order.clone(),
            notice: session.late_payment().or(notice).or_else(|| standing_notice(session, &turn.context)),
            repeats_payment: loaded.token_use.as_ref().is_some_and(|used| used.paid(&session.id)),
            checkout_page: None,
            wallet_address: None,
        })),
    };
    turn.out.push(Output::Reply(request, reply));
}

/// The notice that a session has at any time: its last one, or that its prices are too old.
fn standing_notice(session: &Session, context: &Context<'_>) -> Option<Notice> {
    if let State::Ready { quote } = &session.state
        && quote.expires <= context.moment.now
    {
        return Some(Notice::QuoteExpired);
    }
    session.notice.clone()
}
