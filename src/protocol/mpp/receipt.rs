//! A receipt: the confirmation of a payment that succeeded.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::METHOD;
use crate::domain::ids::PaymentIntentId;
use crate::domain::time::Timestamp;

/// Source: draft-httpauth-payment-01, `Payment-Receipt`; the fields are in the order of their names (RFC 8785).
#[derive(Debug, Serialize)]
struct Receipt<'a> {
    method: &'a str,
    reference: &'a str,
    status: &'a str,
    timestamp: String,
}

/// The value of `Payment-Receipt` for a payment that succeeded then.
#[must_use]
pub fn receipt(payment: &PaymentIntentId, succeeded: Timestamp) -> String {
    let receipt = Receipt {
        method: METHOD,
        reference: payment.as_str(),
        status: "success",
        timestamp: succeeded.to_string(),
    };
    URL_SAFE_NO_PAD.encode(serde_json::to_string(&receipt).unwrap_or_default())
}
