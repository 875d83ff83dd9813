//! A page at Stripe (a Checkout Session) on which a session may be paid.
//!
//! Source: Stripe API `2026-09-30.preview`, Checkout Sessions.

use super::attempt::Attempt;
use crate::domain::ids::StripeCheckoutId;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// An attempt that is paid on a page at Stripe, from the request for the page until it is closed or paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StripeCheckoutPayment {
    /// The attempt.
    pub attempt: Attempt,
    /// Until when the page can be paid.
    pub expires: Timestamp,
    /// Whether somebody waits for what the page shows, or says that it was paid.
    #[serde(default)]
    pub awaited: bool,
    /// How often a shopper came back from the page.
    #[serde(default)]
    pub returns: u32,
}

/// A page that exists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StripeCheckout {
    /// Stripe's id of it.
    pub id: StripeCheckoutId,
    /// Where the shopper pays.
    pub url: String,
}

/// What a page is closed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// The shopper wants to change the order, or to pay it on the sheet: it is payable again afterwards.
    Reopen,
    /// The shopper gave up.
    Cancel,
}
