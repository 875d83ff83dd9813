//! `[checkout]` and `[limits]`: the rules of checkouts, and the limits on calls to the shop.

use super::values::{Amounts, countries, whole};
use crate::config::document::Section;
use crate::domain::address::CountryCode;
use crate::domain::merchant::{CheckoutMethod, CheckoutPolicy, Limits, RiskPolicy, TokenPolicy};
use crate::domain::time::Span;

const QUOTE_MINUTES: i64 = 15;
/// Link gives a person half an hour to approve.
const WALLET_QUOTE_MINUTES: i64 = 45;
const LONGEST_QUOTE: i64 = 60;
const SESSION_MINUTES: i64 = 120;
const LONGEST_SESSION: i64 = 24 * 60;

/// Reads `[checkout]`; every key has a default.
pub(super) fn read(root: &Section<'_>, amounts: Amounts) -> CheckoutPolicy {
    let section = root.section("checkout");
    let words = [
        ("payment_sheet", CheckoutMethod::PaymentSheet),
        ("hosted", CheckoutMethod::StripeCheckout),
        ("auto", CheckoutMethod::Auto),
    ];
    let method = section.field("method").and_then(|field| field.choice(&words));
    let max_total = section.field("max_total").and_then(|field| amounts.chargeable(&field));
    let sold_to = match section.field("countries") {
        Some(field) => countries(&field),
        None => default_countries(),
    };
    let allow_larger_token =
        section.field("allow_larger_token").and_then(|field| field.switch()).unwrap_or(false);
    let receipt_email = section.field("receipt_email").and_then(|field| field.switch()).unwrap_or(false);
    let words = [("off", RiskPolicy::Off), ("block_on_recommendation", RiskPolicy::BlockOnRecommendation)];
    let risk = section.field("risk").and_then(|field| field.choice(&words));
    let wallet = section.field("wallet").and_then(|field| field.switch()).unwrap_or(false);
    let quote = section.field("quote_ttl_minutes").and_then(|field| whole(&field, 1..=LONGEST_QUOTE));
    let quote = quote.unwrap_or(if wallet { WALLET_QUOTE_MINUTES } else { QUOTE_MINUTES });
    let session =
        section.field("session_ttl_minutes").and_then(|field| whole(&field, quote..=LONGEST_SESSION));
    let session = session.unwrap_or(SESSION_MINUTES);
    section.finish();
    CheckoutPolicy {
        method: method.unwrap_or(CheckoutMethod::Auto),
        wallet,
        max_total,
        countries: sold_to,
        tokens: TokenPolicy {
            allow_larger: allow_larger_token,
            risk: risk.unwrap_or(RiskPolicy::BlockOnRecommendation),
        },
        receipt_email,
        quote_ttl: Span::minutes(quote),
        session_ttl: Span::minutes(session),
    }
}

fn default_countries() -> Vec<CountryCode> {
    "US".parse().into_iter().collect()
}

/// Reads `[limits]`; every key has a default.
pub(super) fn read_limits(root: &Section<'_>) -> Limits {
    let section = root.section("limits");
    let limit = |key: &'static str, most: u32, default: u32| {
        let number = section.field(key).and_then(|field| whole(&field, 1..=i64::from(most)));
        number.and_then(|number| u32::try_from(number).ok()).unwrap_or(default)
    };
    let default = Limits::default();
    let limits = Limits {
        requests_per_second: limit("requests_per_second", 10_000, default.requests_per_second),
        burst: limit("burst", 100_000, default.burst),
        checkouts_per_minute: limit("checkouts_per_minute", 100_000, default.checkouts_per_minute),
        payments_per_minute: limit("payments_per_minute", 100_000, default.payments_per_minute),
        per_shopper_per_minute: limit("per_shopper_per_minute", 100_000, default.per_shopper_per_minute),
    };
    section.finish();
    limits
}
