//! The host's part of a payment on its sheet: a token for this sheet, then a call of the merchant's payment tool.
//!
//! Must not import the page. Invariants: a token is valid for the sheet's merchant, currency and total only; the page
//! never receives one.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::HostMerchant;
use super::host_error::HostError;
use super::merchant_client::{MerchantClient, Message, RoundTrip, Shopper};
use crate::clock::unix_seconds;
use crate::stripe::MintToken;
use crate::stripe::Mode;
use crate::stripe::StripeService;

/// The lifetime of a token.
const TOKEN_LIFE: Duration = Duration::from_mins(15);

/// One of the cards on the sheet.
struct Card {
    id: &'static str,
    name: &'static str,
    comes_to: &'static str,
    payment_method: &'static str,
}

const CARDS: [Card; 6] = [
    Card { id: "succeeds", name: "Visa ending in 4242", comes_to: "Pays.", payment_method: "pm_card_visa" },
    Card {
        id: "declined",
        name: "Visa ending in 0002",
        comes_to: "Is declined.",
        payment_method: "pm_card_chargeDeclined",
    },
    Card {
        id: "insufficient_funds",
        name: "Visa ending in 9995",
        comes_to: "Has insufficient funds.",
        payment_method: "pm_card_chargeDeclinedInsufficientFunds",
    },
    Card {
        id: "requires_3ds",
        name: "Visa ending in 3184",
        comes_to: "Demands 3D Secure.",
        payment_method: "pm_card_authenticationRequired",
    },
    Card {
        id: EXPIRED_TOKEN,
        name: "Visa ending in 4242, expired token",
        comes_to: "Comes too late.",
        payment_method: "pm_card_visa",
    },
    Card {
        id: "slow",
        name: "Visa ending in 4242, slow",
        comes_to: "Pays in the end.",
        payment_method: "pm_emulator_slow",
    },
];

/// The card with an expired token.
const EXPIRED_TOKEN: &str = "expired_token";

/// The cards for the page.
pub(super) fn cards() -> Value {
    let card = |card: &Card| json!({ "id": card.id, "name": card.name, "comes_to": card.comes_to });
    CARDS.iter().map(card).collect()
}

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
    /// One of [`cards`].
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
        let token = self.token(stripe)?;
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

    /// A token within the limits of the sheet.
    fn token(&self, stripe: &StripeService) -> Result<String, HostError> {
        let card = CARDS.iter().find(|card| card.id == self.card);
        let card = card.ok_or_else(|| HostError::Request(format!("there is no test card {}", self.card)))?;
        let account = stripe.state().keyring.account_of_network(&self.merchant_id);
        let account_id = account.ok_or_else(|| HostError::UnknownProfile(self.merchant_id.clone()))?;
        let now = stripe.now();
        let granted = if card.id == EXPIRED_TOKEN { now - TOKEN_LIFE - Duration::from_mins(1) } else { now };
        let token = MintToken {
            account_id,
            payment_method: card.payment_method.to_owned(),
            currency: self.currency.to_ascii_lowercase(),
            max_amount: self.total,
            expires_at: Some(unix_seconds(granted + TOKEN_LIFE)),
        };
        Ok(stripe.state().mint(&token, Mode::Test, granted)?)
    }
}

/// A token in a form that may be shown: enough to distinguish two.
fn masked(token: &str) -> String {
    let last = token.char_indices().rev().nth(3).map_or(token, |(at, _)| &token[at..]);
    format!("spt_…{last}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_token_is_not_the_token() {
        assert_eq!(masked("spt_1abcdefgh"), "spt_…efgh");
    }
}
