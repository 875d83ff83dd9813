//! JSON Schemas (2020-12) that several tools share.
//!
//! Invariants: everything that a schema requires is always present, and everything present is described; plain
//! keywords only, without `$ref`, because some hosts do not resolve it; every schema has one `type`, or is a choice
//! between schemas with one, because many clients support neither a list of types nor a schema without a type.

use serde_json::{Value, json};

use crate::domain::cart::{MAX_LINES, MAX_QUANTITY};

/// A schema that also allows `null`.
pub(super) fn nullable(mut schema: Value) -> Value {
    let description = schema.as_object_mut().and_then(|members| members.remove("description"));
    let mut either = json!({ "anyOf": [schema, { "type": "null" }] });
    if let Some(description) = description {
        either["description"] = description;
    }
    either
}

/// A text of at most this many characters, or `null`.
fn text_or_null(longest: usize) -> Value {
    nullable(json!({ "type": "string", "maxLength": longest }))
}

/// The session id argument.
pub(super) fn session_id(description: &str) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": 128, "description": description })
}

/// `items` of `create_checkout` and `update_checkout`.
pub(super) fn items() -> Value {
    json!({
        "type": "array",
        "minItems": 1,
        "maxItems": MAX_LINES,
        "description": "The whole cart.",
        "items": {
            "type": "object",
            "properties": {
                "id": {
                    "type": "string",
                    "description": "Id of a product without variants, or of a variant, as search_products lists it.",
                },
                "quantity": { "type": "integer", "minimum": 1, "maximum": MAX_QUANTITY },
            },
            "required": ["id", "quantity"],
            "additionalProperties": false,
        },
    })
}

/// The buyer argument of our own tools.
pub(super) fn buyer_argument() -> Value {
    nullable(json!({
        "type": "object",
        "description": "Who buys; parts that are left out stay as they are.",
        "properties": {
            "name": text_or_null(200),
            "first_name": text_or_null(100),
            "last_name": text_or_null(100),
            "email": text_or_null(320),
            "phone_number": text_or_null(40),
        },
        "additionalProperties": false,
    }))
}

/// The address argument of our own tools.
pub(super) fn address_argument() -> Value {
    nullable(json!({
        "type": "object",
        "description": "Where the goods go; replaces the whole address.",
        "properties": {
            "name": { "type": "string", "maxLength": 200, "description": "Recipient." },
            "line_one": { "type": "string", "maxLength": 200, "description": "Street and number." },
            "line_two": text_or_null(200),
            "city": nullable(json!({ "type": "string", "maxLength": 200, "description": "City, where addresses have one." })),
            "state": nullable(json!({ "type": "string", "maxLength": 200, "description": "State, province or region, by name or letters." })),
            "country": { "type": "string", "maxLength": 200, "description": "Country by its name or its two letters, such as US." },
            "postal_code": text_or_null(20),
            "phone_number": text_or_null(40),
        },
        "required": ["name", "line_one", "country"],
        "additionalProperties": false,
    }))
}

/// The shipping option argument.
pub(super) fn option_argument() -> Value {
    nullable(json!({
        "type": "string",
        "maxLength": 100,
        "description": "Id of one of the session's fulfillment_options; without it the first that fits is taken.",
    }))
}

/// The discount codes argument.
pub(super) fn codes_argument() -> Value {
    nullable(json!({
        "type": "array",
        "maxItems": 20,
        "items": { "type": "string", "maxLength": 100 },
        "description": "Discount codes, where the shop takes any.",
    }))
}

/// An integer of minor units.
fn amount(description: &str) -> Value {
    json!({ "type": "integer", "description": format!("{description}, in minor units of the currency.") })
}

/// The price of a product.
fn price() -> Value {
    json!({
        "type": "object",
        "properties": {
            "amount": { "type": "integer", "description": "Minor units, before tax." },
            "currency": { "type": "string" },
            "display": { "type": "string", "description": "As a person reads it." },
        },
        "required": ["amount", "currency", "display"],
    })
}

/// A product card.
pub(super) fn product() -> Value {
    let availability = json!({ "type": "string", "enum": ["in_stock", "out_of_stock"] });
    let choice = json!({
        "type": "object",
        "properties": { "name": { "type": "string" }, "value": { "type": "string" } },
        "required": ["name", "value"],
    });
    let variant = json!({
        "type": "object",
        "properties": {
            "id": { "type": "string", "description": "The id to buy it under." },
            "title": { "type": "string" },
            "options": { "type": "array", "items": choice },
            "price": price(),
            "availability": availability,
        },
        "required": ["id", "title", "options", "price", "availability"],
    });
    json!({
        "type": "object",
        "properties": {
            "id": { "type": "string", "description": "Can be bought under this id when there are no variants." },
            "title": { "type": "string" },
            "description": { "type": "string" },
            "category": { "type": "string" },
            "images": { "type": "array", "items": { "type": "string" } },
            "price": price(),
            "price_varies": { "type": "boolean", "description": "Whether price is the least of several." },
            "availability": availability,
            "requires_shipping": { "type": "boolean" },
            "variants": { "type": "array", "items": variant },
        },
        "required": [
            "id", "title", "description", "category", "images", "price", "price_varies", "availability",
            "requires_shipping", "variants",
        ],
    })
}

fn status() -> Value {
    json!({
        "type": "string",
        "enum": ["not_ready_for_payment", "ready_for_payment", "in_progress", "completed", "canceled"],
    })
}

fn line_items() -> Value {
    json!({
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "id": { "type": "string" },
                "item": {
                    "type": "object",
                    "properties": { "id": { "type": "string" }, "quantity": { "type": "integer", "minimum": 1 } },
                    "required": ["id", "quantity"],
                },
                "name": { "type": "string" },
                "images": { "type": "array", "items": { "type": "string" } },
                "base_amount": amount("The whole line before discount"),
                "discount": amount("What is taken off, as a positive amount"),
                "subtotal": amount("Base amount less discount"),
                "tax": amount("Tax on the subtotal"),
                "total": amount("Subtotal and tax"),
            },
            "required": ["id", "item", "name", "base_amount", "discount", "subtotal", "tax", "total"],
        },
    })
}

fn totals() -> Value {
    json!({
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "type": {
                    "type": "string",
                    "enum": ["items_base_amount", "items_discount", "subtotal", "fulfillment", "tax", "total"],
                },
                "display_text": { "type": "string" },
                "amount": amount("The sum"),
            },
            "required": ["type", "display_text", "amount"],
        },
    })
}

fn fulfillment_options() -> Value {
    json!({
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "type": { "type": "string", "const": "shipping" },
                "id": { "type": "string" },
                "title": { "type": "string" },
                "subtitle": { "type": "string" },
                "carrier": { "type": "string" },
                "earliest_delivery_time": { "type": "string", "format": "date-time" },
                "latest_delivery_time": { "type": "string", "format": "date-time" },
                "subtotal": amount("Price before tax"),
                "tax": amount("Tax on it"),
                "total": amount("Price with tax"),
            },
            "required": ["type", "id", "title", "subtotal", "tax", "total"],
        },
    })
}

fn address() -> Value {
    nullable(json!({
        "type": "object",
        "properties": {
            "name": { "type": "string" },
            "line_one": { "type": "string" },
            "line_two": { "type": "string" },
            "city": { "type": "string" },
            "state": { "type": "string" },
            "country": { "type": "string" },
            "postal_code": { "type": "string" },
            "phone_number": { "type": "string" },
        },
        "required": ["name", "line_one", "city", "state", "country", "postal_code"],
    }))
}

fn buyer() -> Value {
    nullable(json!({
        "type": "object",
        "properties": {
            "name": nullable(json!({ "type": "string" })),
            "email": nullable(json!({ "type": "string" })),
            "phone_number": nullable(json!({ "type": "string" })),
        },
        "required": ["name", "email", "phone_number"],
    }))
}

fn messages() -> Value {
    json!({
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "type": { "type": "string", "enum": ["error", "info"] },
                "code": { "type": "string", "description": "Kind of error, such as payment_declined." },
                "param": { "type": "string" },
                "content_type": { "type": "string", "const": "plain" },
                "content": { "type": "string" },
            },
            "required": ["type", "content_type", "content"],
        },
    })
}

fn order() -> Value {
    json!({
        "type": "object",
        "properties": {
            "id": { "type": "string" },
            "checkout_session_id": { "type": "string" },
            "permalink_url": {
                "type": "string",
                "description": "The order's status page; absent a day after it was paid.",
            },
        },
        "required": ["id", "checkout_session_id"],
    })
}

/// An order in its present state.
fn order_standing() -> Value {
    let mut order = order();
    let amount = json!({ "type": "integer", "description": "Minor units of the checkout's currency." });
    order["properties"]["refunds"] = json!({
        "type": "array",
        "description": "What has gone back; absent while nothing has.",
        "items": {
            "type": "object",
            "properties": { "type": { "type": "string", "const": "original_payment" }, "amount": amount },
            "required": ["type", "amount"],
        },
    });
    order
}

/// The payment sheet's session object.
fn payment_sheet() -> Value {
    let method = json!({
        "anyOf": [
            { "type": "string" },
            { "type": "object", "properties": { "type": { "type": "string" } }, "required": ["type"] },
        ],
    });
    json!({
        "type": "object",
        "description": "The session in the form of the payment sheet.",
        "properties": {
            "id": { "type": "string", "description": "Session and revision." },
            "payment_provider": {
                "type": "object",
                "properties": {
                    "provider": { "type": "string", "const": "stripe" },
                    "merchant_id": { "type": "string" },
                    "supported_payment_methods": { "type": "array", "items": method },
                },
                "required": ["provider", "merchant_id", "supported_payment_methods"],
            },
            "payment_mode": { "type": "string", "enum": ["live", "test"], "description": "Absent means live." },
            "status": status(),
            "currency": { "type": "string" },
            "line_items": line_items(),
            "totals": totals(),
            "fulfillment_options": fulfillment_options(),
            "fulfillment_option_id": { "type": "string" },
            "fulfillment_address": address(),
            "buyer": buyer(),
            "messages": messages(),
            "links": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": { "type": { "type": "string" }, "url": { "type": "string" } },
                    "required": ["type", "url"],
                },
            },
        },
        "required": [
            "id", "payment_provider", "status", "currency", "line_items", "totals", "fulfillment_options",
            "fulfillment_address", "messages", "links",
        ],
    })
}

/// The result of every session tool except `complete_checkout`.
pub(super) fn session_answer() -> Value {
    json!({
        "type": "object",
        "properties": {
            "checkout_session": payment_sheet(),
            "revision": { "type": "integer", "minimum": 1, "description": "Grows with every edit." },
            "expires_at": {
                "type": "string",
                "format": "date-time",
                "description": "Until when it can be paid or edited as it stands; absent once it has ended.",
            },
            "payment_methods_offered": {
                "type": "array",
                "items": { "type": "string", "enum": ["payment_sheet", "hosted", "wallet"] },
            },
            "checkout_url": {
                "type": "string",
                "format": "uri",
                "description": "The shop's own page of this checkout, to be opened by the shopper; it can be paid there.",
            },
            "wallet_payment": wallet_payment(),
            "order": order_standing(),
        },
        "required": ["checkout_session", "revision", "payment_methods_offered"],
    })
}

/// How an agent's wallet pays a checkout.
fn wallet_payment() -> Value {
    json!({
        "type": "object",
        "description": "How an agent's wallet pays this checkout; absent where it cannot.",
        "properties": {
            "url": { "type": "string", "format": "uri", "description": "Answers HTTP 402 with a payment challenge." },
            "protocol": { "type": "string" },
            "method": { "type": "string" },
            "network_id": { "type": "string", "description": "The shop's Network ID at Stripe." },
            "amount": { "type": "integer", "description": "Minor units." },
            "currency": { "type": "string" },
            "test": { "type": "boolean", "description": "Whether no real money moves." },
            "purchase_context": { "type": "string", "description": "What is paid, for the person who approves." },
        },
        "required": ["url", "protocol", "method", "network_id", "amount", "currency", "test", "purchase_context"],
    })
}

/// The result of `complete_checkout`.
pub(super) fn completion() -> Value {
    json!({
        "type": "object",
        "properties": {
            "id": { "type": "string" },
            "status": status(),
            "currency": { "type": "string" },
            "buyer": buyer(),
            "line_items": line_items(),
            "fulfillment_address": address(),
            "fulfillment_options": fulfillment_options(),
            "fulfillment_option_id": nullable(json!({ "type": "string" })),
            "totals": totals(),
            "order": order(),
            "messages": messages(),
        },
        "required": [
            "id", "status", "currency", "buyer", "line_items", "fulfillment_address", "fulfillment_options",
            "fulfillment_option_id", "totals", "messages",
        ],
    })
}
