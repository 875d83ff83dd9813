//! The currencies that Stripe charges in, and its rules for amounts of each.
//!
//! The decimals are Stripe's, not ISO 4217's: Stripe charges MGA without decimals, and ISK with two that are both
//! zero. The tenant files, the pricing, the emulator and the widget use the table. Source:
//! docs.stripe.com/currencies.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

/// A currency that Stripe charges in; its lower-case ISO 4217 code is what is stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency(&'static Row);

/// The rules for a currency's amounts, in minor units.
pub(super) struct Amounts {
    pub(super) step: i64,
    pub(super) least: i64,
    pub(super) most: i64,
}

/// A line of the table; amounts are minor units.
#[derive(PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
struct Row {
    code: String,
    name: String,
    digits: u32,
    step: i64,
    least: i64,
    most: i64,
    replaced_by: Option<String>,
}

/// Sorted by code.
static TABLE: LazyLock<Vec<Row>> =
    LazyLock::new(|| serde_json::from_str(include_str!("tables/currencies.json")).unwrap_or_default());

/// Why a text is not an accepted currency.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CurrencyError {
    /// Not a code that Stripe charges in.
    #[error("is not a currency that can be charged: \"{0}\"")]
    Unknown(String),
    /// UGX: Stripe documents two different minor units for it.
    #[error(
        "names UGX, of which Stripe documents two different minor units, so amounts in it are not certain"
    )]
    Ambiguous,
}

impl Currency {
    /// The rules for amounts, in minor units: the step, the least and the greatest charge.
    pub(super) const fn amounts(self) -> Amounts {
        Amounts { step: self.0.step, least: self.0.least, most: self.0.most }
    }

    /// All currencies, sorted by code.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(Self)
    }

    /// The code in lower case, as Stripe writes it and as we store it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        &self.0.code
    }

    /// The code in upper case, as the payment sheet shows it.
    #[must_use]
    pub fn upper(&self) -> String {
        self.code().to_ascii_uppercase()
    }

    /// Its name in English.
    #[must_use]
    pub fn name(&self) -> &'static str {
        &self.0.name
    }

    /// How many decimals the major unit has at Stripe: 0, 2 or 3.
    #[must_use]
    pub const fn exponent(&self) -> u32 {
        self.0.digits
    }

    /// The currency that has replaced it.
    #[must_use]
    pub fn replaced_by(&self) -> Option<Self> {
        self.0.replaced_by.as_ref()?.parse().ok()
    }
}

impl FromStr for Currency {
    type Err = CurrencyError;

    /// Parses a code in any case.
    fn from_str(text: &str) -> Result<Self, CurrencyError> {
        let lower = text.to_ascii_lowercase();
        if lower == "ugx" {
            return Err(CurrencyError::Ambiguous);
        }
        let found = TABLE.binary_search_by(|row| row.code.as_str().cmp(&lower));
        found
            .ok()
            .and_then(|at| TABLE.get(at))
            .map(Self)
            .ok_or_else(|| CurrencyError::Unknown(text.to_owned()))
    }
}

impl TryFrom<String> for Currency {
    type Error = CurrencyError;
    fn try_from(text: String) -> Result<Self, CurrencyError> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_and_steps_are_stripes_and_not_isos() {
        for (code, exponent, step) in
            [("usd", 2, 1), ("JPY", 0, 1), ("mga", 0, 1), ("isk", 2, 100), ("kwd", 3, 10), ("xcg", 2, 1)]
        {
            let currency: Currency = code.parse().unwrap();
            assert_eq!((currency.exponent(), currency.step().minor), (exponent, step), "{code}");
        }
        assert_eq!("UGX".parse::<Currency>(), Err(CurrencyError::Ambiguous));
        for unknown in ["usdollar", "", "us", "xxx"] {
            assert_eq!(unknown.parse::<Currency>(), Err(CurrencyError::Unknown(unknown.to_owned())));
        }
    }

    #[test]
    fn each_line_of_the_table_holds_together() {
        let codes: Vec<&str> = Currency::all().map(|currency| currency.code()).collect();
        assert_eq!(codes.len(), 139);
        assert!(codes.is_sorted_by(|one, next| one < next), "{codes:?}");
        for currency in Currency::all() {
            let (least, most, step) =
                (currency.minimum_charge(), currency.maximum_charge(), currency.step().minor);
            assert!(least.chargeable().is_ok() && most.chargeable().is_ok(), "{currency}");
            assert!(step >= 1 && least.minor >= step && most.minor > least.minor, "{currency}");
            assert!(matches!(currency.exponent(), 0 | 2 | 3) && !currency.name().is_empty(), "{currency}");
            assert_eq!(currency.0.replaced_by.is_some(), currency.replaced_by().is_some(), "{currency}");
        }
        assert_eq!("idr".parse::<Currency>().unwrap().maximum_charge().minor, 999_999_999_999);
        assert_eq!("ang".parse::<Currency>().unwrap().replaced_by(), "xcg".parse().ok());
    }
}
