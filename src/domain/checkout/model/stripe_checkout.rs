//! A Stripe Checkout (Stripe's hosted Checkout Session), on which a session may be paid.
//!
//! Source: Stripe API `2026-09-30.preview`, Checkout Sessions.

use super::attempt::Attempt;
use crate::domain::ids::StripeCheckoutId;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// An attempt that is paid on a Stripe Checkout, from the request that creates it until it is closed or paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StripeCheckoutPayment {
    pub attempt: Attempt,
    /// Until when it can be paid.
    pub expires: Timestamp,
    /// Whether a caller waits for its result, or a notification said that it was paid.
    #[serde(default)]
    pub awaited: bool,
    /// How often a shopper returned from it.
    #[serde(default)]
    pub returns: u32,
}

/// A Stripe Checkout that exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StripeCheckout {
    pub id: StripeCheckoutId,
    /// Where the shopper pays.
    pub url: String,
}

/// Why a Stripe Checkout is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// The shopper wants to edit the order, or to pay it on the payment sheet: it is payable again afterwards.
    Reopen,
    /// The shopper gave up.
    Cancel,
}
