//! What an answer of Stripe means to an attempt.

use super::answers::{ErrorBody, ErrorDetails, PaymentIntent};
use super::transport::Reply;
use crate::domain::checkout::attempt::{AnsweredWith, IntentStatus, Seen, Unknown};
use crate::domain::ids::{AttemptNumber, PaymentIntentId};
use crate::domain::time::Timestamp;

/// The parameter that Stripe names when the token is not good.
const TOKEN_PARAM: &str = "shared_payment_granted_token";

/// What the answer to a charge says. A replayed answer counts like the first.
pub(super) fn of_charge(reply: &Reply) -> Seen {
    match (reply.status, reply.json::<ErrorBody>()) {
        (200..=299, _) => intent(reply).unwrap_or_else(|| unknown(reply)),
        (401 | 403, _) => Seen::KeyRefused,
        (402, Some(ErrorBody { error })) => declined(error).unwrap_or_else(|| unknown(reply)),
        (400, Some(ErrorBody { error })) if error.kind == "idempotency_error" => Seen::IdempotencyConflict,
        // What is stored under the key was answered to the send that Stripe has executed, and there is no other.
        (400 | 404, Some(ErrorBody { error })) if reply.replayed => {
            Seen::RefusedForGood { detail: detail(&error) }
        }
        (400 | 404, Some(ErrorBody { error })) if names_the_token(&error) => {
            Seen::TokenRefused { maybe_consumed: true, detail: detail(&error) }
        }
        (400, Some(ErrorBody { error })) => Seen::RequestRefused { detail: detail(&error) },
        _ => unknown(reply),
    }
}

/// What reading or canceling one PaymentIntent says.
pub(super) fn of_reading(reply: &Reply) -> Seen {
    match reply.status {
        200..=299 => intent(reply).unwrap_or(Seen::Unread),
        401 | 403 => Seen::KeyRefused,
        _ => Seen::Unread,
    }
}

/// What a complete listing of a session's payments says of one attempt: a paid one before one that may yet be paid, that
/// before a dead one, and the oldest of each kind. Every other paid one is told beside it. One that cannot be read leaves
/// everything open.
pub(super) fn of_listing<'a>(
    found: impl Iterator<Item = &'a PaymentIntent>,
    attempt: AttemptNumber,
    asked: Timestamp,
) -> Seen {
    let Some(mut seen) =
        found.map(|intent| Some((intent.created, intent.seen()?))).collect::<Option<Vec<_>>>()
    else {
        return Seen::Unread;
    };
    seen.sort_by_key(|(created, intent)| (intent.attempt != Some(attempt), rank(intent.status), *created));
    let mut seen = seen.into_iter().map(|(_, intent)| intent).peekable();
    let decisive = match seen.next_if(|first| first.attempt == Some(attempt)) {
        Some(intent) => Seen::Intent(intent),
        None => Seen::Absent { asked },
    };
    let paid: Vec<PaymentIntentId> =
        seen.filter(|other| other.status == IntentStatus::Succeeded).map(|other| other.id).collect();
    decisive.beside(paid)
}

/// How much a status decides: paid, still open, dead.
const fn rank(status: IntentStatus) -> u8 {
    match status {
        IntentStatus::Succeeded => 0,
        IntentStatus::Processing
        | IntentStatus::RequiresCapture
        | IntentStatus::RequiresAction
        | IntentStatus::RequiresConfirmation => 1,
        IntentStatus::RequiresPaymentMethod | IntentStatus::Canceled => 2,
    }
}

fn intent(reply: &Reply) -> Option<Seen> {
    reply.json::<PaymentIntent>()?.seen().map(Seen::Intent)
}

fn names_the_token(error: &ErrorDetails) -> bool {
    error.param.as_deref().is_some_and(|param| param.contains(TOKEN_PARAM))
}

/// What may be logged of a refusal: Stripe's sentence may quote what was sent, its code and parameter do not.
pub(super) fn detail(error: &ErrorDetails) -> String {
    let part = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    format!("code {}, parameter {}", part(&error.code), part(&error.param))
}

/// What a 402 says. The nested PaymentIntent is not trusted to be dead when it says that it is not; `None` when it says what we
/// cannot read.
fn declined(error: ErrorDetails) -> Option<Seen> {
    let nested = match &error.payment_intent {
        Some(intent) => Some(intent.seen()?),
        None => None,
    };
    if let Some(nested) = &nested
        && !matches!(nested.status, IntentStatus::RequiresPaymentMethod | IntentStatus::Canceled)
    {
        return Some(Seen::Intent(nested.clone()));
    }
    let authentication = |code: &Option<String>| code.as_deref() == Some("authentication_required");
    Some(Seen::Declined {
        intent: nested.map(|intent| intent.id),
        requires_3ds: authentication(&error.code) || authentication(&error.decline_code),
        text: error.message.unwrap_or_else(|| "The payment was declined.".to_owned()),
    })
}

pub(super) fn unknown(reply: &Reply) -> Seen {
    Seen::Unknown(unknown_answer(reply))
}

/// An answer that tells nothing.
pub(super) fn unknown_answer(reply: &Reply) -> Unknown {
    Unknown {
        retry_after: reply.retry_after,
        should_retry: reply.should_retry,
        replayed_error: reply.status >= 500 && reply.replayed,
        limited: reply.status == 429,
        cannot_repeat: false,
        not_sent: false,
        answered: Some(AnsweredWith { status: reply.status, request_id: reply.request_id.clone() }),
    }
}
