//! `checkout_session`: OpenAI's product-checkout contract. The host sends items with the data that it has; only ids
//! and quantities are trusted, all other data is ignored.

use serde_json::{Value, json};

use super::arguments::{ArgumentError, Object};
use super::checkout_input::UnknownFields;
use super::descriptor::{Callers, Descriptor, Hints};
use super::{SessionCall, Target, ToolName, checkout_input, schema};
use crate::domain::cart::{MAX_LINES, MAX_QUANTITY};
use crate::domain::checkout::model::{Command, Patch};
use crate::domain::origin::Host;
use crate::protocol::apps::widget::Widget;

pub(super) fn descriptor() -> Value {
    // The types are those of the contract; other members are ignored as well.
    let described = |what: &str| format!("{what}; a hint, the shop's own is used.");
    let text = |what: &str| json!({ "type": "string", "description": described(what) });
    Descriptor {
        name: ToolName::CheckoutSession,
        title: "Check out",
        description: "Starts a checkout with items that the shopper has already chosen, and shows it in the widget, \
                      where the shopper gives an address and pays. Ids are those of search_products or of the \
                      product feed.",
        input: json!({
            "type": "object",
            "properties": {
                "checkout_session": {
                    "type": "object",
                    "properties": {
                        "items": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": MAX_LINES,
                            "items": {
                                "type": "object",
                                "properties": {
                                    "id": { "type": "string", "description": "The item's id." },
                                    "quantity": { "type": "integer", "minimum": 1, "maximum": MAX_QUANTITY },
                                    "offerId": text("Offer"),
                                    "name": text("Name"),
                                    "description": text("Description"),
                                    "images": {
                                        "type": "array",
                                        "items": { "type": "string" },
                                        "description": described("Pictures"),
                                    },
                                    "url": text("Page"),
                                    "merchant_name": text("Merchant"),
                                    "price": text("Price as it was shown"),
                                },
                                "required": ["id", "quantity"],
                            },
                        },
                    },
                    "required": ["items"],
                },
            },
            "required": ["checkout_session"],
        }),
        output: schema::session_answer(),
        hints: Hints::WRITE,
        callers: Callers::Model,
        shows: Some(Widget::CheckoutSession),
        status: ["Preparing the checkout", "Checkout ready"],
    }
    .to_json()
}

pub(super) fn parse(root: &Object<'_>, host: Option<Host>) -> Result<SessionCall, ArgumentError> {
    const SEND: &str = "{\"items\": [{\"id\": \"…\", \"quantity\": 1}]}";
    let missing = |path: String| ArgumentError::new(path, "is missing", SEND);
    let session =
        root.object("checkout_session", SEND)?.ok_or_else(|| missing("checkout_session".to_owned()))?;
    let cart = checkout_input::cart(&session, UnknownFields::Ignore)?
        .ok_or_else(|| missing(session.path("items")))?;
    let patch = Patch { cart: Some(cart), ..Patch::default() };
    Ok(SessionCall { target: Target::New, command: Command::Create { patch, host } })
}
