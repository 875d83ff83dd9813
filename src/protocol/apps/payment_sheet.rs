//! The session object for `window.openai.requestCheckout`: the single place that knows its wire form.
//!
//! Must not import [`crate::protocol::mcp`]. Invariants: the object is made from a session and a view alone, so the
//! same revision gives the same object; `ready_for_payment` is said only of a session with an unexpired quote; the
//! amounts are the quote's.
//!
//! Source: OpenAI's "Checkout API reference" (developers.openai.com, plugins/build/monetization), which is ACP
//! 2025-09-29's session with additions. Choices where that page is silent:
//!
//! - Currency in upper case, discounts as positive amounts, `link` not emitted (its wire value is unknown).
//! - A session **without a quote** shows its cart at catalog prices and the rows `items_base_amount` and `subtotal`;
//!   a tax or total row is not invented, and its status is never `ready_for_payment`, so a host cannot pay by it.
//! - An expired session says `canceled`, the nearest of the five statuses, with an error message of code `expired`.
//! - A frozen session says `in_progress`: the shopper can do nothing about it.

use serde::Serialize;
use strum::IntoStaticStr;

use super::fulfillment::{FulfillmentOption, SheetBuyer};
use super::line_items::{LineItem, Total, quoted_lines, quoted_totals, unquoted_lines, unquoted_totals};
use super::messages::{self, Message};
use crate::domain::address::Address;
use crate::domain::channels::MethodsForm;
use crate::domain::checkout::model::{Notice, Session};
use crate::domain::ids::Mode;
use crate::domain::merchant::{MerchantView, PaymentMethod};
use crate::domain::time::Timestamp;
use crate::protocol::rendering::Rendering;

/// The payment sheet's session object. Fields in the order of OpenAI's reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PaymentSheet {
    /// `chk_…_…_r3`: the session's capability and revision, so that an edit behind an open sheet is noticed.
    pub id: String,
    pub payment_provider: PaymentProvider,
    /// `test`, or absent: absent means live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment_mode: Option<&'static str>,
    /// The session's status.
    pub status: SheetStatus,
    /// Upper-case ISO 4217 code.
    pub currency: String,
    pub line_items: Vec<LineItem>,
    /// The total rows, in the order shown.
    pub totals: Vec<Total>,
    /// The shipping options.
    pub fulfillment_options: Vec<FulfillmentOption>,
    /// The chosen shipping option.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fulfillment_option_id: Option<String>,
    /// The shipping address; `null` while unknown.
    pub fulfillment_address: Option<Address>,
    /// The buyer; absent while unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buyer: Option<SheetBuyer>,
    pub messages: Vec<Message>,
    /// The shop's pages.
    pub links: Vec<Link>,
}

/// The payment provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PaymentProvider {
    /// Always `stripe`.
    pub provider: &'static str,
    /// The merchant's Network ID at Stripe, a different one in test mode.
    pub merchant_id: String,
    /// The methods that the sheet may offer, in the merchant's form.
    pub supported_payment_methods: Vec<MethodName>,
}

/// A payment method in one of the two forms that hosts accept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum MethodName {
    /// `{"type": "card"}`, the newest form.
    Object {
        #[serde(rename = "type")]
        kind: &'static str,
    },
    /// `"card"`, the older form.
    Text(&'static str),
}

/// The five statuses of the sheet (ACP 2025-09-29).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum SheetStatus {
    /// Something is missing.
    NotReadyForPayment,
    /// It can be paid.
    ReadyForPayment,
    /// A payment is undecided.
    InProgress,
    /// Paid.
    Completed,
    /// Ended unpaid, by expiry or for another reason.
    Canceled,
}

/// A page of the shop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// `terms_of_use`, `privacy_policy` or `support_url`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Absolute `https` address.
    pub url: String,
}

impl SheetStatus {
    /// The status of a session at a moment: an expired quote cannot be paid.
    #[must_use]
    pub fn of(session: &Session, now: Timestamp) -> Self {
        let state = &session.state;
        if state.is_payable(now) {
            Self::ReadyForPayment
        } else if state.is_the_shoppers() {
            Self::NotReadyForPayment
        } else if state.attempt().is_some() {
            Self::InProgress
        } else if state.paid().is_some() {
            Self::Completed
        } else {
            Self::Canceled
        }
    }
}

impl PaymentSheet {
    /// The sheet of a session in its present state. `notice` is the message for this caller, such as a decline.
    #[must_use]
    pub fn of(session: &Session, notice: Option<&Notice>, rendering: Rendering<'_>) -> Self {
        let (quote, view, now) = (session.quote(), rendering.view, rendering.now);
        Self {
            id: rendering.id(&session.id, session.revision),
            payment_provider: PaymentProvider::of(view),
            payment_mode: match view.mode {
                Mode::Test => Some("test"),
                Mode::Live => None,
            },
            status: SheetStatus::of(session, now),
            currency: quote.map_or(view.currency, |quote| quote.total.currency).upper(),
            line_items: quote.map_or_else(|| unquoted_lines(session, view), quoted_lines),
            totals: quote.map_or_else(|| unquoted_totals(session, view), quoted_totals),
            fulfillment_options: quote
                .map_or_else(Vec::new, |quote| quote.options.iter().map(FulfillmentOption::from).collect()),
            fulfillment_option_id: quote
                .and_then(|quote| quote.option_id.as_ref())
                .map(|option| option.as_str().to_owned()),
            fulfillment_address: session.inputs.address.clone(),
            buyer: SheetBuyer::known(&session.inputs.buyer),
            messages: messages::of_session(session, notice, rendering),
            links: links(view),
        }
    }

    /// The sheet without buyer and address, for a model.
    #[must_use]
    pub fn without_person(mut self) -> Self {
        self.buyer = None;
        self.fulfillment_address = None;
        self
    }
}

impl PaymentProvider {
    fn of(view: &MerchantView) -> Self {
        let names = view.payment_methods.iter().filter_map(|method| match method {
            PaymentMethod::Card => Some("card"),
            PaymentMethod::ApplePay => Some("apple_pay"),
            PaymentMethod::GooglePay => Some("google_pay"),
            PaymentMethod::Link => None,
        });
        let form = |kind| match view.chatgpt.methods_form {
            MethodsForm::Objects => MethodName::Object { kind },
            MethodsForm::Strings => MethodName::Text(kind),
        };
        Self {
            provider: "stripe",
            merchant_id: view.network_id.as_str().to_owned(),
            supported_payment_methods: names.map(form).collect(),
        }
    }
}

fn links(view: &MerchantView) -> Vec<Link> {
    let pages = [
        ("terms_of_use", &view.links.terms_of_use),
        ("privacy_policy", &view.links.privacy_policy),
        ("support_url", &view.links.support),
    ];
    pages.into_iter().filter_map(|(kind, url)| url.clone().map(|url| Link { kind, url })).collect()
}
