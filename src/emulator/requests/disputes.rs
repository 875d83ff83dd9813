//! Requests about disputes: read one, list many.

use super::super::error::StripeError;
use super::super::faults::RequestKind;
use super::super::params::Params;
use super::refunds::OfPayment;
use super::{Command, no_expansion};

/// Something to be done with disputes.
#[derive(Clone, Debug)]
pub(in super::super) enum DisputeCommand {
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
