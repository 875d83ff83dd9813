//! The test cards, and the payment tokens that the emulated Stripe grants for them.
//!
//! Must not import the page or a merchant's client. Invariant: a token is valid for one merchant, one currency and one
//! amount.

use std::time::Duration;

use serde_json::{Value, json};

use super::host_error::HostError;
use crate::clock::unix_seconds;
use crate::stripe::MintToken;
use crate::stripe::Mode;
use crate::stripe::StripeService;

/// The lifetime of a token.
const TOKEN_LIFE: Duration = Duration::from_mins(15);

/// One of the cards.
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

/// The limits of a token.
#[derive(Clone, Copy, Debug)]
pub(super) struct TokenLimits<'a> {
    /// The merchant's profile at Stripe, its Network ID.
    pub(super) network_id: &'a str,
    /// In upper or lower case.
    pub(super) currency: &'a str,
    /// Minor units.
    pub(super) amount: i64,
}

impl TokenLimits<'_> {
    /// Has a token granted within these limits, for one of [`cards`].
    pub(super) fn grant(self, card: &str, stripe: &StripeService) -> Result<String, HostError> {
        let known = CARDS.iter().find(|known| known.id == card);
        let card = known.ok_or_else(|| HostError::Request(format!("there is no test card {card}")))?;
        let account = stripe.state().keyring.account_of_network(self.network_id);
        let account_id = account.ok_or_else(|| HostError::UnknownProfile(self.network_id.to_owned()))?;
        let now = stripe.now();
        let granted = if card.id == EXPIRED_TOKEN { now - TOKEN_LIFE - Duration::from_mins(1) } else { now };
        let token = MintToken {
            account_id,
            payment_method: card.payment_method.to_owned(),
            currency: self.currency.to_ascii_lowercase(),
            max_amount: self.amount,
            expires_at: Some(unix_seconds(granted + TOKEN_LIFE)),
        };
        Ok(stripe.state().mint(&token, Mode::Test, granted)?)
    }
}

/// A token in a form that may be shown: enough to distinguish two.
pub(super) fn masked(token: &str) -> String {
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
