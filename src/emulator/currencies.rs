//! The currencies that Stripe charges in.
//!
//! Must not import anything of the emulator. The table is data that the gateway, its widget and this crate each read
//! separately. Its decimals are Stripe's, not ISO 4217's. Source: docs.stripe.com/currencies.

use std::sync::LazyLock;

use serde::Deserialize;

/// The table as JSON, which the host's page reads as well.
pub(crate) const TABLE: &str = include_str!("../domain/tables/currencies.json");

/// A currency that Stripe charges in. Amounts are minor units.
#[derive(Debug, Deserialize)]
pub(crate) struct Currency {
    /// Stripe's spelling: lower case.
    pub(crate) code: String,
    /// How many decimals its major unit has.
    digits: usize,
    /// The step that every amount is a multiple of.
    pub(crate) step: i64,
    /// The least that one payment may be.
    pub(crate) least: i64,
    /// The most that one payment may be.
    pub(crate) most: i64,
}

static CURRENCIES: LazyLock<Vec<Currency>> =
    LazyLock::new(|| serde_json::from_str(TABLE).unwrap_or_default());

impl Currency {
    /// All currencies, sorted by code.
    pub(crate) fn all() -> &'static [Self] {
        &CURRENCIES
    }

    /// The currency of a code in lower case.
    pub(crate) fn of(code: &str) -> Option<&'static Self> {
        Self::all().iter().find(|currency| currency.code == code)
    }

    /// An amount in the usual form, such as `24.99`.
    pub(crate) fn major_units(&self, amount: i64) -> String {
        let sign = if amount < 0 { "-" } else { "" };
        let digits = format!("{:0width$}", amount.unsigned_abs(), width = self.digits + 1);
        match digits.split_at(digits.len() - self.digits) {
            (whole, "") => format!("{sign}{whole}"),
            (whole, decimals) => format!("{sign}{whole}.{decimals}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_currency_is_found_by_its_code() {
        assert_eq!(Currency::all().len(), 139);
        for currency in Currency::all() {
            assert_eq!(Currency::of(&currency.code).unwrap().code, currency.code);
        }
        assert!(Currency::of("xxx").is_none() && Currency::of("ugx").is_none());
    }

    #[test]
    fn amounts_have_the_decimals_of_their_currency() {
        let written = |amount, code| Currency::of(code).unwrap().major_units(amount);
        assert_eq!(written(2499, "usd"), "24.99");
        assert_eq!(written(5, "usd"), "0.05");
        assert_eq!(written(-5, "usd"), "-0.05");
        assert_eq!(written(1200, "jpy"), "1200");
        assert_eq!(written(1230, "kwd"), "1.230");
    }
}
