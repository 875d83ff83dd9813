//! The host's part of a payment on its sheet: a token for this sheet, then a call of the merchant's payment tool.
//!
//! Must not import the page. Invariants: a token is valid for the sheet's merchant, currency and total only; the page
//! never receives one.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::HostMerchant;
use super::host_error::HostError;
use super::merchant_client::{MerchantClient, Message, RoundTrip, Shopper};
use super::token::{TokenLimits, masked};
use crate::stripe::StripeService;

/// The payment that the shopper confirmed on the sheet.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Approval {
    checkout_session_id: String,
    provider: String,
    /// The merchant's profile at the payment provider.
    merchant_id: String,
    currency: String,
    /// Minor units.
    total: i64,
    /// One of the test cards.
    card: String,
    buyer: Value,
    billing_address: Value,
}

impl Approval {
    /// Grants a token and calls `complete_checkout` with it. The returned copy of the call has the token masked.
    pub(super) async fn execute(
        self,
        merchant: &HostMerchant,
        client: &MerchantClient,
        stripe: &StripeService,
        shopper: &Shopper,
    ) -> Result<RoundTrip, HostError> {
        let limits =
            TokenLimits { network_id: &self.merchant_id, currency: &self.currency, amount: self.total };
        let token = limits.grant(&self.card, stripe)?;
        let arguments = json!({
            "checkout_session_id": self.checkout_session_id,
            "buyer": self.buyer,
            "payment_data": {
                "token": token, "provider": self.provider, "billing_address": self.billing_address,
            },
        });
        let mut params = Map::new();
        params.insert("name".to_owned(), json!("complete_checkout"));
        params.insert("arguments".to_owned(), arguments);
        let message = Message { id: json!(1), method: "tools/call".to_owned(), params };
        let mut trip = client.send(merchant, message, shopper).await?;
        trip.sent["params"]["arguments"]["payment_data"]["token"] = json!(masked(&token));
        Ok(trip)
    }
}
