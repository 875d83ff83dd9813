//! Warnings about a valid file, and a short summary of its shop.
//!
//! Invariant: no warning prevents a merchant from being served.

use std::collections::BTreeSet;

use super::diagnostic::{Diagnostic, quoted};
use super::tenant::{TenantConfig, is_placeholder};
use crate::domain::address::CountryCode;
use crate::domain::catalog::{Product, Sellable};
use crate::domain::money::{Money, Rate};
use crate::domain::places::{covers, state_of};
use crate::domain::shipping::ShippingRule;
use crate::domain::tax::{FixedTax, TaxRule};

/// The factor by which a price must differ from the median to look like a mistake.
const FAR: i64 = 50;

/// How many products are named.
const MOST_NAMED: usize = 5;

/// All warnings about a file, in the order of the file; those about the whole file come last.
pub(super) fn advice(tenant: &TenantConfig) -> Vec<Diagnostic> {
    let mut found = tenant.warnings().to_vec();
    found.extend(far_prices(tenant));
    found.extend(beyond_reach(tenant));
    found.extend(untaxed_shipping(tenant));
    found.extend(unreachable_countries(tenant));
    found.extend(below_the_least_charge(tenant));
    if tenant.catalog().products().iter().any(is_placeholder) {
        found.push(tenant.place("products").problem(
            "still have the first product of a new file, which live mode refuses",
            "replace it by the shop's own products, in every word",
        ));
    }
    if !tenant.has_webhook() {
        found.push(tenant.place("webhook").problem(
            "is missing, so the gateway reports no orders to your systems",
            "add [webhook] with url and secret, or list orders with the admin API",
        ));
    }
    found
}

/// Every price at which an item can be bought.
fn prices(tenant: &TenantConfig) -> Vec<(Money, String)> {
    let buyable = tenant.catalog().products().iter().flat_map(Product::buyable);
    let mut prices: Vec<(Money, String)> =
        buyable.map(|item: Sellable<'_>| (item.price(), item.product.id.to_string())).collect();
    prices.sort_by_key(|(price, _)| price.minor);
    prices
}

/// Prices that differ from the others by a factor of about a hundred: one was written in whole dollars, or converted
/// to cents twice.
fn far_prices(tenant: &TenantConfig) -> Option<Diagnostic> {
    let prices = prices(tenant);
    let (middle, _) = prices.get(prices.len() / 2)?;
    let far = |price: &Money| {
        price.minor > 0
            && (price.minor.saturating_mul(FAR) <= middle.minor || price.minor / FAR >= middle.minor.max(1))
    };
    let names: BTreeSet<String> = prices
        .iter()
        .filter(|(price, _)| far(price))
        .map(|(price, id)| format!("{} ({price})", quoted(id)))
        .collect();
    if names.is_empty() {
        return None;
    }
    let shown: Vec<&str> = names.iter().take(MOST_NAMED).map(String::as_str).collect();
    let more = if names.len() > MOST_NAMED { " and others" } else { "" };
    Some(tenant.place("products").problem(
        format!("have prices far from the usual {middle}: {}{more}", shown.join(", ")),
        "prices are in minor units: check whether a factor of a hundred is missing, or was applied twice",
    ))
}

/// Goods that cannot be bought at all: one piece already costs more than a checkout may.
fn beyond_reach(tenant: &TenantConfig) -> Option<Diagnostic> {
    let most = tenant.seed().checkout.max_total?;
    let prices = prices(tenant);
    let beyond: BTreeSet<&str> =
        prices.iter().filter(|(price, _)| price.minor > most.minor).map(|(_, id)| id.as_str()).collect();
    if beyond.is_empty() {
        return None;
    }
    let shown: Vec<String> = beyond.iter().take(MOST_NAMED).map(|id| quoted(id)).collect();
    let more = if beyond.len() > MOST_NAMED { " and others" } else { "" };
    Some(tenant.place("checkout.max_total").problem(
        format!("is {most}, less than the price of {}{more}, so nobody can buy them", shown.join(", ")),
        "it is in minor units: check whether a factor of a hundred is missing, or raise it",
    ))
}

/// Countries of the shop without a possible purchase: no shipping option covers them, or their tax is not known.
fn unreachable_countries(tenant: &TenantConfig) -> Vec<Diagnostic> {
    let view = tenant.seed();
    let is_sent = view.catalog.products().iter().all(|product| product.shippable);
    let reached = |country: CountryCode| {
        let goes = |rule: &ShippingRule| rule.countries.is_empty() || covers(&rule.countries, country, "");
        !is_sent || view.shipping.iter().any(goes)
    };
    let taxed = |country: CountryCode| match &view.tax {
        TaxRule::None => true,
        TaxRule::Fixed(table) => {
            let whole = state_of(country);
            table.elsewhere.is_some()
                || table.rates.iter().any(|row| row.country == country || Some(row.country) == whole)
        }
    };
    let names = |lacks: &dyn Fn(CountryCode) -> bool| {
        let lacking = view.checkout.countries.iter().filter(|country| lacks(**country));
        lacking.map(CountryCode::as_str).collect::<Vec<_>>().join(", ")
    };
    let (unreached, untaxed) = (names(&|country| !reached(country)), names(&|country| !taxed(country)));
    let mut found = Vec::new();
    if !unreached.is_empty() {
        found.push(tenant.place("checkout.countries").problem(
            format!("names {unreached}, which no [[shipping]] option covers, so nothing can be bought there"),
            "add an option that covers it, or remove the country",
        ));
    }
    if !untaxed.is_empty() {
        found.push(tenant.place("checkout.countries").problem(
            format!("names {untaxed}, whose tax is not known, so nothing can be bought there"),
            "add [tax.rates] for it, or tax.elsewhere, or remove the country",
        ));
    }
    found
}

/// Goods of which one piece costs less than Stripe's least charge.
fn below_the_least_charge(tenant: &TenantConfig) -> Option<Diagnostic> {
    let view = tenant.seed();
    let least = view.currency.minimum_charge();
    let shipping = view.shipping.iter().map(|rule| rule.price.minor).min().unwrap_or_default();
    let alone = |product: &Product, price: Money| price.minor + if product.shippable { shipping } else { 0 };
    let buyable = view.catalog.products().iter().flat_map(Product::buyable);
    let below: BTreeSet<&str> = buyable
        .filter(|item| alone(item.product, item.price()) < least.minor)
        .map(|item| item.product.id.as_str())
        .collect();
    if below.is_empty() {
        return None;
    }
    let shown: Vec<String> = below.iter().take(MOST_NAMED).map(|id| quoted(id)).collect();
    let more = if below.len() > MOST_NAMED { " and others" } else { "" };
    Some(tenant.place("products").problem(
        format!("include goods that cannot be bought alone: {}{more} come to less than {least}, the least that can be charged", shown.join(", ")),
        "prices are in minor units: check whether a factor of a hundred is missing, or keep them if they are bought together with others",
    ))
}

/// Shipping that has a price and is taxed nowhere, in a shop whose goods are taxed.
fn untaxed_shipping(tenant: &TenantConfig) -> Option<Diagnostic> {
    let TaxRule::Fixed(table) = &tenant.seed().tax else { return None };
    let taxed = table.rates.iter().map(|row| row.rate).chain(table.elsewhere).any(|rate| rate > Rate::ZERO);
    let costs = tenant.seed().shipping.iter().any(|option| option.price.minor > 0);
    (taxed && costs && !table.on_shipping).then(|| {
        tenant.place("tax.shipping").problem(
            "is false, so shipping is taxed nowhere, though the goods are",
            "write true where the law taxes shipping like the goods",
        )
    })
}

/// The ways to pay, as the tools name them.
pub(super) fn payment_methods_offered(tenant: &TenantConfig) -> Vec<&'static str> {
    let checkout = &tenant.seed().checkout;
    let mut ways = Vec::new();
    if checkout.method.takes_tokens() {
        ways.push("payment_sheet");
    }
    if checkout.method.opens_stripe_checkouts() {
        ways.push("hosted");
    }
    if checkout.wallet {
        ways.push("wallet");
    }
    ways
}

/// `6 products, 18.50 to 62.00 USD`.
pub(super) fn goods(tenant: &TenantConfig) -> String {
    let count = tenant.catalog().products().len();
    let products = if count == 1 { "1 product".to_owned() } else { format!("{count} products") };
    let prices = prices(tenant);
    let (Some((least, _)), Some((most, _))) = (prices.first(), prices.last()) else { return products };
    if least == most {
        return format!("{products}, {least}");
    }
    let least = least.to_string();
    let amount = least.split_once(' ').map_or(least.as_str(), |(amount, _)| amount);
    format!("{products}, {amount} to {most}")
}

/// The highest total of a checkout, if it is limited.
pub(super) fn most(tenant: &TenantConfig) -> Option<String> {
    tenant.seed().checkout.max_total.map(|most| most.to_string())
}

/// The countries that the shop sells to.
pub(super) fn sold_to(tenant: &TenantConfig) -> Vec<String> {
    tenant.seed().checkout.countries.iter().map(|country| country.as_str().to_owned()).collect()
}

/// The shipping options and their prices.
pub(super) fn shipping(tenant: &TenantConfig) -> Vec<String> {
    tenant.seed().shipping.iter().map(|option| format!("{} {}", option.title, option.price)).collect()
}

/// `2.9 % to 7.25 % in US; 0 % elsewhere; shipping is not taxed`.
pub(super) fn tax(tenant: &TenantConfig) -> String {
    let TaxRule::Fixed(table) = &tenant.seed().tax else { return "none".to_owned() };
    let mut parts = of_countries(table);
    parts.push(match table.elsewhere {
        Some(rate) => format!("{rate} elsewhere"),
        None => "nothing is sold elsewhere".to_owned(),
    });
    parts.push(format!("shipping is {}taxed", if table.on_shipping { "" } else { "not " }));
    parts.join("; ")
}

fn of_countries(table: &FixedTax) -> Vec<String> {
    let countries: BTreeSet<&str> = table.rates.iter().map(|row| row.country.as_str()).collect();
    let mut parts = Vec::new();
    for country in countries {
        let rates = || table.rates.iter().filter(|row| row.country.as_str() == country).map(|row| row.rate);
        let (Some(least), Some(most)) = (rates().min(), rates().max()) else { continue };
        let range = if least == most { least.to_string() } else { format!("{least} to {most}") };
        let states = rates().count();
        let rows = if states == 1 { "1 row".to_owned() } else { format!("{states} rows") };
        parts.push(format!("{range} in {country} ({rows})"));
    }
    parts
}
