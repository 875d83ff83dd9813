//! `[tax]`: the shop's tax rule.
//!
//! Invariant: a shop that charges no tax, on its goods or on shipping, says so in its file; a missing value never
//! means zero.

use super::values::country;
use crate::config::diagnostic::quoted;
use crate::config::document::{Field, Section};
use crate::domain::address::CountryCode;
use crate::domain::money::Rate;
use crate::domain::places::state_of;
use crate::domain::tax::{FixedTax, RegionRate, TaxRule};

/// The key of a country's table for all its other regions.
const REST: &str = "rest";

const MOST_STATES: usize = 200;

/// In millionths. A smaller value is more often a share, `0.0725`, than a percentage.
const ONE_PERCENT: u32 = 10_000;

#[derive(Clone, Copy)]
enum Provider {
    None,
    Fixed,
    Stripe,
}

/// Reads the rule; `sold_to` are the countries of `[checkout]`.
pub(super) fn read(root: &Section<'_>, sold_to: &[CountryCode]) -> Option<TaxRule> {
    let section = root.section("tax");
    if !section.present() {
        if root.field("tax").is_none() {
            root.missing("tax", "write [tax] with provider = \"fixed\" and rates, or provider = \"none\"");
        }
        return None;
    }
    let provider = section.required("provider", "write \"none\" or \"fixed\"");
    let words = [("none", Provider::None), ("fixed", Provider::Fixed), ("stripe", Provider::Stripe)];
    let chosen = provider.as_ref().and_then(|field| field.choice(&words));
    let shipping = section.field("shipping").map(|field| (field.switch(), field));
    let elsewhere = section.field("elsewhere").map(|field| (rate(&field), field));
    let rates_field = section.field("rates");
    let rates = read_rates(&section.section("rates"), sold_to);
    let place = section.place();
    if matches!(chosen, Some(Provider::Fixed)) && shipping.is_none() {
        section.missing(
            "shipping",
            "write shipping = true where shipping is taxed like the goods, or shipping = false where it is not",
        );
    }
    section.finish();
    match chosen? {
        Provider::None => {
            let read_by_fixed =
                [shipping.map(|(_, field)| field), elsewhere.map(|(_, field)| field), rates_field];
            for field in read_by_fixed.iter().flatten() {
                field.refuse(
                    "has no effect with provider \"none\"",
                    "remove it, or write provider = \"fixed\"",
                );
            }
            Some(TaxRule::None)
        }
        Provider::Stripe => {
            if let Some(field) = provider {
                field.refuse("is not supported yet", "write \"fixed\" with rates of your own, or \"none\"");
            }
            None
        }
        Provider::Fixed => {
            if rates_field.is_none() && elsewhere.is_none() {
                root.report(
                    &place,
                    "has no rates",
                    "add [tax.rates.US] with one line per state, or elsewhere",
                );
            }
            Some(TaxRule::Fixed(FixedTax {
                rates,
                elsewhere: elsewhere.and_then(|(rate, _)| rate),
                on_shipping: shipping.and_then(|(on, _)| on)?,
            }))
        }
    }
}

/// `[tax.rates.US]` with `CA = "7.25"` and `rest = "0"`: a state's row comes before its country's.
fn read_rates(section: &Section<'_>, sold_to: &[CountryCode]) -> Vec<RegionRate> {
    let mut rows: Vec<RegionRate> = Vec::new();
    for (name, field) in section.entries() {
        let Some(code) = country(&field, Some(name)) else { continue };
        let whole = state_of(code);
        let is_sold_to =
            |one: &CountryCode| *one == code || Some(*one) == whole || state_of(*one) == Some(code);
        if !sold_to.iter().any(is_sold_to) {
            field.refuse(
                "is a country where the shop does not sell",
                "remove it, or add it to checkout.countries",
            );
        }
        let states = field.section();
        if states.present() && states.entries().is_empty() {
            states.refuse("has no rates", format!("add a line per state, or {REST} for the whole country"));
        }
        let entries = states.entries();
        if entries.len() > MOST_STATES {
            section.too_many(name, entries.len(), MOST_STATES);
        }
        let mut of_country = None;
        for (state, field) in entries.into_iter().take(MOST_STATES) {
            let Some(rate) = rate(&field) else { continue };
            let row = match (state, whole) {
                // A territory that is also a state has one rate, under either name.
                (REST, Some(country)) => RegionRate { country, state: Some(code.as_str().to_owned()), rate },
                (REST, None) => {
                    of_country = Some(RegionRate { country: code, state: None, rate });
                    continue;
                }
                (state, _) => {
                    let Some(state) = read_state(&field, code, state) else { continue };
                    RegionRate { country: code, state: Some(state), rate }
                }
            };
            if rows.iter().any(|other| (other.country, &other.state) == (row.country, &row.state)) {
                field.refuse("is there twice", "keep one of the two");
            }
            rows.push(row);
        }
        rows.extend(of_country);
    }
    rows
}

/// A state in the form of addresses, from any of its names.
fn read_state(field: &Field<'_>, country: CountryCode, state: &str) -> Option<String> {
    let known = country.region(state).map(str::to_owned);
    if known.is_none() && !country.has_regions() {
        field.refuse(
            format!("is a region of {country}, whose addresses name none"),
            format!("write {REST}, the rate of the whole country"),
        );
    } else if known.is_none() {
        let choices = country.regions();
        field.refuse(
            format!("has no region {}", quoted(state)),
            format!("write {choices}, or {REST} for all others"),
        );
    }
    known
}

fn rate(field: &Field<'_>) -> Option<Rate> {
    let quotes =
        field.decimal().map_or("write the percentage in quotes, such as \"7.25\"".to_owned(), |decimal| {
            format!("write \"{decimal}\" in quotes, so that it is kept exactly")
        });
    let text = field.text_or(&quotes)?;
    let rate = Rate::from_percent(text);
    if rate.is_err() {
        field.refuse(
            format!("is no percentage: {}", quoted(text)),
            "write a number from 0 to 100 with at most four decimals, such as \"8.875\"",
        );
    }
    let rate = rate.ok()?;
    if rate > Rate::ZERO && rate.millionths() < ONE_PERCENT {
        field.warn(
            format!("is {rate}, less than one percent"),
            "write the percentage itself, such as \"7.25\" for 7.25 %, where that is meant",
        );
    }
    Some(rate)
}
