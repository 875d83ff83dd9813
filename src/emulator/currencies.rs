//! Which currencies Stripe charges in, and the least and most that one payment may be.
//!
//! Must not import anything but the table and the error. Amounts are minor units by Stripe's own exponents.

use super::error::StripeError;
use crate::domain::money::{Currency, Money};

/// A currency code in Stripe's spelling (lower case), when Stripe knows it.
pub(super) fn known(code: &str, param: &str) -> Result<String, StripeError> {
    let lower = code.to_ascii_lowercase();
    if lower.parse::<Currency>().is_ok() {
        return Ok(lower);
    }
    let all: Vec<&str> = Currency::all().map(|currency| currency.code()).collect();
    let message =
        format!("Invalid currency: {lower}. Stripe currently supports these currencies: {}", all.join(", "));
    Err(StripeError::invalid_request(message).with_param(param))
}

/// Whether one payment may be of this amount, in a currency that is known.
pub(super) fn check_amount(amount: i64, code: &str) -> Result<(), StripeError> {
    let currency = known(code, "currency")?.parse::<Currency>();
    let currency = currency.map_err(|error| StripeError::invalid_request(error.to_string()))?;
    let (least, most) = (currency.minimum_charge().minor, currency.maximum_charge().minor);
    if amount < least {
        return Err(StripeError::invalid_request(format!(
            "Amount must be at least {} {currency}",
            major_units(least, code)
        ))
        .with_code("amount_too_small")
        .with_param("amount"));
    }
    if amount > most {
        return Err(StripeError::invalid_request(format!(
            "Amount must be no more than {} {currency}",
            major_units(most, code)
        ))
        .with_code("amount_too_large")
        .with_param("amount"));
    }
    check_step(amount, currency)
}

/// Whether an amount is one that its currency has: a whole step.
fn check_step(amount: i64, currency: Currency) -> Result<(), StripeError> {
    let step = currency.step().minor;
    if amount % step == 0 {
        return Ok(());
    }
    Err(StripeError::invalid_request(format!(
        "Invalid amount: amounts in {currency} must be a multiple of {step}."
    ))
    .with_code("invalid_charge_amount")
    .with_param("amount"))
}

/// An amount as people write it, without its currency.
pub(super) fn major_units(amount: i64, code: &str) -> String {
    code.parse::<Currency>().map_or_else(
        |_| amount.to_string(),
        |currency| {
            let text = Money::new(amount, currency).to_string();
            text.split(' ').next().unwrap_or_default().to_owned()
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_themselves_may_be_charged() {
        assert!(check_amount(50, "usd").is_ok());
        assert!(check_amount(49, "usd").is_err());
        assert!(check_amount(99_999_999, "usd").is_ok());
        assert!(check_amount(100_000_000, "usd").is_err());
        assert!(check_amount(1_001, "kwd").is_err());
        assert!(check_amount(10_050, "isk").is_err());
        assert!(check_amount(10_000, "isk").is_ok());
    }

    #[test]
    fn a_bound_is_worded_in_major_units() {
        assert_eq!(check_amount(1, "usd").unwrap_err().message(), "Amount must be at least 0.50 usd");
        assert_eq!(check_amount(1, "jpy").unwrap_err().message(), "Amount must be at least 50 jpy");
    }
}
