//! What an answer of Stripe means for an attempt.

use super::answers::{ErrorBody, ErrorDetails, PaymentIntent};
use super::transport::Reply;
use crate::domain::checkout::model::{
    AnsweredWith, AttemptObservation, Deactivation, DeclineReason, Inconclusive, Observation,
    PaymentIntentStatus, TokenFacts, TokenReadError,
};
use crate::domain::ids::AttemptNumber;
use crate::domain::time::Timestamp;

/// The parameter that Stripe names when the token is not accepted.
const TOKEN_PARAM: &str = "shared_payment_granted_token";

/// The observation from the answer to a charge. A replayed answer counts like the first.
pub(super) fn of_charge(reply: &Reply) -> Observation {
    match (reply.status, reply.json::<ErrorBody>()) {
        (200..=299, _) => intent(reply).unwrap_or_else(|| unknown(reply)),
        (401 | 403, _) => Observation::KeyRefused,
        (402, Some(ErrorBody { error })) => declined(&error).unwrap_or_else(|| unknown(reply)),
        (400, Some(ErrorBody { error })) if error.kind == "idempotency_error" => {
            Observation::IdempotencyConflict
        }
        // The answer stored under the key belongs to the one send that Stripe has executed.
        (400 | 404, Some(ErrorBody { error })) if reply.replayed => {
            Observation::RefusedForGood { detail: detail(&error) }
        }
        (400 | 404, Some(ErrorBody { error })) if names_the_token(&error) => {
            Observation::TokenRefused { maybe_consumed: true, detail: detail(&error) }
        }
        (400, Some(ErrorBody { error })) => Observation::RequestRefused { detail: detail(&error) },
        _ => unknown(reply),
    }
}

/// The observation from the refusal of a token, once the token was read: a payment of our own may have used it up.
pub(super) fn of_refused_token(read: &Result<TokenFacts, TokenReadError>, detail: String) -> Observation {
    match read {
        Ok(facts) => {
            let harmless =
                matches!(facts.deactivated, None | Some(Deactivation::Expired | Deactivation::Revoked));
            Observation::TokenRefused { maybe_consumed: !harmless, detail }
        }
        Err(
            TokenReadError::ReadFailed
            | TokenReadError::Limited
            | TokenReadError::TooMany
            | TokenReadError::ClockDiffers
            | TokenReadError::Refused
            | TokenReadError::KeyRefused,
        ) => Observation::TokenRefused { maybe_consumed: true, detail },
        // The token was read before its attempt began. If it is unknown now, the key belongs to another account,
        // whose answers prove nothing about this attempt.
        Err(TokenReadError::Foreign) => Observation::OtherAccount,
    }
}

/// The observation from reading or canceling one PaymentIntent.
pub(super) fn of_reading(reply: &Reply) -> Observation {
    match reply.status {
        200..=299 => intent(reply).unwrap_or(Observation::ReadFailed),
        401 | 403 => Observation::KeyRefused,
        _ => Observation::ReadFailed,
    }
}

/// The observation of one attempt from a complete listing of a session's payments. A succeeded payment takes
/// precedence over one that may still succeed, that over a failed one, and the oldest of each kind counts. Every
/// other succeeded payment is reported beside it. If one payment is unreadable, the result is inconclusive.
pub(super) fn of_listing<'a>(
    found: impl Iterator<Item = &'a PaymentIntent>,
    attempt: AttemptNumber,
    asked: Timestamp,
) -> AttemptObservation {
    let Some(mut seen) =
        found.map(|intent| Some((intent.created, intent.seen()?))).collect::<Option<Vec<_>>>()
    else {
        return Observation::ReadFailed.into();
    };
    seen.sort_by_key(|(created, intent)| (intent.attempt != Some(attempt), rank(intent.status), *created));
    let mut seen = seen.into_iter().map(|(_, intent)| intent).peekable();
    let primary = match seen.next_if(|first| first.attempt == Some(attempt)) {
        Some(intent) => Observation::PaymentIntent(intent),
        None => Observation::Absent { asked },
    };
    let paid = seen.filter(|other| other.status == PaymentIntentStatus::Succeeded);
    AttemptObservation { primary, other_payments: paid.map(|other| other.id).collect() }
}

/// The precedence of a status: succeeded, still open, failed.
const fn rank(status: PaymentIntentStatus) -> u8 {
    match status {
        PaymentIntentStatus::Succeeded => 0,
        PaymentIntentStatus::Processing
        | PaymentIntentStatus::RequiresCapture
        | PaymentIntentStatus::RequiresAction
        | PaymentIntentStatus::RequiresConfirmation => 1,
        PaymentIntentStatus::RequiresPaymentMethod | PaymentIntentStatus::Canceled => 2,
    }
}

fn intent(reply: &Reply) -> Option<Observation> {
    reply.json::<PaymentIntent>()?.seen().map(Observation::PaymentIntent)
}

fn names_the_token(error: &ErrorDetails) -> bool {
    error.param.as_deref().is_some_and(|param| param.contains(TOKEN_PARAM))
}

/// The part of a refusal that may be logged: Stripe's message may quote the request, its code and parameter do not.
pub(super) fn detail(error: &ErrorDetails) -> String {
    let part = |text: &Option<String>| text.clone().unwrap_or_else(|| "none".to_owned());
    format!("code {}, parameter {}", part(&error.code), part(&error.param))
}

/// The observation from a 402. The nested PaymentIntent counts as failed only if its status says so; `None` if it is
/// not readable.
fn declined(error: &ErrorDetails) -> Option<Observation> {
    let nested = match &error.payment_intent {
        Some(intent) => Some(intent.seen()?),
        None => None,
    };
    if let Some(nested) = &nested
        && !matches!(
            nested.status,
            PaymentIntentStatus::RequiresPaymentMethod | PaymentIntentStatus::Canceled
        )
    {
        return Some(Observation::PaymentIntent(nested.clone()));
    }
    let authentication = |code: &Option<String>| code.as_deref() == Some("authentication_required");
    Some(Observation::Declined {
        intent: nested.map(|intent| intent.id),
        requires_3ds: authentication(&error.code) || authentication(&error.decline_code),
        reason: reason(error),
    })
}

/// Why a payment was declined, if the shopper can act on it. A bank's suspicion is not revealed. Source:
/// docs.stripe.com/declines/codes.
fn reason(error: &ErrorDetails) -> DeclineReason {
    let code = error.decline_code.as_deref().or(error.code.as_deref()).unwrap_or_default();
    match code {
        "insufficient_funds" => DeclineReason::InsufficientFunds,
        "expired_card" => DeclineReason::ExpiredCard,
        "incorrect_cvc"
        | "invalid_cvc"
        | "incorrect_number"
        | "invalid_number"
        | "invalid_expiry_month"
        | "invalid_expiry_year"
        | "incorrect_zip"
        | "incorrect_address" => DeclineReason::IncorrectDetails,
        "card_velocity_exceeded" | "withdrawal_count_limit_exceeded" => DeclineReason::LimitExceeded,
        "card_not_supported"
        | "currency_not_supported"
        | "service_not_allowed"
        | "transaction_not_allowed" => DeclineReason::NotSupported,
        "processing_error" | "issuer_not_available" | "try_again_later" | "reenter_transaction" => {
            DeclineReason::TryAgain
        }
        _ => DeclineReason::Unknown,
    }
}

pub(super) fn unknown(reply: &Reply) -> Observation {
    Observation::Inconclusive(unknown_answer(reply))
}

/// An answer without a conclusion.
pub(super) fn unknown_answer(reply: &Reply) -> Inconclusive {
    Inconclusive {
        retry_after: reply.retry_after,
        should_retry: reply.should_retry,
        replayed_error: reply.status >= 500 && reply.replayed,
        limited: reply.status == 429,
        cannot_repeat: false,
        not_sent: false,
        answered: Some(AnsweredWith { status: reply.status, request_id: reply.request_id.clone() }),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::ids::PaymentIntentId;
    use crate::domain::ids::SessionId;
    use crate::domain::time::Span;

    const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

    /// Every status, and whether a payment in it can no longer succeed.
    const STATUSES: [(PaymentIntentStatus, bool); 7] = [
        (PaymentIntentStatus::RequiresPaymentMethod, true),
        (PaymentIntentStatus::RequiresConfirmation, false),
        (PaymentIntentStatus::RequiresAction, false),
        (PaymentIntentStatus::Processing, false),
        (PaymentIntentStatus::RequiresCapture, false),
        (PaymentIntentStatus::Canceled, true),
        (PaymentIntentStatus::Succeeded, false),
    ];

    fn reply(status: u16, body: &Value) -> Reply {
        Reply::of_text(status, &body.to_string())
    }

    fn payment(id: &str, status: &str, (attempt, created): (u32, i64)) -> Value {
        json!({
            "id": id, "status": status, "amount": 4361, "currency": "usd", "livemode": false, "created": created,
            "metadata": {
                "checkout_session": SessionId::from_random(1), "checkout_revision": "1",
                "checkout_attempt": attempt.to_string(),
            },
        })
    }

    /// A 402 that contains this payment.
    fn refusal(nested: &Value) -> Reply {
        let error = json!({ "type": "card_error", "code": "card_declined", "payment_intent": nested });
        reply(402, &json!({ "error": error }))
    }

    fn listed(payments: &[Value]) -> AttemptObservation {
        let payments: Vec<PaymentIntent> =
            payments.iter().map(|payment| serde_json::from_value(payment.clone()).unwrap()).collect();
        of_listing(payments.iter(), AttemptNumber(2), NOW)
    }

    fn ids(ids: &[&str]) -> Vec<PaymentIntentId> {
        ids.iter().map(|id| id.parse().unwrap()).collect()
    }

    #[test]
    fn a_402_is_a_decline_only_if_its_payment_is_no_longer_payable() {
        for (status, is_dead) in STATUSES {
            let seen = of_charge(&refusal(&payment("pi_1", status.into_str(), (1, 0))));
            if is_dead {
                let Observation::Declined { intent, .. } = seen else { panic!("{status:?}: {seen:?}") };
                assert_eq!(intent, Some("pi_1".parse().unwrap()), "{status:?}");
            } else {
                let Observation::PaymentIntent(intent) = seen else { panic!("{status:?}: {seen:?}") };
                assert_eq!((intent.status, intent.id.as_str()), (status, "pi_1"));
            }
        }
        for without in
            [json!({ "type": "card_error" }), json!({ "type": "card_error", "payment_intent": null })]
        {
            let seen = of_charge(&reply(402, &json!({ "error": without })));
            assert!(matches!(seen, Observation::Declined { intent: None, .. }), "{seen:?}");
        }
    }

    #[test]
    fn a_402_whose_payment_cannot_be_read_tells_nothing() {
        let spoilt = |name: &str, value: Value| {
            let mut payment = payment("pi_1", "requires_payment_method", (1, 0));
            payment[name] = value;
            payment
        };
        for nested in [
            spoilt("status", json!("requires_patience")),
            spoilt("status", json!(7)),
            spoilt("id", json!("ch_1")),
            spoilt("currency", json!("shells")),
            spoilt("amount", json!("all of it")),
            json!("pi_1"),
            json!({}),
        ] {
            let seen = of_charge(&refusal(&nested));
            assert!(matches!(seen, Observation::Inconclusive(_)), "{nested}: {seen:?}");
        }
        let seen = of_charge(&Reply { body: b"<html>".to_vec(), ..reply(402, &json!({})) });
        assert!(matches!(seen, Observation::Inconclusive(_)), "{seen:?}");
    }

    #[test]
    fn a_listing_reports_our_attempt_among_any_other_payments() {
        let before = [
            payment("pi_a", "succeeded", (1, 1)),
            payment("pi_b", "canceled", (1, 2)),
            payment("pi_c", "processing", (3, 3)),
            payment("pi_d", "succeeded", (3, 4)),
        ];
        for (status, _) in STATUSES {
            let ours = payment("pi_ours", status.into_str(), (2, 9));
            for place in 0..=before.len() {
                let mut all = before.to_vec();
                all.insert(place, ours.clone());
                let AttemptObservation { primary, other_payments } = listed(&all);
                let Observation::PaymentIntent(seen) = primary else {
                    panic!("{status:?} at {place}: {primary:?}")
                };
                assert_eq!((seen.id.as_str(), seen.status), ("pi_ours", status), "at {place}");
                assert_eq!(other_payments, ids(&["pi_a", "pi_d"]), "{status:?} at {place}");
            }
        }
        let absent_beside = |paid: &[&str]| AttemptObservation {
            primary: Observation::Absent { asked: NOW },
            other_payments: ids(paid),
        };
        assert_eq!(listed(&before), absent_beside(&["pi_a", "pi_d"]), "ours is not there");
        assert_eq!(listed(&before[1..3]), absent_beside(&[]), "nothing is told of what was not paid");
        let nameless = json!({ "checkout_session": SessionId::from_random(1) });
        let mut unnamed = payment("pi_e", "succeeded", (2, 5));
        unnamed["metadata"] = nameless;
        assert_eq!(listed(&[unnamed]), absent_beside(&["pi_e"]));
    }

    #[test]
    fn a_paid_payment_outranks_an_open_one_and_that_a_dead_one() {
        for (first, second, decisive) in [
            ("requires_payment_method", "succeeded", "pi_2"),
            ("processing", "succeeded", "pi_2"),
            ("succeeded", "processing", "pi_1"),
            ("canceled", "processing", "pi_2"),
            ("canceled", "requires_action", "pi_2"),
            ("requires_payment_method", "requires_confirmation", "pi_2"),
            ("canceled", "requires_capture", "pi_2"),
            ("processing", "canceled", "pi_1"),
            ("processing", "requires_action", "pi_1"),
            ("canceled", "requires_payment_method", "pi_1"),
        ] {
            let both = [payment("pi_1", first, (2, 1)), payment("pi_2", second, (2, 2))];
            for all in [both.to_vec(), both.iter().rev().cloned().collect()] {
                let Observation::PaymentIntent(seen) = listed(&all).primary else {
                    panic!("{first}, {second}")
                };
                assert_eq!(seen.id.as_str(), decisive, "{first}, {second}");
            }
        }
        let twice = [payment("pi_2", "succeeded", (2, 2)), payment("pi_1", "succeeded", (2, 1))];
        let AttemptObservation { primary, other_payments } = listed(&twice);
        assert!(
            matches!(primary, Observation::PaymentIntent(seen) if seen.id.as_str() == "pi_1"),
            "the oldest decides"
        );
        assert_eq!(other_payments, ids(&["pi_2"]));
    }

    #[test]
    fn an_unknown_payment_status_leaves_the_whole_listing_undecided() {
        for (of_attempt, beside) in [(1, "succeeded"), (2, "succeeded"), (3, "canceled")] {
            let strange = payment("pi_strange", "requires_patience", (of_attempt, 3));
            let known = payment("pi_known", beside, (2, 1));
            for all in [
                vec![strange.clone()],
                vec![strange.clone(), known.clone()],
                vec![known.clone(), strange.clone()],
            ] {
                assert_eq!(listed(&all).primary, Observation::ReadFailed, "attempt {of_attempt}");
            }
        }
    }

    #[test]
    fn a_refused_token_may_be_consumed_unless_a_read_rules_it_out() {
        let facts = |deactivated| TokenFacts {
            livemode: false,
            deactivated,
            expires: None,
            remaining: None,
            block_recommended: false,
            agent_profile: None,
        };
        for (deactivated, maybe_consumed) in [
            (None, false),
            (Some(Deactivation::Expired), false),
            (Some(Deactivation::Revoked), false),
            (Some(Deactivation::Consumed), true),
            (Some(Deactivation::Other), true),
        ] {
            let seen = of_refused_token(&Ok(facts(deactivated)), String::new());
            assert_eq!(
                seen,
                Observation::TokenRefused { maybe_consumed, detail: String::new() },
                "{deactivated:?}"
            );
        }
        for unread in [
            TokenReadError::ReadFailed,
            TokenReadError::Limited,
            TokenReadError::TooMany,
            TokenReadError::ClockDiffers,
            TokenReadError::Refused,
            TokenReadError::KeyRefused,
        ] {
            let seen = of_refused_token(&Err(unread), String::new());
            assert!(
                matches!(seen, Observation::TokenRefused { maybe_consumed: true, .. }),
                "{unread:?}: {seen:?}"
            );
        }
        assert_eq!(of_refused_token(&Err(TokenReadError::Foreign), String::new()), Observation::OtherAccount);
    }

    #[test]
    fn a_refusal_is_of_the_token_only_if_it_names_that_parameter() {
        let body = |param: Option<&str>| json!({ "error": { "type": "invalid_request_error", "code": "c", "param": param } });
        let token = Some("payment_method_data[shared_payment_granted_token]");
        for (status, param, replayed, expected) in [
            (400, token, false, "token_refused"),
            (404, token, false, "token_refused"),
            (400, Some("amount"), false, "request_refused"),
            (400, None, false, "request_refused"),
            (404, Some("amount"), false, "no_certain_answer"),
            (404, None, false, "no_certain_answer"),
            (400, token, true, "refused_for_good"),
            (404, token, true, "refused_for_good"),
            (400, Some("amount"), true, "refused_for_good"),
            (409, token, false, "no_certain_answer"),
            (429, token, false, "no_certain_answer"),
            (500, token, false, "no_certain_answer"),
            (500, token, true, "replayed_server_error"),
            (401, token, false, "key_refused"),
            (403, None, true, "key_refused"),
        ] {
            let seen = of_charge(&Reply { replayed, ..reply(status, &body(param)) });
            assert_eq!(seen.as_str(), expected, "{status} {param:?} replayed: {replayed}");
            if let Observation::TokenRefused { maybe_consumed, .. } = seen {
                assert!(maybe_consumed, "nothing says that it is not");
            }
        }
        for (status, replayed, limited, replayed_error) in [
            (429, false, true, false),
            (429, true, true, false),
            (499, true, false, false),
            (500, false, false, false),
            (500, true, false, true),
            (503, true, false, true),
        ] {
            let unknown = unknown_answer(&Reply { replayed, ..reply(status, &json!({})) });
            assert_eq!(
                (unknown.limited, unknown.replayed_error),
                (limited, replayed_error),
                "{status} replayed: {replayed}"
            );
        }
        let conflict = json!({ "error": { "type": "idempotency_error" } });
        assert_eq!(of_charge(&reply(400, &conflict)), Observation::IdempotencyConflict);
    }

    #[test]
    fn either_code_reports_that_the_bank_requires_authentication() {
        let authentication = "authentication_required";
        for (code, decline_code, requires_3ds) in [
            (Some(authentication), None, true),
            (None, Some(authentication), true),
            (Some("card_declined"), Some(authentication), true),
            (Some(authentication), Some("generic_decline"), true),
            (Some(authentication), Some(authentication), true),
            (Some("card_declined"), Some("generic_decline"), false),
            (Some("card_declined"), None, false),
            (None, None, false),
        ] {
            let error = json!({ "type": "card_error", "code": code, "decline_code": decline_code });
            let seen = of_charge(&reply(402, &json!({ "error": error })));
            let Observation::Declined { requires_3ds: found, .. } = seen else { panic!("{seen:?}") };
            assert_eq!(found, requires_3ds, "{code:?}, {decline_code:?}");
        }
    }

    #[test]
    fn an_answer_that_tells_nothing_keeps_its_status_and_its_request() {
        let told = Reply {
            request_id: Some("req_1".to_owned()),
            retry_after: Some(Span::seconds(7)),
            should_retry: Some(false),
            replayed: true,
            ..reply(500, &json!({}))
        };
        let unknown = unknown_answer(&told);
        let answered = AnsweredWith { status: 500, request_id: Some("req_1".to_owned()) };
        assert_eq!(unknown.answered, Some(answered));
        assert_eq!((unknown.retry_after, unknown.should_retry), (Some(Span::seconds(7)), Some(false)));
        assert!(unknown.replayed_error && !unknown.limited && !unknown.cannot_repeat && !unknown.not_sent);
        let limited = unknown_answer(&Reply { replayed: true, ..reply(429, &json!({})) });
        assert!(limited.limited && !limited.replayed_error, "only a server error is replayed for good");
    }
}
