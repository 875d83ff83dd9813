//! A page at Stripe (a Checkout Session) on which a session may be paid.
//!
//! Source: Stripe API `2026-09-30.preview`, Checkout Sessions.

use super::expected_payment::ExpectedPayment;
use super::failed_reads::FailedReads;
use crate::domain::ids::{AttemptNumber, StripeCheckoutId};
use crate::domain::pricing::Quote;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// A page at Stripe, from the wish for it until it is closed or paid.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StripeCheckoutAttempt {
    /// The quote being paid.
    pub quote: Quote,
    /// The attempt's number.
    pub attempt: AttemptNumber,
    /// When the attempt was committed.
    pub started: Timestamp,
    /// Until when the page can be paid.
    pub expires: Timestamp,
    /// What is asked for, and what must come back with the page and its payment.
    pub charge: ExpectedPayment,
    /// How often the present state has been tried without an end.
    pub tries: u32,
    /// Whether somebody waits for what the page shows, or says that it was paid.
    #[serde(default)]
    pub awaited: bool,
    /// How often a shopper came back from the page.
    #[serde(default)]
    pub returns: u32,
    /// The readings in a row that did not come to their end.
    #[serde(default)]
    pub failed_reads: FailedReads,
    /// When the next look or try is due.
    pub next_try: Timestamp,
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
