//! Money: an integer count of minor units and a currency, with checked arithmetic only.
//!
//! Exponents are Stripe's, not ISO 4217's: Stripe charges MGA without decimals and ISK with two.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Stripe's zero-decimal currencies (docs.stripe.com/currencies). UGX is listed both ways there and is refused.
const ZERO_DECIMAL: [&str; 15] =
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf", "xof", "xpf"];

/// Stripe's three-decimal currencies, whose last digit must be zero.
const THREE_DECIMAL: [&str; 5] = ["bhd", "jod", "kwd", "omr", "tnd"];

/// The other currencies that Stripe charges in; all have two decimals there.
const TWO_DECIMAL: &str = "usd aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bmd bnd bob brl bsd bwp \
    byn bzd cad cdf chf cny cop crc cve czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl htg \
    huf idr ils inr isk jmd kes kgs khr kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk mxn myr \
    mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln qar ron rsd rub sar sbd scr sek sgd shp sle sos srd std \
    szl thb tjs top try ttd twd tzs uah uyu uzs wst xcd yer zar zmw";

/// Stripe's least charge, in minor units, where it is published (docs.stripe.com/currencies#minimum-and-maximum).
const MINIMUM_CHARGES: [(&str, i64); 23] = [
    ("usd", 50),
    ("aed", 200),
    ("aud", 50),
    ("brl", 50),
    ("cad", 50),
    ("chf", 50),
    ("czk", 1500),
    ("dkk", 250),
    ("eur", 50),
    ("gbp", 30),
    ("hkd", 400),
    ("huf", 17_500),
    ("inr", 50),
    ("jpy", 50),
    ("mxn", 1000),
    ("myr", 200),
    ("nok", 300),
    ("nzd", 50),
    ("pln", 200),
    ("ron", 200),
    ("sek", 300),
    ("sgd", 50),
    ("thb", 1000),
];

/// Stripe takes amounts of at most eight digits.
const MAXIMUM_CHARGE: i64 = 99_999_999;

/// A currency that Stripe charges in; lower-case ISO 4217 code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

/// Why a text is no currency of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CurrencyError {
    /// Not a code that Stripe charges in.
    #[error(
        "\"{0}\" is not a currency that Stripe charges in; use a three-letter ISO 4217 code such as \"usd\""
    )]
    Unknown(String),
    /// UGX: Stripe documents two different exponents for it.
    #[error("\"ugx\" is not supported: Stripe documents two different minor units for it")]
    Ambiguous,
}

impl Currency {
    /// The code in lower case, as Stripe writes it and as we store it.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }

    /// The code in upper case, as the payment sheet shows it.
    #[must_use]
    pub fn upper(&self) -> String {
        self.code().to_ascii_uppercase()
    }

    /// How many decimals the major unit has at Stripe: 0, 2 or 3.
    #[must_use]
    pub fn exponent(&self) -> u32 {
        if ZERO_DECIMAL.contains(&self.code()) {
            0
        } else if THREE_DECIMAL.contains(&self.code()) {
            3
        } else {
            2
        }
    }

    /// Stripe's least charge in this currency; one minor unit where none is published.
    #[must_use]
    pub fn minimum_charge(&self) -> Money {
        let minor =
            MINIMUM_CHARGES.iter().find(|(code, _)| *code == self.code()).map_or(1, |(_, minor)| *minor);
        Money { minor, currency: *self }
    }
}

impl FromStr for Currency {
    type Err = CurrencyError;

    /// Reads a code in any case.
    fn from_str(text: &str) -> Result<Self, CurrencyError> {
        let lower = text.to_ascii_lowercase();
        if lower == "ugx" {
            return Err(CurrencyError::Ambiguous);
        }
        let code = lower.as_str();
        let known = ZERO_DECIMAL.contains(&code)
            || THREE_DECIMAL.contains(&code)
            || TWO_DECIMAL.split_ascii_whitespace().any(|known| known == code);
        match <[u8; 3]>::try_from(lower.as_bytes()) {
            Ok(bytes) if known => Ok(Self(bytes)),
            Ok(_) | Err(_) => Err(CurrencyError::Unknown(text.to_owned())),
        }
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

/// An amount of money: integer minor units of a currency. May be negative in between, never in a quote.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    /// Minor units, by Stripe's exponent: cents for USD, yen for JPY.
    pub minor: i64,
    /// The currency.
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
    /// More than Stripe's eight digits.
    #[error("{0} is more than can be charged at once")]
    AboveMaximum(Money),
    /// A three-decimal amount whose last digit is not zero.
    #[error("{0} must be a multiple of ten minor units, as Stripe demands of three-decimal currencies")]
    NotAMultipleOfTen(Money),
}

impl Money {
    /// The least amount of this currency that Stripe takes as a part of another.
    #[must_use]
    pub fn least(&self) -> Self {
        Self { minor: if self.currency.exponent() == 3 { 10 } else { 1 }, currency: self.currency }
    }

    /// An amount of minor units.
    #[must_use]
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing, in a currency.
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

    /// The amount, `count` times.
    pub fn times(self, count: u32) -> Result<Self, MoneyError> {
        let minor = self.minor.checked_mul(i64::from(count)).ok_or(MoneyError::Overflow)?;
        Ok(Self { minor, ..self })
    }

    /// The share of the amount that `rate` says, rounded half up to the smallest step the currency is charged in:
    /// one minor unit, or ten for three-decimal currencies.
    pub fn share(self, rate: Rate) -> Result<Self, MoneyError> {
        if self.minor < 0 {
            return Err(MoneyError::Negative);
        }
        let step = if self.currency.exponent() == 3 { 10 } else { 1 };
        let whole = i128::from(Rate::ONE.0) * step;
        let product = i128::from(self.minor) * i128::from(rate.0);
        let minor = (product + whole / 2) / whole * step;
        Ok(Self { minor: i64::try_from(minor).map_err(|_| MoneyError::Overflow)?, ..self })
    }

    /// Checks that Stripe would take this amount as a charge.
    pub fn chargeable(self) -> Result<Self, MoneyError> {
        let minimum = self.currency.minimum_charge();
        if self.minor < minimum.minor {
            return Err(MoneyError::BelowMinimum { amount: self, minimum });
        }
        if self.minor > MAXIMUM_CHARGE {
            return Err(MoneyError::AboveMaximum(self));
        }
        self.well_formed()
    }

    /// Checks that the amount can stand in a price: not negative, and a whole step of its currency.
    pub fn well_formed(self) -> Result<Self, MoneyError> {
        if self.minor < 0 {
            return Err(MoneyError::Negative);
        }
        if self.currency.exponent() == 3 && self.minor % 10 != 0 {
            return Err(MoneyError::NotAMultipleOfTen(self));
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

/// Why a text is no percentage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a percentage between 0 and 100 with at most four decimals, such as \"8.875\"")]
pub struct RateError(String);

impl Rate {
    const ONE: Self = Self(1_000_000);

    /// No share at all.
    pub const ZERO: Self = Self(0);

    /// Millionths.
    #[must_use]
    pub const fn millionths(self) -> u32 {
        self.0
    }

    /// Reads a percentage in decimal notation, such as `8.875`, exactly.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn money(minor: i64, code: &str) -> Money {
        Money::new(minor, code.parse().unwrap())
    }

    #[test]
    fn exponents_are_stripes_and_not_isos() {
        for (code, exponent) in [("usd", 2), ("jpy", 0), ("mga", 0), ("isk", 2), ("kwd", 3)] {
            assert_eq!(code.parse::<Currency>().unwrap().exponent(), exponent, "{code}");
        }
        assert_eq!("UGX".parse::<Currency>(), Err(CurrencyError::Ambiguous));
        assert!("usdollar".parse::<Currency>().is_err());
        assert!("".parse::<Currency>().is_err());
    }

    #[test]
    fn sums_never_mix_currencies_or_wrap() {
        assert_eq!(money(1, "usd").plus(money(2, "usd")), Ok(money(3, "usd")));
        assert!(matches!(money(1, "usd").plus(money(2, "eur")), Err(MoneyError::CurrencyMismatch(..))));
        assert_eq!(money(i64::MAX, "usd").plus(money(1, "usd")), Err(MoneyError::Overflow));
        assert_eq!(money(i64::MAX, "usd").times(2), Err(MoneyError::Overflow));
    }

    #[test]
    fn a_share_is_rounded_half_up_to_the_smallest_charged_step() {
        let rate = Rate::from_percent("8.875").unwrap();
        assert_eq!(money(1000, "usd").share(rate), Ok(money(89, "usd")));
        assert_eq!(money(200, "usd").share(Rate::from_percent("0.25").unwrap()), Ok(money(1, "usd")));
        assert_eq!(money(199, "usd").share(Rate::from_percent("0.25").unwrap()), Ok(money(0, "usd")));
        assert_eq!(money(1000, "kwd").share(rate), Ok(money(90, "kwd")));
        assert_eq!(money(i64::MAX, "usd").share(Rate::ONE), Ok(money(i64::MAX, "usd")));
    }

    #[test]
    fn a_percentage_is_read_exactly_or_refused() {
        assert_eq!(Rate::from_percent("0").unwrap(), Rate::ZERO);
        for text in ["0", "5", "7.25", "8.875", "100"] {
            assert_eq!(Rate::from_percent(text).unwrap().to_string(), format!("{text} %"));
        }
        assert_eq!(Rate::from_percent("100").unwrap().millionths(), 1_000_000);
        for wrong in ["", ".5", "-1", "1e1", "100.0001", "8.87501", "8,5", "1000"] {
            assert!(Rate::from_percent(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn amounts_that_stripe_would_refuse_are_not_chargeable() {
        assert!(matches!(money(49, "usd").chargeable(), Err(MoneyError::BelowMinimum { .. })));
        assert!(matches!(money(0, "brl").chargeable(), Err(MoneyError::BelowMinimum { .. })));
        assert!(matches!(money(100_000_000, "usd").chargeable(), Err(MoneyError::AboveMaximum(_))));
        assert!(matches!(money(1001, "kwd").chargeable(), Err(MoneyError::NotAMultipleOfTen(_))));
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
