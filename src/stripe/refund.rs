//! Refunds: the body of a refund, and Stripe's refunds and disputes of a payment. Source: Stripe API
//! `2026-09-30.preview`, Refunds and Disputes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::answers::{ErrorBody, Identified};
use super::charge::{MERCHANT_KEY, SESSION_KEY};
use super::outcome;
use super::transport::Reply;
use crate::domain::checkout::model::{RefundAnswer, RefundIntent, RefundSnapshot};
use crate::domain::ids::RefundNumber;
use crate::domain::merchant::MerchantView;
use crate::domain::money::Money;
use crate::domain::order::{Dispute, DisputeStatus, RefundOrigin, RefundStatus};
use crate::domain::time::Timestamp;

/// The metadata key for the number of a refund of ours within its session.
const REFUND_KEY: &str = "checkout_refund";

/// The metadata key that marks a refund of all that was left.
const WHOLE_KEY: &str = "checkout_refund_whole";

/// The metadata key for the requester's name of it.
const REFERENCE_KEY: &str = "checkout_refund_reference";

#[derive(Serialize)]
struct Body<'a> {
    payment_intent: &'a str,
    amount: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    metadata: BTreeMap<&'static str, String>,
}

/// The form-encoded body of a refund (`POST /v1/refunds`).
pub fn encode_refund(intent: &RefundIntent, view: &MerchantView) -> Result<String, serde_qs::Error> {
    serde_qs::to_string(&Body {
        payment_intent: intent.payment.as_str(),
        amount: intent.amount.minor,
        reason: intent.reason.map(|reason| reason.into_str()),
        metadata: BTreeMap::from([
            (MERCHANT_KEY, view.id.to_string()),
            (SESSION_KEY, intent.session.to_string()),
            (REFUND_KEY, intent.origin.number.0.to_string()),
            (REFERENCE_KEY, intent.origin.reference.to_string()),
            (WHOLE_KEY, intent.origin.whole.to_string()),
        ]),
    })
}

#[derive(Debug, Deserialize)]
pub(super) struct RefundObject {
    pub(super) id: String,
    amount: i64,
    currency: String,
    created: i64,
    #[serde(default)]
    pub(super) payment_intent: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    metadata: Option<BTreeMap<String, String>>,
}

impl Identified for RefundObject {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Identified for DisputeObject {
    fn id(&self) -> &str {
        &self.id
    }
}

impl RefundObject {
    /// The snapshot of the refund; `None` if the object is not readable.
    pub(super) fn seen(&self) -> Option<RefundSnapshot> {
        // Stripe gives no status as long as there is none.
        let status = self.status.as_deref().unwrap_or(RefundStatus::Pending.into_str());
        let named = |key: &str| self.metadata.as_ref()?.get(key);
        Some(RefundSnapshot {
            id: self.id.parse().ok()?,
            status: status.parse().ok()?,
            amount: Money::new(self.amount, self.currency.parse().ok()?),
            created: Timestamp::from_seconds(self.created),
            reason: self.reason.as_deref().and_then(|reason| reason.parse().ok()),
            session: named(SESSION_KEY).and_then(|text| text.parse().ok()),
            origin: self.origin(),
        })
    }
}

impl RefundObject {
    /// Its request at this gateway, if there was one.
    fn origin(&self) -> Option<RefundOrigin> {
        let metadata = self.metadata.as_ref()?;
        Some(RefundOrigin {
            number: RefundNumber(metadata.get(REFUND_KEY)?.parse().ok()?),
            reference: metadata.get(REFERENCE_KEY)?.parse().ok()?,
            whole: metadata.get(WHOLE_KEY).is_some_and(|whole| whole == "true"),
        })
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct DisputeObject {
    pub(super) id: String,
    amount: i64,
    currency: String,
    created: i64,
    reason: String,
    status: String,
    #[serde(default)]
    pub(super) payment_intent: Option<String>,
}

impl DisputeObject {
    /// The dispute; `None` if the object is not readable.
    pub(super) fn seen(&self) -> Option<Dispute> {
        Some(Dispute {
            id: self.id.parse().ok()?,
            amount: Money::new(self.amount, self.currency.parse().ok()?),
            reason: self.reason.clone(),
            status: DisputeStatus::new(self.status.clone()),
            created: Timestamp::from_seconds(self.created),
        })
    }
}

/// The result from the answer to the request for a refund. A replayed answer counts like the first.
pub(super) fn of_asking(reply: &Reply) -> RefundAnswer {
    match (reply.status, reply.json::<ErrorBody>()) {
        (200..=299, _) => match reply.json::<RefundObject>().and_then(|refund| refund.seen()) {
            Some(seen) => RefundAnswer::Made(seen),
            None => RefundAnswer::Inconclusive(outcome::unknown_answer(reply)),
        },
        (401 | 403, _) => RefundAnswer::KeyRefused,
        (400, Some(ErrorBody { error })) if error.kind == "idempotency_error" => RefundAnswer::Conflict,
        (400 | 402 | 404, Some(ErrorBody { error })) => {
            RefundAnswer::Refused { why: outcome::detail(&error), stored: reply.replayed }
        }
        _ => RefundAnswer::Inconclusive(outcome::unknown_answer(reply)),
    }
}
