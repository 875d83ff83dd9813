//! The flat answer of `complete_checkout`, as ChatGPT expects it.
//!
//! Must not import [`crate::protocol::mcp`]. Invariant: a paid session's answer is rendered once, by [`completion`],
//! in the commit that completes it; later answers are that text, byte for byte.
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

/// What `complete_checkout` answers, whatever came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Completion {
    /// `chk_…_…_r3`.
    pub id: String,
    /// `completed`, or where the session stands instead.
    pub status: SheetStatus,
    /// Upper-case ISO 4217 code.
    pub currency: String,
    /// Who buys; `null` while unknown.
    pub buyer: Option<SheetBuyer>,
    /// What was bought.
    pub line_items: Vec<LineItem>,
    /// Where it goes.
    pub fulfillment_address: Option<Address>,
    /// How it could be sent.
    pub fulfillment_options: Vec<FulfillmentOption>,
    /// How it is sent; `null` when nothing is.
    pub fulfillment_option_id: Option<String>,
    /// The sums.
    pub totals: Vec<Total>,
    /// The order, once there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<OrderLink>,
    /// What the shopper is told; a decline or a 3DS demand is here.
    pub messages: Vec<Message>,
}

/// An order as hosts see it (ACP 2025-09-29 `Order`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OrderLink {
    /// Its id.
    pub id: String,
    /// The checkout that it came from, with the revision that was paid.
    pub checkout_session_id: String,
    /// The absolute address of its status page; absent where it is not told any more.
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

/// Renders the answer of a paid session, for storing with its order: every amount, the buyer and the address are the
/// order's own, so that what is answered is what was paid.
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

    /// The answer of a paid session long after its end: what was paid, without who bought, where it went and the
    /// order's link.
    #[must_use]
    pub fn long_paid(order: &Order, rendering: Rendering<'_>) -> Self {
        Self {
            buyer: None,
            fulfillment_address: None,
            order: Some(OrderLink::of(order, None, rendering)),
            ..Self::paid(order, "", rendering)
        }
    }

    /// The answer of a session that is not paid: declined, undecided, not payable, ended. Where a payment failed that can be
    /// made on the shop's own page, it tells of `page`.
    #[must_use]
    pub fn unpaid(sheet: PaymentSheet, page: Option<&str>, rendering: Rendering<'_>) -> Self {
        let failed = sheet.messages.iter().any(|message| message.kind == MessageKind::Error);
        let other = page.filter(|_| failed && sheet.status == SheetStatus::ReadyForPayment);
        let mut messages = sheet.messages;
        messages.extend(other.map(|page| {
            let shown = fill(&rendering.shopper().messages().also_on_page, &[("page", page)]);
            Message::info(shown, format!("It can also be paid on the shop's own page: {page}"))
        }));
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

    /// The answer when the caller's deadline came before the session's: nothing is known but that it goes on.
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

    /// The answer as it is sent.
    #[must_use]
    pub fn to_json(&self) -> String {
        to_json(self)
    }
}

/// JSON of plain data with text keys, which cannot fail to be written.
fn to_json(completion: &Completion) -> String {
    serde_json::to_string(completion).unwrap_or_default()
}
