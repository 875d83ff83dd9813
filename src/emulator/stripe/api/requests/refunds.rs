//! Requests about refunds, and about the charges that they reduce.

use super::{no_expansion, of_payment};
use crate::stripe::commands::Command;
use crate::stripe::commands::refunds::{NewRefund, RefundCommand, Refunded};
use crate::stripe::error::StripeError;
use crate::stripe::params::Params;

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
    Ok(Command::Refund(RefundCommand::List(of_payment(params)?)))
}

/// `GET /v1/charges/{id}`.
pub(super) fn read_charge(id: &str, mut params: Params) -> Result<Command, StripeError> {
    no_expansion(&mut params)?;
    params.finish(&[])?;
    Ok(Command::ReadCharge(id.to_owned()))
}
