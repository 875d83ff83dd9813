//! The currencies of a payment, and its least and greatest amounts.
//!
//! Must not import anything but the table and the error. Amounts are minor units by Stripe's own exponents.

use crate::currencies::Currency;
use crate::stripe::error::StripeError;

/// A currency code in Stripe's spelling (lower case), if Stripe knows it.
pub(crate) fn known(code: &str, param: &str) -> Result<String, StripeError> {
    currency(code, param).map(|currency| currency.code.clone())
}

/// Whether one payment may be of this amount, in a currency that is known.
pub(crate) fn check_amount(amount: i64, code: &str) -> Result<(), StripeError> {
    let currency = currency(code, "currency")?;
    let Currency { code, least, most, .. } = currency;
    if amount < *least {
        return Err(StripeError::invalid_request(format!(
            "Amount must be at least {} {code}",
            currency.major_units(*least)
        ))
        .with_code("amount_too_small")
        .with_param("amount"));
    }
    if amount > *most {
        return Err(StripeError::invalid_request(format!(
            "Amount must be no more than {} {code}",
            currency.major_units(*most)
        ))
        .with_code("amount_too_large")
        .with_param("amount"));
    }
    check_step(amount, currency)
}

/// Whether an amount is a multiple of its currency's step.
fn check_step(amount: i64, currency: &Currency) -> Result<(), StripeError> {
    let Currency { code, step, .. } = currency;
    if amount % step == 0 {
        return Ok(());
    }
    Err(StripeError::invalid_request(format!(
        "Invalid amount: amounts in {code} must be a multiple of {step}."
    ))
    .with_code("invalid_charge_amount")
    .with_param("amount"))
}

fn currency(code: &str, param: &str) -> Result<&'static Currency, StripeError> {
    let lower = code.to_ascii_lowercase();
    Currency::of(&lower).ok_or_else(|| {
        let all: Vec<&str> = Currency::all().iter().map(|currency| currency.code.as_str()).collect();
        let all = all.join(", ");
        let message = format!("Invalid currency: {lower}. Stripe currently supports these currencies: {all}");
        StripeError::invalid_request(message).with_param(param)
    })
}

/// An amount in the usual form, without its currency.
pub(crate) fn major_units(amount: i64, code: &str) -> String {
    Currency::of(code).map_or_else(|| amount.to_string(), |currency| currency.major_units(amount))
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
