//! Messages for shoppers, in their language.
//!
//! Invariant: no text names a tool, a field or an id of ours; goods have their titles.

use super::catalogue::{self, Catalogue, Fields, Messages, fill};
use crate::domain::address::ContactField;
use crate::domain::catalog::Catalog;
use crate::domain::checkout::model::{
    CancelReason, DeclineReason, HostRejection, NotOffered, NotPayable, Notice, RefusedField, Rejection,
    ShopRejection, ShopperRejection, TokenProblem,
};
use crate::domain::ids::ItemId;
use crate::domain::language::Language;
use crate::domain::merchant::MerchantView;
use crate::domain::money::Money;
use crate::domain::pricing::PricingProblem;
use crate::domain::time::Span;

/// The messages for a shopper of one shop.
#[derive(Clone, Copy, Debug)]
pub struct ShopperTexts<'a> {
    language: Language,
    catalog: &'a Catalog,
}

impl<'a> ShopperTexts<'a> {
    /// The messages in a language, with this shop's goods.
    #[must_use]
    pub const fn of(view: &'a MerchantView, language: Language) -> Self {
        Self { language, catalog: &view.catalog }
    }

    fn texts(self) -> &'static Catalogue {
        catalogue::of(self.language)
    }

    /// The message templates.
    pub(crate) fn messages(self) -> &'static Messages {
        &self.texts().messages
    }

    fn money(self, amount: Money) -> String {
        catalogue::money(self.language, amount)
    }

    /// A sentence about an item, by its title.
    fn about(self, item: &ItemId, template: &str) -> String {
        let title = self.catalog.item(item).map(|item| item.title());
        let title = title.or_else(|| self.catalog.product(item).map(|product| product.title.clone()));
        match title {
            Some(title) => fill(template, &[("item", &title)]),
            None => self.messages().item_gone.clone(),
        }
    }

    /// A notice.
    #[must_use]
    pub fn notice(self, notice: &Notice) -> String {
        let texts = self.messages();
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
            Notice::ItemUnavailable { item } => self.about(item, &texts.item_unavailable),
            Notice::PaymentLookedInto => texts.payment_looked_into.clone(),
            Notice::PaymentUnderWay => texts.payment_under_way.clone(),
            Notice::TokenRejected { problem } => self.token(problem),
            Notice::QuoteExpired => texts.quote_expired.clone(),
        }
    }

    fn not_accepted(self, field: RefusedField) -> String {
        let Catalogue { messages, fields, .. } = self.texts();
        let (template, field) = match field {
            RefusedField::Contact(field) => (&messages.field_not_accepted, label(fields, field)),
            RefusedField::Amount => (&messages.order_not_accepted, fields.amount.as_str()),
            RefusedField::Currency => (&messages.order_not_accepted, fields.currency.as_str()),
        };
        fill(template, &[("field", field)])
    }

    fn token(self, problem: &TokenProblem) -> String {
        let texts = self.messages();
        match problem {
            TokenProblem::Foreign | TokenProblem::Mode { .. } | TokenProblem::NoLimit => {
                texts.token_foreign.clone()
            }
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
        let texts = self.messages();
        match problem {
            PricingProblem::UnknownItem(item) => self.about(item, &texts.unknown_item),
            PricingProblem::VariantNeeded(needed) => self.about(&needed.product, &texts.variant_needed),
            PricingProblem::Unavailable(item) => self.about(item, &texts.item_unavailable),
            PricingProblem::AddressNeeded => texts.address_needed.clone(),
            PricingProblem::CountryNotServed(_) => texts.country_not_served.clone(),
            PricingProblem::RegionNeeded(_) => texts.region_needed.clone(),
            PricingProblem::NoShipping => texts.no_shipping.clone(),
            PricingProblem::OptionNotOffered(_) => texts.option_not_offered.clone(),
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

    /// Why a checkout ended unpaid.
    #[must_use]
    pub fn canceled(self, reason: CancelReason) -> &'static str {
        let texts = self.messages();
        match reason {
            CancelReason::Shopper => &texts.canceled,
            CancelReason::TooManyAttempts => &texts.too_many_attempts,
            CancelReason::Operator => &texts.ended_by_shop,
            CancelReason::Restored => &texts.payment_looked_into,
        }
    }

    /// Why something was not done. Rejections of operators' requests have no text for shoppers.
    #[must_use]
    pub fn rejection(self, rejection: &Rejection) -> String {
        let texts = self.messages();
        match rejection {
            Rejection::Shopper(rejection) => self.mendable(rejection),
            Rejection::Host(HostRejection::NotFound) => texts.not_found.clone(),
            Rejection::Host(HostRejection::StaleRevision { .. } | HostRejection::RevisionMissing) => {
                texts.order_changed.clone()
            }
            Rejection::Shop(rejection) => self.shop(rejection),
            Rejection::Operator(_) => texts.not_done.clone(),
        }
    }

    fn mendable(self, rejection: &ShopperRejection) -> String {
        let texts = self.messages();
        match rejection {
            ShopperRejection::NotPayable(why) => match why {
                NotPayable::NothingWanted => texts.nothing_wanted.clone(),
                NotPayable::Unpriced(problem) => self.problem(problem),
                NotPayable::LastPaymentNotMade => texts.last_payment_not_made.clone(),
                NotPayable::PaymentLookedInto => texts.payment_looked_into.clone(),
                NotPayable::InState(_) => texts.not_payable.clone(),
            },
            ShopperRejection::QuoteExpired => texts.quote_expired.clone(),
            ShopperRejection::Ended(_) => texts.ended.clone(),
            ShopperRejection::UnknownItem(item) => self.about(item, &texts.unknown_item),
            ShopperRejection::VariantNeeded(needed) => self.about(&needed.product, &texts.variant_needed),
            ShopperRejection::Undecided => texts.payment_under_way.clone(),
            ShopperRejection::NotOffered(NotOffered::PaymentSheet) => texts.not_offered_sheet.clone(),
            ShopperRejection::NotOffered(NotOffered::StripeCheckout) => texts.not_offered_page.clone(),
            ShopperRejection::NotOffered(NotOffered::AnotherStripeCheckout) => texts.too_many_pages.clone(),
            ShopperRejection::EmailNeeded => texts.email_needed.clone(),
            ShopperRejection::TokenUsedElsewhere => texts.token_used_elsewhere.clone(),
            ShopperRejection::Token(problem) => self.token(problem),
        }
    }

    fn shop(self, rejection: &ShopRejection) -> String {
        let texts = self.messages();
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

    /// A field that is missing or wrong.
    #[must_use]
    pub fn field(self, field: ContactField, is_missing: bool) -> String {
        let Catalogue { messages, fields, .. } = self.texts();
        let template = if is_missing { &messages.field_missing } else { &messages.field_invalid };
        fill(template, &[("field", label(fields, field))])
    }
}

/// The shopper's name of a field.
fn label(fields: &Fields, field: ContactField) -> &str {
    match field {
        ContactField::Email => &fields.email,
        ContactField::Name => &fields.name,
        ContactField::PhoneNumber => &fields.phone_number,
        ContactField::LineOne => &fields.line_one,
        ContactField::LineTwo => &fields.line_two,
        ContactField::City => &fields.city,
        ContactField::State => &fields.state,
        ContactField::PostalCode => &fields.postal_code,
        ContactField::Country => &fields.country,
    }
}

/// A waiting time in whole minutes, rounded up; at least one.
pub(super) fn minutes(left: Span) -> i64 {
    const MINUTE: i64 = 60_000;
    ((left.as_millis() + MINUTE - 1) / MINUTE).max(1)
}
