//! Requests about events: read one, list many.

use super::no_expansion;
use crate::stripe::commands::Command;
use crate::stripe::commands::events::EventCommand;
use crate::stripe::error::StripeError;
use crate::stripe::params::Params;
use crate::stripe::params::paging::PageParams;

const MOST_TYPES: usize = 20;

/// `GET /v1/events/{id}`.
pub(super) fn read(id: &str, mut params: Params) -> Result<Command, StripeError> {
    no_expansion(&mut params)?;
    params.finish(&[])?;
    Ok(Command::Event(EventCommand::Read(id.to_owned())))
}

/// `GET /v1/events`.
pub(super) fn list(mut params: Params) -> Result<Command, StripeError> {
    let page = PageParams::parse_with_created(&mut params)?;
    let kinds = match (params.text("type")?, params.texts("types")?) {
        (Some(_), Some(_)) => {
            return Err(StripeError::invalid_request(
                "You may only specify one of these parameters: type, types.",
            )
            .with_code("parameters_exclusive")
            .with_param("types"));
        }
        (_, Some(kinds)) if kinds.len() > MOST_TYPES => {
            return Err(StripeError::invalid_request(format!("At most {MOST_TYPES} types can be given."))
                .with_param("types"));
        }
        (Some(kind), None) => Some(vec![kind]),
        (None, kinds) => kinds,
    };
    no_expansion(&mut params)?;
    params.finish(&["delivery_success"])?;
    Ok(Command::Event(EventCommand::List(page, kinds)))
}
