//! Money: an integer count of minor units and a currency, with checked arithmetic only.

use std::fmt;

use serde::{Deserialize, Serialize};

pub use super::currency::{Currency, CurrencyError};

/// An amount of money: integer minor units of a currency. An intermediate result may be negative, a quote never.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Minor units, by Stripe's exponent: cents for USD, yen for JPY.
    pub minor: i64,
    pub currency: Currency,
}

/// Why an amount could not be computed or charged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// The result does not fit into 64 bits.
    #[error("the amount is too large")]
    Overflow,
    /// Two currencies were mixed.
    #[error("amounts in {0} and {1} cannot be combined")]
    CurrencyMismatch(Currency, Currency),
    /// Below zero.
    #[error("the amount is negative")]
    Negative,
    /// Below Stripe's least charge.
    #[error("{amount} is below the least amount that can be charged ({minimum})")]
    BelowMinimum {
        /// What was to be charged.
        amount: Money,
        /// The least that Stripe charges.
        minimum: Money,
    },
    /// More than Stripe's greatest charge.
    #[error("{0} is more than can be charged at once")]
    AboveMaximum(Money),
    /// Not a multiple of its currency's step.
    #[error(
        "{0} is no amount that Stripe charges: amounts in {code} are multiples of {step} minor units",
        code = .0.currency.upper(), step = .0.currency.step().minor
    )]
    NotAWholeStep(Money),
}

impl Money {
    /// An amount of minor units.
    #[must_use]
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Zero, in a currency.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self { minor: 0, currency }
    }

    fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            Ok(())
        } else {
            Err(MoneyError::CurrencyMismatch(self.currency, other.currency))
        }
    }

    /// The sum.
    pub fn plus(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let minor = self.minor.checked_add(other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// The difference; may be negative.
    pub fn minus(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let minor = self.minor.checked_sub(other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// The amount multiplied by `count`.
    pub fn times(self, count: u32) -> Result<Self, MoneyError> {
        let minor = self.minor.checked_mul(i64::from(count)).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// The share of the amount at `rate`, rounded half up to the currency's step.
    pub fn share(self, rate: Rate) -> Result<Self, MoneyError> {
        if self.minor < 0 {
            return Err(MoneyError::Negative);
        }
        let step = i128::from(self.currency.step().minor);
        let whole = i128::from(Rate::ONE.0) * step;
        let product = i128::from(self.minor) * i128::from(rate.0);
        let minor = (product + whole / 2) / whole * step;
        Ok(Self { minor: i64::try_from(minor).map_err(|_| MoneyError::Overflow)?, ..self })
    }

    /// Checks that Stripe would accept this amount as a charge.
    pub fn chargeable(self) -> Result<Self, MoneyError> {
        let minimum = self.currency.minimum_charge();
        if self.minor < minimum.minor {
            return Err(MoneyError::BelowMinimum { amount: self, minimum });
        }
        if self.minor > self.currency.maximum_charge().minor {
            return Err(MoneyError::AboveMaximum(self));
        }
        self.well_formed()
    }

    /// Checks that the amount is valid as a price: not negative, and a multiple of its currency's step.
    pub fn well_formed(self) -> Result<Self, MoneyError> {
        if self.minor < 0 {
            return Err(MoneyError::Negative);
        }
        if self.minor % self.currency.step().minor != 0 {
            return Err(MoneyError::NotAWholeStep(self));
        }
        Ok(self)
    }
}

impl fmt::Display for Money {
    /// Major units and the upper-case code, such as `24.99 USD` or `1200 JPY`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exponent = self.currency.exponent();
        let sign = if self.minor < 0 { "-" } else { "" };
        let magnitude = self.minor.unsigned_abs();
        let unit = 10_u64.pow(exponent);
        let upper = self.currency.upper();
        if exponent == 0 {
            write!(f, "{sign}{magnitude} {upper}")
        } else {
            let width = exponent as usize;
            write!(f, "{sign}{}.{:0width$} {upper}", magnitude / unit, magnitude % unit)
        }
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A share, in millionths: 8.875 % is 88 750.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rate(u32);

/// Why a text is not a percentage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a percentage between 0 and 100 with at most four decimals, such as \"8.875\"")]
pub struct RateError(String);

impl Rate {
    const ONE: Self = Self(1_000_000);

    /// A share of zero.
    pub const ZERO: Self = Self(0);

    /// Millionths.
    #[must_use]
    pub const fn millionths(self) -> u32 {
        self.0
    }

    /// Parses a percentage in decimal notation, such as `8.875`, exactly.
    pub fn from_percent(text: &str) -> Result<Self, RateError> {
        let wrong = || RateError(text.to_owned());
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || whole.len() > 3 || fraction.len() > 4 || !digits(whole) || !digits(fraction) {
            return Err(wrong());
        }
        let whole: u32 = whole.parse().map_err(|_| wrong())?;
        let fraction: u32 = format!("{fraction:0<4}").parse().map_err(|_| wrong())?;
        let rate = Self(whole * 10_000 + fraction);
        if rate <= Self::ONE { Ok(rate) } else { Err(wrong()) }
    }
}

impl fmt::Display for Rate {
    /// A percentage without needless zeros, such as `8.875 %`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, fraction) = (self.0 / 10_000, format!("{:04}", self.0 % 10_000));
        match fraction.trim_end_matches('0') {
            "" => write!(f, "{whole} %"),
            fraction => write!(f, "{whole}.{fraction} %"),
        }
    }
}

impl Currency {
    /// The step that every amount is a multiple of: one minor unit, ten for three-decimal currencies, a whole króna.
    #[must_use]
    pub const fn step(&self) -> Money {
        Money::new(self.amounts().step, *self)
    }

    /// Stripe's least charge; one step if none is published.
    #[must_use]
    pub const fn minimum_charge(&self) -> Money {
        Money::new(self.amounts().least, *self)
    }

    /// Stripe's greatest charge: eight digits, twelve in rupiah.
    #[must_use]
    pub const fn maximum_charge(&self) -> Money {
        Money::new(self.amounts().most, *self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(minor: i64, code: &str) -> Money {
        Money::new(minor, code.parse().unwrap())
    }

    #[test]
    fn sums_never_mix_currencies_or_wrap() {
        assert_eq!(money(1, "usd").plus(money(2, "usd")), Ok(money(3, "usd")));
        assert!(matches!(money(1, "usd").plus(money(2, "eur")), Err(MoneyError::CurrencyMismatch(..))));
        assert_eq!(money(i64::MAX, "usd").plus(money(1, "usd")), Err(MoneyError::Overflow));
        assert_eq!(money(i64::MAX, "usd").times(2), Err(MoneyError::Overflow));
    }

    #[test]
    fn a_difference_may_be_negative_and_is_of_one_currency() {
        assert_eq!(money(1, "usd").minus(money(3, "usd")), Ok(money(-2, "usd")));
        assert!(matches!(money(1, "usd").minus(money(1, "eur")), Err(MoneyError::CurrencyMismatch(..))));
        assert_eq!(money(i64::MIN, "usd").minus(money(1, "usd")), Err(MoneyError::Overflow));
        assert_eq!(money(7, "usd").times(3), Ok(money(21, "usd")));
    }

    #[test]
    fn nothing_is_a_price_and_what_is_less_is_not() {
        let rate = Rate::from_percent("50").unwrap();
        assert_eq!(money(0, "usd").well_formed(), Ok(money(0, "usd")));
        assert_eq!(money(0, "usd").share(rate), Ok(money(0, "usd")));
        assert_eq!(money(-1, "usd").well_formed(), Err(MoneyError::Negative));
        assert_eq!(money(-1, "usd").share(rate), Err(MoneyError::Negative));
    }

    #[test]
    fn a_share_is_rounded_half_up_to_the_smallest_charged_step() {
        let rate = Rate::from_percent("8.875").unwrap();
        assert_eq!(money(1000, "usd").share(rate), Ok(money(89, "usd")));
        assert_eq!(money(200, "usd").share(Rate::from_percent("0.25").unwrap()), Ok(money(1, "usd")));
        assert_eq!(money(199, "usd").share(Rate::from_percent("0.25").unwrap()), Ok(money(0, "usd")));
        assert_eq!(money(1000, "kwd").share(rate), Ok(money(90, "kwd")));
        assert_eq!(money(100_000, "isk").share(rate), Ok(money(8900, "isk")));
        assert_eq!(money(i64::MAX, "usd").share(Rate::ONE), Ok(money(i64::MAX, "usd")));
    }

    #[test]
    fn a_percentage_is_read_exactly_or_refused() {
        assert_eq!(Rate::from_percent("0").unwrap(), Rate::ZERO);
        for text in ["0", "5", "7.25", "8.875", "100"] {
            assert_eq!(Rate::from_percent(text).unwrap().to_string(), format!("{text} %"));
        }
        assert_eq!(Rate::from_percent("100").unwrap().millionths(), 1_000_000);
        assert_eq!(Rate::from_percent("12.0345").unwrap().millionths(), 120_345);
        for wrong in ["0005", "5.00000", "x", "5.x"] {
            assert!(Rate::from_percent(wrong).is_err(), "{wrong}");
        }
        for wrong in ["", ".5", "-1", "1e1", "100.0001", "8.87501", "8,5", "1000"] {
            assert!(Rate::from_percent(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn amounts_that_stripe_would_refuse_are_not_chargeable() {
        assert!(matches!(money(49, "usd").chargeable(), Err(MoneyError::BelowMinimum { .. })));
        assert!(matches!(money(0, "brl").chargeable(), Err(MoneyError::BelowMinimum { .. })));
        assert!(matches!(money(100_000_000, "usd").chargeable(), Err(MoneyError::AboveMaximum(_))));
        assert!(matches!(money(1001, "kwd").chargeable(), Err(MoneyError::NotAWholeStep(_))));
        assert!(matches!(money(150_050, "isk").chargeable(), Err(MoneyError::NotAWholeStep(_))));
        assert!(money(99_999_999, "usd").chargeable().is_ok());
        assert!(money(150_000, "isk").chargeable().is_ok());
        assert!(money(100_000_000, "idr").chargeable().is_ok());
        assert!(money(50, "usd").chargeable().is_ok());
    }

    #[test]
    fn amounts_are_written_in_major_units() {
        assert_eq!(money(2499, "usd").to_string(), "24.99 USD");
        assert_eq!(money(-5, "usd").to_string(), "-0.05 USD");
        assert_eq!(money(1200, "jpy").to_string(), "1200 JPY");
        assert_eq!(money(1230, "kwd").to_string(), "1.230 KWD");
    }
}
