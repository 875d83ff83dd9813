//! One reader per kind of value in a tenant file: texts, amounts, ids, countries, addresses, numbers.
//!
//! Invariant: a reader that returns `None` has reported why.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use url::Url;

use crate::config::diagnostic::quoted;
use crate::config::document::{Field, Section};
use crate::config::web;
use crate::domain::address::CountryCode;
use crate::domain::ids::{IdError, Mode};
use crate::domain::money::{Currency, Money, MoneyError};
use crate::domain::places;
use crate::domain::text::is_hidden;

/// A text on one line.
pub(super) fn line(field: &Field<'_>, most: usize) -> Option<String> {
    let text = harmless(field, most, &[])?;
    if text.trim().is_empty() {
        field.refuse("is empty", "write a text, or remove the key");
        return None;
    }
    Some(text.to_owned())
}

/// A text that may be empty and have several lines.
pub(super) fn paragraphs(field: &Field<'_>, most: usize) -> Option<String> {
    harmless(field, most, &['\n', '\t']).map(str::to_owned)
}

/// A text without invisible characters: shoppers and models must read the same.
fn harmless<'d>(field: &Field<'d>, most: usize, also: &[char]) -> Option<&'d str> {
    let text = field.text()?;
    let length = text.chars().count();
    if length > most {
        field.refuse(
            format!("is {length} characters long"),
            format!("shorten it to at most {most} characters"),
        );
        return None;
    }
    if let Some(hidden) = text.chars().find(|letter| is_hidden(*letter) && !also.contains(letter)) {
        field.refuse(
            format!("holds the invisible character U+{:04X}", u32::from(hidden)),
            "remove it: control, direction and zero-width characters can hide text from people",
        );
        return None;
    }
    Some(text)
}

/// A whole number within bounds.
pub(super) fn whole(field: &Field<'_>, bounds: RangeInclusive<i64>) -> Option<i64> {
    let number = field.whole()?;
    if bounds.contains(&number) {
        return Some(number);
    }
    let (least, most) = bounds.into_inner();
    field.refuse(format!("is {number}"), format!("write a whole number from {least} to {most}"));
    None
}

/// An identifier.
pub(super) fn id<T: FromStr<Err = IdError>>(field: &Field<'_>, example: &str) -> Option<T> {
    match field.text()?.parse() {
        Ok(id) => Some(id),
        Err(error) => {
            field.refuse(format!("is not {}", error.expected), format!("write one such as \"{example}\""));
            None
        }
    }
}

/// Reads addresses on the internet. In live mode each must be one that shoppers can reach.
#[derive(Clone, Copy)]
pub(super) struct Addresses(pub(super) Option<Mode>);

impl Addresses {
    /// An absolute `https` address, as it was written.
    pub(super) fn written(self, field: &Field<'_>) -> Option<String> {
        self.url(field).and_then(|_| field.text()).map(str::to_owned)
    }

    /// The same, parsed.
    pub(super) fn url(self, field: &Field<'_>) -> Option<Url> {
        self.reachable(field, web::address(field.text()?))
    }

    /// An origin, as browsers write it.
    pub(super) fn origin(self, field: &Field<'_>) -> Option<String> {
        let origin = web::origin(field.text()?).map(|origin| Url::parse(&origin));
        let origin = origin.and_then(|url| url.map_err(|_| web::NO_ADDRESS));
        self.reachable(field, origin).map(|url| url.origin().ascii_serialization())
    }

    fn reachable(self, field: &Field<'_>, read: Result<Url, web::Wrong>) -> Option<Url> {
        let url = match read {
            Ok(url) => url,
            Err(wrong) => {
                field.refuse(wrong.problem, wrong.remedy);
                return None;
            }
        };
        let host = url.host_str().unwrap_or_default();
        match (self.0, web::not_public(host)) {
            (Some(Mode::Live), Some(why)) => {
                field.refuse(
                    format!("leads to {}, which {why}", quoted(host)),
                    "write an https address of the shop's own, which live mode needs",
                );
                return None;
            }
            (Some(Mode::Test) | None, Some(_)) if web::is_example(host) => field.warn(
                format!("leads to {}, a host reserved for examples", quoted(host)),
                "write an address of the shop's own, or remove it",
            ),
            (_, _) => {}
        }
        Some(url)
    }
}

/// Country codes, each once, at least one. If one is not readable, the result is every country: its error is enough,
/// and no further problem follows from the list.
pub(super) fn countries(field: &Field<'_>) -> Vec<CountryCode> {
    const REMEDY: &str = "write a list of ISO 3166-1 codes, such as [\"US\"]";
    let items = field.items(REMEDY);
    let mut codes: Vec<CountryCode> = Vec::new();
    if items.is_empty() {
        refuse_empty(field, REMEDY);
    }
    let read: Vec<Option<CountryCode>> = items.iter().map(|item| country(item, item.text())).collect();
    for (item, code) in items.iter().zip(&read) {
        if let Some(code) = code
            && once(item, &codes, code)
        {
            codes.push(*code);
        }
    }
    if codes.is_empty() || read.contains(&None) {
        return places::countries().map(places::Country::code).collect();
    }
    codes
}

pub(super) fn country(field: &Field<'_>, text: Option<&str>) -> Option<CountryCode> {
    let text = text?;
    let known = places::country(text);
    if let Some(code) = known.filter(|code| code.as_str().eq_ignore_ascii_case(text)) {
        return Some(code);
    }
    let remedy = known.map_or_else(
        || "write the two letters of ISO 3166-1, such as \"US\"".to_owned(),
        |code| format!("write {} for {}", quoted(code.as_str()), code.name().unwrap_or(text)),
    );
    field.refuse(format!("has no country {}", quoted(text)), remedy);
    None
}

/// Reports a list that is present and empty.
pub(super) fn refuse_empty(field: &Field<'_>, remedy: &str) {
    if field.is_list() {
        field.refuse("is an empty list", remedy);
    }
}

/// Reports a value that the list already has.
pub(super) fn once<T: PartialEq + Display>(field: &Field<'_>, known: &[T], value: &T) -> bool {
    let new = !known.contains(value);
    if !new {
        field.refuse(format!("names {} a second time", quoted(&value.to_string())), "remove one of the two");
    }
    new
}

/// Ids that must differ from each other.
#[derive(Default)]
pub(super) struct Unique(BTreeSet<String>);

impl Unique {
    /// Whether an id is new; reports a repeated one.
    pub(super) fn claim(&mut self, section: &Section<'_>, id: &str, among: &str) -> bool {
        let is_new = self.0.insert(id.to_owned());
        if !is_new && let Some(field) = section.field("id") {
            field.refuse(format!("{} is used twice", quoted(id)), format!("give {among} ids that differ"));
        }
        is_new
    }
}

/// Reads amounts of the shop's currency; without one, their form alone is checked.
#[derive(Clone, Copy)]
pub(super) struct Amounts(pub(super) Option<Currency>);

impl Amounts {
    /// A price: not negative, and not more than can be charged.
    pub(super) fn price(self, field: &Field<'_>) -> Option<Money> {
        let amount = self.read(field)?;
        warn_of_major_units(field, amount);
        match amount.chargeable() {
            Err(error @ (MoneyError::AboveMaximum(_) | MoneyError::NotAWholeStep(_))) => {
                field.refuse(format!("is no price: {error}"), self.example());
                None
            }
            Ok(_)
            | Err(
                MoneyError::BelowMinimum { .. }
                | MoneyError::Overflow
                | MoneyError::CurrencyMismatch(..)
                | MoneyError::Negative,
            ) => match amount.well_formed() {
                Ok(price) => Some(price),
                Err(error) => {
                    field.refuse(format!("is no price: {error}"), self.example());
                    None
                }
            },
        }
    }

    /// An amount that can be charged as it is.
    pub(super) fn chargeable(self, field: &Field<'_>) -> Option<Money> {
        match self.read(field)?.chargeable() {
            Ok(amount) => Some(amount),
            Err(error) => {
                field.refuse(format!("cannot be charged: {error}"), self.example());
                None
            }
        }
    }

    fn read(self, field: &Field<'_>) -> Option<Money> {
        if let Some(decimal) = field.decimal() {
            let meant = self.0.and_then(|currency| minor_units(decimal, currency));
            let remedy =
                meant.map_or_else(|| self.example(), |amount| format!("write {} for {amount}", amount.minor));
            field.refuse("must be whole minor units, but is a decimal number", remedy);
            return None;
        }
        if let Some(meant) = field.quoted().zip(self.0).and_then(|(text, currency)| price_tag(text, currency))
        {
            let remedy = format!("write {}, without quotes, for {meant}", meant.minor);
            field.refuse("must be whole minor units, but is a text", remedy);
            return None;
        }
        let minor = field.whole_or(&self.example())?;
        if minor < 0 {
            field.refuse("must not be negative", self.example());
            return None;
        }
        Some(Money::new(minor, self.0?))
    }

    fn example(self) -> String {
        let Some(currency) = self.0 else { return "write minor units, such as 599 for 5.99 USD".to_owned() };
        let amount = Money::new(599 * currency.step().minor, currency);
        format!("write minor units, such as {} for {amount}", amount.minor)
    }
}

/// The amount that a decimal number of major units most likely meant.
fn minor_units(decimal: &str, currency: Currency) -> Option<Money> {
    let decimals = usize::try_from(currency.exponent()).ok()?;
    let (whole, fraction) = decimal.split_once('.')?;
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > decimals {
        return None;
    }
    let minor = format!("{whole}{fraction:0<decimals$}").parse().ok()?;
    Money::new(minor, currency).well_formed().ok()
}

/// The amount that a price as people write it most likely meant, such as `18.50`, `$18.50` or `18,50`.
fn price_tag(text: &str, currency: Currency) -> Option<Money> {
    let number = text.trim_matches(|letter: char| !letter.is_ascii_digit()).replace(',', ".");
    minor_units(&number, currency)
}

/// A price below one dollar, euro or dinar is more often one in whole dollars.
fn warn_of_major_units(field: &Field<'_>, amount: Money) {
    let unit = 10_i64.pow(amount.currency.exponent());
    if (1..unit).contains(&amount.minor) {
        let meant = Money::new(amount.minor * unit, amount.currency);
        field.warn(
            format!("is {amount}, which looks like {meant} written without its decimals"),
            format!("write {} where {meant} is meant", meant.minor),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_price_is_answered_with_its_minor_units() {
        let meant =
            |text: &str, code: &str| minor_units(text, code.parse().unwrap()).map(|money| money.minor);
        assert_eq!(meant("18.5", "usd"), Some(1850));
        assert_eq!(meant("18.00", "jpy"), Some(18));
        assert_eq!(meant("0.05", "usd"), Some(5));
        assert_eq!(meant("1.23", "kwd"), Some(1230));
        assert_eq!(meant("1.234", "kwd"), None);
        assert_eq!(meant("18.505", "usd"), None);
        assert_eq!(meant("-1.5", "usd"), None);
        assert_eq!(meant("1e3", "usd"), None);
        let priced = |text: &str| price_tag(text, "usd".parse().unwrap()).map(|money| money.minor);
        for text in ["18.50", "$18.50", "18,50 €", " USD 18.5"] {
            assert_eq!(priced(text), Some(1850), "{text}");
        }
        assert_eq!((priced("1850"), priced("1,850.00"), priced("dear")), (None, None, None));
    }
}
