//! Requests about disputes: read one, list many.

use super::{no_expansion, of_payment};
use crate::stripe::commands::Command;
use crate::stripe::commands::disputes::DisputeCommand;
use crate::stripe::error::StripeError;
use crate::stripe::params::Params;

/// `GET /v1/disputes/{id}`.
pub(super) fn read(id: &str, mut params: Params) -> Result<Command, StripeError> {
    no_expansion(&mut params)?;
    params.finish(&[])?;
    Ok(Command::Dispute(DisputeCommand::Read(id.to_owned())))
}

/// `GET /v1/disputes`.
pub(super) fn list(params: Params) -> Result<Command, StripeError> {
    Ok(Command::Dispute(DisputeCommand::List(of_payment(params)?)))
}
