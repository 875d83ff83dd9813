//! Requests about Shared Payment Tokens, as a seller and the test helpers make them.

use super::no_expansion;
use crate::stripe::commands::Command;
use crate::stripe::error::StripeError;
use crate::stripe::objects::accounts::Mode;
use crate::stripe::objects::granted_token::Grant;
use crate::stripe::params::Params;

fn test_mode_only(mode: Mode) -> Result<(), StripeError> {
    match mode {
        Mode::Test => Ok(()),
        Mode::Live => Err(StripeError::invalid_request(
            "Test helpers can only be used in test mode, but a live mode key was used to make this request.",
        )),
    }
}

/// `POST /v1/test_helpers/shared_payment/granted_tokens`.
pub(super) fn mint(mut params: Params, mode: Mode, now: i64) -> Result<Command, StripeError> {
    test_mode_only(mode)?;
    let payment_method = params.required_text("payment_method")?;
    let mut limits =
        params.hash("usage_limits")?.ok_or_else(|| StripeError::missing_parameter("usage_limits"))?;
    let currency = limits.required_text("currency")?;
    let max_amount = limits.required_positive("max_amount")?;
    let expires_at = limits.integer("expires_at")?;
    limits.finish(&[])?;
    let shared_metadata = params.metadata("shared_metadata")?;
    no_expansion(&mut params)?;
    params.finish(&["customer"])?;
    let grant = Grant::new(&payment_method, &currency, max_amount, expires_at, now)?;
    Ok(Command::MintToken(grant.with_shared_metadata(shared_metadata)))
}

/// `POST /v1/test_helpers/shared_payment/granted_tokens/{id}/revoke`.
pub(super) fn revoke(id: &str, mut params: Params, mode: Mode) -> Result<Command, StripeError> {
    test_mode_only(mode)?;
    no_expansion(&mut params)?;
    params.finish(&[])?;
    Ok(Command::RevokeToken(id.to_owned()))
}

/// `GET /v1/shared_payment/granted_tokens/{id}`.
pub(super) fn read(id: &str, mut params: Params) -> Result<Command, StripeError> {
    no_expansion(&mut params)?;
    params.finish(&[])?;
    Ok(Command::ReadToken(id.to_owned()))
}
