//! PaymentIntents and their charges: the objects, their states and their JSON.
//!
//! Must not import tokens or the HTTP server. Invariant: `amount_received` is the whole amount when the status is
//! `succeeded`, and zero otherwise.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::error::StripeError;
use super::granted_token::empty_billing_details;
use super::test_cards::{Decline, TestCard};

/// What an intent shows as `null` here.
const INTENT_NEVER_SET: &[&str] = &[
    "application",
    "application_fee_amount",
    "customer",
    "customer_account",
    "excluded_payment_method_types",
    "on_behalf_of",
    "payment_method_configuration_details",
    "review",
    "setup_future_usage",
    "source",
    "statement_descriptor",
    "transfer_data",
    "transfer_group",
];

/// What a charge shows as `null` here.
const CHARGE_NEVER_SET: &[&str] = &[
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

/// Stripe's `status`, as far as the emulator gets there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Nothing to pay with, or the last try failed.
    RequiresPaymentMethod,
    /// A token is there, the payment was not confirmed.
    RequiresConfirmation,
    /// The shopper must authenticate.
    RequiresAction,
    /// The outcome comes later.
    Processing,
    /// Given up.
    Canceled,
    /// The money moved.
    Succeeded,
}

impl Status {
    /// The name on the wire.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::RequiresPaymentMethod => "requires_payment_method",
            Self::RequiresConfirmation => "requires_confirmation",
            Self::RequiresAction => "requires_action",
            Self::Processing => "processing",
            Self::Canceled => "canceled",
            Self::Succeeded => "succeeded",
        }
    }
}

/// What the seller says about a payment beside its money.
#[derive(Clone, Debug, Default)]
pub(super) struct Particulars {
    /// `allowed_payment_method_types`.
    pub(super) allowed_payment_method_types: Option<Vec<String>>,
    /// `automatic_payment_methods`, as it is shown.
    pub(super) automatic_payment_methods: Value,
    /// `description`.
    pub(super) description: Option<String>,
    /// `metadata`.
    pub(super) metadata: BTreeMap<String, String>,
    /// `receipt_email`.
    pub(super) receipt_email: Option<String>,
    /// `shipping`, as it is shown.
    pub(super) shipping: Value,
    /// `statement_descriptor_suffix`.
    pub(super) statement_descriptor_suffix: Option<String>,
}

/// How one try to pay went.
#[derive(Clone, Debug)]
pub(super) enum ChargeState {
    /// The money moved.
    Succeeded,
    /// The issuer refused.
    Failed(Decline),
    /// Not known yet.
    Pending,
}

/// One try to pay.
#[derive(Clone, Debug)]
pub(super) struct Charge {
    /// `ch_…`.
    pub(super) id: String,
    /// When it was tried.
    pub(super) created: i64,
    /// How it went.
    pub(super) state: ChargeState,
}

/// What an intent is paid with: Stripe's fresh clone of the shared payment method.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// The clone, `pm_…`.
    pub(super) payment_method: String,
    /// The token that it came from.
    pub(super) token: String,
    /// The card behind it.
    pub(super) card: TestCard,
}

/// A payment.
#[derive(Clone, Debug)]
pub(super) struct PaymentIntent {
    /// `pi_…`.
    pub(super) id: String,
    /// The mode that it was made in.
    pub(super) livemode: bool,
    /// When it was made.
    pub(super) created: i64,
    /// Minor units.
    pub(super) amount: i64,
    /// Lower case.
    pub(super) currency: String,
    /// Where it stands.
    pub(super) status: Status,
    /// What it is paid with.
    pub(super) source: Option<Source>,
    /// What the seller said about it.
    pub(super) particulars: Particulars,
    /// The latest try to pay.
    pub(super) charge: Option<Charge>,
    /// Why the latest try failed.
    pub(super) last_payment_error: Option<Map<String, Value>>,
    /// When and why it was given up.
    pub(super) canceled: Option<(i64, Option<String>)>,
}

impl PaymentIntent {
    /// What the seller got.
    pub(super) const fn amount_received(&self) -> i64 {
        match self.status {
            Status::Succeeded => self.amount,
            Status::RequiresPaymentMethod
            | Status::RequiresConfirmation
            | Status::RequiresAction
            | Status::Processing
            | Status::Canceled => 0,
        }
    }

    /// Records a refusal of the issuer, and words it as Stripe's 402.
    pub(super) fn refuse(&mut self, decline: Decline, charge: Option<Charge>) -> StripeError {
        let mut error = StripeError::card(decline.code, decline.decline_code, decline.message);
        if let Some(charge) = &charge {
            error = error.with_object("charge", charge.id.as_str().into());
        }
        if let Some(source) = &self.source {
            error = error.with_object("payment_method", source.to_json(self.created, self.livemode));
        }
        self.status = Status::RequiresPaymentMethod;
        self.charge = charge;
        self.last_payment_error = Some(error.fields());
        error.with_object("payment_intent", self.to_json(false))
    }

    /// The object as Stripe shows it, with the charge in full when it was asked for.
    pub(super) fn to_json(&self, expand_charge: bool) -> Value {
        let particulars = &self.particulars;
        let latest_charge = self.charge.as_ref().map(|charge| {
            if expand_charge { self.charge_json(charge) } else { Value::from(charge.id.as_str()) }
        });
        let payment_method = match self.status {
            Status::RequiresPaymentMethod => None,
            Status::RequiresConfirmation
            | Status::RequiresAction
            | Status::Processing
            | Status::Canceled
            | Status::Succeeded => self.source.as_ref().map(|source| &source.payment_method),
        };
        let next_action = (self.status == Status::RequiresAction).then(|| {
            json!({
                "type": "use_stripe_sdk",
                "use_stripe_sdk": {"type": "three_d_secure_redirect", "source": format!("src_{}", self.id)},
            })
        });
        let processing = (self.status == Status::Processing)
            .then(|| json!({"card": {"customer_notification": null}, "type": "card"}));
        let canceled = self.canceled.as_ref();
        let said = json!({
            "id": self.id,
            "object": "payment_intent",
            "allowed_payment_method_types": particulars.allowed_payment_method_types,
            "amount": self.amount,
            "amount_capturable": 0,
            "amount_details": {"tip": {}},
            "amount_received": self.amount_received(),
            "automatic_payment_methods": particulars.automatic_payment_methods,
            "canceled_at": canceled.map(|(at, _)| at),
            "cancellation_reason": canceled.and_then(|(_, reason)| reason.as_ref()),
            "capture_method": "automatic",
            "client_secret": format!("{}_secret_{}", self.id, self.id.chars().rev().take(16).collect::<String>()),
            "confirmation_method": "automatic",
            "created": self.created,
            "currency": self.currency,
            "description": particulars.description,
            "last_payment_error": self.last_payment_error,
            "latest_charge": latest_charge,
            "livemode": self.livemode,
            "metadata": particulars.metadata,
            "next_action": next_action,
            "payment_method": payment_method,
            "payment_method_options": {
                "card": {"installments": null, "network": null, "request_three_d_secure": "automatic"},
            },
            "payment_method_types": ["card"],
            "processing": processing,
            "receipt_email": particulars.receipt_email,
            "shipping": particulars.shipping,
            "statement_descriptor_suffix": particulars.statement_descriptor_suffix,
            "status": self.status.name(),
        });
        with_nulls(said, INTENT_NEVER_SET)
    }

    fn charge_json(&self, charge: &Charge) -> Value {
        let failure = match charge.state {
            ChargeState::Failed(decline) => Some(decline),
            ChargeState::Succeeded | ChargeState::Pending => None,
        };
        let (status, captured) = match charge.state {
            ChargeState::Succeeded => ("succeeded", true),
            ChargeState::Failed(_) => ("failed", false),
            ChargeState::Pending => ("pending", false),
        };
        let (network_status, seller_message, outcome_type) = match failure {
            None => ("approved_by_network", "Payment complete.", "authorized"),
            Some(_) => ("declined_by_network", "The bank declined the payment.", "issuer_declined"),
        };
        let particulars = &self.particulars;
        let said = json!({
            "id": charge.id,
            "object": "charge",
            "amount": self.amount,
            "amount_captured": if captured { self.amount } else { 0 },
            "amount_refunded": 0,
            "balance_transaction": captured.then(|| charge.id.replacen("ch_", "txn_", 1)),
            "billing_details": empty_billing_details(),
            "captured": captured,
            "created": charge.created,
            "currency": self.currency,
            "description": particulars.description,
            "disputed": false,
            "failure_code": failure.map(|decline| decline.code),
            "failure_message": failure.map(|decline| decline.message),
            "fraud_details": {},
            "livemode": self.livemode,
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
            "payment_intent": self.id,
            "payment_method": self.source.as_ref().map(|source| &source.payment_method),
            "payment_method_details": self.source.as_ref().map(|source| json!({
                "card": {
                    "brand": source.card.brand, "country": "US", "exp_month": 12, "exp_year": 2034,
                    "funding": "credit", "last4": source.card.last4, "network": source.card.brand,
                },
                "type": "card",
            })),
            "receipt_email": particulars.receipt_email,
            "refunded": false,
            "shipping": particulars.shipping,
            "statement_descriptor_suffix": particulars.statement_descriptor_suffix,
            "status": status,
        });
        with_nulls(said, CHARGE_NEVER_SET)
    }
}

impl Source {
    fn to_json(&self, created: i64, livemode: bool) -> Value {
        json!({
            "id": self.payment_method,
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": empty_billing_details(),
            "card": {
                "brand": self.card.brand,
                "checks": {"address_line1_check": null, "address_postal_code_check": null, "cvc_check": null},
                "country": "US",
                "display_brand": self.card.brand,
                "exp_month": 12,
                "exp_year": 2034,
                "fingerprint": format!("emulator{}", self.card.last4),
                "funding": "credit",
                "generated_from": null,
                "last4": self.card.last4,
                "networks": {"available": [self.card.brand], "preferred": null},
                "three_d_secure_usage": {"supported": true},
                "wallet": null,
            },
            "created": created,
            "customer": null,
            "livemode": livemode,
            "metadata": {},
            "type": "card",
        })
    }
}

/// The object with the fields that Stripe shows and that this emulator never sets.
fn with_nulls(mut object: Value, never_set: &[&str]) -> Value {
    if let Value::Object(fields) = &mut object {
        fields.extend(never_set.iter().map(|name| ((*name).to_owned(), Value::Null)));
    }
    object
}
