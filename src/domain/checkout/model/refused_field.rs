//! The fields of an order that Stripe can refuse.
//!
//! Invariant: only the name of the parameter is read, never its value.

use serde::{Deserialize, Serialize};

/// A field of an order that Stripe can name in a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusedField {
    /// The buyer's mail address.
    Email,
    /// The recipient.
    Name,
    /// The recipient's telephone number.
    Phone,
    /// Street and number, or the second address line.
    Street,
    City,
    Region,
    PostalCode,
    Country,
    /// The amount of the charge.
    Amount,
    /// The currency of the charge.
    Currency,
}

impl RefusedField {
    /// Last names of Stripe's parameters, such as `shipping[address][line1]`, each with its field.
    const NAMES: [(&'static str, Self); 14] = [
        ("receipt_email", Self::Email),
        ("customer_email", Self::Email),
        ("email", Self::Email),
        ("name", Self::Name),
        ("phone", Self::Phone),
        ("line1", Self::Street),
        ("line2", Self::Street),
        ("city", Self::City),
        ("state", Self::Region),
        ("postal_code", Self::PostalCode),
        ("country", Self::Country),
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
            ("receipt_email", Some(RefusedField::Email)),
            ("customer_email", Some(RefusedField::Email)),
            ("shipping[address][line1]", Some(RefusedField::Street)),
            ("payment_intent_data[shipping][address][postal_code]", Some(RefusedField::PostalCode)),
            ("shipping[name]", Some(RefusedField::Name)),
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
}
