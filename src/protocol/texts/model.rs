//! Messages for models, in English: what happened, and which tool to call next.

use crate::domain::address::ContactField;
use crate::domain::catalog::VariantNeeded;
use crate::domain::checkout::model::{
    DeclineReason, HostRejection, NotOffered, NotPayable, Notice, RefusedField, Rejection, ShopRejection,
    ShopperRejection, TokenProblem,
};
use crate::domain::pricing::PricingProblem;
use crate::domain::time::Span;

/// A notice.
#[must_use]
pub fn notice(notice: &Notice) -> String {
    match notice {
        Notice::PaymentDeclined { reason } => match reason {
            DeclineReason::Unknown => "The payment was declined.".to_owned(),
            DeclineReason::InsufficientFunds => declined("there is not enough money on the card or account"),
            DeclineReason::ExpiredCard => declined("the card has expired"),
            DeclineReason::IncorrectDetails => declined("the details of the card are not right"),
            DeclineReason::LimitExceeded => declined("it goes beyond a limit of the card"),
            DeclineReason::NotSupported => declined("the card cannot be used for it"),
            DeclineReason::TryAgain => declined("the bank could not be reached; it may work in a moment"),
        },
        Notice::ConfirmationNeeded => {
            "The bank asks for a confirmation that cannot be given here. Nothing was charged; \
                                       another way to pay may work."
                .to_owned()
        }
        Notice::TokenUnusable => {
            "This payment can no longer be used. Nothing was charged. Please pay again, or another way."
                .to_owned()
        }
        Notice::RequestRefused { field: None } => {
            "The shop could not take this payment. Nothing was charged.".to_owned()
        }
        Notice::PaymentRefused { field: None } => "The payment was refused. Nothing was charged.".to_owned(),
        Notice::RequestRefused { field: Some(field) } | Notice::PaymentRefused { field: Some(field) } => {
            let (what, next) = in_words(*field);
            format!("The {what} was not accepted for the payment. Nothing was charged. Please {next}.")
        }
        Notice::PaymentNotMade => "The payment did not go through. Nothing was charged.".to_owned(),
        Notice::NothingCharged => "The shop looked into this payment: nothing was charged.".to_owned(),
        Notice::StripeCheckoutClosed => "The payment page was closed. Nothing was charged.".to_owned(),
        Notice::ItemUnavailable { item } => format!("\"{item}\" is not available at the moment"),
        Notice::PaymentLookedInto => PAYMENT_LOOKED_INTO.to_owned(),
        Notice::PaymentUnderWay => UNDECIDED.to_owned(),
        Notice::TokenRejected { problem } => token_notice(problem),
        Notice::QuoteExpired => QUOTE_EXPIRED.to_owned(),
    }
}

/// A field of an order that Stripe does not accept, and what to do about it.
const fn in_words(field: RefusedField) -> (&'static str, &'static str) {
    match field {
        RefusedField::Contact(field) => {
            let field = match field {
                ContactField::Email => "mail address",
                ContactField::Name => "name in the delivery address",
                ContactField::PhoneNumber => "telephone number",
                ContactField::LineOne | ContactField::LineTwo => "street in the delivery address",
                ContactField::City => "city in the delivery address",
                ContactField::State => "state in the delivery address",
                ContactField::PostalCode => "postal code of the delivery address",
                ContactField::Country => "country of the delivery address",
            };
            (field, "correct it, and pay again")
        }
        RefusedField::Amount => ("total of this order", "ask the shop"),
        RefusedField::Currency => ("currency of this order", "ask the shop"),
    }
}

fn declined(because: &str) -> String {
    format!("The payment was declined: {because}.")
}

const PAYMENT_LOOKED_INTO: &str =
    "A payment of this checkout is being looked into by the shop. Do not pay again; please ask the shop.";
const UNDECIDED: &str =
    "a payment for this checkout is being processed; do not pay again; get_checkout returns the result";
const QUOTE_EXPIRED: &str =
    "the prices shown have expired; refresh the checkout with update_checkout and show it again";

/// Why a token could not pay, for those who may pay again.
fn token_notice(problem: &TokenProblem) -> String {
    let (what, next) = match problem {
        TokenProblem::Foreign | TokenProblem::Mode { .. } | TokenProblem::NoLimit => {
            ("This shop cannot use the payment that was set up here.".to_owned(), "Please pay another way.")
        }
        TokenProblem::Consumed => ("This payment was used before.".to_owned(), "Please pay again."),
        TokenProblem::Expired => (
            "The approval of this payment has expired, because it took too long.".to_owned(),
            "Please pay again.",
        ),
        TokenProblem::Revoked => {
            ("The approval of this payment was taken back.".to_owned(), "Please pay again, or another way.")
        }
        TokenProblem::Amount { token, total } => (
            format!("The payment was approved for {token}, but the order comes to {total}."),
            "Please look at the order, and pay again.",
        ),
        TokenProblem::Risk => {
            ("The payment was refused for risk reasons.".to_owned(), "Please pay another way.")
        }
    };
    format!("{what} Nothing was charged. {next}")
}

/// Why a cart cannot be priced.
#[must_use]
pub fn problem(problem: &PricingProblem) -> String {
    match problem {
        PricingProblem::UnknownItem(item) => {
            format!("\"{item}\" is not sold here; search_products lists what is")
        }
        PricingProblem::VariantNeeded(needed) => variant_needed(needed),
        PricingProblem::Unavailable(item) => format!("\"{item}\" is not available at the moment"),
        PricingProblem::AddressNeeded => "a delivery address is needed".to_owned(),
        PricingProblem::CountryNotServed(country) => {
            format!("this shop does not deliver to {}", country.name().unwrap_or(country.as_str()))
        }
        PricingProblem::RegionNeeded(country) => format!(
            "the tax for this address depends on its state, which is not known; it needs {}",
            country.regions()
        ),
        PricingProblem::NoShipping => "no shipping option goes to that address".to_owned(),
        PricingProblem::OptionNotOffered(option) => format!(
            "the shipping option \"{option}\" is not offered for this address; choose one of fulfillment_options"
        ),
        PricingProblem::TaxUnknown => {
            "the tax for this address is not known, so the order cannot be priced".to_owned()
        }
        PricingProblem::BelowMinimum { total, minimum } => {
            format!("{total} is below the least amount that can be charged ({minimum})")
        }
        PricingProblem::AboveMaximum(total) => format!("{total} is more than can be charged at once"),
        PricingProblem::AboveLimit { total, limit } => {
            format!("the total of {total} is above this shop's limit of {limit}")
        }
        PricingProblem::NotPriceable => "the amount is too large".to_owned(),
    }
}

fn variant_needed(needed: &VariantNeeded) -> String {
    let variants: Vec<String> = needed.variants.iter().map(|(id, title)| format!("{id} ({title})")).collect();
    let more = match needed.more {
        0 => String::new(),
        more => format!(", or one of {more} more that search_products lists"),
    };
    format!(
        "\"{}\" is sold in variants; send the id of one instead: {}{more}",
        needed.product,
        variants.join(", ")
    )
}

/// The next action for a model with a checkout that has no price.
#[must_use]
pub const fn next_call(problem: &PricingProblem) -> &'static str {
    match problem {
        PricingProblem::UnknownItem(_) => "Call update_checkout with items that search_products lists.",
        PricingProblem::VariantNeeded(_) => "Call update_checkout with items that name a variant.",
        PricingProblem::Unavailable(_) => {
            "Call update_checkout with other items; search_products with available_only lists them."
        }
        PricingProblem::AddressNeeded => "Call update_checkout with fulfillment_address.",
        PricingProblem::RegionNeeded(_) => {
            "Call update_checkout with a fulfillment_address that has its state."
        }
        PricingProblem::CountryNotServed(_) | PricingProblem::NoShipping | PricingProblem::TaxUnknown => {
            "Call update_checkout with another fulfillment_address."
        }
        PricingProblem::OptionNotOffered(_) => {
            "Call update_checkout with the fulfillment_option_id of one of fulfillment_options."
        }
        PricingProblem::BelowMinimum { .. }
        | PricingProblem::AboveMaximum(_)
        | PricingProblem::AboveLimit { .. }
        | PricingProblem::NotPriceable => "Call update_checkout with other items or quantities.",
    }
}

/// Why a session did not do what was asked. A text says that nothing was charged only if the session was checked.
#[must_use]
pub fn rejection(rejection: &Rejection) -> String {
    match rejection {
        Rejection::Shopper(rejection) => mendable(rejection),
        Rejection::Host(HostRejection::NotFound) => {
            "there is no such checkout in this shop; start one with create_checkout".to_owned()
        }
        Rejection::Host(HostRejection::StaleRevision { current }) => format!(
            "the order has changed since it was shown (it is now revision {}); call get_checkout and show it again before \
             paying or editing",
            current.0
        ),
        Rejection::Host(HostRejection::RevisionMissing) => {
            "checkout_session_id must name the revision that was shown, as in chk_…_…_r1; get_checkout returns the current one"
                .to_owned()
        }
        Rejection::Shop(rejection) => shop(rejection),
        Rejection::Operator(_) => "only those who run this shop can ask for this".to_owned(),
    }
}

fn mendable(rejection: &ShopperRejection) -> String {
    match rejection {
        ShopperRejection::NotPayable(why) => format!("this checkout cannot be paid yet: {}", not_payable(why)),
        ShopperRejection::QuoteExpired => QUOTE_EXPIRED.to_owned(),
        ShopperRejection::Ended(state) => format!(
            "this checkout is {state} and cannot be changed any more; get_checkout returns the result, create_checkout \
             starts another"
        ),
        ShopperRejection::UnknownItem(item) => format!("\"{item}\" is not sold here; search_products lists what is"),
        ShopperRejection::VariantNeeded(needed) => variant_needed(needed),
        ShopperRejection::Undecided => UNDECIDED.to_owned(),
        ShopperRejection::NotOffered(NotOffered::PaymentSheet) => {
            "this shop does not take payments on the payment sheet; pay on the checkout page, whose address \
             start_hosted_checkout gives"
                .to_owned()
        }
        ShopperRejection::NotOffered(NotOffered::StripeCheckout) => {
            "this shop does not take payments on a page of its own; pay on the payment sheet instead".to_owned()
        }
        ShopperRejection::NotOffered(NotOffered::AnotherStripeCheckout) => {
            "this shop does not take payments on one more page for this checkout; please begin a new checkout".to_owned()
        }
        ShopperRejection::EmailNeeded => {
            "these goods are delivered by e-mail, and no mail address was given; nothing was charged; give one and pay \
             again; call update_checkout with buyer.email"
                .to_owned()
        }
        ShopperRejection::TokenUsedElsewhere => {
            "this payment was already used for another checkout; nothing was charged for this one; please pay again; call \
             complete_checkout with a new payment"
                .to_owned()
        }
        ShopperRejection::Token(problem) => token(problem),
    }
}

fn not_payable(why: &NotPayable) -> String {
    match why {
        NotPayable::NothingWanted => "items must name at least one item".to_owned(),
        NotPayable::Unpriced(unpriced) => format!("{}. {}", problem(unpriced), next_call(unpriced)),
        NotPayable::LastPaymentNotMade => {
            "the last payment did not go through; refresh the checkout with update_checkout and show it again"
                .to_owned()
        }
        NotPayable::PaymentLookedInto => {
            "a payment for it came in late and is being looked into; please do not pay again".to_owned()
        }
        NotPayable::InState(state) => format!("it is {state}"),
    }
}

/// Why a token cannot pay.
#[must_use]
pub fn token(problem: &TokenProblem) -> String {
    const fn mode(live: bool) -> &'static str {
        if live { "live" } else { "test" }
    }
    match problem {
        TokenProblem::Foreign => "this payment token is not one of this shop's".to_owned(),
        TokenProblem::Mode { token } => format!(
            "this payment token is for {} payments, and this shop takes {} payments",
            mode(*token),
            mode(!*token)
        ),
        TokenProblem::Consumed => "this payment token has already been used".to_owned(),
        TokenProblem::Expired => "this payment token has expired".to_owned(),
        TokenProblem::Revoked => "this payment token was revoked".to_owned(),
        TokenProblem::NoLimit => "this payment token has no maximum amount".to_owned(),
        TokenProblem::Amount { token, total } => {
            format!("this payment token is good for {token}, but the order comes to {total}")
        }
        TokenProblem::Risk => "the payment was refused for risk reasons".to_owned(),
    }
}

/// Why the shop cannot do it now.
pub(super) fn shop(rejection: &ShopRejection) -> String {
    match rejection {
        ShopRejection::Suspended => {
            "this shop does not take orders at the moment; tell the shopper to come again later".to_owned()
        }
        ShopRejection::AccountUnknown | ShopRejection::ClockDiffers => {
            "this shop cannot take payments just now; nothing was charged; try again in a moment".to_owned()
        }
        ShopRejection::PaymentsOff => {
            "this shop cannot take payments at the moment; nothing was charged, and the checkout is kept; try again in a few \
             minutes"
                .to_owned()
        }
        ShopRejection::TokenUnread => {
            "the payment could not be checked just now; nothing was charged; try again in a moment".to_owned()
        }
        ShopRejection::TooManyPayments => {
            "too many payments at once; this one was not begun; try again in a moment".to_owned()
        }
        ShopRejection::Busy => "too many requests at once; try again in a moment".to_owned(),
        ShopRejection::NoRoom => {
            "this shop cannot begin a new order just now; try again in a few minutes".to_owned()
        }
        ShopRejection::Unreconciled { left } => {
            format!("this shop takes no orders just now, and takes them again in {}; try again then", in_minutes(*left))
        }
        ShopRejection::NotWritten => {
            "this shop cannot take payments just now; this one was not begun, and nothing was charged; try again in a few \
             minutes"
                .to_owned()
        }
        ShopRejection::Unavailable => "the shop cannot reach its records just now; try again in a moment".to_owned(),
    }
}

/// A waiting time in words: minutes, rounded up.
fn in_minutes(left: Span) -> String {
    const MINUTE: i64 = 60_000;
    match left.as_millis() {
        ..=0 => "a few minutes".to_owned(),
        1..=MINUTE => "about a minute".to_owned(),
        longer => format!("about {} minutes", (longer + MINUTE - 1) / MINUTE),
    }
}
