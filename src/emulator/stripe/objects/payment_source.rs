//! Payment sources: a card, or a debit of a bank account that is decided later.
//!
//! Must not import payments or the HTTP server. Invariant: a bank debit always begins as `processing`.

use serde_json::{Value, json};

use super::granted_token::empty_billing_details;
use super::test_cards::{CardOutcome, Later, TestCard};

/// The name by which the hosted page offers a bank debit: this emulator's own.
pub(crate) const BANK_DEBIT: &str = "pm_emulator_bank_debit";

/// A test payment method.
#[derive(Clone, Copy, Debug)]
pub(crate) enum PaymentSource {
    /// One of Stripe's test cards.
    Card(TestCard),
    /// A bank debit of this type, such as `us_bank_account`.
    BankDebit(&'static str),
}

/// The payment source of an intent: at Stripe, a separate payment method for each payment.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// `pm_…`.
    pub(crate) payment_method: String,
    /// The token that it came from.
    pub(crate) token: Option<String>,
    /// The test payment method.
    pub(crate) instrument: PaymentSource,
}

impl PaymentSource {
    /// The test payment method of this name for a payment in this currency.
    pub(crate) fn find(name: &str, currency: &str) -> Option<Self> {
        if name == BANK_DEBIT {
            return Self::bank_debit(currency);
        }
        TestCard::find(name).map(Self::Card)
    }

    /// The bank debit in a currency.
    pub(crate) fn bank_debit(currency: &str) -> Option<Self> {
        match currency {
            "usd" => Some(Self::BankDebit("us_bank_account")),
            "eur" => Some(Self::BankDebit("sepa_debit")),
            _ => None,
        }
    }

    /// Stripe's payment method type.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Card(_) => "card",
            Self::BankDebit(kind) => kind,
        }
    }

    /// The result of a payment.
    pub(crate) const fn outcome(self) -> CardOutcome {
        match self {
            Self::Card(card) => card.outcome,
            Self::BankDebit(_) => CardOutcome::Processes,
        }
    }

    /// The events after a payment that succeeded.
    pub(crate) const fn later(self) -> Later {
        match self {
            Self::Card(card) => card.later,
            Self::BankDebit(_) => Later::Nothing,
        }
    }

    /// A charge's details of it.
    pub(crate) fn details(self) -> Value {
        match self {
            Self::Card(card) => json!({
                "card": {
                    "brand": card.brand, "country": "US", "exp_month": 12, "exp_year": 2034,
                    "funding": "credit", "last4": card.last4, "network": card.brand,
                },
                "type": "card",
            }),
            Self::BankDebit(kind) => json!({ kind: {"last4": "6789"}, "type": kind }),
        }
    }
}

impl Source {
    /// The payment method object.
    pub(crate) fn to_json(&self, created: i64, livemode: bool) -> Value {
        let kind = self.instrument.kind();
        let details = match self.instrument {
            PaymentSource::Card(card) => json!({
                "brand": card.brand,
                "checks": {"address_line1_check": null, "address_postal_code_check": null, "cvc_check": null},
                "country": "US",
                "display_brand": card.brand,
                "exp_month": 12,
                "exp_year": 2034,
                "fingerprint": format!("emulator{}", card.last4),
                "funding": "credit",
                "generated_from": null,
                "last4": card.last4,
                "networks": {"available": [card.brand], "preferred": null},
                "three_d_secure_usage": {"supported": true},
                "wallet": null,
            }),
            PaymentSource::BankDebit(_) => json!({"fingerprint": "emulator6789", "last4": "6789"}),
        };
        json!({
            "id": self.payment_method,
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": empty_billing_details(),
            "created": created,
            "customer": null,
            "livemode": livemode,
            "metadata": {},
            "type": kind,
            kind: details,
        })
    }
}
