//! The fields of an order that Stripe can refuse.
//!
//! Invariant: only the name of the parameter is read, never its value.

use serde::{Deserialize, Serialize};

use crate::domain::address::ContactField;

/// A field of an order that Stripe can name in a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedField {
    /// The amount of the charge.
    Amount,
    /// The currency of the charge.
    Currency,
    /// A field that the shopper fills in.
    #[serde(untagged)]
    Contact(ContactField),
}

impl RefusedField {
    /// Last names of Stripe's parameters, such as `shipping[address][line1]`, each with its field.
    const NAMES: [(&'static str, Self); 14] = [
        ("receipt_email", Self::Contact(ContactField::Email)),
        ("customer_email", Self::Contact(ContactField::Email)),
        ("email", Self::Contact(ContactField::Email)),
        ("name", Self::Contact(ContactField::Name)),
        ("phone", Self::Contact(ContactField::PhoneNumber)),
        ("line1", Self::Contact(ContactField::LineOne)),
        ("line2", Self::Contact(ContactField::LineTwo)),
        ("city", Self::Contact(ContactField::City)),
        ("state", Self::Contact(ContactField::State)),
        ("postal_code", Self::Contact(ContactField::PostalCode)),
        ("country", Self::Contact(ContactField::Country)),
        ("amount", Self::Amount),
        ("unit_amount", Self::Amount),
        ("currency", Self::Currency),
    ];

    /// The field that a refusal names, read from its stored form: `code …, parameter …`.
    #[must_use]
    pub fn named_in(detail: &str) -> Option<Self> {
        let (_, parameter) = detail.rsplit_once("parameter ")?;
        let last = parameter.rsplit('[').next()?.trim_end_matches(']');
        // The name of a product is not one of the shopper's fields.
        let of_goods = last == "name" && !parameter.contains("shipping");
        Self::NAMES.into_iter().find(|(name, _)| *name == last && !of_goods).map(|(_, field)| field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_is_the_last_name_of_the_parameter() {
        for (parameter, field) in [
            ("receipt_email", Some(RefusedField::Contact(ContactField::Email))),
            ("customer_email", Some(RefusedField::Contact(ContactField::Email))),
            ("shipping[address][line1]", Some(RefusedField::Contact(ContactField::LineOne))),
            (
                "payment_intent_data[shipping][address][postal_code]",
                Some(RefusedField::Contact(ContactField::PostalCode)),
            ),
            ("shipping[name]", Some(RefusedField::Contact(ContactField::Name))),
            ("line_items[0][price_data][product_data][name]", None),
            ("line_items[0][price_data][unit_amount]", Some(RefusedField::Amount)),
            ("amount", Some(RefusedField::Amount)),
            ("payment_method_data[shared_payment_granted_token]", None),
            ("none", None),
        ] {
            assert_eq!(
                RefusedField::named_in(&format!("code x, parameter {parameter}")),
                field,
                "{parameter}"
            );
        }
        assert_eq!(RefusedField::named_in("made up"), None);
    }

    #[test]
    fn a_field_is_stored_by_its_name() {
        for (_, field) in RefusedField::NAMES {
            let stored = serde_json::to_string(&field).unwrap();
            assert!(stored.starts_with('"'), "{stored}");
            assert_eq!(serde_json::from_str::<RefusedField>(&stored).unwrap(), field, "{stored}");
        }
    }
}
