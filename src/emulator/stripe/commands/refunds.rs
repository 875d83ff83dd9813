//! What can be asked of refunds.

use std::collections::BTreeMap;

use super::of_payment::OfPayment;
use crate::stripe::request_kind::RequestKind;

/// Something to be done with refunds.
#[derive(Clone, Debug)]
pub(crate) enum RefundCommand {
    /// `POST /v1/refunds`.
    Create(NewRefund),
    /// `GET /v1/refunds/{id}`.
    Read(String),
    /// `GET /v1/refunds`.
    List(OfPayment),
}

impl RefundCommand {
    /// What kind of request it came by.
    pub(super) const fn kind(&self) -> RequestKind {
        match self {
            Self::Create(_) => RequestKind::CreateRefund,
            Self::Read(_) => RequestKind::ReadRefund,
            Self::List(_) => RequestKind::ListRefunds,
        }
    }
}

/// What money is to go back for.
#[derive(Clone, Debug)]
pub(crate) enum Refunded {
    /// `pi_…`.
    Intent(String),
    /// `ch_…`.
    Charge(String),
}

/// A refund to be made.
#[derive(Clone, Debug)]
pub(crate) struct NewRefund {
    /// What for.
    pub(crate) of: Refunded,
    /// Minor units; what is left where nothing is said.
    pub(crate) amount: Option<i64>,
    /// `reason`.
    pub(crate) reason: Option<String>,
    /// `metadata`.
    pub(crate) metadata: BTreeMap<String, String>,
}
