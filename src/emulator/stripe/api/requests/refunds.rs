//! Requests about refunds, and about the charges that they reduce.

use std::collections::BTreeMap;

use super::{Command, no_expansion};
use crate::stripe::api::error::StripeError;
use crate::stripe::api::paging::PageParams;
use crate::stripe::api::params::Params;
use crate::stripe::faults::RequestKind;

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

/// A page of what belongs to a payment.
#[derive(Clone, Debug)]
pub(crate) struct OfPayment {
    /// Which page.
    pub(crate) page: PageParams,
    /// Only those of this payment.
    pub(crate) payment_intent: Option<String>,
    /// Only those of this charge.
    pub(crate) charge: Option<String>,
}

impl OfPayment {
    /// Reads the parameters of such a list.
    pub(super) fn parse(mut params: Params) -> Result<Self, StripeError> {
        let page = PageParams::parse_with_created(&mut params)?;
        let payment_intent = params.text("payment_intent")?;
        let charge = params.text("charge")?;
        no_expansion(&mut params)?;
        params.finish(&[])?;
        Ok(Self { page, payment_intent, charge })
    }

    /// Whether something of this payment and charge is asked for.
    pub(crate) fn admits(&self, intent: &str, charge: &str) -> bool {
        self.payment_intent.as_deref().is_none_or(|asked| asked == intent)
            && self.charge.as_deref().is_none_or(|asked| asked == charge)
    }
}

/// `POST /v1/refunds`.
pub(super) fn create(mut params: Params) -> Result<Command, StripeError> {
    let of = match (params.text("payment_intent")?, params.text("charge")?) {
        (Some(intent), None) => Refunded::Intent(intent),
        (None, Some(charge)) => Refunded::Charge(charge),
        (None, None) => {
            return Err(StripeError::invalid_request(
                "One of the following params should be provided for this request: payment_intent or charge.",
            )
            .with_code("parameter_missing")
            .with_param("payment_intent"));
        }
        (Some(_), Some(_)) => {
            return Err(StripeError::invalid_request(
                "You may only specify one of these parameters: charge, payment_intent.",
            )
            .with_code("parameters_exclusive")
            .with_param("charge"));
        }
    };
    let refund = NewRefund {
        of,
        amount: params.integer_within("amount", 1, i64::MAX)?,
        reason: params.one_of("reason", &["duplicate", "fraudulent", "requested_by_customer"])?,
        metadata: params.metadata("metadata")?,
    };
    no_expansion(&mut params)?;
    params.finish(&[
        "currency",
        "customer",
        "instructions_email",
        "origin",
        "refund_application_fee",
        "reverse_transfer",
    ])?;
    Ok(Command::Refund(RefundCommand::Create(refund)))
}

/// `GET /v1/refunds/{id}`.
pub(super) fn read(id: &str, mut params: Params) -> Result<Command, StripeError> {
    no_expansion(&mut params)?;
    params.finish(&[])?;
    Ok(Command::Refund(RefundCommand::Read(id.to_owned())))
}

/// `GET /v1/refunds`.
pub(super) fn list(params: Params) -> Result<Command, StripeError> {
    Ok(Command::Refund(RefundCommand::List(OfPayment::parse(params)?)))
}

/// `GET /v1/charges/{id}`.
pub(super) fn read_charge(id: &str, mut params: Params) -> Result<Command, StripeError> {
    no_expansion(&mut params)?;
    params.finish(&[])?;
    Ok(Command::ReadCharge(id.to_owned()))
}
