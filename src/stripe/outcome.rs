//! What an answer of Stripe means to an attempt.

use super::answers::{ErrorBody, ErrorDetails, PaymentIntent};
use super::transport::Reply;
use crate::domain::checkout::attempt::{IntentStatus, Seen, Unknown};

/// The parameter that Stripe names when the token is not good.
const TOKEN_PARAM: &str = "shared_payment_granted_token";

/// What the answer to a charge says. A replayed answer counts like the first.
pub(super) fn of_charge(reply: &Reply) -> Seen {
    match (reply.status, reply.json::<ErrorBody>()) {
        (200..=299, _) => intent(reply).unwrap_or_else(|| unknown(reply)),
        (401 | 403, _) => Seen::KeyRefused,
        (402, Some(ErrorBody { error })) => declined(error),
        (400, Some(ErrorBody { error })) if error.kind == "idempotency_error" => Seen::IdempotencyConflict,
        (400 | 404, Some(ErrorBody { error })) if names_the_token(&error) => {
            Seen::TokenRefused { maybe_consumed: true, text: error.message.unwrap_or_default() }
        }
        (400, Some(ErrorBody { error })) => Seen::RequestRefused { text: error.message.unwrap_or_default() },
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

/// What a complete listing says: the paid one before all others, the oldest first.
pub(super) fn of_listing(found: &[PaymentIntent]) -> Seen {
    let mut oldest_first: Vec<&PaymentIntent> = found.iter().collect();
    oldest_first.sort_by_key(|intent| (intent.status != "succeeded", intent.created));
    match oldest_first.first() {
        Some(intent) => intent.seen().map_or(Seen::Unread, Seen::Intent),
        None => Seen::Absent,
    }
}

fn intent(reply: &Reply) -> Option<Seen> {
    reply.json::<PaymentIntent>()?.seen().map(Seen::Intent)
}

fn names_the_token(error: &ErrorDetails) -> bool {
    error.param.as_deref().is_some_and(|param| param.contains(TOKEN_PARAM))
}

/// 402. The nested PaymentIntent is not trusted to be dead when it says that it is not.
fn declined(error: ErrorDetails) -> Seen {
    let nested = error.payment_intent.as_ref().and_then(PaymentIntent::seen);
    if let Some(nested) = &nested
        && !matches!(nested.status, IntentStatus::RequiresPaymentMethod | IntentStatus::Canceled)
    {
        return Seen::Intent(nested.clone());
    }
    let authentication = |code: &Option<String>| code.as_deref() == Some("authentication_required");
    Seen::Declined {
        intent: nested.map(|intent| intent.id),
        requires_3ds: authentication(&error.code) || authentication(&error.decline_code),
        text: error.message.unwrap_or_else(|| "The payment was declined.".to_owned()),
    }
}

fn unknown(reply: &Reply) -> Seen {
    Seen::Unknown(Unknown {
        retry_after: reply.retry_after,
        should_retry: reply.should_retry,
        replayed_error: reply.status >= 500 && reply.replayed,
        cannot_repeat: false,
    })
}
