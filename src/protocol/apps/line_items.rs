//! The lines and the total rows of the payment sheet.
//!
//! Must not import [`crate::protocol::mcp`]. Invariant: with a quote, rows and lines are the quote's amounts
//! unchanged; without one, only sums that the catalog alone determines are included.

use serde::Serialize;

use crate::domain::catalog::Sellable;
use crate::domain::checkout::model::Session;
use crate::domain::merchant::MerchantView;
use crate::domain::money::{Money, MoneyError};
use crate::domain::pricing::{Quote, QuoteLine};

/// One line of the payment sheet (ACP 2025-09-29 `LineItem` with the additions of OpenAI's "Checkout API
/// reference"): the quantity sits inside `item`, there is no price per unit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LineItem {
    /// The line's id: the item's own, since a cart holds each item once.
    pub id: String,
    pub item: Item,
    pub name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub images: Vec<String>,
    /// The whole line before discount, in minor units.
    pub base_amount: i64,
    /// The discount, as a positive amount.
    pub discount: i64,
    /// `base_amount − discount`.
    pub subtotal: i64,
    /// Tax on the subtotal; zero without a quote.
    pub tax: i64,
    /// `subtotal + tax`.
    pub total: i64,
}

/// An item and its quantity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Item {
    /// The item's id in the catalog.
    pub id: String,
    pub quantity: u32,
}

/// One total row of the sheet, in the order shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Total {
    #[serde(rename = "type")]
    pub kind: TotalKind,
    /// The label shown to the shopper.
    pub display_text: &'static str,
    /// Minor units; a discount is positive.
    pub amount: i64,
}

/// The kinds of row that are emitted (OpenAI's list, with ACP's `items_discount`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TotalKind {
    /// Sum of the lines before discounts.
    ItemsBaseAmount,
    /// Sum of the lines' discounts.
    ItemsDiscount,
    /// Sum of the lines after discounts.
    Subtotal,
    /// The chosen shipping option with its tax.
    Fulfillment,
    Tax,
    /// What is charged.
    Total,
}

impl Total {
    const fn new(kind: TotalKind, amount: Money) -> Self {
        let display_text = match kind {
            TotalKind::ItemsBaseAmount => "Items",
            TotalKind::ItemsDiscount => "Discount",
            TotalKind::Subtotal => "Subtotal",
            TotalKind::Fulfillment => "Shipping",
            TotalKind::Tax => "Tax",
            TotalKind::Total => "Total",
        };
        Self { kind, display_text, amount: amount.minor }
    }
}

/// The lines of a quote.
#[must_use]
pub fn quoted_lines(quote: &Quote) -> Vec<LineItem> {
    quote.lines.iter().map(quoted_line).collect()
}

fn quoted_line(line: &QuoteLine) -> LineItem {
    LineItem {
        id: line.item.as_str().to_owned(),
        item: Item { id: line.item.as_str().to_owned(), quantity: line.quantity },
        name: line.title.clone(),
        images: line.images.clone(),
        base_amount: line.base_amount.minor,
        discount: line.discount.minor,
        subtotal: line.subtotal.minor,
        tax: line.tax.minor,
        total: line.total.minor,
    }
}

/// The rows of a quote. There is a discount row only with a discount, and a shipping row only if something is
/// shipped; the tax row is the lines' tax alone, because the shipping row includes its own (OpenAI's example adds up
/// so).
#[must_use]
pub fn quoted_totals(quote: &Quote) -> Vec<Total> {
    let mut rows = vec![Total::new(TotalKind::ItemsBaseAmount, quote.items_base)];
    if quote.items_discount.minor > 0 {
        rows.push(Total::new(TotalKind::ItemsDiscount, quote.items_discount));
    }
    rows.push(Total::new(TotalKind::Subtotal, quote.subtotal));
    if !quote.options.is_empty() {
        rows.push(Total::new(TotalKind::Fulfillment, quote.fulfillment));
    }
    rows.push(Total::new(TotalKind::Tax, quote.tax));
    rows.push(Total::new(TotalKind::Total, quote.total));
    rows
}

/// The lines of a session without a quote: its cart at the catalog's prices. An item that is not sold (any more) is
/// left out, since its price is not known; the messages name it. The lines' `tax` is zero because ACP requires the
/// field; such a sheet cannot be paid.
#[must_use]
pub fn unquoted_lines(session: &Session, view: &MerchantView) -> Vec<LineItem> {
    let lines = session.inputs.cart.lines().iter();
    lines
        .filter_map(|line| view.catalog.item(&line.id).and_then(|item| unquoted_line(item, line.quantity)))
        .collect()
}

fn unquoted_line(item: Sellable<'_>, quantity: u32) -> Option<LineItem> {
    let base_amount = item.price().times(quantity).ok()?.minor;
    let id = item.variant.map_or(&item.product.id, |variant| &variant.id).as_str();
    Some(LineItem {
        id: id.to_owned(),
        item: Item { id: id.to_owned(), quantity },
        name: item.title(),
        images: item.product.images.clone(),
        base_amount,
        discount: 0,
        subtotal: base_amount,
        tax: 0,
        total: base_amount,
    })
}

/// The rows of a session without a quote: the sum of the goods if every line is known, else none. There is no tax or
/// total row, since both depend on the address.
#[must_use]
pub fn unquoted_totals(session: &Session, view: &MerchantView) -> Vec<Total> {
    let lines = session.inputs.cart.lines().iter();
    let sum = lines.map(|line| Some(view.catalog.item(&line.id)?.price().times(line.quantity))).try_fold(
        Money::zero(view.currency),
        |sum, line| {
            let added: Result<Money, MoneyError> = line?.and_then(|amount| sum.plus(amount));
            added.ok()
        },
    );
    sum.map_or_else(Vec::new, |goods| {
        vec![Total::new(TotalKind::ItemsBaseAmount, goods), Total::new(TotalKind::Subtotal, goods)]
    })
}
