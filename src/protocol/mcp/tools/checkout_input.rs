//! The inputs of a session that several tools accept: items, buyer, address, shipping option.
//!
//! Invariant: of an item only id and quantity are trusted; prices, names and totals come from the catalog.

use serde_json::Value;

use super::arguments::{ArgumentError, Object};
use crate::domain::address::{Address, Buyer};
use crate::domain::cart::{Cart, CartError, CartLine, MAX_LINES, MAX_QUANTITY};
use crate::domain::checkout::model::Patch;
use crate::domain::ids::ShippingId;
use crate::domain::places::{self, PlaceField, Written};
use crate::protocol::capability::Capability;

/// The longest name, street, city or region.
const LINE: usize = 200;
/// The longest mail address (RFC 5321: 64 and 255, with the @).
const EMAIL: usize = 320;
/// The longest telephone number.
const PHONE: usize = 40;
/// The longest postal code.
const POSTAL: usize = 20;

/// Whether unknown members are rejected or ignored.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum UnknownFields {
    /// For our own tools: a misspelt member must not be ignored silently.
    Refuse,
    /// For objects that hosts make by contracts of their own.
    Ignore,
}

/// The arguments of a [`Patch`].
pub(super) const PATCH: [&str; 5] =
    ["items", "buyer", "fulfillment_address", "fulfillment_option_id", "discount_codes"];

/// Parses a patch.
pub(super) fn patch(root: &Object<'_>) -> Result<Patch, ArgumentError> {
    no_discounts(root)?;
    Ok(Patch {
        cart: cart(root, UnknownFields::Refuse)?,
        buyer: buyer(root)?,
        address: address(root)?,
        option_id: option(root)?,
    })
}

/// `checkout_session_id`.
pub(super) fn session(root: &Object<'_>) -> Result<Capability, ArgumentError> {
    const KEY: &str = "checkout_session_id";
    const SEND: &str = "the id as create_checkout or checkout_session answered it (chk_…_… or chk_…_…_r1)";
    let Some(value) = root.get(KEY) else {
        return Err(ArgumentError::missing(KEY, SEND));
    };
    let parsed = value.as_str().map(str::trim).and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| ArgumentError::new(KEY, "is not a checkout session id", SEND))
}

/// `items`, if present.
pub(super) fn cart(root: &Object<'_>, unknown_fields: UnknownFields) -> Result<Option<Cart>, ArgumentError> {
    const SEND: &str = "a list of objects with id and quantity, such as [{\"id\": \"mug\", \"quantity\": 1}]";
    let Some(items) = root.objects("items", MAX_LINES, SEND)? else { return Ok(None) };
    let lines = items.iter().map(|item| line(item, unknown_fields)).collect::<Result<Vec<_>, _>>()?;
    Cart::new(lines).map(Some).map_err(|error| {
        let send = match &error {
            CartError::Empty => "at least one item; cancel_checkout ends a checkout".to_owned(),
            CartError::TooManyLines => format!("at most {MAX_LINES} different items"),
            CartError::Quantity(_) => {
                format!("quantities that add up to at most {MAX_QUANTITY} for each item")
            }
        };
        ArgumentError::new(root.path("items"), format!("is no cart: {error}"), send)
    })
}

fn line(item: &Object<'_>, unknown_fields: UnknownFields) -> Result<CartLine, ArgumentError> {
    if unknown_fields == UnknownFields::Refuse {
        item.only(&["id", "quantity"])?;
    }
    let id = item.needed_text("id", 100)?.parse().map_err(|_| {
        ArgumentError::new(
            item.path("id"),
            "is not an item id",
            "the id of a product or variant from search_products",
        )
    })?;
    let most = i64::from(MAX_QUANTITY);
    let quantity = item.integer("quantity", 1, most)?.and_then(|quantity| u32::try_from(quantity).ok());
    let quantity = quantity.ok_or_else(|| {
        ArgumentError::missing(item.path("quantity"), format!("a whole number from 1 to {most}"))
    })?;
    Ok(CartLine { id, quantity })
}

/// `buyer`, if present, with one name or with two.
fn buyer(root: &Object<'_>) -> Result<Option<Buyer>, ArgumentError> {
    let Some(buyer) = root.object("buyer", "an object with name, email and phone_number")? else {
        return Ok(None);
    };
    buyer.only(&["name", "first_name", "last_name", "email", "phone_number"])?;
    let own = |text: Option<&str>| text.map(str::to_owned);
    let name = match buyer.text("name", LINE)? {
        Some(name) => Some(name.to_owned()),
        None => full_name(buyer.text("first_name", LINE / 2)?, buyer.text("last_name", LINE / 2)?),
    };
    let email = buyer.text("email", EMAIL)?;
    if email.is_some_and(|email| !is_email(email)) {
        return Err(ArgumentError::new(
            buyer.path("email"),
            "is not a mail address",
            "one such as ada@example.com",
        ));
    }
    Ok(Some(Buyer { name, email: own(email), phone_number: own(buyer.text("phone_number", PHONE)?) }))
}

/// The buyer from a host's payment sheet: `null`, one name, or two (ACP 2025-09-29). An invalid part is ignored: a
/// payment that the shopper has just confirmed must not fail because of a wallet's number format.
pub(super) fn sheet_buyer(value: Option<&Value>) -> Option<Buyer> {
    let members = value?.as_object()?;
    let text = |key: &str, longest: usize| {
        let text = members.get(key)?.as_str()?.trim();
        let usable =
            !text.is_empty() && text.chars().count() <= longest && !text.chars().any(char::is_control);
        usable.then_some(text)
    };
    let name = text("name", LINE)
        .map(str::to_owned)
        .or_else(|| full_name(text("first_name", LINE / 2), text("last_name", LINE / 2)));
    Some(Buyer {
        name,
        email: text("email", EMAIL).filter(|email| is_email(email)).map(str::to_owned),
        phone_number: text("phone_number", PHONE).map(str::to_owned),
    })
}

fn full_name(first: Option<&str>, last: Option<&str>) -> Option<String> {
    match (first, last) {
        (Some(first), Some(last)) => Some(format!("{first} {last}")),
        (Some(one), None) | (None, Some(one)) => Some(one.to_owned()),
        (None, None) => None,
    }
}

/// Whether Stripe accepts the form: plain characters, one `@`, and a host with a dot in it. Only a delivered mail
/// could prove that the address exists.
fn is_email(text: &str) -> bool {
    let Some((local, host)) = text.split_once('@') else { return false };
    let labels = || host.split('.');
    let label = |label: &str| {
        let inner = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        !label.is_empty() && inner && !label.starts_with('-') && !label.ends_with('-')
    };
    let dots = !local.starts_with('.') && !local.ends_with('.') && !local.contains("..");
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"()<>[]:;,\\\"@".contains(&byte);
    (1..=64).contains(&local.len())
        && dots
        && local.bytes().all(plain)
        && labels().count() > 1
        && labels().all(label)
}

/// `fulfillment_address`, if present.
fn address(root: &Object<'_>) -> Result<Option<Address>, ArgumentError> {
    const KEYS: [&str; 8] =
        ["name", "line_one", "line_two", "city", "state", "country", "postal_code", "phone_number"];
    const SEND: &str = "an object with name, line_one, city, state, country and postal_code";
    let Some(given) = root.object("fulfillment_address", SEND)? else { return Ok(None) };
    given.only(&KEYS)?;
    let own = |text: Option<&str>| text.map(str::to_owned);
    // An empty field of a form counts as absent.
    let optional = |key: &str, longest: usize| match given.get(key) {
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(_) | None => given.text(key, longest),
    };
    let (name, line_one) = (given.needed_text("name", LINE)?, given.needed_text("line_one", LINE)?);
    let city = optional("city", LINE)?.unwrap_or_default();
    let written = Written {
        country: given.needed_text("country", LINE)?,
        region: optional("state", LINE)?.unwrap_or_default(),
        city,
        postal_code: optional("postal_code", POSTAL)?.unwrap_or_default(),
    };
    // Taxes depend on it: an unknown place must not be taxed like the rest.
    let place = places::place(written).map_err(|error| {
        let field = match error.field() {
            PlaceField::Country => "country",
            PlaceField::City => "city",
            PlaceField::Region => "state",
            PlaceField::PostalCode => "postal_code",
        };
        let is_missing = error.is_missing();
        ArgumentError {
            is_missing,
            ..ArgumentError::new(given.path(field), error.to_string(), error.remedy())
        }
    })?;
    Ok(Some(Address {
        name: name.to_owned(),
        line_one: line_one.to_owned(),
        line_two: own(optional("line_two", LINE)?),
        city: city.to_owned(),
        state: place.region,
        country: place.country,
        postal_code: place.postal_code,
        phone_number: own(optional("phone_number", PHONE)?),
    }))
}

/// `fulfillment_option_id`, if present.
fn option(root: &Object<'_>) -> Result<Option<ShippingId>, ArgumentError> {
    const KEY: &str = "fulfillment_option_id";
    let Some(text) = root.text(KEY, 100)? else { return Ok(None) };
    text.parse().map(Some).map_err(|_| {
        ArgumentError::new(
            KEY,
            "is not a shipping option",
            "the id of one of the session's fulfillment_options",
        )
    })
}

/// Discount codes are part of the contract, but no shop accepts any yet: a code without effect is rejected.
fn no_discounts(root: &Object<'_>) -> Result<(), ArgumentError> {
    const KEY: &str = "discount_codes";
    match root.get(KEY) {
        None => Ok(()),
        // A form may have an empty field for a code.
        Some(Value::Array(codes))
            if codes.iter().all(|code| code.as_str().is_some_and(|code| code.trim().is_empty())) =>
        {
            Ok(())
        }
        Some(Value::Array(_)) => Err(ArgumentError::new(
            KEY,
            "cannot be used: this shop takes no discount codes",
            "no discount_codes",
        )),
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_)) => {
            Err(ArgumentError::new(KEY, "must be a list of texts", "a list, or nothing"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::is_email;

    #[test]
    fn a_mail_address_has_the_form_that_stripe_takes() {
        for good in ["ada@example.com", "a.b+c@mail.example.co.uk", "x@x-y.io", "o'neil@example.com"] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "ada",
            "ada@",
            "@example.com",
            "ada@example",
            "a@@b.com",
            "a@b@c.com",
            "ada@-x.com",
            "ada@x-.com",
            "ada@.com",
            "ada@example.",
            ".ada@example.com",
            "ada.@example.com",
            "a..b@example.com",
            "a b@example.com",
            "ada@exa mple.com",
            "ad<a@example.com",
            "\u{e4}da@example.com",
            "ada@ex\u{e4}mple.com",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
        assert!(!is_email(&format!("{}@example.com", "a".repeat(65))));
    }
}
