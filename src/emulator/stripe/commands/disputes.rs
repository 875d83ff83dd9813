//! Commands about disputes.

use super::of_payment::OfPayment;
use crate::stripe::request_kind::RequestKind;

/// A command about disputes.
#[derive(Clone, Debug)]
pub(crate) enum DisputeCommand {
    /// `GET /v1/disputes/{id}`.
    Read(String),
    /// `GET /v1/disputes`.
    List(OfPayment),
}

impl DisputeCommand {
    /// The kind of its request.
    pub(super) const fn kind(&self) -> RequestKind {
        match self {
            Self::Read(_) => RequestKind::ReadDispute,
            Self::List(_) => RequestKind::ListDisputes,
        }
    }
}
