//! Requests about disputes: read one, list many.

use super::refunds::OfPayment;
use super::{Command, no_expansion};
use crate::stripe::api::error::StripeError;
use crate::stripe::api::params::Params;
use crate::stripe::faults::RequestKind;

/// Something to be done with disputes.
#[derive(Clone, Debug)]
pub(crate) enum DisputeCommand {
    /// `GET /v1/disputes/{id}`.
    Read(String),
    /// `GET /v1/disputes`.
    List(OfPayment),
}

impl DisputeCommand {
    /// What kind of request it came by.
    pub(super) const fn kind(&self) -> RequestKind {
        match self {
            Self::Read(_) => RequestKind::ReadDispute,
            Self::List(_) => RequestKind::ListDisputes,
        }
    }
}

/// `GET /v1/disputes/{id}`.
pub(super) fn read(id: &str, mut params: Params) -> Result<Command, StripeError> {
    no_expansion(&mut params)?;
    params.finish(&[])?;
    Ok(Command::Dispute(DisputeCommand::Read(id.to_owned())))
}

/// `GET /v1/disputes`.
pub(super) fn list(params: Params) -> Result<Command, StripeError> {
    Ok(Command::Dispute(DisputeCommand::List(OfPayment::parse(params)?)))
}
