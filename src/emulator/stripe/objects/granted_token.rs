//! Shared Payment Tokens as the seller reads them: granted, limited, used up.
//!
//! Must not import intents or the HTTP server. Invariant: `captured + reserved <= max_amount`, always. Stripe does not
//! document the error codes of refused tokens; every refusal here carries the token's parameter name, and a client
//! should go by that.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::amounts;
use super::test_cards::TestCard;
use crate::stripe::error::StripeError;

/// The parameter by which a payment names its token.
pub(crate) const TOKEN_PARAM: &str = "payment_method_data[shared_payment_granted_token]";

/// All tokens name the same invented agent.
const AGENT_PROFILE: &str = "profile_test_emulatoragent";

/// A Shared Payment Token that an agent grants to a seller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MintToken {
    /// The seller.
    pub account_id: String,
    /// The shopper's test payment method, such as `pm_card_visa`; it decides the result of a payment.
    pub payment_method: String,
    /// The currency that the token pays in.
    pub currency: String,
    /// The most that it pays in total, in minor units.
    pub max_amount: i64,
    /// When it expires, in Unix seconds.
    pub expires_at: Option<i64>,
}

/// An agent's grant.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    card: TestCard,
    currency: String,
    max_amount: i64,
    expires_at: Option<i64>,
    shared_metadata: BTreeMap<String, String>,
}

impl Grant {
    /// Checks a grant as the test helper endpoint does.
    pub(crate) fn new(
        payment_method: &str,
        currency: &str,
        max_amount: i64,
        expires_at: Option<i64>,
        now: i64,
    ) -> Result<Self, StripeError> {
        let card = TestCard::find(payment_method).ok_or_else(|| {
            StripeError::invalid_request(format!("No such PaymentMethod: '{payment_method}'"))
                .with_code("resource_missing")
                .with_param("payment_method")
        })?;
        let currency = amounts::known(currency, "usage_limits[currency]")?;
        if max_amount < 1 {
            return Err(StripeError::invalid_request("This value must be greater than or equal to 1.")
                .with_code("parameter_invalid_integer")
                .with_param("usage_limits[max_amount]"));
        }
        if expires_at.is_some_and(|moment| moment <= now) {
            return Err(StripeError::invalid_request("This value must be a timestamp in the future.")
                .with_code("parameter_invalid_integer")
                .with_param("usage_limits[expires_at]"));
        }
        Ok(Self { card, currency, max_amount, expires_at, shared_metadata: BTreeMap::new() })
    }

    /// Adds the agent's data for the seller.
    pub(crate) fn with_shared_metadata(self, shared_metadata: BTreeMap<String, String>) -> Self {
        Self { shared_metadata, ..self }
    }
}

/// Why a token no longer pays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Consumed,
    Expired,
    Revoked,
}

impl Ended {
    const fn name(self) -> &'static str {
        match self {
            Self::Consumed => "consumed",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// A token that was granted to a seller.
#[derive(Clone, Debug)]
pub(crate) struct GrantedToken {
    id: String,
    livemode: bool,
    created: i64,
    grant: Grant,
    captured: i64,
    reserved: i64,
    ended: Option<(Ended, i64)>,
}

impl GrantedToken {
    /// A fresh token.
    pub(crate) fn new(id: String, livemode: bool, grant: Grant, now: i64) -> Self {
        Self { id, livemode, created: now, grant, captured: 0, reserved: 0, ended: None }
    }

    /// The test card that the shopper shared.
    pub(crate) fn card(&self) -> TestCard {
        self.grant.card
    }

    /// Refuses a payment that exceeds the token's limits.
    pub(crate) fn check_payment(&self, amount: i64, currency: &str, now: i64) -> Result<(), StripeError> {
        let refuse = |code, message: String| {
            Err(StripeError::invalid_request(message).with_code(code).with_param(TOKEN_PARAM))
        };
        match self.end(now) {
            Some((Ended::Consumed, _)) => {
                return refuse(
                    "token_already_used",
                    format!("The shared payment granted token '{}' has already been used up.", self.id),
                );
            }
            Some((ended @ (Ended::Expired | Ended::Revoked), _)) => {
                return refuse(
                    "payment_intent_invalid_parameter",
                    format!(
                        "The shared payment granted token '{}' was deactivated: {}.",
                        self.id,
                        ended.name()
                    ),
                );
            }
            None => {}
        }
        if currency != self.grant.currency {
            return refuse(
                "payment_method_currency_mismatch",
                format!(
                    "The currency {currency} does not match the shared payment granted token's currency {}.",
                    self.grant.currency
                ),
            );
        }
        let left = self.grant.max_amount - self.captured - self.reserved;
        if amount > left {
            return refuse(
                "payment_intent_invalid_parameter",
                format!(
                    "The amount {amount} exceeds what the shared payment granted token has left ({left})."
                ),
            );
        }
        Ok(())
    }

    /// Reserves an amount for a payment that is not decided yet.
    pub(crate) fn reserve(&mut self, amount: i64) {
        self.reserved += amount;
    }

    /// Releases a reserved amount, since the payment failed.
    pub(crate) fn release(&mut self, amount: i64) {
        self.reserved -= amount;
    }

    /// Captures a reserved amount; at its limit the token is consumed.
    pub(crate) fn capture(&mut self, amount: i64, now: i64) {
        self.reserved -= amount;
        self.captured += amount;
        if self.captured >= self.grant.max_amount && self.end(now).is_none() {
            self.ended = Some((Ended::Consumed, now));
        }
    }

    /// The agent revokes the token.
    pub(crate) fn revoke(&mut self, now: i64) -> Result<(), StripeError> {
        if let Some((ended, _)) = self.end(now) {
            return Err(StripeError::invalid_request(format!(
                "The shared payment granted token '{}' is already deactivated: {}.",
                self.id,
                ended.name()
            )));
        }
        self.ended = Some((Ended::Revoked, now));
        Ok(())
    }

    /// The object as Stripe shows it to the seller.
    pub(crate) fn to_json(&self, now: i64) -> Value {
        let ended = self.end(now);
        let grant = &self.grant;
        json!({
            "id": self.id,
            "object": "shared_payment.granted_token",
            "agent_details": {"network_business_profile": AGENT_PROFILE},
            "created": self.created,
            "deactivated_at": ended.map(|(_, at)| at),
            "deactivated_reason": ended.map(|(reason, _)| reason.name()),
            "livemode": self.livemode,
            "payment_method_details": {
                "billing_details": empty_billing_details(),
                "card": {
                    "brand": grant.card.brand,
                    "checks": {
                        "address_line1_check": null, "address_postal_code_check": null, "cvc_check": "pass",
                    },
                    "country": "US",
                    "display_brand": grant.card.brand,
                    "exp_month": 12,
                    "exp_year": 2034,
                    "fingerprint": format!("emulator{}", grant.card.last4),
                    "funding": "credit",
                    "last4": grant.card.last4,
                    "networks": {"available": [grant.card.brand], "preferred": null},
                    "wallet": null,
                },
                "type": "card",
            },
            "risk_details": {
                "insights": {
                    "bot": {"recommended_action": "continue", "score": 1.0},
                    "card_issuer_decline": {"recommended_action": "continue", "score": 1.0},
                    "card_testing": {"recommended_action": "continue", "score": 1.0},
                    "fraudulent_dispute": {"recommended_action": "continue", "score": 1},
                    "stolen_card": {"recommended_action": "continue", "score": 1},
                },
            },
            "shared_metadata": grant.shared_metadata,
            "usage_details": {"amount_captured": {"currency": grant.currency, "value": self.captured}},
            "usage_limits": {
                "currency": grant.currency, "expires_at": grant.expires_at, "max_amount": grant.max_amount,
            },
        })
    }

    /// Whether, why and when the token ended; expiry needs no event, only the clock.
    fn end(&self, now: i64) -> Option<(Ended, i64)> {
        let expired = self.grant.expires_at.filter(|moment| *moment <= now);
        self.ended.or_else(|| expired.map(|moment| (Ended::Expired, moment)))
    }
}

/// Billing details of which nothing is known.
pub(crate) fn empty_billing_details() -> Value {
    json!({
        "address": {
            "city": null, "country": null, "line1": null, "line2": null, "postal_code": null, "state": null,
        },
        "email": null,
        "name": null,
        "phone": null,
        "tax_id": null,
    })
}
