//! Charges: one attempt to pay each, and its refunds and disputes.
//!
//! Must not import payment intents, tokens or the HTTP server. Invariant: only a charge that succeeded has moved money.

use serde_json::{Value, json};

use super::granted_token::empty_billing_details;
use super::nulls::with_nulls;
use super::particulars::Particulars;
use super::payment_source::Source;
use super::test_cards::Decline;

/// The fields of a charge that are always `null` here.
const NEVER_SET: &[&str] = &[
    "application",
    "application_fee",
    "application_fee_amount",
    "calculated_statement_descriptor",
    "customer",
    "failure_balance_transaction",
    "on_behalf_of",
    "receipt_number",
    "receipt_url",
    "review",
    "source",
    "source_transfer",
    "statement_descriptor",
    "transfer_data",
    "transfer_group",
];

/// The result of one attempt to pay.
#[derive(Clone, Debug)]
pub(crate) enum ChargeState {
    /// The money moved.
    Succeeded,
    /// The issuer refused.
    Failed(Decline),
    /// Not known yet.
    Pending,
}

/// One attempt to pay.
#[derive(Clone, Debug)]
pub(crate) struct Charge {
    /// `ch_…`.
    pub(crate) id: String,
    /// When it was made.
    pub(crate) created: i64,
    /// Its payment source.
    pub(crate) source: Source,
    /// Its result.
    pub(crate) state: ChargeState,
    /// The refunded amount, in minor units.
    pub(crate) refunded: i64,
    /// Whether the shopper's bank has disputed it.
    pub(crate) disputed: bool,
}

/// The payment that a charge belongs to, as far as the charge shows it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChargedPayment<'a> {
    /// `pi_…`.
    pub(crate) intent: &'a str,
    /// Minor units.
    pub(crate) amount: i64,
    /// Lower case.
    pub(crate) currency: &'a str,
    /// The mode that it was made in.
    pub(crate) livemode: bool,
    /// The seller's other data about it.
    pub(crate) particulars: &'a Particulars,
}

impl Charge {
    /// The object as Stripe shows it.
    pub(crate) fn to_json(&self, payment: &ChargedPayment<'_>) -> Value {
        let failure = match self.state {
            ChargeState::Failed(decline) => Some(decline),
            ChargeState::Succeeded | ChargeState::Pending => None,
        };
        let (status, captured) = match self.state {
            ChargeState::Succeeded => ("succeeded", true),
            ChargeState::Failed(_) => ("failed", false),
            ChargeState::Pending => ("pending", false),
        };
        let (network_status, seller_message, outcome_type) = match failure {
            None => ("approved_by_network", "Payment complete.", "authorized"),
            Some(_) => ("declined_by_network", "The bank declined the payment.", "issuer_declined"),
        };
        let particulars = payment.particulars;
        let said = json!({
            "id": self.id,
            "object": "charge",
            "amount": payment.amount,
            "amount_captured": if captured { payment.amount } else { 0 },
            "amount_refunded": self.refunded,
            "balance_transaction": captured.then(|| self.id.replacen("ch_", "txn_", 1)),
            "billing_details": empty_billing_details(),
            "captured": captured,
            "created": self.created,
            "currency": payment.currency,
            "description": particulars.description,
            "disputed": self.disputed,
            "failure_code": failure.map(|decline| decline.code),
            "failure_message": failure.map(|decline| decline.message),
            "fraud_details": {},
            "livemode": payment.livemode,
            "metadata": particulars.metadata,
            "outcome": {
                "advice_code": null,
                "network_advice_code": null,
                "network_decline_code": null,
                "network_status": network_status,
                "reason": failure.map(|decline| decline.decline_code),
                "risk_level": "normal",
                "risk_score": 1,
                "seller_message": seller_message,
                "type": outcome_type,
            },
            "paid": captured,
            "payment_intent": payment.intent,
            "payment_method": self.source.payment_method,
            "payment_method_details": self.source.instrument.details(),
            "receipt_email": particulars.receipt_email,
            "refunded": captured && self.refunded == payment.amount,
            "shipping": particulars.shipping,
            "statement_descriptor_suffix": particulars.statement_descriptor_suffix,
            "status": status,
        });
        with_nulls(said, NEVER_SET)
    }
}
