//! From a cart to a quote: lines, shipping, tax and total, exact to the minor unit.
//!
//! Order: unit price × quantity → shipping → tax → total. Every line and row adds up:
//! `total = subtotal + fulfillment + tax`, where the fulfillment row is the chosen option's total with its tax and
//! the tax row is the lines' tax only, as the payment sheet shows them.

use serde::{Deserialize, Serialize};

use super::address::Address;
use super::cart::Cart;
use super::catalog::{NotSold, VariantNeeded};
use super::ids::{ItemId, ShippingId};
use super::merchant::MerchantView;
use super::money::{Money, MoneyError};
use super::places;
use super::tax::{TaxRates, UnknownTax};
use super::time::Timestamp;

/// The frozen price of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// One per cart line, in its order.
    pub lines: Vec<QuoteLine>,
    /// Every shipping option that fits; empty when nothing is sent.
    pub options: Vec<QuoteOption>,
    /// The chosen one.
    pub option_id: Option<ShippingId>,
    /// Sum of the lines' base amounts.
    pub items_base: Money,
    /// Sum of the lines' discounts.
    pub items_discount: Money,
    /// Sum of the lines' subtotals.
    pub subtotal: Money,
    /// The chosen option with its tax.
    pub fulfillment: Money,
    /// Sum of the lines' taxes.
    pub tax: Money,
    /// What is charged.
    pub total: Money,
    /// Until when it is honoured.
    pub expires: Timestamp,
}

impl Quote {
    /// The shipping option that was chosen.
    #[must_use]
    pub fn chosen(&self) -> Option<&QuoteOption> {
        self.options.iter().find(|option| Some(&option.id) == self.option_id.as_ref())
    }

    /// Whether anything of it is sent by post.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        !self.options.is_empty()
    }

    /// The carrier, if the chosen option names it.
    #[must_use]
    pub fn carrier(&self) -> Option<String> {
        self.chosen().map(|option| option.carrier.clone()).filter(|carrier| !carrier.is_empty())
    }
}

/// A line of a quote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuoteLine {
    pub item: ItemId,
    /// Its name at the time.
    pub title: String,
    /// Its pictures at the time.
    pub images: Vec<String>,
    pub quantity: u32,
    pub unit_price: Money,
    /// Unit price × quantity.
    pub base_amount: Money,
    /// The discount, as a positive amount.
    pub discount: Money,
    /// Base amount − discount.
    pub subtotal: Money,
    /// Tax on the subtotal.
    pub tax: Money,
    /// Subtotal + tax.
    pub total: Money,
}

/// A shipping option, priced for one quote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuoteOption {
    /// The merchant's id of it.
    pub id: ShippingId,
    /// The title shown to the shopper.
    pub title: String,
    /// The carrier; may be empty.
    pub carrier: String,
    /// Earliest and latest delivery.
    pub delivery: Option<(Timestamp, Timestamp)>,
    /// Price before tax.
    pub subtotal: Money,
    pub tax: Money,
    /// Subtotal + tax.
    pub total: Money,
}

/// Why a cart cannot be priced and paid. The shopper can correct each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PricingProblem {
    /// The shop has no such item.
    UnknownItem(ItemId),
    /// The item is bought by the id of one of its variants.
    VariantNeeded(VariantNeeded),
    /// The item cannot be bought now.
    Unavailable(ItemId),
    /// The goods are sent by post and no address is known.
    AddressNeeded,
    /// The shop does not sell to this country.
    CountryNotServed(super::address::CountryCode),
    /// Taxes in this country depend on the region, and the address has no known one.
    RegionNeeded(super::address::CountryCode),
    /// No shipping option covers the address.
    NoShipping,
    /// The chosen shipping option does not exist or does not cover the address.
    OptionNotOffered(ShippingId),
    /// The tax for the address is not known.
    TaxUnknown,
    /// The total is below the least that can be charged.
    BelowMinimum {
        total: Money,
        /// The least.
        minimum: Money,
    },
    /// The total is more than can be charged in one payment.
    AboveMaximum(Money),
    /// The total is above the shop's own limit.
    AboveLimit { total: Money, limit: Money },
    /// The amounts cannot be combined, or are too large.
    NotPriceable,
}

impl From<NotSold> for PricingProblem {
    fn from(not_sold: NotSold) -> Self {
        match not_sold {
            NotSold::Unknown(item) => Self::UnknownItem(item),
            NotSold::VariantNeeded(needed) => Self::VariantNeeded(needed),
        }
    }
}

impl From<MoneyError> for PricingProblem {
    fn from(error: MoneyError) -> Self {
        match error {
            MoneyError::BelowMinimum { amount, minimum } => Self::BelowMinimum { total: amount, minimum },
            MoneyError::AboveMaximum(total) => Self::AboveMaximum(total),
            MoneyError::Overflow
            | MoneyError::CurrencyMismatch(..)
            | MoneyError::Negative
            | MoneyError::NotAWholeStep(_) => Self::NotPriceable,
        }
    }
}

/// The inputs of a quote.
#[derive(Clone, Copy, Debug)]
pub struct PricingInput<'a> {
    pub cart: &'a Cart,
    /// The shipping address.
    pub address: Option<&'a Address>,
    /// The requested shipping option; without one, the first that fits.
    pub option_id: Option<&'a ShippingId>,
}

/// Prices a cart by a merchant's present catalog and rules.
pub fn quote(view: &MerchantView, input: PricingInput<'_>, now: Timestamp) -> Result<Quote, PricingProblem> {
    let shipped = needs_shipping(view, input.cart)?;
    if shipped && input.address.is_none() {
        return Err(PricingProblem::AddressNeeded);
    }
    if let Some(address) = input.address
        && !places::covers(&view.checkout.countries, address.country, &address.state)
    {
        return Err(PricingProblem::CountryNotServed(address.country));
    }
    let rates = view.tax.rates(input.address).map_err(|unknown| match (unknown, input.address) {
        (_, None) => PricingProblem::AddressNeeded,
        (UnknownTax::Region, Some(address)) => PricingProblem::RegionNeeded(address.country),
        (UnknownTax::Place, Some(_)) => PricingProblem::TaxUnknown,
    })?;
    let lines = lines(view, input.cart, rates)?;
    let zero = Money::zero(view.currency);
    let sum =
        |amount: fn(&QuoteLine) -> Money| lines.iter().try_fold(zero, |sum, line| sum.plus(amount(line)));
    let items_base = sum(|line| line.base_amount)?;
    let items_discount = sum(|line| line.discount)?;
    let subtotal = sum(|line| line.subtotal)?;
    let tax = sum(|line| line.tax)?;

    let options = match input.address {
        Some(address) if shipped => options(view, address, subtotal, rates, now)?,
        Some(_) | None => Vec::new(),
    };
    let chosen = choose(&options, input.option_id, shipped)?;
    let fulfillment = chosen.map_or(zero, |option| option.total);
    let total = subtotal.plus(tax)?.plus(fulfillment)?.chargeable()?;
    if let Some(limit) = view.checkout.max_total
        && total.minor > limit.minor
    {
        return Err(PricingProblem::AboveLimit { total, limit });
    }
    let option_id = chosen.map(|option| option.id.clone());
    let expires = now + view.checkout.quote_ttl;
    Ok(Quote {
        lines,
        options,
        option_id,
        items_base,
        items_discount,
        subtotal,
        fulfillment,
        tax,
        total,
        expires,
    })
}

/// The first line of a quote that can no longer be sold, if any: checked again when the quote is paid.
#[must_use]
pub fn no_longer_sellable(view: &MerchantView, quote: &Quote) -> Option<ItemId> {
    let gone = |line: &&QuoteLine| !view.catalog.item(&line.item).is_some_and(|item| item.available());
    quote.lines.iter().find(gone).map(|line| line.item.clone())
}

/// Whether anything in the cart is shipped. Unknown items are also found here.
fn needs_shipping(view: &MerchantView, cart: &Cart) -> Result<bool, PricingProblem> {
    let mut shipped = false;
    for line in cart.lines() {
        let item = view.catalog.sold(&line.id)?;
        if !item.available() {
            return Err(PricingProblem::Unavailable(line.id.clone()));
        }
        shipped |= item.product.shippable;
    }
    Ok(shipped)
}

fn lines(view: &MerchantView, cart: &Cart, rates: TaxRates) -> Result<Vec<QuoteLine>, PricingProblem> {
    let line = |line: &super::cart::CartLine| {
        let item = view.catalog.sold(&line.id)?;
        let base_amount = item.price().times(line.quantity)?;
        let discount = Money::zero(view.currency);
        let subtotal = base_amount.minus(discount)?;
        let tax = subtotal.share(rates.goods)?;
        Ok(QuoteLine {
            item: line.id.clone(),
            title: item.title(),
            images: item.product.images.clone(),
            quantity: line.quantity,
            unit_price: item.price(),
            base_amount,
            discount,
            subtotal,
            tax,
            total: subtotal.plus(tax)?,
        })
    };
    cart.lines().iter().map(line).collect()
}

fn options(
    view: &MerchantView,
    address: &Address,
    goods: Money,
    rates: TaxRates,
    now: Timestamp,
) -> Result<Vec<QuoteOption>, PricingProblem> {
    let fitting = view.shipping.iter().filter(|rule| rule.serves(address));
    let priced = fitting.map(|rule| {
        let subtotal = rule.price_for(goods);
        let tax = subtotal.share(rates.shipping)?;
        Ok(QuoteOption {
            id: rule.id.clone(),
            title: rule.title.clone(),
            carrier: rule.carrier.clone(),
            delivery: rule.delivery(now),
            subtotal,
            tax,
            total: subtotal.plus(tax)?,
        })
    });
    priced.collect()
}

fn choose<'a>(
    options: &'a [QuoteOption],
    wanted: Option<&ShippingId>,
    shipped: bool,
) -> Result<Option<&'a QuoteOption>, PricingProblem> {
    if !shipped {
        return Ok(None);
    }
    match wanted {
        Some(wanted) => options
            .iter()
            .find(|option| option.id == *wanted)
            .map(Some)
            .ok_or_else(|| PricingProblem::OptionNotOffered(wanted.clone())),
        None => options.first().map(Some).ok_or(PricingProblem::NoShipping),
    }
}
