//! `[[shipping]]`: the shipping options.
//!
//! Invariant: an option covers only countries that the shop sells to.

use super::values::{Amounts, Unique, countries, id, line, whole};
use crate::config::diagnostic::quoted;
use crate::config::document::{Field, Section};
use crate::domain::address::CountryCode;
use crate::domain::shipping::ShippingRule;

const MOST: usize = 20;
const TITLE: usize = 200;
const LONGEST_DAYS: i64 = 365;

/// Reads every shipping option; `sold_to` are the countries of `[checkout]`.
pub(super) fn read(root: &Section<'_>, amounts: Amounts, sold_to: &[CountryCode]) -> Vec<ShippingRule> {
    let sections = root.sections("shipping");
    if sections.len() > MOST {
        root.too_many("shipping", sections.len(), MOST);
    }
    let mut ids = Unique::default();
    sections.into_iter().filter_map(|section| read_rule(section, amounts, sold_to, &mut ids)).collect()
}

fn read_rule(
    section: Section<'_>,
    amounts: Amounts,
    sold_to: &[CountryCode],
    ids: &mut Unique,
) -> Option<ShippingRule> {
    let rule_id: Option<crate::domain::ids::ShippingId> = section
        .required("id", "give the option an id, such as \"standard\"")
        .and_then(|field| id(&field, "standard"));
    let rule_id =
        rule_id.filter(|rule_id| ids.claim(&section, rule_id.as_str(), "all shipping options of the shop"));
    let title = section.required("title", "write what shoppers read").and_then(|field| line(&field, TITLE));
    let carrier = section.field("carrier").and_then(|field| line(&field, TITLE));
    let price = section.required("price", "write minor units, such as 599 for 5.99 USD, or 0");
    let price = price.and_then(|field| amounts.price(&field));
    let free_over = section.field("free_over").and_then(|field| amounts.price(&field));
    let goes_to = section.field("countries");
    let codes = goes_to.as_ref().map(countries).unwrap_or_default();
    if let Some(field) = &goes_to {
        for code in codes.iter().filter(|code| !sold_to.contains(code)) {
            field.refuse(
                format!("names {}, where the shop does not sell", quoted(code.as_str())),
                "remove it, or add it to checkout.countries",
            );
        }
    }
    let days = section.field("days").and_then(|field| read_days(&field));
    section.finish();
    Some(ShippingRule {
        id: rule_id?,
        title: title?,
        carrier: carrier.unwrap_or_default(),
        price: price?,
        countries: codes,
        free_over,
        days,
    })
}

/// `days = [3, 5]`: the earliest and the latest day of delivery.
fn read_days(field: &Field<'_>) -> Option<(u16, u16)> {
    const REMEDY: &str = "write the earliest and the latest day, such as [3, 5]";
    let items = field.items(REMEDY);
    let [earliest, latest] = items.as_slice() else {
        if field.is_list() {
            field.refuse(format!("has {} numbers", items.len()), REMEDY);
        }
        return None;
    };
    let day = |field: &Field<'_>| whole(field, 0..=LONGEST_DAYS).and_then(|days| u16::try_from(days).ok());
    let (earliest, latest) = (day(earliest), day(latest));
    let (earliest, latest) = (earliest?, latest?);
    if earliest > latest {
        field.refuse(format!("ends on day {latest}, before it begins on day {earliest}"), REMEDY);
        return None;
    }
    Some((earliest, latest))
}
