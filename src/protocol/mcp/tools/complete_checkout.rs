//! `complete_checkout`: the payment, called by the host after its payment sheet.
//!
//! Invariants: the token is parsed here and never repeated, not even in an error; a paid session's stored result is
//! sent byte for byte; a decline is a normal result of a session that is payable again, because the host's sheet
//! shows only the messages of results.
//!
//! OpenAI documents neither the complete schema of the arguments nor the envelope of errors: every shape in use is
//! accepted, unknown members are ignored, and the billing address is checked to be an object and then dropped (Stripe
//! has it with the token).

use serde_json::{Value, json};

use super::arguments::{ArgumentError, Object};
use super::descriptor::{Callers, Descriptor, Hints};
use super::result::ToolResult;
use super::{
    Sender, SessionCall, Target, ToolName, WalletCall, WalletOutcome, checkout_input, schema, sentences,
};
use crate::domain::checkout::model::{Answer, Command, NoticeCode, Payment, SharedPaymentToken};
use crate::domain::origin::TokenDoor;
use crate::protocol::apps::completion::Completion;
use crate::protocol::apps::payment_sheet::{PaymentSheet, SheetStatus};
use crate::protocol::capability::Capability;
use crate::protocol::mpp;
use crate::protocol::rendering::Rendering;

pub(super) fn descriptor() -> Value {
    let text = || schema::nullable(json!({ "type": "string" }));
    Descriptor {
        name: ToolName::CompleteCheckout,
        title: "Pay a checkout",
        description: "Charges a checkout once with the payment token of the host's payment sheet and answers the \
                      order. Called by the host after the shopper has paid in its sheet. Repeating it answers the \
                      same order and charges nothing more.",
        input: json!({
            "type": "object",
            "properties": {
                "checkout_session_id": schema::session_id("The id of the session that was shown, with its revision."),
                "buyer": schema::nullable(json!({
                    "type": "object",
                    "properties": {
                        "name": text(),
                        "first_name": text(),
                        "last_name": text(),
                        "email": text(),
                        "phone_number": text(),
                    },
                })),
                "payment_data": {
                    "type": "object",
                    "description": "The payment of the host's sheet. Left out by clients of the Machine Payments Protocol, \
                                    where the shop declares that it takes its payments in MCP.",
                    "properties": {
                        "token": { "type": "string", "description": "Shared Payment Token (spt_…)." },
                        "provider": schema::nullable(json!({ "type": "string", "description": "Always stripe." })),
                        "billing_address": schema::nullable(json!({ "type": "object" })),
                    },
                    "required": ["token"],
                },
            },
            "required": ["checkout_session_id"],
        }),
        output: schema::completion(),
        hints: Hints { read_only: false, destructive: true, idempotent: true, open_world: true },
        callers: Callers::Host,
        shows: None,
        status: ["Paying", "Payment finished"],
    }
    .to_json()
}

pub(super) fn parse(root: &Object<'_>, user_agent: Option<&str>) -> Result<SessionCall, ArgumentError> {
    const SEND: &str = "an object with the payment sheet's token and provider \"stripe\"";
    let session = checkout_input::session(root)?;
    let missing = || ArgumentError::missing("payment_data", SEND);
    let data = root.object("payment_data", SEND)?.ok_or_else(missing)?;
    let provider = data.get("provider");
    if provider.is_some_and(|provider| provider.as_str() != Some("stripe")) {
        let problem = "is not a provider that this shop takes payments from";
        return Err(ArgumentError::new("payment_data.provider", problem, "\"stripe\""));
    }
    data.object("billing_address", "an object, null or nothing")?;
    let buyer = root.get("buyer");
    if buyer.is_some_and(|buyer| !buyer.is_object()) {
        return Err(ArgumentError::new(
            "buyer",
            "must be an object",
            "an object with name and email, null or nothing",
        ));
    }
    let payment = Payment {
        door: TokenDoor::PaymentSheet,
        user_agent: user_agent.map(str::to_owned),
        challenge: None,
        revision: session.revision(),
        token: token(&data)?,
        buyer: checkout_input::sheet_buyer(buyer).unwrap_or_default(),
    };
    Ok(SessionCall { target: Target::Existing(session), command: Command::Complete(payment) })
}

/// Whether a call comes from a wallet, where the shop takes such payments in MCP: it brings no payment of a sheet.
pub(super) fn is_for_a_wallet(root: &Object<'_>) -> bool {
    root.get("payment_data").is_none()
}

/// A call of a client that pays by itself: without a credential it asks for a challenge.
pub(super) fn parse_for_a_wallet(
    root: &Object<'_>,
    sender: &Sender<'_>,
) -> Result<WalletCall, ArgumentError> {
    if root.get("buyer").is_some() {
        let problem = "is taken with the payment of a sheet only";
        return Err(ArgumentError::new("buyer", problem, "it to update_checkout, before the payment"));
    }
    Ok(WalletCall {
        session: checkout_input::session(root)?,
        credential: mpp::mcp::credential(sender.params),
        user_agent: sender.user_agent.map(str::to_owned),
    })
}

/// The result for a client that pays by itself.
pub(super) fn for_a_wallet(outcome: WalletOutcome, rendering: Rendering<'_>) -> Option<ToolResult> {
    let WalletOutcome { session, challenge: answered, reply } = outcome;
    match (reply.status, &reply.challenge) {
        (200, _) => {
            let result = ToolResult::stored("Paid.".to_owned(), reply.body)?;
            Some(match reply.receipt.zip(answered) {
                Some((receipt, challenge)) => {
                    result.with_meta(mpp::mcp::RECEIPT, &mpp::mcp::receipt(&receipt, &challenge))
                }
                None => result,
            })
        }
        (202, _) => undecided(&session, rendering),
        (_, Some(challenge)) => {
            let required = mpp::mcp::payment_required(challenge, &reply.body);
            let said = reply.detail.unwrap_or_default();
            Some(ToolResult::error(said).with_meta(mpp::mcp::PAYMENT_REQUIRED, &required))
        }
        (_, None) => Some(ToolResult::error(reply.detail.unwrap_or_default())),
    }
}

fn token(data: &Object<'_>) -> Result<SharedPaymentToken, ArgumentError> {
    const PATH: &str = "payment_data.token";
    const SEND: &str = "the Shared Payment Token (spt_…) that the payment sheet gave";
    match data.get("token") {
        None => Err(ArgumentError::missing(PATH, SEND)),
        Some(value) => value
            .as_str()
            .and_then(|text| text.trim().parse().ok())
            .ok_or_else(|| ArgumentError::new(PATH, "is not a Shared Payment Token", SEND)),
    }
}

/// The result of a request to pay a session.
///
/// The stored result belongs to the payer's host: the token that paid gets it again at any time. Any other holder of
/// the session gets it for a day, and after that without personal data.
pub(super) fn render(answer: &Answer, rendering: Rendering<'_>) -> Option<ToolResult> {
    let closed = answer.is_closed(rendering.now);
    if let Some(placed) = answer.order.as_ref().filter(|_| answer.session.paid().is_some()) {
        return if closed && !answer.repeats_payment {
            let sentence = format!("Paid. Order {}.", placed.number);
            ToolResult::stored(sentence, Completion::long_paid(&placed.order, rendering).to_json())
        } else {
            let sentence = format!("Paid. Order {}: {}", placed.number, placed.permalink);
            ToolResult::stored(sentence, placed.completion.clone())
        };
    }
    let sheet = PaymentSheet::of(&answer.session, answer.notice.as_ref(), rendering);
    let page = answer.checkout_page.as_deref();
    tool_result(&Completion::unpaid(if closed { sheet.without_person() } else { sheet }, page, rendering))
}

/// The result if the deadline passed first: never "failed", since the charge continues.
pub(super) fn undecided(session: &Capability, rendering: Rendering<'_>) -> Option<ToolResult> {
    tool_result(&Completion::undecided(session, rendering))
}

/// The next call for a model after a payment that was declined; none while the shop checks a payment.
fn next_call(completion: &Completion) -> Option<&'static str> {
    let has_message = |codes: &[NoticeCode]| {
        completion.messages.iter().any(|told| codes.iter().any(|code| told.code == Some(code.into_str())))
    };
    let declined = has_message(&[NoticeCode::PaymentDeclined, NoticeCode::Requires3ds]);
    let payable = completion.status == SheetStatus::ReadyForPayment && !has_message(&[NoticeCode::Conflict]);
    (payable && declined)
        .then_some("To pay after all, call complete_checkout with another token of the payment sheet.")
}

fn tool_result(completion: &Completion) -> Option<ToolResult> {
    let said = sentences(&completion.messages);
    let sentence = match completion.status {
        SheetStatus::InProgress => {
            "The payment is being processed; get_checkout returns the result.".to_owned()
        }
        SheetStatus::Completed => "Paid.".to_owned(),
        SheetStatus::ReadyForPayment | SheetStatus::NotReadyForPayment | SheetStatus::Canceled => {
            let parts = ["Not paid.", said.as_str(), next_call(completion).unwrap_or_default()];
            parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
        }
    };
    ToolResult::stored(sentence, completion.to_json())
}
