//! The body of a charge, in its stored form and in the form that is sent.
//!
//! The stored form has everything but the token, which is kept encrypted beside it. The two are combined in only one
//! way, so that every repeat is the same byte for byte.

use serde::Serialize;
use std::collections::BTreeMap;

use crate::domain::address::Address;
use crate::domain::checkout::model::{AttemptIntent, ExpectedPayment};
use crate::domain::merchant::MerchantView;

/// The metadata keys that identify our payments.
pub(super) const SESSION_KEY: &str = "checkout_session";
pub(super) const REVISION_KEY: &str = "checkout_revision";
pub(super) const ATTEMPT_KEY: &str = "checkout_attempt";
pub(super) const MERCHANT_KEY: &str = "merchant";

#[derive(Serialize)]
struct Body<'a> {
    amount: i64,
    currency: &'a str,
    confirm: bool,
    error_on_requires_action: bool,
    automatic_payment_methods: AutomaticPaymentMethods,
    capture_method: &'a str,
    description: String,
    metadata: BTreeMap<&'a str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt_email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shipping: Option<Shipping<'a>>,
}

#[derive(Serialize)]
struct AutomaticPaymentMethods {
    enabled: bool,
    allow_redirects: &'static str,
}

#[derive(Serialize)]
pub(super) struct Shipping<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    carrier: Option<&'a str>,
    address: ShippingAddress<'a>,
}

#[derive(Serialize)]
struct ShippingAddress<'a> {
    line1: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line2: Option<&'a str>,
    // Stripe refuses a field that is present and empty.
    #[serde(skip_serializing_if = "str::is_empty")]
    city: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    state: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    postal_code: &'a str,
    country: &'a str,
}

impl<'a> Shipping<'a> {
    pub(super) fn of(intent: &'a AttemptIntent) -> Option<Self> {
        let address: &Address = intent.shipping.as_ref()?;
        Some(Self {
            name: &address.name,
            phone: address.phone_number.as_deref(),
            carrier: intent.carrier.as_deref(),
            address: ShippingAddress {
                line1: &address.line_one,
                line2: address.line_two.as_deref(),
                city: &address.city,
                state: &address.state,
                postal_code: &address.postal_code,
                country: address.country.as_str(),
            },
        })
    }
}

/// The metadata that identifies a payment of ours, and its Stripe Checkout.
pub(super) fn metadata(charge: &ExpectedPayment, view: &MerchantView) -> BTreeMap<&'static str, String> {
    BTreeMap::from([
        (MERCHANT_KEY, view.id.to_string()),
        (SESSION_KEY, charge.session.to_string()),
        (REVISION_KEY, charge.revision.0.to_string()),
        (ATTEMPT_KEY, charge.attempt.0.to_string()),
    ])
}

/// The form-encoded body of a charge (`POST /v1/payment_intents`), without its token.
pub fn encode_charge(intent: &AttemptIntent, view: &MerchantView) -> Result<String, serde_qs::Error> {
    let charge = &intent.expected;
    let metadata = metadata(charge, view);
    serde_qs::to_string(&Body {
        amount: charge.total.minor,
        currency: charge.total.currency.code(),
        confirm: true,
        // A shopper cannot confirm a payment with the bank in a chat: the attempt fails instead of hanging.
        error_on_requires_action: true,
        // Without this Stripe requires a `return_url` for methods that redirect the shopper, which is not possible
        // here.
        automatic_payment_methods: AutomaticPaymentMethods { enabled: true, allow_redirects: "never" },
        capture_method: "automatic",
        description: format!("{} {}", view.name, charge.session),
        metadata,
        receipt_email: intent.receipt_email.as_deref(),
        shipping: Shipping::of(intent),
    })
}

/// The body with its token, in the form that is sent.
#[must_use]
pub fn with_token(body: &str, token: &super::SharedPaymentToken) -> String {
    format!("{body}&payment_method_data[shared_payment_granted_token]={}", token.expose())
}
