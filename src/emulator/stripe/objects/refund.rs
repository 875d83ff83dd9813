//! Refunds: the object and its JSON.
//!
//! Must not import tokens or the HTTP server. Invariant: a refund counts against its charge unless it has failed.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::nulls::with_nulls;
use super::payment_source::PaymentSource;
use crate::stripe::params::paging::Listed;

/// The fields of a refund that are always `null` here.
const NEVER_SET: &[&str] = &[
    "customer",
    "customer_account",
    "description",
    "instructions_email",
    "next_action",
    "payment_method",
    "presentment_details",
    "receipt_number",
    "source_transfer_reversal",
    "transfer_reversal",
];

/// Stripe's `status`, as far as it is emulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefundStatus {
    /// The money is on its way back.
    Pending,
    /// The money was sent.
    Succeeded,
    /// It came back to the seller.
    Failed,
}

impl RefundStatus {
    /// The name on the wire.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

/// A refund to the shopper.
#[derive(Clone, Debug)]
pub(crate) struct Refund {
    /// `re_…`.
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
    /// `duplicate`, `fraudulent` or `requested_by_customer`.
    pub(crate) reason: Option<String>,
    /// The seller's metadata.
    pub(crate) metadata: BTreeMap<String, String>,
    /// Its status.
    pub(crate) status: RefundStatus,
    /// The payment source that receives it.
    pub(crate) payment_source: PaymentSource,
}

impl Refund {
    /// The object as Stripe shows it.
    pub(crate) fn to_json(&self) -> Value {
        let failed = self.status == RefundStatus::Failed;
        let transaction = || self.id.replacen("re_", "txn_", 1);
        let destination = match self.payment_source {
            PaymentSource::Card(_) => json!({"card": {"type": "refund"}, "type": "card"}),
            PaymentSource::BankDebit(kind) => json!({"type": kind}),
        };
        let said = json!({
            "id": self.id,
            "object": "refund",
            "amount": self.amount,
            "balance_transaction": transaction(),
            "charge": self.charge,
            "created": self.created,
            "currency": self.currency,
            "destination_details": destination,
            "failure_balance_transaction": failed.then(|| format!("{}r", transaction())),
            "failure_reason": failed.then_some("expired_or_canceled_card"),
            "metadata": self.metadata,
            "payment_intent": self.intent,
            "pending_reason": (self.status == RefundStatus::Pending).then_some("processing"),
            "reason": self.reason,
            "status": self.status.name(),
        });
        with_nulls(said, NEVER_SET)
    }
}

impl Listed for Refund {
    const KIND: &'static str = "refund";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}
