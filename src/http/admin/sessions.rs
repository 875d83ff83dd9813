//! `/admin/v1/sessions/{id}`: one checkout with its timeline, and an operator's decision on a frozen one.
//!
//! No personal data of the shopper is shown: the history of a checkout does not need it.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::body::{optional, read_body, refused};
use super::operator::Operator;
use super::problem::Problem;
use super::reply::reply;
use super::routes;
use crate::actors::MerchantHandle;
use crate::domain::checkout::model::{
    Answer, Command, Decision, Notice, State, TimelineEntry, TimelineEvent, Unconfirmed,
};
use crate::domain::ids::{PaymentIntentId, SessionId};
use crate::domain::money::Money;
use crate::protocol::texts::wording::Wording;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config
        .service(routes::read("/sessions/{id}", show))
        .service(routes::act("/sessions/{id}/decide", decide));
}

/// A session, with its timeline.
async fn show(
    operator: Operator,
    path: web::Path<String>,
    request: HttpRequest,
) -> Result<HttpResponse, Problem> {
    let merchant = operator.merchant(&request, &[])?;
    let id = session_id(&path)?;
    let answer = merchant.ask(&id, Command::Read).await?;
    session_response(&merchant, &answer).await
}

/// Decides a frozen session: `{"decision": "charged", "payment_intent": "pi_…"}` or `{"decision": "not_charged"}`.
/// The payment is read at Stripe before the decision is accepted; if it cannot be read, `not_charged` is accepted
/// only with `"override_unread": true`. The same decision again changes nothing.
async fn decide(
    operator: Operator,
    path: web::Path<String>,
    request: HttpRequest,
    body: web::Bytes,
) -> Result<HttpResponse, Problem> {
    let merchant = operator.merchant(&request, &[])?;
    let id = session_id(&path)?;
    let decision = read_decision(&body)?;
    let tenant = &merchant.tenant().merchant;
    merchant.ask(&id, Command::Decide(decision.clone())).await.inspect_err(|rejection| {
        let code = rejection.code();
        tracing::warn!(
            merchant = %tenant, session = %id, decision = decision.into_str(), code, cause = %rejection, "decision_refused"
        );
    })?;
    let intent = decision.payment().map(PaymentIntentId::as_str);
    tracing::warn!(merchant = %tenant, session = %id, decision = decision.into_str(), intent, "session_decided");
    let answer = merchant.ask(&id, Command::Read).await?;
    session_response(&merchant, &answer).await
}

/// Parses the decision of a body.
fn read_decision(body: &[u8]) -> Result<Decision, Problem> {
    const EXAMPLE: &str =
        "{\"decision\": \"charged\", \"payment_intent\": \"pi_…\"} or {\"decision\": \"not_charged\"}";
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Word {
        Charged,
        NotCharged,
    }
    // With a tagged enum the error would not name the wrong field.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct DecisionBody {
        decision: Word,
        #[serde(default, deserialize_with = "optional")]
        payment_intent: Option<PaymentIntentId>,
        #[serde(default, deserialize_with = "optional")]
        override_unread: Option<bool>,
    }
    let DecisionBody { decision, payment_intent, override_unread } = read_body(body, EXAMPLE)?;
    match (decision, payment_intent, override_unread) {
        (Word::Charged, Some(payment_intent), None) => Ok(Decision::Charged { payment_intent }),
        (Word::Charged, _, Some(_)) => {
            Err(refused("override_unread: belongs to \"not_charged\" only", EXAMPLE))
        }
        (Word::Charged, None, None) => {
            Err(refused("payment_intent: is missing, and \"charged\" needs it", EXAMPLE))
        }
        (Word::NotCharged, None, override_unread) => {
            Ok(Decision::NotCharged { override_unread: override_unread.unwrap_or_default() })
        }
        (Word::NotCharged, Some(_), _) => {
            Err(refused("payment_intent: belongs to \"charged\" only", EXAMPLE))
        }
    }
}

fn session_id(path: &str) -> Result<SessionId, Problem> {
    path.parse().map_err(|_| {
        Problem::not_found("a session's id is chk_ and 32 hexadecimal digits, without a revision")
    })
}

async fn session_response(merchant: &MerchantHandle, answer: &Answer) -> Result<HttpResponse, Problem> {
    let session = &answer.session;
    let timeline = merchant.records().timeline(&session.id).await?;
    let timeline: Vec<Value> = timeline.iter().map(entry).collect();
    let tenant = merchant.tenant();
    let mut body = json!({
        "id": session.id, "tenant": tenant.merchant, "mode": tenant.mode.into_str(),
        "state": session.state.into_str(), "revision": session.revision,
        "created": session.created.to_string(), "expires": session.expires.to_string(),
        "attempts": session.attempts, "account": session.account,
        "total": session.quote().map(|quote| amount(quote.total)),
        "notice": session.notice.as_ref().map(in_words), "timeline": timeline,
        "unconfirmed": session.unconfirmed.as_ref().map(still_read),
        "last_polls": session.last_polls.iter().map(still_read).collect::<Vec<_>>(),
    });
    if let Value::Object(body) = &mut body {
        body.extend(of_state(&session.state));
        if let Some(placed) = &answer.order {
            body.insert(
                "order".to_owned(),
                json!({ "id": placed.order.id, "permalink_url": placed.permalink }),
            );
        }
    }
    Ok(reply(&body))
}

/// A notice, with its meaning in words.
fn in_words(notice: &Notice) -> Value {
    let mut json = serde_json::to_value(notice).unwrap_or_default();
    if let Value::Object(json) = &mut json {
        json.insert("text".to_owned(), Wording::for_model().notice(notice).into());
    }
    json
}

/// An attempt that was called unpaid and is still to be read.
fn still_read(unread: &Unconfirmed) -> Value {
    json!({ "attempt": unread.attempt, "tries": unread.retry.tries, "next_try": unread.retry.next_try.to_string() })
}

/// The data of a state besides its name.
fn of_state(state: &State) -> Map<String, Value> {
    let json = match state {
        State::Open { problem } => {
            json!({ "problem": problem.as_ref().map(|problem| Wording::for_model().problem(problem)) })
        }
        State::Charging(charging) => json!({
            "attempt": charging.attempt.number, "payment_intent": charging.attempt.intent, "phase": charging.phase,
            "next_try": charging.attempt.retry.next_try.to_string(), "repeat_until": charging.attempt.repeat_until.to_string(),
        }),
        State::OpeningStripeCheckout(payment) => json!({
            "attempt": payment.attempt.number, "next_try": payment.attempt.retry.next_try.to_string(),
        }),
        State::AwaitingStripeCheckout { payment, checkout }
        | State::ClosingStripeCheckout { payment, checkout, .. } => json!({
            "attempt": payment.attempt.number, "stripe_checkout": checkout.id, "stripe_checkout_expires": payment.expires.to_string(),
            "next_try": payment.attempt.retry.next_try.to_string(),
        }),
        State::Frozen { attempt, reason } => {
            json!({ "attempt": attempt.number, "payment_intent": attempt.intent, "reason": reason })
        }
        State::Completed { intent, .. } => json!({ "payment_intent": intent }),
        State::Canceled { reason } => json!({ "reason": reason }),
        State::Ready { .. } | State::Expired => json!({}),
    };
    if let Value::Object(json) = json { json } else { Map::new() }
}

/// A timeline entry, with its times as text.
fn entry(entry: &TimelineEntry) -> Value {
    let mut json = serde_json::to_value(&entry.event).unwrap_or_default();
    if let Value::Object(json) = &mut json {
        json.insert("at".to_owned(), entry.at.to_string().into());
        if let TimelineEvent::PaymentNotBegun(note) = &entry.event {
            json.insert("last".to_owned(), note.last.to_string().into());
        }
    }
    json
}

fn amount(money: Money) -> Value {
    json!({ "amount": money.minor, "currency": money.currency.code() })
}
