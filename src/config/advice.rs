//! What a right file may still have wrong, and what the shop is that it describes, in a few words.
//!
//! Invariant: nothing here keeps a merchant from being served.

use std::collections::BTreeSet;

use super::diagnostic::{Diagnostic, Place, quoted};
use super::document::place_of;
use super::tenant::TenantConfig;
use crate::domain::catalog::{Product, Sellable};
use crate::domain::money::{Money, Rate};
use crate::domain::tax::{FixedTax, TaxRule};

/// How many times less than the middle price, or more, a price must be to look like a mistake.
const FAR: i64 = 50;

/// How many products are named.
const MOST_NAMED: usize = 5;

/// Everything about a file that is worth a second look, in the order of the file; what concerns the whole file comes last.
pub(super) fn advice(tenant: &TenantConfig) -> Vec<Diagnostic> {
    let mut found = tenant.warnings().to_vec();
    found.extend(far_prices(tenant));
    found.extend(beyond_reach(tenant));
    found.extend(untaxed_shipping(tenant));
    if !tenant.has_webhook() {
        found.push(at(tenant, "webhook").problem(
            "is not there, so nobody is told of an order",
            "add [webhook] with url and secret, or look for orders by the admin API",
        ));
    }
    found
}

fn at(tenant: &TenantConfig, key: &str) -> Place {
    place_of(tenant.file(), tenant.source(), key)
}

/// Every price at which something can be bought.
fn prices(tenant: &TenantConfig) -> Vec<(Money, String)> {
    let buyable = tenant.catalog().products().iter().flat_map(Product::buyable);
    let mut prices: Vec<(Money, String)> =
        buyable.map(|item: Sellable<'_>| (item.price(), item.product.id.to_string())).collect();
    prices.sort_by_key(|(price, _)| price.minor);
    prices
}

/// Prices that differ from the others by about a hundred: one was written in whole dollars, or twice in cents.
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
    Some(at(tenant, "products").problem(
        format!("have prices far from the usual {middle}: {}{more}", shown.join(", ")),
        "prices are minor units: look whether a factor of a hundred is missing, or is there twice",
    ))
}

/// Goods of which not even one can be bought: each costs more than a checkout may.
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
    Some(at(tenant, "checkout.max_total").problem(
        format!("is {most}, less than what {}{more} cost, which nobody can buy", shown.join(", ")),
        "it is in minor units: look whether a factor of a hundred is missing, or raise it",
    ))
}

/// Shipping that costs something and is taxed nowhere, in a shop whose goods are taxed.
fn untaxed_shipping(tenant: &TenantConfig) -> Option<Diagnostic> {
    let TaxRule::Fixed(table) = &tenant.seed().tax else { return None };
    let taxed = table.rates.iter().map(|row| row.rate).chain(table.elsewhere).any(|rate| rate > Rate::ZERO);
    let costs = tenant.seed().shipping.iter().any(|option| option.price.minor > 0);
    (taxed && costs && !table.on_shipping).then(|| {
        at(tenant, "tax.shipping").problem(
            "is false, so shipping is taxed nowhere, though the goods are",
            "write true where the law taxes shipping like the goods",
        )
    })
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

/// The most that a checkout may come to, where that is limited.
pub(super) fn most(tenant: &TenantConfig) -> Option<String> {
    tenant.seed().checkout.max_total.map(|most| most.to_string())
}

/// Where the shop sells.
pub(super) fn sold_to(tenant: &TenantConfig) -> Vec<String> {
    tenant.seed().checkout.countries.iter().map(|country| country.as_str().to_owned()).collect()
}

/// How its parcels are sent, and for how much.
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
