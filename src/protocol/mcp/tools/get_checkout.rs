//! `get_checkout`: the state of a session, for the model and the widget. Changes nothing.

use serde_json::{Value, json};

use super::arguments::{ArgumentError, Object};
use super::descriptor::{Callers, Descriptor, Hints};
use super::{SessionCall, Target, ToolName, checkout_input, schema};
use crate::domain::checkout::model::Command;

pub(super) fn descriptor() -> Value {
    Descriptor {
        name: ToolName::GetCheckout,
        title: "Look at a checkout",
        description: "Tells where a checkout stands: what is in it, its totals, whether it can be paid, is being \
                      paid, is paid or has ended, and its order once it is paid. Use it when the shopper asks what \
                      became of an order or a payment.",
        input: json!({
            "type": "object",
            "properties": { "checkout_session_id": schema::session_id("The checkout (chk_…_…).") },
            "required": ["checkout_session_id"],
            "additionalProperties": false,
        }),
        output: schema::session_answer(),
        hints: Hints::READ,
        callers: Callers::ModelAndWidget,
        shows: None,
        status: ["Looking at the checkout", "Checkout read"],
    }
    .to_json()
}

pub(super) fn parse(root: &Object<'_>) -> Result<SessionCall, ArgumentError> {
    root.only(&["checkout_session_id"])?;
    Ok(SessionCall { target: Target::Existing(checkout_input::session(root)?), command: Command::Read })
}
