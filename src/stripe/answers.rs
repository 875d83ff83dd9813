//! The parts of Stripe's objects that are read. Every nullable field may be missing.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::charge::{ATTEMPT_KEY, MERCHANT_KEY, REVISION_KEY, SESSION_KEY};
use crate::domain::checkout::model::{Deactivation, PaymentIntentSnapshot, PaymentIntentStatus, TokenFacts};
use crate::domain::ids::{AttemptNumber, MerchantId, Revision, SessionId};
use crate::domain::money::Money;
use crate::domain::time::Timestamp;

#[derive(Debug, Deserialize)]
pub(super) struct Account {
    pub(super) id: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct List<T> {
    pub(super) data: Vec<T>,
    pub(super) has_more: bool,
}

/// An object by whose id a listing continues.
pub(super) trait Identified {
    /// Stripe's id.
    fn id(&self) -> &str;
}

impl Identified for PaymentIntent {
    fn id(&self) -> &str {
        &self.id
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct PaymentIntent {
    pub(super) id: String,
    pub(super) status: String,
    amount: i64,
    #[serde(default)]
    amount_received: Option<i64>,
    currency: String,
    livemode: bool,
    pub(super) created: i64,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
}

impl PaymentIntent {
    fn number(&self, key: &str) -> Option<u32> {
        self.metadata.get(key)?.parse().ok()
    }

    fn session(&self) -> Option<SessionId> {
        self.metadata.get(SESSION_KEY)?.parse().ok()
    }

    fn attempt(&self) -> Option<AttemptNumber> {
        self.number(ATTEMPT_KEY).map(AttemptNumber)
    }

    pub(super) fn is_of_merchant(&self, merchant: &MerchantId) -> bool {
        self.session().is_some()
            && self.metadata.get(MERCHANT_KEY).map(String::as_str) == Some(merchant.as_str())
    }

    pub(super) fn is_of(&self, session: &SessionId) -> bool {
        self.session().as_ref() == Some(session)
    }

    /// The snapshot of an attempt's payment; `None` if the object is not readable.
    pub(super) fn seen(&self) -> Option<PaymentIntentSnapshot> {
        let status = self.status.parse().ok()?;
        let minor = match status {
            PaymentIntentStatus::Succeeded => self.amount_received.unwrap_or(self.amount),
            PaymentIntentStatus::RequiresPaymentMethod
            | PaymentIntentStatus::RequiresConfirmation
            | PaymentIntentStatus::RequiresAction
            | PaymentIntentStatus::Processing
            | PaymentIntentStatus::RequiresCapture
            | PaymentIntentStatus::Canceled => self.amount,
        };
        Some(PaymentIntentSnapshot {
            id: self.id.parse().ok()?,
            status,
            amount: Money::new(minor, self.currency.parse().ok()?),
            livemode: self.livemode,
            session: self.session(),
            revision: self.number(REVISION_KEY).map(Revision),
            attempt: self.attempt(),
        })
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct GrantedToken {
    livemode: bool,
    #[serde(default)]
    deactivated_at: Option<i64>,
    #[serde(default)]
    deactivated_reason: Option<String>,
    #[serde(default)]
    usage_limits: Option<UsageLimits>,
    #[serde(default)]
    usage_details: Option<UsageDetails>,
    #[serde(default)]
    risk_details: Option<RiskDetails>,
    #[serde(default)]
    agent_details: Option<AgentDetails>,
}

#[derive(Debug, Deserialize)]
struct AgentDetails {
    /// Of any form: it is for information, and no reason to refuse a payment.
    #[serde(default)]
    network_business_profile: serde_json::Value,
}

#[derive(Debug, Deserialize)]
struct UsageLimits {
    currency: String,
    max_amount: i64,
    #[serde(default)]
    expires_at: Option<i64>,
}

#[derive(Debug, Deserialize)]
struct UsageDetails {
    #[serde(default)]
    amount_captured: Option<Captured>,
}

#[derive(Debug, Deserialize)]
struct Captured {
    currency: String,
    value: i64,
}

#[derive(Debug, Deserialize)]
struct RiskDetails {
    #[serde(default)]
    insights: Option<BTreeMap<String, Option<Insight>>>,
}

#[derive(Debug, Deserialize)]
struct Insight {
    #[serde(default)]
    recommended_action: Option<String>,
}

impl GrantedToken {
    /// The facts about the token; `None` if its amounts contradict each other.
    pub(super) fn facts(&self) -> Option<TokenFacts> {
        let remaining = match &self.usage_limits {
            Some(limits) => Some(self.remaining(limits)?),
            None => None,
        };
        let deactivated = match (self.deactivated_reason.as_deref(), self.deactivated_at) {
            (Some("consumed"), _) => Some(Deactivation::Consumed),
            (Some("expired"), _) => Some(Deactivation::Expired),
            (Some("revoked"), _) => Some(Deactivation::Revoked),
            (Some(_), _) | (None, Some(_)) => Some(Deactivation::Other),
            (None, None) => None,
        };
        let insights = self.risk_details.as_ref().and_then(|details| details.insights.as_ref());
        let block = |insight: &Insight| insight.recommended_action.as_deref() == Some("block");
        Some(TokenFacts {
            livemode: self.livemode,
            deactivated,
            expires: self
                .usage_limits
                .as_ref()
                .and_then(|limits| limits.expires_at)
                .map(Timestamp::from_seconds),
            remaining,
            block_recommended: insights.is_some_and(|insights| insights.values().flatten().any(block)),
            agent_profile: self
                .agent_details
                .as_ref()
                .and_then(|agent| agent.network_business_profile.as_str())
                .map(str::to_owned),
        })
    }

    /// The limit less the captured amount.
    fn remaining(&self, limits: &UsageLimits) -> Option<Money> {
        let limit = Money::new(limits.max_amount, limits.currency.parse().ok()?);
        let captured = self.usage_details.as_ref().and_then(|details| details.amount_captured.as_ref());
        match captured {
            // Stripe sometimes gives a captured amount of zero with a currency that has no meaning.
            Some(captured) if captured.value != 0 => {
                limit.minus(Money::new(captured.value, captured.currency.parse().ok()?)).ok()
            }
            Some(_) | None => Some(limit),
        }
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct ErrorBody {
    pub(super) error: ErrorDetails,
}

#[derive(Debug, Deserialize)]
pub(super) struct ErrorDetails {
    #[serde(rename = "type", default)]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) code: Option<String>,
    #[serde(default)]
    pub(super) decline_code: Option<String>,
    #[serde(default)]
    pub(super) param: Option<String>,
    #[serde(default)]
    pub(super) message: Option<String>,
    #[serde(default)]
    pub(super) payment_intent: Option<PaymentIntent>,
}
