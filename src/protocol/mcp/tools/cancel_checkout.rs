//! `cancel_checkout`: ends an unpaid session, for the widget.

use serde_json::{Value, json};

use super::arguments::{ArgumentError, Object};
use super::descriptor::{Callers, Descriptor, Hints};
use super::{SessionCall, Target, ToolName, checkout_input, schema};
use crate::domain::checkout::model::Command;

pub(super) fn descriptor() -> Value {
    Descriptor {
        name: ToolName::CancelCheckout,
        title: "Cancel a checkout",
        description: "Ends an unpaid checkout for good; nothing is charged. A paid one stays paid. Called by the \
                      widget.",
        input: json!({
            "type": "object",
            "properties": { "checkout_session_id": schema::session_id("The checkout (chk_…_…).") },
            "required": ["checkout_session_id"],
            "additionalProperties": false,
        }),
        output: schema::session_answer(),
        hints: Hints { destructive: true, idempotent: true, ..Hints::WRITE },
        callers: Callers::Widget,
        shows: None,
        status: ["Canceling the checkout", "Checkout canceled"],
    }
    .to_json()
}

pub(super) fn parse(root: &Object<'_>) -> Result<SessionCall, ArgumentError> {
    root.only(&["checkout_session_id"])?;
    Ok(SessionCall { target: Target::Existing(checkout_input::session(root)?), command: Command::Cancel })
}
