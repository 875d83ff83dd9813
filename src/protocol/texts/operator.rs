//! Messages for operators: what is not possible, and what to do, with ids.

use super::wording::Wording;
use crate::domain::checkout::model::{OperatorRejection, Rejection, Unverified};
use crate::domain::order::{LastAnswer, RefundRefusal};

/// Why something was not done.
#[must_use]
pub fn rejection(rejection: &Rejection) -> String {
    match rejection {
        Rejection::Operator(rejection) => operator_rejection(rejection),
        Rejection::Shop(_) | Rejection::Shopper(_) | Rejection::Host(_) => {
            Wording::for_model().rejection(rejection)
        }
    }
}

fn operator_rejection(rejection: &OperatorRejection) -> String {
    match rejection {
        OperatorRejection::NotPaid(state) => format!("this checkout is {state}; only a completed one has an order"),
        OperatorRejection::RefundTooLarge { left } => format!(
            "a refund is at least {} and at most {} in minor units of {}, which is what has not been refunded yet",
            left.currency.step().minor,
            left.minor,
            left.currency
        ),
        OperatorRejection::RefundNotAWholeStep { step } => {
            format!("a refund in {} is a multiple of {} minor units", step.currency.upper(), step.minor)
        }
        OperatorRejection::NothingToRefund => {
            "all that was paid for this order has gone back already, or is on its way back; nothing of it is left to refund"
                .to_owned()
        }
        OperatorRejection::GoneBack => {
            "everything that was paid for this order has gone back, so nothing of it is sent any more".to_owned()
        }
        OperatorRejection::RefundUnderWay => {
            "another refund of this order is not decided yet; try again when it is".to_owned()
        }
        OperatorRejection::ReferenceTaken(reference) => format!(
            "\"{reference}\" was used for something else of this order before; give every request a reference of its own"
        ),
        OperatorRejection::NotOrdered(item) => format!("this order has no item \"{item}\""),
        OperatorRejection::NotThatMany { item, left } => {
            format!("of \"{item}\" {left} can still be sent; quantities begin at 1")
        }
        OperatorRejection::NothingToSend => "everything of this order was sent already".to_owned(),
        OperatorRejection::NotFrozen(state) => {
            format!("this checkout is {state}; only a frozen one waits for a decision")
        }
        OperatorRejection::Unverified(why) => unverified(why),
    }
}

fn unverified(why: &Unverified) -> String {
    match why {
        Unverified::PaymentUnread(payment) => format!(
            "payment {payment} could not be read at Stripe with this shop's key; nothing was decided"
        ),
        Unverified::NotOfSession(payment) => format!("payment {payment} is not of this session"),
        Unverified::OtherMode(payment) => format!("payment {payment} is of the other mode"),
        Unverified::NotSucceeded(payment, status) => format!("payment {payment} is {status} and not succeeded"),
        Unverified::StillAlive(payment, status) => {
            format!("Stripe shows payment {payment} as {status}; try again later")
        }
        Unverified::Succeeded(payment) => {
            format!("Stripe shows payment {payment} as succeeded; decide charged with it")
        }
        Unverified::ReadFailed => "the payment could not be read at Stripe with this shop's key; nothing was decided; try again \
                               when Stripe answers. Only if you know from Stripe's dashboard that nothing was charged, send \
                               \"override_unread\": true with the decision"
            .to_owned(),
    }
}

/// Why Stripe has not made a refund.
#[must_use]
pub fn refund_refusal(refusal: &RefundRefusal) -> String {
    match refusal {
        RefundRefusal::Refused { detail } => detail.clone(),
        RefundRefusal::NotShown { last_answer: last } => {
            let last = last.as_ref().map_or_else(|| "no answer".to_owned(), last_answer);
            format!("Stripe shows no such refund, so nothing went back; its request had: {last}")
        }
    }
}

/// The answer to the request for a refund, in a few words.
#[must_use]
pub fn last_answer(answer: &LastAnswer) -> String {
    match answer {
        LastAnswer::Made => "made".to_owned(),
        LastAnswer::Refused { detail } => format!("refused: {detail}"),
        LastAnswer::Conflict => "its idempotency key stands for another request".to_owned(),
        LastAnswer::KeyRefused => "the key is refused".to_owned(),
        LastAnswer::Unverified => "not sent: the merchant's Stripe account is not verified yet".to_owned(),
        LastAnswer::OtherAccount => {
            "not sent: the key opens another account than the one that was paid".to_owned()
        }
        LastAnswer::Status { status, request_id: Some(id) } => format!("status {status}, request {id}"),
        LastAnswer::Status { status, request_id: None } => format!("status {status}"),
        LastAnswer::None => "no answer".to_owned(),
    }
}
