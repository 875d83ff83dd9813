//! Messages for the shopper on the sheet and in the widget: ACP 2025-09-29 `MessageInfo` and `MessageError`.
//!
//! Must not import [`crate::protocol::mcp`]. Invariant: `payment_declined` and `requires_3ds` come from notices only,
//! because the host shows exactly these two on its payment sheet.

use serde::Serialize;

use crate::domain::checkout::model::{CancelReason, Notice, NoticeCode, Session, State};
use crate::domain::ids::ItemId;
use crate::domain::pricing::PricingProblem;
use crate::protocol::rendering::Rendering;
use crate::protocol::texts::model;

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
    /// The text for the shopper, in the shopper's language.
    pub content: String,
    /// The text for a model in its place.
    #[serde(skip)]
    pub for_model: String,
    /// The item of the order that cannot be bought.
    #[serde(skip)]
    pub item: Option<ItemId>,
}

/// The severity of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// Something prevents the purchase.
    Error,
    /// Information.
    Info,
}

impl Message {
    fn error(code: NoticeCode, content: String, for_model: String) -> Self {
        Self {
            kind: MessageKind::Error,
            code: Some(code.as_str()),
            param: None,
            content_type: "plain",
            content,
            for_model,
            item: None,
        }
    }

    /// An information message, with texts for the shopper and for a model.
    pub(crate) fn info(content: impl Into<String>, for_model: impl Into<String>) -> Self {
        Self {
            kind: MessageKind::Info,
            code: None,
            param: None,
            content_type: "plain",
            content: content.into(),
            for_model: for_model.into(),
            item: None,
        }
    }

    fn of_notice(notice: &Notice, rendering: Rendering<'_>) -> Self {
        let item = if let Notice::ItemUnavailable { item } = notice { Some(item.clone()) } else { None };
        let message = Self::error(notice.code(), rendering.shopper().notice(notice), model::notice(notice));
        Self { item, ..message }
    }

    fn of_problem(problem: &PricingProblem, rendering: Rendering<'_>) -> Self {
        const ADDRESS: Option<&str> = Some("fulfillment_address");
        const LINES: Option<&str> = Some("line_items");
        let (code, param, item) = match problem {
            PricingProblem::UnknownItem(item) => (NoticeCode::Invalid, LINES, Some(item)),
            PricingProblem::VariantNeeded(needed) => (NoticeCode::Invalid, LINES, Some(&needed.product)),
            PricingProblem::Unavailable(item) => (NoticeCode::OutOfStock, LINES, Some(item)),
            PricingProblem::AddressNeeded => (NoticeCode::Missing, ADDRESS, None),
            PricingProblem::CountryNotServed(_)
            | PricingProblem::NoShipping
            | PricingProblem::RegionNeeded(_)
            | PricingProblem::TaxUnknown => (NoticeCode::Invalid, ADDRESS, None),
            PricingProblem::OptionNotOffered(_) => (NoticeCode::Invalid, Some("fulfillment_option_id"), None),
            PricingProblem::BelowMinimum { .. }
            | PricingProblem::AboveMaximum(_)
            | PricingProblem::AboveLimit { .. }
            | PricingProblem::NotPriceable => (NoticeCode::Invalid, Some("totals"), None),
        };
        let message = Self::error(code, rendering.shopper().problem(problem), model::problem(problem));
        Self { param, item: item.cloned(), ..message }
    }
}

/// The messages of a session: the notice first, then those of its state.
#[must_use]
pub fn of_session(session: &Session, notice: Option<&Notice>, rendering: Rendering<'_>) -> Vec<Message> {
    let mut messages: Vec<Message> = Vec::new();
    if !matches!(session.state, State::Completed { .. }) {
        messages.extend(notice.map(|notice| Message::of_notice(notice, rendering)));
    }
    messages.extend(
        of_state(session, rendering)
            .filter(|_| !says_nothing_was_charged(session))
            .filter(|said| messages.iter().all(|known| known.content != said.content)),
    );
    messages
}

/// Whether the state's message is wrong, because a payment arrived after all.
fn says_nothing_was_charged(session: &Session) -> bool {
    session.paid_late && matches!(session.state, State::Canceled { .. } | State::Expired)
}

fn of_state(session: &Session, rendering: Rendering<'_>) -> Option<Message> {
    let shopper = rendering.shopper();
    let texts = shopper.messages();
    Some(match &session.state {
        State::Open { problem: Some(problem) } => Message::of_problem(problem, rendering),
        State::Open { problem: None } => Message::info(
            &texts.last_payment_not_made,
            "The last payment did not take place. Refresh the checkout before paying again.",
        ),
        State::Ready { quote } if quote.expires <= rendering.now => Message::error(
            NoticeCode::Expired,
            texts.quote_expired.clone(),
            "The prices shown have expired. Refresh the checkout to pay.".to_owned(),
        ),
        State::Ready { quote } if !quote.is_sent() && session.inputs.buyer.email.is_none() => Message::info(
            &texts.email_needed_for_goods,
            "These goods are delivered by e-mail. Give a mail address with the payment or before it.",
        ),
        State::Ready { .. } | State::Completed { .. } => return None,
        State::Charging(_) => charging(rendering),
        State::AwaitingStripeCheckout { .. } => Message::info(
            &texts.page_open,
            "A payment page is open for this checkout. It can be paid there until it closes.",
        ),
        State::OpeningStripeCheckout(_) => {
            Message::info(&texts.page_opening, "The payment page is being opened. Look again in a moment.")
        }
        State::ClosingStripeCheckout { .. } => {
            Message::info(&texts.page_closing, "The payment page is being closed. Look again in a moment.")
        }
        State::Frozen { .. } => Message::info(
            &texts.frozen,
            "The payment is being checked by the shop. Nothing more needs to be done.",
        ),
        State::Canceled { reason } => Message::info(shopper.canceled(*reason), canceled(*reason)),
        State::Expired => Message::error(
            NoticeCode::Expired,
            texts.expired.clone(),
            "This checkout has expired and nothing was charged. Start a new one.".to_owned(),
        ),
    })
}

/// The message that a payment is in progress.
pub(super) fn charging(rendering: Rendering<'_>) -> Message {
    Message::info(
        &rendering.shopper().messages().charging,
        "The payment is being processed. Look again in a moment.",
    )
}

/// Why a checkout ended unpaid, for a model.
fn canceled(reason: CancelReason) -> String {
    match reason {
        CancelReason::Shopper => "This checkout was canceled. Nothing was charged.".to_owned(),
        CancelReason::TooManyAttempts => {
            "This checkout was ended after too many failed payments. Nothing was charged.".to_owned()
        }
        CancelReason::Operator => "This checkout was ended by the shop. Nothing was charged.".to_owned(),
        CancelReason::Restored => model::notice(&Notice::PaymentLookedInto),
    }
}
