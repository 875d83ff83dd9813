//! Messages for the shopper on the sheet and in the widget: ACP 2025-09-29 `MessageInfo` and `MessageError`.
//!
//! Must not import [`crate::protocol::mcp`]. Invariant: `payment_declined` and `requires_3ds` come from notices only,
//! because the host shows exactly these two on its payment sheet.

use serde::Serialize;

use crate::domain::checkout::model::{CancelReason, Notice, NoticeCode, Session, State};
use crate::domain::ids::ItemId;
use crate::domain::pricing::PricingProblem;
use crate::protocol::rendering::Rendering;
use crate::protocol::texts::catalogue::Messages;
use crate::protocol::texts::wording::Wording;

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
    fn error(code: NoticeCode, rendering: Rendering<'_>, text: impl Fn(Wording<'_>) -> String) -> Self {
        Self { kind: MessageKind::Error, code: Some(code.into_str()), ..Self::info(rendering, text) }
    }

    /// An information message; `text` makes it for either audience.
    pub(crate) fn info(rendering: Rendering<'_>, text: impl Fn(Wording<'_>) -> String) -> Self {
        Self {
            kind: MessageKind::Info,
            code: None,
            param: None,
            content_type: "plain",
            content: text(rendering.shopper()),
            for_model: text(Wording::for_model()),
            item: None,
        }
    }

    fn of_notice(notice: &Notice, rendering: Rendering<'_>) -> Self {
        let item = if let Notice::ItemUnavailable { item } = notice { Some(item.clone()) } else { None };
        Self { item, ..Self::error(notice.code(), rendering, |wording| wording.notice(notice)) }
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
        let message = Self::error(code, rendering, |wording| wording.problem(problem));
        Self { param, item: item.cloned(), ..message }
    }
}

/// The messages of a session: the notice first, then that of its state. While the shop looks into a late payment, the
/// notice says so, and the state's message would be wrong.
#[must_use]
pub fn of_session(session: &Session, notice: Option<&Notice>, rendering: Rendering<'_>) -> Vec<Message> {
    let mut messages: Vec<Message> = Vec::new();
    if !matches!(session.state, State::Completed { .. }) {
        messages.extend(notice.map(|notice| Message::of_notice(notice, rendering)));
    }
    messages.extend(
        of_state(session, rendering)
            .filter(|_| session.late_payment().is_none())
            .filter(|said| messages.iter().all(|known| known.content != said.content)),
    );
    messages
}

fn of_state(session: &Session, rendering: Rendering<'_>) -> Option<Message> {
    let info = |text: fn(&Messages) -> &String| Message::info(rendering, |to| text(to.messages()).clone());
    let expired = |text: fn(&Messages) -> &String| {
        Message::error(NoticeCode::Expired, rendering, |to| text(to.messages()).clone())
    };
    Some(match &session.state {
        State::Open { problem: Some(problem) } => Message::of_problem(problem, rendering),
        State::Open { problem: None } => info(|texts| &texts.last_payment_not_made),
        State::Ready { quote } if quote.expires <= rendering.now => expired(|texts| &texts.quote_expired),
        State::Ready { quote } if !quote.is_sent() && session.inputs.buyer.email.is_none() => {
            info(|texts| &texts.email_needed_for_goods)
        }
        State::Ready { .. } | State::Completed { .. } => return None,
        State::Charging(_) => charging(rendering),
        State::AwaitingStripeCheckout { .. } => info(|texts| &texts.page_open),
        State::OpeningStripeCheckout(_) => info(|texts| &texts.page_opening),
        State::ClosingStripeCheckout { .. } => info(|texts| &texts.page_closing),
        State::Frozen { .. } => info(|texts| &texts.frozen),
        State::Canceled { reason } => info(match reason {
            CancelReason::Shopper => |texts| &texts.canceled,
            CancelReason::TooManyAttempts => |texts| &texts.too_many_attempts,
            CancelReason::Operator => |texts| &texts.ended_by_shop,
            CancelReason::Restored => |texts| &texts.payment_looked_into,
        }),
        State::Expired => expired(|texts| &texts.expired),
    })
}

/// The message that a payment is in progress.
pub(super) fn charging(rendering: Rendering<'_>) -> Message {
    Message::info(rendering, |to| to.messages().charging.clone())
}
