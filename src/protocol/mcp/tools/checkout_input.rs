//! The inputs of a session that several tools accept: items, buyer, address, shipping option.
//!
//! Invariant: of an item only id and quantity are trusted; prices, names and totals come from the catalog.

use serde_json::Value;

use super::arguments::{ArgumentError, Object};
use crate::domain::address::{Address, Buyer, ContactField};
use crate::domain::cart::{Cart, CartError, CartLine, MAX_LINES, MAX_QUANTITY};
use crate::domain::checkout::model::Patch;
use crate::domain::contact::{self, AddressText, ContactError};
use crate::domain::ids::ShippingId;
use crate::protocol::capability::Capability;

/// The longest first or last name, in characters.
const PART_OF_NAME: usize = 100;

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
    let text = |field| contact::text(field, string(&buyer, field)?).map_err(|error| at(&buyer, &error));
    let name = match text(ContactField::Name)? {
        Some(name) => Some(name),
        None => full_name(buyer.text("first_name", PART_OF_NAME)?, buyer.text("last_name", PART_OF_NAME)?),
    };
    let email = contact::email(string(&buyer, ContactField::Email)?).map_err(|error| at(&buyer, &error))?;
    Ok(Some(Buyer { name, email, phone_number: text(ContactField::PhoneNumber)? }))
}

/// The text of a field; empty if it is absent.
fn string<'a>(object: &Object<'a>, field: ContactField) -> Result<&'a str, ArgumentError> {
    let Some(value) = object.get(field.into_str()) else { return Ok("") };
    let send = || format!("a text of 1 to {} characters", field.longest());
    value.as_str().ok_or_else(|| ArgumentError {
        contact: Some(field),
        ..ArgumentError::new(object.path(field.into_str()), "must be a string", send())
    })
}

/// The error of a field, with its path.
fn at(object: &Object<'_>, error: &ContactError) -> ArgumentError {
    let path = object.path(error.field.into_str());
    ArgumentError {
        is_missing: error.is_missing(),
        contact: Some(error.field),
        ..ArgumentError::new(path, error.to_string(), error.remedy())
    }
}

/// The buyer from a host's payment sheet: `null`, one name, or two (ACP 2025-09-29). An invalid part is ignored: a
/// payment that the shopper has just confirmed must not fail because of a wallet's number format.
pub(super) fn sheet_buyer(value: Option<&Value>) -> Option<Buyer> {
    let members = value?.as_object()?;
    let string = |key: &str| members.get(key).and_then(Value::as_str).unwrap_or_default();
    let text = |field: ContactField, key| contact::text(field, string(key)).ok().flatten();
    let part = |key| text(ContactField::Name, key).filter(|part| part.chars().count() <= PART_OF_NAME);
    let two = || full_name(part("first_name").as_deref(), part("last_name").as_deref());
    Some(Buyer {
        name: text(ContactField::Name, "name").or_else(two),
        email: contact::email(string("email")).ok().flatten(),
        phone_number: text(ContactField::PhoneNumber, "phone_number"),
    })
}

fn full_name(first: Option<&str>, last: Option<&str>) -> Option<String> {
    match (first, last) {
        (Some(first), Some(last)) => Some(format!("{first} {last}")),
        (Some(one), None) | (None, Some(one)) => Some(one.to_owned()),
        (None, None) => None,
    }
}

/// `fulfillment_address`, if present.
fn address(root: &Object<'_>) -> Result<Option<Address>, ArgumentError> {
    const KEYS: [&str; 8] =
        ["name", "line_one", "line_two", "city", "state", "country", "postal_code", "phone_number"];
    const SEND: &str = "an object with name, line_one, city, state, country and postal_code";
    let Some(given) = root.object("fulfillment_address", SEND)? else { return Ok(None) };
    given.only(&KEYS)?;
    let written = |field| string(&given, field);
    let address = AddressText {
        name: written(ContactField::Name)?,
        line_one: written(ContactField::LineOne)?,
        line_two: written(ContactField::LineTwo)?,
        city: written(ContactField::City)?,
        state: written(ContactField::State)?,
        country: written(ContactField::Country)?,
        postal_code: written(ContactField::PostalCode)?,
        phone_number: written(ContactField::PhoneNumber)?,
    };
    address.parse().map(Some).map_err(|error| at(&given, &error))
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
