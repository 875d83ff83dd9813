//! `[checkout]` and `[limits]`: the rules of checkouts, and the limits on calls to the shop.

use super::stripe::grants_tokens;
use super::values::{Amounts, countries, whole};
use crate::config::diagnostic::quoted;
use crate::config::document::{Field, Section};
use crate::domain::address::CountryCode;
use crate::domain::merchant::{CheckoutMethod, CheckoutPolicy, Limits, RiskPolicy, TokenPolicy};
use crate::domain::origin::{AgentName, AgentRules};
use crate::domain::time::Span;

const QUOTE_MINUTES: i64 = 15;
/// Link gives a person half an hour to approve.
const WALLET_QUOTE_MINUTES: i64 = 45;
/// The half hour, and a few minutes to pay.
const SHORTEST_WALLET_QUOTE: i64 = 35;
const LONGEST_QUOTE: i64 = 60;
const SESSION_MINUTES: i64 = 120;
const LONGEST_SESSION: i64 = 24 * 60;

/// Reads `[checkout]`; every key has a default. `seller` is the country of the Stripe account, where the file names it.
pub(super) fn read(root: &Section<'_>, amounts: Amounts, seller: Option<CountryCode>) -> CheckoutPolicy {
    let section = root.section("checkout");
    let words = [
        ("payment_sheet", CheckoutMethod::PaymentSheet),
        ("hosted", CheckoutMethod::StripeCheckout),
        ("auto", CheckoutMethod::Auto),
    ];
    let method =
        section.field("method").and_then(|field| field.choice(&words)).unwrap_or(CheckoutMethod::Auto);
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
    let wallet = wallet(&section, method, seller);
    let mcp_payment = section.field("mcp_payment").and_then(|field| {
        let wanted = field.switch()?;
        if wanted && !wallet {
            field.refuse(
                "is true, and agents' wallets do not pay this shop",
                "write wallet = true, or remove it",
            );
        }
        Some(wanted)
    });
    let agents = agents(section.section("agents"));
    let quote = section.field("quote_ttl_minutes").and_then(|field| {
        let minutes = whole(&field, 1..=LONGEST_QUOTE)?;
        if wallet && minutes < SHORTEST_WALLET_QUOTE {
            field.warn(
                format!("is {minutes}, and the owner of an agent's wallet has half an hour to approve a payment"),
                format!(
                    "write at least {SHORTEST_WALLET_QUOTE}, leave it out for {WALLET_QUOTE_MINUTES}, or write wallet = false"
                ),
            );
        }
        Some(minutes)
    });
    // A default of one key never makes another key wrong.
    let shortest_session = quote.unwrap_or(QUOTE_MINUTES);
    let session = section
        .field("session_ttl_minutes")
        .and_then(|field| whole(&field, shortest_session..=LONGEST_SESSION));
    let session = session.unwrap_or(SESSION_MINUTES);
    let usual_quote = if wallet { WALLET_QUOTE_MINUTES } else { QUOTE_MINUTES };
    let quote = quote.unwrap_or(usual_quote.min(session));
    section.finish();
    CheckoutPolicy {
        method,
        wallet,
        mcp_payment: mcp_payment.unwrap_or(false),
        agents,
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

/// Whether agents' wallets pay: what the file says, else wherever the shop takes tokens besides its page, unless Stripe grants
/// none in the seller's country.
fn wallet(section: &Section<'_>, method: CheckoutMethod, seller: Option<CountryCode>) -> bool {
    let refused = seller.filter(|country| !grants_tokens(country.as_str()));
    let Some(field) = section.field("wallet") else {
        return method == CheckoutMethod::Auto && refused.is_none();
    };
    let wallet = field.switch().unwrap_or(false);
    if let Some(country) = refused.filter(|_| wallet) {
        field.refuse(
            format!("is true, and Stripe grants no payment tokens to sellers in {country}"),
            "write false, or correct stripe.country",
        );
    }
    wallet
}

/// The most agents in a list: far more than there are.
const MOST_AGENTS: usize = 100;

/// The longest name of an agent, in characters.
const LONGEST_AGENT: usize = 100;

/// Reads `[checkout.agents]`, in which each list has a default.
fn agents(section: Section<'_>) -> AgentRules {
    let named = |key: &'static str| {
        let Some(field) = section.field(key) else { return Vec::new() };
        let items = field.items("write a list of agents in square brackets");
        if items.len() > MOST_AGENTS {
            section.too_many(key, items.len(), MOST_AGENTS);
        }
        items.iter().take(MOST_AGENTS).filter_map(agent).collect()
    };
    let (allow, refuse) = (named("allow"), named("refuse"));
    section.finish();
    AgentRules { allow, refuse }
}

/// A Stripe profile, or the name of a program (RFC 9110, 5.6.2: a token).
fn agent(field: &Field<'_>) -> Option<AgentName> {
    const REMEDY: &str =
        "write a Stripe profile such as \"profile_…\", or a program's name such as \"link-cli\"";
    let text = field.text_or(REMEDY)?;
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if text.is_empty() || text.len() > LONGEST_AGENT || !text.bytes().all(is_token) {
        field.refuse(format!("is {}, which names no agent", quoted(text)), REMEDY);
        return None;
    }
    Some(if text.starts_with("profile_") {
        AgentName::Profile(text.to_owned())
    } else {
        AgentName::Program(text.to_owned())
    })
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
