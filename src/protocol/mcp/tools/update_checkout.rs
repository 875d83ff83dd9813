//! `update_checkout`: changes a session, for the widget. Even an empty change makes a new revision with fresh prices.

use serde_json::{Value, json};

use super::arguments::{ArgumentError, Object};
use super::descriptor::{Callers, Descriptor, Hints};
use super::{SessionCall, Target, ToolName, checkout_input, schema};
use crate::domain::checkout::model::Command;
use crate::domain::ids::Revision;

pub(super) fn descriptor() -> Value {
    Descriptor {
        name: ToolName::UpdateCheckout,
        title: "Change a checkout",
        description: "Changes items, buyer, address or shipping option of a checkout and answers it with a new \
                      revision and fresh prices; what is left out stays. Without changes it refreshes the prices. \
                      Called by the widget.",
        input: json!({
            "type": "object",
            "properties": {
                "checkout_session_id": schema::session_id(
                    "The checkout; with its revision (chk_…_…_r1) an older one than the present is refused.",
                ),
                "revision": schema::nullable(json!({
                    "type": "integer",
                    "minimum": 1,
                    "description": "The revision that was shown; an older one than the present is refused.",
                })),
                "items": schema::items(),
                "buyer": schema::buyer_argument(),
                "fulfillment_address": schema::address_argument(),
                "fulfillment_option_id": schema::option_argument(),
                "discount_codes": schema::codes_argument(),
            },
            "required": ["checkout_session_id"],
            "additionalProperties": false,
        }),
        output: schema::session_answer(),
        hints: Hints::WRITE,
        callers: Callers::Widget,
        shows: None,
        status: ["Updating your order", "Order updated"],
    }
    .to_json()
}

pub(super) fn parse(root: &Object<'_>) -> Result<SessionCall, ArgumentError> {
    let known: Vec<&str> =
        ["checkout_session_id", "revision"].into_iter().chain(checkout_input::PATCH).collect();
    root.only(&known)?;
    let session = checkout_input::session(root)?;
    let given = root.integer("revision", 1, i64::from(u32::MAX))?;
    let given = given.and_then(|number| u32::try_from(number).ok()).map(Revision);
    let revision = match (given, session.revision()) {
        (Some(given), Some(named)) if given != named => {
            let send = "one of them, or the same revision in both";
            return Err(ArgumentError::new("revision", "disagrees with checkout_session_id", send));
        }
        (given, named) => given.or(named),
    };
    let patch = checkout_input::patch(root)?;
    Ok(SessionCall { target: Target::Existing(session), command: Command::Update { revision, patch } })
}
