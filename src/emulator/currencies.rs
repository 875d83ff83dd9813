//! Which currencies Stripe charges in, and the least and most that one payment may be.
//!
//! Must not import anything but the error. Amounts are minor units by Stripe's own exponents, which differ from ISO's.

use super::error::StripeError;

const MOST: i64 = 99_999_999;

const KNOWN: &str = "aed afn all amd ang aoa ars aud awg azn bam bbd bdt bgn bhd bif bmd bnd bob brl bsd bwp byn \
    bzd cad cdf chf clp cny cop crc cve czk djf dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gnf gtq gyd hkd hnl \
    htg huf idr ils inr isk jmd jod jpy kes kgs khr kmf krw kwd kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt \
    mop mur mvr mwk mxn myr mzn nad ngn nio nok npr nzd omr pab pen pgk php pkr pln pyg qar ron rsd rub rwf sar sbd \
    scr sek sgd shp sle sos srd std szl thb tjs tnd top try ttd twd tzs uah ugx usd uyu uzs vnd vuv wst xaf xcd xof \
    xpf yer zar zmw";

/// A currency code in Stripe's spelling (lower case), when Stripe knows it.
pub(super) fn known(code: &str, param: &str) -> Result<String, StripeError> {
    let lower = code.to_ascii_lowercase();
    if KNOWN.split_whitespace().any(|known| known == lower) {
        return Ok(lower);
    }
    let message = format!("Invalid currency: {lower}. Stripe currently supports these currencies: {KNOWN}");
    Err(StripeError::invalid_request(message).with_param(param))
}

/// Whether one payment may be of this amount.
pub(super) fn check_amount(amount: i64, currency: &str) -> Result<(), StripeError> {
    let least = least(currency);
    if amount < least {
        return Err(StripeError::invalid_request(format!(
            "Amount must be at least {} {currency}",
            major_units(least, currency)
        ))
        .with_code("amount_too_small")
        .with_param("amount"));
    }
    if amount > MOST {
        return Err(StripeError::invalid_request(format!(
            "Amount must be no more than {} {currency}",
            major_units(MOST, currency)
        ))
        .with_code("amount_too_large")
        .with_param("amount"));
    }
    if exponent(currency) == 3 && amount % 10 != 0 {
        return Err(StripeError::invalid_request(format!(
            "Invalid amount: amounts in {currency} must end in a zero."
        ))
        .with_code("invalid_charge_amount")
        .with_param("amount"));
    }
    Ok(())
}

fn least(currency: &str) -> i64 {
    match currency {
        "usd" | "eur" | "cad" | "aud" | "chf" | "nzd" | "sgd" | "jpy" | "brl" | "inr" => 50,
        "gbp" => 30,
        "mxn" | "thb" => 1_000,
        "sek" | "nok" => 300,
        "dkk" => 250,
        "pln" | "aed" => 200,
        "hkd" => 400,
        "czk" => 1_500,
        "huf" => 17_500,
        _ => 1,
    }
}

fn exponent(currency: &str) -> u32 {
    match currency {
        "bif" | "clp" | "djf" | "gnf" | "jpy" | "kmf" | "krw" | "mga" | "pyg" | "rwf" | "vnd" | "vuv"
        | "xaf" | "xof" | "xpf" => 0,
        "bhd" | "jod" | "kwd" | "omr" | "tnd" => 3,
        _ => 2,
    }
}

/// An amount as people write it, without its currency.
pub(super) fn major_units(amount: i64, currency: &str) -> String {
    match exponent(currency) {
        0 => amount.to_string(),
        digits => {
            let unit = 10_i64.pow(digits);
            let width = usize::try_from(digits).unwrap_or_default();
            format!("{}.{:0width$}", amount / unit, amount % unit)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_themselves_may_be_charged() {
        assert!(check_amount(50, "usd").is_ok());
        assert!(check_amount(49, "usd").is_err());
        assert!(check_amount(MOST, "usd").is_ok());
        assert!(check_amount(MOST + 1, "usd").is_err());
        assert!(check_amount(1_001, "kwd").is_err());
    }

    #[test]
    fn a_bound_is_worded_in_major_units() {
        assert_eq!(check_amount(1, "usd").unwrap_err().message(), "Amount must be at least 0.50 usd");
        assert_eq!(check_amount(1, "jpy").unwrap_err().message(), "Amount must be at least 50 jpy");
    }
}
