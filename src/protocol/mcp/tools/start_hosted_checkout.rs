//! `start_hosted_checkout`: the shop's own page for paying a session, for the widget. Changes nothing.

use serde_json::{Value, json};

use super::arguments::{ArgumentError, Object};
use super::descriptor::{Callers, Descriptor, Hints};
use super::{SessionCall, Target, ToolName, checkout_input, schema};
use crate::domain::checkout::model::Command;

pub(super) fn descriptor() -> Value {
    Descriptor {
        name: ToolName::StartHostedCheckout,
        title: "Pay on the shop's page",
        description: "Gives the address of the shop's own page of a checkout (checkout_url), where the shopper sees \
                      the same order and pays. Called by the widget where the host has no payment sheet.",
        input: json!({
            "type": "object",
            "properties": { "checkout_session_id": schema::session_id("The checkout (chk_…_…).") },
            "required": ["checkout_session_id"],
            "additionalProperties": false,
        }),
        output: schema::session_answer(),
        hints: Hints { open_world: true, idempotent: true, ..Hints::WRITE },
        callers: Callers::Widget,
        shows: None,
        status: ["Opening the shop's page", "Shop's page ready"],
    }
    .to_json()
}

pub(super) fn parse(root: &Object<'_>) -> Result<SessionCall, ArgumentError> {
    root.only(&["checkout_session_id"])?;
    Ok(SessionCall { target: Target::Existing(checkout_input::session(root)?), command: Command::Read })
}
