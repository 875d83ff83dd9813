//! A receipt: the confirmation of a payment that succeeded.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;

use super::METHOD;
use crate::domain::ids::PaymentIntentId;
use crate::domain::time::Timestamp;

/// Source: draft-httpauth-payment-01, `Payment-Receipt`; the fields are in the order of their names (RFC 8785).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Receipt {
    method: &'static str,
    reference: String,
    status: &'static str,
    timestamp: String,
}

impl Receipt {
    /// The receipt of a payment that succeeded then.
    #[must_use]
    pub fn of(payment: &PaymentIntentId, succeeded: Timestamp) -> Self {
        Self {
            method: METHOD,
            reference: payment.to_string(),
            status: "success",
            timestamp: succeeded.to_string(),
        }
    }

    /// The value of `Payment-Receipt`.
    #[must_use]
    pub fn header(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_string(self).unwrap_or_default())
    }
}
