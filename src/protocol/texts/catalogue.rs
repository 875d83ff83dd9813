//! The texts for shoppers, with one file for each language: `en.json` and `de.json`.
//!
//! The shop's pages, the payment sheet and the widget use the same files; the widget has its own section. Invariant:
//! every language has every text, with the same placeholders; a test checks it.

use std::sync::LazyLock;

use serde::Deserialize;
use serde::de::IgnoredAny;

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

static ENGLISH: LazyLock<Catalogue> = LazyLock::new(|| read(include_str!("en.json")));
static GERMAN: LazyLock<Catalogue> = LazyLock::new(|| read(include_str!("de.json")));

/// An unreadable file would leave every text empty; a test reads them all.
fn read(json: &str) -> Catalogue {
    serde_json::from_str(json).unwrap_or_default()
}

/// The texts of a language.
pub(crate) fn of(language: Language) -> &'static Catalogue {
    match language {
        Language::English => &ENGLISH,
        Language::German => &GERMAN,
    }
}

/// A text with its placeholders, such as `{item}`, filled in.
pub(crate) fn fill(template: &str, values: &[(&str, &str)]) -> String {
    let mut text = template.to_owned();
    for (name, value) in values {
        text = text.replace(&format!("{{{name}}}"), value);
    }
    text
}

/// An amount in the format of the language.
pub(crate) fn money(language: Language, amount: Money) -> String {
    amount.to_string().replace('.', &language.decimal_mark().to_string())
}

/// Messages for shoppers: one sentence or two each.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Messages {
    pub(crate) payment_declined: String,
    pub(crate) declined_insufficient_funds: String,
    pub(crate) declined_expired_card: String,
    pub(crate) declined_incorrect_details: String,
    pub(crate) declined_limit_exceeded: String,
    pub(crate) declined_not_supported: String,
    pub(crate) declined_try_again: String,
    pub(crate) confirmation_needed: String,
    pub(crate) token_unusable: String,
    pub(crate) request_refused: String,
    pub(crate) payment_refused: String,
    pub(crate) field_not_accepted: String,
    pub(crate) order_not_accepted: String,
    pub(crate) payment_not_made: String,
    pub(crate) nothing_charged: String,
    pub(crate) page_closed: String,
    pub(crate) payment_looked_into: String,
    pub(crate) payment_under_way: String,
    pub(crate) token_foreign: String,
    pub(crate) token_consumed: String,
    pub(crate) token_expired: String,
    pub(crate) token_revoked: String,
    pub(crate) token_amount: String,
    pub(crate) token_risk: String,
    pub(crate) token_used_elsewhere: String,
    pub(crate) quote_expired: String,
    pub(crate) item_unnamed: String,
    pub(crate) item_unavailable: String,
    pub(crate) unknown_item: String,
    pub(crate) variant_needed: String,
    pub(crate) address_needed: String,
    pub(crate) country_not_served: String,
    pub(crate) region_needed: String,
    pub(crate) no_shipping: String,
    pub(crate) option_not_offered: String,
    pub(crate) tax_unknown: String,
    pub(crate) below_minimum: String,
    pub(crate) above_maximum: String,
    pub(crate) above_limit: String,
    pub(crate) not_priceable: String,
    pub(crate) nothing_wanted: String,
    pub(crate) last_payment_not_made: String,
    pub(crate) email_needed_for_goods: String,
    pub(crate) email_needed: String,
    pub(crate) charging: String,
    pub(crate) page_open: String,
    pub(crate) page_opening: String,
    pub(crate) page_closing: String,
    pub(crate) frozen: String,
    pub(crate) canceled: String,
    pub(crate) too_many_attempts: String,
    pub(crate) ended_by_shop: String,
    pub(crate) expired: String,
    pub(crate) ended: String,
    pub(crate) not_payable: String,
    pub(crate) also_on_page: String,
    pub(crate) not_offered_sheet: String,
    pub(crate) not_offered_page: String,
    pub(crate) too_many_pages: String,
    pub(crate) order_changed: String,
    pub(crate) not_found: String,
    pub(crate) suspended: String,
    pub(crate) payments_unavailable: String,
    pub(crate) payments_off: String,
    pub(crate) token_unread: String,
    pub(crate) too_many_payments: String,
    pub(crate) busy: String,
    pub(crate) no_room: String,
    pub(crate) orders_paused: String,
    pub(crate) not_written: String,
    pub(crate) unavailable: String,
    pub(crate) still_working: String,
    pub(crate) payment_not_taken: String,
    pub(crate) payment_not_taken_pay_on_page: String,
    pub(crate) field_missing: String,
    pub(crate) field_invalid: String,
    pub(crate) not_done: String,
    pub(crate) page_not_opened: String,
    pub(crate) form_unreadable: String,
}

/// The shopper's names for the parts of an order.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Fields {
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) phone_number: String,
    pub(crate) line_one: String,
    pub(crate) line_two: String,
    pub(crate) city: String,
    pub(crate) state: String,
    pub(crate) postal_code: String,
    pub(crate) country: String,
    pub(crate) amount: String,
    pub(crate) currency: String,
}

/// The texts of the shop's own pages.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    pub(crate) checkout_title: String,
    pub(crate) order_title: String,
    pub(crate) test_mode: String,
    pub(crate) your_order: String,
    pub(crate) paid: String,
    pub(crate) order_number: String,
    pub(crate) order_paid_on: String,
    pub(crate) reference: String,
    pub(crate) delivery: String,
    pub(crate) payment: String,
    pub(crate) payment_hint: String,
    pub(crate) pay_now: String,
    pub(crate) update: String,
    pub(crate) shipping: String,
    pub(crate) tax: String,
    pub(crate) total: String,
    pub(crate) checking: String,
    pub(crate) back_to_checkout: String,
    pub(crate) field_email: String,
    pub(crate) field_name: String,
    pub(crate) field_line_one: String,
    pub(crate) field_line_two: String,
    pub(crate) field_city: String,
    pub(crate) field_state: String,
    pub(crate) field_postal_code: String,
    pub(crate) field_phone_number: String,
    pub(crate) field_country: String,
    pub(crate) ask_the_shop: String,
    pub(crate) terms: String,
    pub(crate) privacy: String,
    pub(crate) sent: String,
    pub(crate) sent_on: String,
    pub(crate) sent_by: String,
    pub(crate) tracking_number: String,
    pub(crate) follow: String,
    pub(crate) refund: String,
    pub(crate) refund_returned: String,
    pub(crate) refund_pending: String,
    pub(crate) refund_requires_action: String,
    pub(crate) refund_succeeded: String,
    pub(crate) refund_failed: String,
    pub(crate) checkout_unavailable: String,
    pub(crate) order_unavailable: String,
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use serde_json::Value;

    use super::*;

    const FILES: [(Language, &str); 2] =
        [(Language::English, include_str!("en.json")), (Language::German, include_str!("de.json"))];

    #[test]
    fn every_language_has_every_text_and_no_other() {
        for (language, file) in FILES {
            let read: Result<Catalogue, _> = serde_json::from_str(file);
            assert!(read.is_ok(), "{language}: {read:?}");
        }
        assert_eq!(FILES.map(|(language, _)| language), Language::ALL);
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
