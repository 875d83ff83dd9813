//! The flat result of `complete_checkout`, as ChatGPT expects it.
//!
//! Must not import [`crate::protocol::mcp`]. Invariant: a paid session's result is rendered once, by [`completion`],
//! in the commit that completes it; later replies are that text, byte for byte.
//!
//! Source: `CompleteCheckoutOutput` of OpenAI's "Checkout API reference", with the `buyer` that Stripe's page echoes.

use serde::Serialize;

use super::fulfillment::{FulfillmentOption, SheetBuyer};
use super::line_items::{LineItem, Total, quoted_lines, quoted_totals};
use super::messages::{Message, MessageKind, charging};
use super::payment_sheet::{PaymentSheet, SheetStatus};
use crate::domain::address::Address;
use crate::domain::order::Order;
use crate::protocol::capability::Capability;
use crate::protocol::rendering::Rendering;
use crate::protocol::texts::catalogue::fill;

/// The result of `complete_checkout`, whatever the outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Completion {
    /// `chk_…_…_r3`.
    pub id: String,
    /// `completed`, or the session's present status.
    pub status: SheetStatus,
    /// Upper-case ISO 4217 code.
    pub currency: String,
    /// The buyer; `null` while unknown.
    pub buyer: Option<SheetBuyer>,
    /// The items bought.
    pub line_items: Vec<LineItem>,
    /// The shipping address.
    pub fulfillment_address: Option<Address>,
    /// The shipping options.
    pub fulfillment_options: Vec<FulfillmentOption>,
    /// The chosen shipping option; `null` if nothing is shipped.
    pub fulfillment_option_id: Option<String>,
    pub totals: Vec<Total>,
    /// The order, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderLink>,
    /// Messages for the shopper, among them a decline or a 3DS demand.
    pub messages: Vec<Message>,
}

/// An order as hosts see it (ACP 2025-09-29 `Order`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OrderLink {
    pub id: String,
    /// The checkout that it was made from, with the revision that was paid.
    pub checkout_session_id: String,
    /// The absolute address of its status page; absent if it is no longer given out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permalink_url: Option<String>,
}

impl OrderLink {
    /// The link of an order.
    #[must_use]
    pub fn of(order: &Order, permalink: Option<&str>, rendering: Rendering<'_>) -> Self {
        Self {
            id: order.id.as_str().to_owned(),
            checkout_session_id: rendering.id(&order.session, order.revision),
            permalink_url: permalink.map(str::to_owned),
        }
    }
}

/// Renders the result of a paid session, to be stored with its order: every amount, the buyer and the address are the
/// order's own, so the result shows exactly what was paid.
#[must_use]
pub fn completion(order: &Order, permalink: &str, rendering: Rendering<'_>) -> String {
    Completion::paid(order, permalink, rendering).to_json()
}

impl Completion {
    fn paid(order: &Order, permalink: &str, rendering: Rendering<'_>) -> Self {
        Self {
            id: rendering.id(&order.session, order.revision),
            status: SheetStatus::Completed,
            currency: order.quote.total.currency.upper(),
            buyer: SheetBuyer::known(&order.buyer),
            line_items: quoted_lines(&order.quote),
            fulfillment_address: order.address.clone(),
            fulfillment_options: order.quote.options.iter().map(FulfillmentOption::from).collect(),
            fulfillment_option_id: order.quote.option_id.as_ref().map(|option| option.as_str().to_owned()),
            totals: quoted_totals(&order.quote),
            order: Some(OrderLink::of(order, Some(permalink), rendering)),
            messages: Vec::new(),
        }
    }

    /// The result of a paid session long after its end: the order, without the buyer, the address and the order's
    /// link.
    #[must_use]
    pub fn long_paid(order: &Order, rendering: Rendering<'_>) -> Self {
        Self {
            buyer: None,
            fulfillment_address: None,
            order: Some(OrderLink::of(order, None, rendering)),
            ..Self::paid(order, "", rendering)
        }
    }

    /// The result of a session that is not paid: declined, undecided, not payable, ended. If a payment failed that
    /// can be made on the shop's own page, it names `page`.
    #[must_use]
    pub fn unpaid(sheet: PaymentSheet, page: Option<&str>, rendering: Rendering<'_>) -> Self {
        let failed = sheet.messages.iter().any(|message| message.kind == MessageKind::Error);
        let other = page.filter(|_| failed && sheet.status == SheetStatus::ReadyForPayment);
        let mut messages = sheet.messages;
        messages.extend(
            other.map(|page| {
                Message::info(rendering, |to| fill(&to.messages().also_on_page, &[("page", page)]))
            }),
        );
        Self {
            id: sheet.id,
            status: sheet.status,
            currency: sheet.currency,
            buyer: sheet.buyer,
            line_items: sheet.line_items,
            fulfillment_address: sheet.fulfillment_address,
            fulfillment_options: sheet.fulfillment_options,
            fulfillment_option_id: sheet.fulfillment_option_id,
            totals: sheet.totals,
            order: None,
            messages,
        }
    }

    /// The result if the caller's deadline passed before the session replied: it only says that the payment
    /// continues.
    #[must_use]
    pub fn undecided(session: &Capability, rendering: Rendering<'_>) -> Self {
        Self {
            id: session.expose(),
            status: SheetStatus::InProgress,
            currency: rendering.view.currency.upper(),
            buyer: None,
            line_items: Vec::new(),
            fulfillment_address: None,
            fulfillment_options: Vec::new(),
            fulfillment_option_id: None,
            totals: Vec::new(),
            order: None,
            messages: vec![charging(rendering)],
        }
    }

    /// The result as it is sent.
    #[must_use]
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}

/// JSON of plain data with text keys, whose serialisation cannot fail.
fn to_json(completion: &Completion) -> String {
    serde_json::to_string(completion).unwrap_or_default()
}
