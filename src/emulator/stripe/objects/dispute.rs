//! Disputes: the object and its JSON.
//!
//! Must not import tokens or the HTTP server. Invariant: while a dispute is open or lost, its money is withdrawn.

use serde_json::{Value, json};

use super::nulls::with_nulls;
use crate::stripe::params::paging::Listed;

/// How long the seller has to respond, in seconds.
const TIME_TO_RESPOND: i64 = 9 * 24 * 60 * 60;
/// Stripe's fee for a dispute, in minor units.
const FEE: i64 = 1500;

/// The fields of the evidence that are always `null` here, since none can be submitted.
const EVIDENCE: &[&str] = &[
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
];

/// Stripe's `status`, as far as it is emulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DisputeStatus {
    /// The seller may respond.
    NeedsResponse,
    /// The seller keeps the money.
    Won,
    /// The shopper keeps it.
    Lost,
}

impl DisputeStatus {
    /// The name on the wire.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::NeedsResponse => "needs_response",
            Self::Won => "won",
            Self::Lost => "lost",
        }
    }
}

/// A payment that the shopper's bank disputes.
#[derive(Clone, Debug)]
pub(crate) struct Dispute {
    /// `dp_…`.
    pub(crate) id: String,
    /// When it was made.
    pub(crate) created: i64,
    /// Minor units.
    pub(crate) amount: i64,
    /// Lower case.
    pub(crate) currency: String,
    /// `ch_…`.
    pub(crate) charge: String,
    /// `pi_…`.
    pub(crate) intent: String,
    /// The mode of the payment.
    pub(crate) livemode: bool,
    /// Its status.
    pub(crate) status: DisputeStatus,
}

impl Dispute {
    /// The object as Stripe shows it.
    pub(crate) fn to_json(&self) -> Value {
        let mut transactions = vec![self.transaction("", -self.amount, FEE)];
        if self.status == DisputeStatus::Won {
            transactions.push(self.transaction("r", self.amount, -FEE));
        }
        json!({
            "id": self.id,
            "object": "dispute",
            "amount": self.amount,
            "balance_transactions": transactions,
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "enhanced_eligibility_types": [],
            "evidence": with_nulls(json!({"enhanced_evidence": {}}), EVIDENCE),
            "evidence_details": {
                "due_by": self.created + TIME_TO_RESPOND,
                "enhanced_eligibility": {},
                "has_evidence": false,
                "past_due": false,
                "submission_count": 0,
                "submission_method": "not_submitted",
            },
            "is_charge_refundable": false,
            "livemode": self.livemode,
            "metadata": {},
            "network_reason_code": "10.4",
            "payment_intent": self.intent,
            "payment_method_details": {
                "card": {
                    "brand": "visa", "case_type": "chargeback", "network": "visa", "network_reason_code": "10.4",
                },
                "type": "card",
            },
            "reason": "fraudulent",
            "status": self.status.name(),
        })
    }

    fn transaction(&self, suffix: &str, amount: i64, fee: i64) -> Value {
        let kind = if amount < 0 { "withdrawal" } else { "reversal" };
        json!({
            "id": format!("{}{suffix}", self.id.replacen("dp_", "txn_", 1)),
            "object": "balance_transaction",
            "amount": amount,
            "available_on": self.created,
            "balance_type": "payments",
            "created": self.created,
            "currency": self.currency,
            "description": format!("Chargeback {kind} for {}", self.charge),
            "exchange_rate": null,
            "fee": fee,
            "fee_details": [{
                "amount": fee, "application": null, "currency": self.currency, "description": "Dispute fee",
                "type": "stripe_fee",
            }],
            "net": amount - fee,
            "reporting_category": if amount < 0 { "dispute" } else { "dispute_reversal" },
            "source": self.id,
            "status": "available",
            "type": "adjustment",
        })
    }
}

impl Listed for Dispute {
    const KIND: &'static str = "dispute";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}
