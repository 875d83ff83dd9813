//! The messages about a checkout in words, for shoppers and for models.
//!
//! A shopper's message is in the shopper's language and names no tool, no field and no id of ours; goods have their
//! titles. A model's message is in English, and names ids and the tool to call next.

use super::catalogue::{self, Fields, Messages, fill};
use crate::domain::catalog::{Catalog, VariantNeeded};
use crate::domain::checkout::model::{
    DeclineReason, HostRejection, NotOffered, NotPayable, Notice, RefusedField, Rejection, ShopRejection,
    ShopperRejection, TokenProblem,
};
use crate::domain::ids::ItemId;
use crate::domain::language::Language;
use crate::domain::merchant::MerchantView;
use crate::domain::money::Money;
use crate::domain::pricing::PricingProblem;
use crate::domain::time::Span;

/// The messages for one audience.
#[derive(Clone, Copy, Debug)]
pub struct Wording<'a> {
    audience: Audience<'a>,
    messages: &'static Messages,
    fields: &'static Fields,
}

/// Who reads a message.
#[derive(Clone, Copy, Debug)]
enum Audience<'a> {
    /// A shopper of the shop with these goods.
    Shopper(Language, &'a Catalog),
    Model,
}

impl<'a> Wording<'a> {
    /// The messages in a shopper's language, with this shop's goods.
    #[must_use]
    pub fn for_shopper(view: &'a MerchantView, language: Language) -> Self {
        let texts = catalogue::of(language);
        let audience = Audience::Shopper(language, &view.catalog);
        Self { audience, messages: &texts.messages, fields: &texts.fields }
    }

    /// The messages for a model.
    #[must_use]
    pub fn for_model() -> Self {
        let texts = catalogue::for_models();
        Self { audience: Audience::Model, messages: &texts.messages, fields: &texts.fields }
    }

    /// The message templates.
    pub(crate) const fn messages(self) -> &'static Messages {
        self.messages
    }

    fn money(self, amount: Money) -> String {
        match self.audience {
            Audience::Shopper(language, _) => catalogue::money(language, amount),
            Audience::Model => amount.to_string(),
        }
    }

    /// A sentence about an item: by its title for a shopper, by its id for a model.
    fn about(self, item: &ItemId, template: &str, variants: &str) -> String {
        let Audience::Shopper(language, catalog) = self.audience else {
            return fill(template, &[("item", item.as_str()), ("variants", variants)]);
        };
        let title = catalog.item(item).map(|item| item.title());
        let title = title.or_else(|| catalog.product(item).map(|product| product.title.clone()));
        match title {
            Some(title) => fill(template, &[("item", &title)]),
            None => catalogue::of(language).page.item_gone.clone(),
        }
    }

    /// A notice.
    #[must_use]
    pub fn notice(self, notice: &Notice) -> String {
        let texts = self.messages;
        match notice {
            Notice::PaymentDeclined { reason } => match reason {
                DeclineReason::Unknown => &texts.payment_declined,
                DeclineReason::InsufficientFunds => &texts.declined_insufficient_funds,
                DeclineReason::ExpiredCard => &texts.declined_expired_card,
                DeclineReason::IncorrectDetails => &texts.declined_incorrect_details,
                DeclineReason::LimitExceeded => &texts.declined_limit_exceeded,
                DeclineReason::NotSupported => &texts.declined_not_supported,
                DeclineReason::TryAgain => &texts.declined_try_again,
            }
            .clone(),
            Notice::ConfirmationNeeded => texts.confirmation_needed.clone(),
            Notice::TokenUnusable => texts.token_unusable.clone(),
            Notice::RequestRefused { field: None } => texts.request_refused.clone(),
            Notice::PaymentRefused { field: None } => texts.payment_refused.clone(),
            Notice::RequestRefused { field: Some(field) } | Notice::PaymentRefused { field: Some(field) } => {
                self.not_accepted(*field)
            }
            Notice::PaymentNotMade => texts.payment_not_made.clone(),
            Notice::NothingCharged => texts.nothing_charged.clone(),
            Notice::StripeCheckoutClosed => texts.page_closed.clone(),
            Notice::ItemUnavailable { item } => self.about(item, &texts.item_unavailable, ""),
            Notice::PaymentLookedInto => texts.payment_looked_into.clone(),
            Notice::PaymentUnderWay => texts.payment_under_way.clone(),
            Notice::TokenRejected { problem } => self.token(problem),
            Notice::QuoteExpired => texts.quote_expired.clone(),
        }
    }

    fn not_accepted(self, field: RefusedField) -> String {
        let Self { messages, fields, .. } = self;
        let (template, field) = match field {
            RefusedField::Contact(field) => (&messages.field_not_accepted, fields.label(field)),
            RefusedField::Amount => (&messages.order_not_accepted, fields.amount.as_str()),
            RefusedField::Currency => (&messages.order_not_accepted, fields.currency.as_str()),
        };
        fill(template, &[("field", field)])
    }

    fn token(self, problem: &TokenProblem) -> String {
        let texts = self.messages;
        match problem {
            TokenProblem::Foreign => texts.token_foreign.clone(),
            TokenProblem::Mode { token } => {
                let [token, shop] = if *token { ["live", "test"] } else { ["test", "live"] };
                fill(&texts.token_mode, &[("token", token), ("shop", shop)])
            }
            TokenProblem::NoLimit => texts.token_no_limit.clone(),
            TokenProblem::Consumed => texts.token_consumed.clone(),
            TokenProblem::Expired => texts.token_expired.clone(),
            TokenProblem::Revoked => texts.token_revoked.clone(),
            TokenProblem::Amount { token, total } => {
                let (approved, total) = (self.money(*token), self.money(*total));
                fill(&texts.token_amount, &[("approved", &approved), ("total", &total)])
            }
            TokenProblem::Risk => texts.token_risk.clone(),
        }
    }

    /// Why a cart cannot be priced.
    #[must_use]
    pub fn problem(self, problem: &PricingProblem) -> String {
        let texts = self.messages;
        match problem {
            PricingProblem::UnknownItem(item) => self.about(item, &texts.unknown_item, ""),
            PricingProblem::VariantNeeded(needed) => self.variant_needed(needed),
            PricingProblem::Unavailable(item) => self.about(item, &texts.item_unavailable, ""),
            PricingProblem::AddressNeeded => texts.address_needed.clone(),
            PricingProblem::CountryNotServed(country) => {
                let country = country.name().unwrap_or(country.as_str());
                fill(&texts.country_not_served, &[("country", country)])
            }
            PricingProblem::RegionNeeded(country) => {
                fill(&texts.region_needed, &[("regions", &country.regions())])
            }
            PricingProblem::NoShipping => texts.no_shipping.clone(),
            PricingProblem::OptionNotOffered(option) => {
                fill(&texts.option_not_offered, &[("option", option.as_str())])
            }
            PricingProblem::TaxUnknown => texts.tax_unknown.clone(),
            PricingProblem::BelowMinimum { total, minimum } => {
                let (total, minimum) = (self.money(*total), self.money(*minimum));
                fill(&texts.below_minimum, &[("total", &total), ("minimum", &minimum)])
            }
            PricingProblem::AboveMaximum(total) => {
                fill(&texts.above_maximum, &[("total", &self.money(*total))])
            }
            PricingProblem::AboveLimit { total, limit } => {
                let (total, limit) = (self.money(*total), self.money(*limit));
                fill(&texts.above_limit, &[("total", &total), ("limit", &limit)])
            }
            PricingProblem::NotPriceable => texts.not_priceable.clone(),
        }
    }

    /// Why something was not done. A rejection of an operator's request has no details here.
    #[must_use]
    pub fn rejection(self, rejection: &Rejection) -> String {
        let texts = self.messages;
        match rejection {
            Rejection::Shopper(rejection) => self.mendable(rejection),
            Rejection::Host(HostRejection::NotFound) => texts.not_found.clone(),
            Rejection::Host(HostRejection::StaleRevision { current }) => {
                fill(&texts.order_changed, &[("revision", &current.0.to_string())])
            }
            Rejection::Host(HostRejection::RevisionMissing) => texts.revision_missing.clone(),
            Rejection::Shop(rejection) => self.shop(rejection),
            Rejection::Operator(_) => texts.not_done.clone(),
        }
    }

    fn mendable(self, rejection: &ShopperRejection) -> String {
        let texts = self.messages;
        match rejection {
            ShopperRejection::NotPayable(why) => match why {
                NotPayable::NothingWanted => texts.nothing_wanted.clone(),
                NotPayable::Unpriced(problem) => self.problem(problem),
                NotPayable::LastPaymentNotMade => texts.last_payment_not_made.clone(),
                NotPayable::PaymentLookedInto => texts.payment_looked_into.clone(),
                NotPayable::InState(state) => fill(&texts.not_payable, &[("state", state)]),
            },
            ShopperRejection::QuoteExpired => texts.quote_expired.clone(),
            ShopperRejection::Ended(state) => fill(&texts.ended, &[("state", state)]),
            ShopperRejection::UnknownItem(item) => self.about(item, &texts.unknown_item, ""),
            ShopperRejection::VariantNeeded(needed) => self.variant_needed(needed),
            ShopperRejection::Undecided => texts.payment_under_way.clone(),
            ShopperRejection::NotOffered(NotOffered::PaymentSheet) => texts.not_offered_sheet.clone(),
            ShopperRejection::NotOffered(NotOffered::StripeCheckout) => texts.not_offered_page.clone(),
            ShopperRejection::NotOffered(NotOffered::Wallet) => texts.not_offered_wallet.clone(),
            ShopperRejection::NotOffered(NotOffered::AnotherStripeCheckout) => texts.too_many_pages.clone(),
            ShopperRejection::AgentRefused => texts.agent_refused.clone(),
            ShopperRejection::EmailNeeded => texts.email_needed.clone(),
            ShopperRejection::TokenUsedElsewhere => texts.token_used_elsewhere.clone(),
            ShopperRejection::Token(problem) => self.token(problem),
        }
    }

    fn shop(self, rejection: &ShopRejection) -> String {
        let texts = self.messages;
        match rejection {
            ShopRejection::Suspended => texts.suspended.clone(),
            ShopRejection::AccountUnknown | ShopRejection::ClockDiffers => texts.payments_unavailable.clone(),
            ShopRejection::PaymentsOff => texts.payments_off.clone(),
            ShopRejection::TokenUnread => texts.token_unread.clone(),
            ShopRejection::TooManyPayments => texts.too_many_payments.clone(),
            ShopRejection::Busy => texts.busy.clone(),
            ShopRejection::NoRoom => texts.no_room.clone(),
            ShopRejection::Unreconciled { left } => {
                fill(&texts.orders_paused, &[("minutes", &minutes(*left).to_string())])
            }
            ShopRejection::NotWritten => texts.not_written.clone(),
            ShopRejection::Unavailable => texts.unavailable.clone(),
        }
    }

    /// The variants have titles for a shopper to choose from; a model gets their ids.
    fn variant_needed(self, needed: &VariantNeeded) -> String {
        let mut variants: Vec<String> =
            needed.variants.iter().map(|(id, title)| format!("{id} ({title})")).collect();
        if needed.more > 0 {
            variants.push(format!("or one of {} more that search_products lists", needed.more));
        }
        self.about(&needed.product, &self.messages.variant_needed, &variants.join(", "))
    }
}

/// A waiting time in whole minutes, rounded up; at least one.
fn minutes(left: Span) -> i64 {
    const MINUTE: i64 = 60_000;
    ((left.as_millis() + MINUTE - 1) / MINUTE).max(1)
}
