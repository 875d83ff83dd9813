//! The body of a charge, in its stored form and in the form that is sent.
//!
//! The stored form ends with the name of the token's parameter, and has everything but the token, which is kept encrypted
//! beside it. The two are combined in only one way, so that every repeat is the same byte for byte, whatever the name has
//! become since.

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

/// The metadata keys that Stripe wants of payments by the Machine Payments Protocol.
const MACHINE_PAYMENT: &str = "machine_payment";
const INTENT: &str = "mpp_intent";
const CHALLENGE: &str = "mpp_challenge_id";

/// The token's parameter in bodies that do not end with its name.
const TOKEN_PARAMETER: &str = "payment_method_data[shared_payment_granted_token]";

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

/// The form-encoded body of a charge (`POST /v1/payment_intents`), up to its token.
pub fn encode_charge(
    intent: &AttemptIntent,
    view: &MerchantView,
    token_parameter: &str,
) -> Result<String, serde_qs::Error> {
    let charge = &intent.expected;
    let mut metadata = metadata(charge, view);
    if let Some(challenge) = &intent.challenge {
        metadata.extend([
            (MACHINE_PAYMENT, "true".to_owned()),
            (INTENT, "charge".to_owned()),
            (CHALLENGE, challenge.clone()),
        ]);
    }
    let body = serde_qs::to_string(&Body {
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
    })?;
    Ok(format!("{body}&{token_parameter}="))
}

/// The body with its token, in the form that is sent.
#[must_use]
pub fn with_token(body: &str, token: &super::SharedPaymentToken) -> String {
    let token = token.expose();
    // No other parameter that may come last has an empty value.
    if body.ends_with('=') { format!("{body}{token}") } else { format!("{body}&{TOKEN_PARAMETER}={token}") }
}
