//! Commands about refunds.

use std::collections::BTreeMap;

use super::of_payment::OfPayment;
use crate::stripe::request_kind::RequestKind;

/// A command about refunds.
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

/// The object to refund.
#[derive(Clone, Debug)]
pub(crate) enum Refunded {
    /// `pi_…`.
    Intent(String),
    /// `ch_…`.
    Charge(String),
}

/// A refund to create.
#[derive(Clone, Debug)]
pub(crate) struct NewRefund {
    /// The object to refund.
    pub(crate) of: Refunded,
    /// Minor units; `None` means all that is left.
    pub(crate) amount: Option<i64>,
    /// `reason`.
    pub(crate) reason: Option<String>,
    /// `metadata`.
    pub(crate) metadata: BTreeMap<String, String>,
}
