//! What the sheet and the widget tell the shopper: ACP 2025-09-29 `MessageInfo` and `MessageError`.
//!
//! Must not import [`crate::protocol::mcp`]. Invariant: `payment_declined` and `requires_3ds` come from notices only,
//! because the host shows exactly these two on its payment sheet.

use serde::Serialize;

use crate::domain::checkout::model::{CancelReason, Notice, NoticeCode, PAYMENT_LOOKED_INTO, Session, State};
use crate::domain::pricing::PricingProblem;
use crate::domain::time::Timestamp;

/// One message, plain text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// `error` or `info`.
    #[serde(rename = "type")]
    pub kind: MessageKind,
    /// The kind of error; info messages have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// The field of the session that it is about, by name, as OpenAI's examples write it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub param: Option<&'static str>,
    /// Always `plain`.
    pub content_type: &'static str,
    /// What the shopper reads.
    pub content: String,
}

/// How grave a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// Something stands in the way.
    Error,
    /// Good to know.
    Info,
}

impl Message {
    fn error(code: NoticeCode, param: Option<&'static str>, content: impl Into<String>) -> Self {
        let content = content.into();
        Self { kind: MessageKind::Error, code: Some(code.as_str()), param, content_type: "plain", content }
    }

    /// Something good to know.
    pub(crate) fn info(content: impl Into<String>) -> Self {
        let content = content.into();
        Self { kind: MessageKind::Info, code: None, param: None, content_type: "plain", content }
    }
}

impl From<&Notice> for Message {
    fn from(notice: &Notice) -> Self {
        Self::error(notice.code, None, notice.text.clone())
    }
}

impl From<&PricingProblem> for Message {
    fn from(problem: &PricingProblem) -> Self {
        const ADDRESS: Option<&str> = Some("fulfillment_address");
        const LINES: Option<&str> = Some("line_items");
        let (code, param) = match problem {
            PricingProblem::UnknownItem(_) | PricingProblem::VariantNeeded(_) => (NoticeCode::Invalid, LINES),
            PricingProblem::Unavailable(_) => (NoticeCode::OutOfStock, LINES),
            PricingProblem::AddressNeeded => (NoticeCode::Missing, ADDRESS),
            PricingProblem::CountryNotServed(_)
            | PricingProblem::NoShipping
            | PricingProblem::RegionNeeded(_)
            | PricingProblem::TaxUnknown => (NoticeCode::Invalid, ADDRESS),
            PricingProblem::OptionNotOffered(_) => (NoticeCode::Invalid, Some("fulfillment_option_id")),
            PricingProblem::Amount(_) => (NoticeCode::Invalid, Some("totals")),
        };
        Self::error(code, param, problem.to_string())
    }
}

/// What there is to say: the notice first, then what the state itself tells.
#[must_use]
pub fn of_session(session: &Session, notice: Option<&Notice>, now: Timestamp) -> Vec<Message> {
    let mut messages: Vec<Message> = Vec::new();
    if !matches!(session.state, State::Completed { .. }) {
        messages.extend(notice.map(Message::from));
    }
    messages.extend(
        of_state(session, now)
            .filter(|_| !says_nothing_was_charged(session))
            .filter(|said| messages.iter().all(|known| known.content != said.content)),
    );
    messages
}

/// Whether what a state tells is wrong, because a payment came after all.
fn says_nothing_was_charged(session: &Session) -> bool {
    session.paid_late && matches!(session.state, State::Canceled { .. } | State::Expired)
}

fn of_state(session: &Session, now: Timestamp) -> Option<Message> {
    match &session.state {
        State::Open { problem: Some(problem) } => Some(problem.into()),
        State::Open { problem: None } => Some(Message::info(
            "The last payment did not take place. Refresh the checkout before paying again.",
        )),
        State::Ready { quote } if quote.expires <= now => Some(Message::error(
            NoticeCode::Expired,
            None,
            "The prices shown have expired. Refresh the checkout to pay.",
        )),
        State::Ready { quote } if !quote.is_sent() && session.inputs.buyer.email.is_none() => {
            Some(Message::info(
                "These goods are delivered by e-mail. Give a mail address with the payment or before it.",
            ))
        }
        State::Ready { .. } | State::Completed { .. } => None,
        State::Charging(_) => Some(Message::info("The payment is being processed. Look again in a moment.")),
        State::AwaitingHosted { .. } => Some(Message::info(
            "A payment page is open for this checkout. It can be paid there until it closes.",
        )),
        State::OpeningHosted(_) => {
            Some(Message::info("The payment page is being opened. Look again in a moment."))
        }
        State::ClosingHosted { .. } => {
            Some(Message::info("The payment page is being closed. Look again in a moment."))
        }
        State::Frozen { .. } => {
            Some(Message::info("The payment is being checked by the shop. Nothing more needs to be done."))
        }
        State::Canceled { reason } => Some(Message::info(match reason {
            CancelReason::Shopper => "This checkout was canceled. Nothing was charged.",
            CancelReason::TooManyAttempts => {
                "This checkout was ended after too many failed payments. Nothing was charged."
            }
            CancelReason::Operator => "This checkout was ended by the shop. Nothing was charged.",
            CancelReason::Restored => PAYMENT_LOOKED_INTO,
        })),
        State::Expired => Some(Message::error(
            NoticeCode::Expired,
            None,
            "This checkout has expired and nothing was charged. Start a new one.",
        )),
    }
}
