//! `create_checkout`: a new session for the widget.

use serde_json::{Value, json};

use super::arguments::{ArgumentError, Object};
use super::descriptor::{Callers, Descriptor, Hints};
use super::{SessionCall, Target, ToolName, checkout_input, schema};
use crate::domain::checkout::model::Command;
use crate::domain::origin::Host;

pub(super) fn descriptor() -> Value {
    Descriptor {
        name: ToolName::CreateCheckout,
        title: "Start a checkout",
        description: "Starts a checkout with these items and answers it priced by the shop: lines, shipping options, \
                      tax and total. Called by the widget.",
        input: json!({
            "type": "object",
            "properties": {
                "items": schema::items(),
                "buyer": schema::buyer_argument(),
                "fulfillment_address": schema::address_argument(),
                "fulfillment_option_id": schema::option_argument(),
                "discount_codes": schema::codes_argument(),
            },
            "required": ["items"],
            "additionalProperties": false,
        }),
        output: schema::session_answer(),
        hints: Hints::WRITE,
        callers: Callers::Widget,
        shows: None,
        status: ["Pricing your order", "Order priced"],
    }
    .to_json()
}

pub(super) fn parse(root: &Object<'_>, host: Option<Host>) -> Result<SessionCall, ArgumentError> {
    root.only(&checkout_input::PATCH)?;
    let patch = checkout_input::patch(root)?;
    if patch.cart.is_none() {
        return Err(ArgumentError::new(
            "items",
            "is missing",
            "what to buy, such as [{\"id\": \"mug\", \"quantity\": 1}]",
        ));
    }
    Ok(SessionCall { target: Target::New, command: Command::Create { patch, host } })
}
