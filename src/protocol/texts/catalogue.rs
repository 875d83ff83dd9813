//! The texts: for shoppers with one file for each language, `en.json` and `de.json`, and for models `model.json`.
//!
//! The shop's pages, the payment sheet and the widget use the same files; the widget has its own section. Invariant:
//! every language has every text, with the same placeholders, and models have every message; a test checks it.

use std::sync::LazyLock;

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::domain::address::ContactField;
use crate::domain::language::Language;
use crate::domain::money::Money;

/// The texts of one language.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Catalogue {
    pub(crate) messages: Messages,
    pub(crate) fields: Fields,
    pub(crate) page: Page,
    #[serde(rename = "widget")]
    _widget: Option<IgnoredAny>,
}

/// The texts for models.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModelCatalogue {
    pub(super) messages: Messages,
    pub(super) fields: Fields,
}

static ENGLISH: LazyLock<Catalogue> = LazyLock::new(|| read(include_str!("en.json")));
static GERMAN: LazyLock<Catalogue> = LazyLock::new(|| read(include_str!("de.json")));
static MODEL: LazyLock<ModelCatalogue> = LazyLock::new(|| read(include_str!("model.json")));

/// An unreadable file would leave every text empty; a test reads them all.
fn read<T: Default + DeserializeOwned>(json: &str) -> T {
    serde_json::from_str(json).unwrap_or_default()
}

/// The texts for models.
pub(super) fn for_models() -> &'static ModelCatalogue {
    &MODEL
}

/// The texts of a language.
pub(crate) fn of(language: Language) -> &'static Catalogue {
    match language {
        Language::English => &ENGLISH,
        Language::German => &GERMAN,
    }
}

/// A text with its placeholders, such as `{item}`, filled in. A placeholder without a value stays as it is.
pub(crate) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut parts = template.split('{');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (name, rest) = part.split_once('}').unwrap_or((part, ""));
        match values.iter().find(|(known, _)| *known == name) {
            Some((_, value)) => text.extend([value, rest]),
            None => text.extend(["{", part]),
        }
    }
    text
}

/// A shopper's message about a field that is missing or wrong.
pub(crate) fn wrong_field(language: Language, field: ContactField, is_missing: bool) -> String {
    let Catalogue { fields, page, .. } = of(language);
    let template = if is_missing { &page.field_missing } else { &page.field_invalid };
    fill(template, &[("field", fields.label(field))])
}

/// An amount in the format of the language.
pub(crate) fn money(language: Language, amount: Money) -> String {
    amount.to_string().replace('.', &language.decimal_mark().to_string())
}

/// Declares a section: a struct that has these texts, and that reads no others.
macro_rules! texts {
    ($(#[$doc:meta])* $section:ident: $($text:ident)*) => {
        $(#[$doc])*
        #[derive(Debug, Default, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $section {
            $(pub(crate) $text: String,)*
        }
    };
}

texts! {
    /// What happened to a checkout, or why something was not done: a sentence or two each.
    Messages:
        payment_declined declined_insufficient_funds declined_expired_card declined_incorrect_details
        declined_limit_exceeded declined_not_supported declined_try_again confirmation_needed token_unusable
        request_refused payment_refused field_not_accepted order_not_accepted payment_not_made nothing_charged
        page_closed payment_looked_into payment_under_way token_foreign token_mode token_no_limit token_consumed token_expired
        token_revoked token_amount token_risk token_used_elsewhere quote_expired item_unavailable
        unknown_item variant_needed address_needed country_not_served region_needed no_shipping
        option_not_offered tax_unknown below_minimum above_maximum above_limit not_priceable nothing_wanted
        last_payment_not_made email_needed_for_goods email_needed charging page_open page_opening page_closing
        frozen canceled too_many_attempts ended_by_shop expired ended not_payable also_on_page not_offered_sheet
        not_offered_page not_offered_wallet agent_refused too_many_pages order_changed revision_missing not_found suspended payments_unavailable payments_off
        token_unread too_many_payments busy no_room orders_paused not_written unavailable still_working
        payment_not_taken payment_not_taken_pay_on_page not_done
}

texts! {
    /// The names for the parts of an order.
    Fields:
        email name phone_number line_one line_two city state postal_code country amount currency
}

texts! {
    /// The texts for shoppers alone, on the shop's own pages and about its forms.
    Page:
        checkout_title order_title test_mode your_order paid order_number order_paid_on reference delivery
        payment payment_hint pay_now update shipping tax total checking back_to_checkout field_email field_name
        field_line_one field_line_two field_city field_state field_postal_code field_phone_number field_country
        ask_the_shop terms privacy sent sent_on sent_by tracking_number follow refund refund_returned
        refund_pending refund_requires_action refund_succeeded refund_failed checkout_unavailable
        order_unavailable item_unnamed item_gone field_missing field_invalid form_unreadable not_opened
}

impl Fields {
    /// The name of a field.
    pub(super) fn label(&self, field: ContactField) -> &str {
        match field {
            ContactField::Email => &self.email,
            ContactField::Name => &self.name,
            ContactField::PhoneNumber => &self.phone_number,
            ContactField::LineOne => &self.line_one,
            ContactField::LineTwo => &self.line_two,
            ContactField::City => &self.city,
            ContactField::State => &self.state,
            ContactField::PostalCode => &self.postal_code,
            ContactField::Country => &self.country,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::Value;

    use super::*;

    const FILES: [(Language, &str); 2] =
        [(Language::English, include_str!("en.json")), (Language::German, include_str!("de.json"))];

    #[test]
    fn every_audience_has_every_text_and_no_other() {
        for (language, file) in FILES {
            let read: Result<Catalogue, _> = serde_json::from_str(file);
            assert!(read.is_ok(), "{language}: {read:?}");
        }
        assert_eq!(FILES.map(|(language, _)| language), Language::ALL);
        let read: Result<ModelCatalogue, _> = serde_json::from_str(include_str!("model.json"));
        assert!(read.is_ok(), "{read:?}");
    }

    fn placeholders(text: &str) -> BTreeSet<&str> {
        text.split('{').skip(1).filter_map(|rest| rest.split('}').next()).collect()
    }

    #[test]
    fn texts_share_placeholders_in_all_languages_and_name_no_fields() {
        let texts = |file: &str| {
            let sections: BTreeMap<String, BTreeMap<String, Value>> = serde_json::from_str(file).unwrap();
            sections
        };
        let [(_, english), (_, german)] = FILES;
        let (english, german) = (texts(english), texts(german));
        for (section, texts) in &english {
            for (key, text) in texts {
                let other = german[section][key].as_str().unwrap();
                let text = text.as_str().unwrap();
                assert_eq!(placeholders(text), placeholders(other), "{section}.{key}");
                for text in [text, other] {
                    assert!(!text.is_empty(), "{section}.{key}");
                    let without =
                        placeholders(text).iter().fold(text.to_owned(), |text, name| text.replace(name, ""));
                    assert!(!without.contains('_'), "{section}.{key} names something of ours: {text}");
                }
            }
        }
    }

    #[test]
    fn a_text_is_filled_in_and_an_amount_has_the_mark_of_its_language() {
        assert_eq!(fill("“{item}” of {shop}", &[("item", "Mug"), ("shop", "Harbor")]), "“Mug” of Harbor");
        let amount = Money::new(4361, "usd".parse().unwrap());
        assert_eq!(money(Language::English, amount).replace('.', ","), money(Language::German, amount));
        assert!(money(Language::German, amount).contains("43,61"));
    }
}
