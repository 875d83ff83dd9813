//! One attempt to be paid: its request to Stripe, its progress, its end.

use super::expected_payment::ExpectedPayment;
use super::idempotency_key::IdempotencyKey;
use super::notice::Notice;
use super::token::SharedPaymentToken;
use crate::domain::address::Address;
use crate::domain::ids::{AccountId, AttemptNumber, PaymentIntentId, SptHash};
use crate::domain::origin::{Agent, Door};
use crate::domain::pricing::Quote;
use crate::domain::retry::Retry;
use crate::domain::sends::Sends;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// An attempt that is about to be committed: everything that its request is built from.
#[derive(Clone, Debug)]
pub struct AttemptIntent {
    /// Its number within the session.
    pub number: AttemptNumber,
    pub door: Door,
    /// Who sent the token, as far as it is known.
    pub agent: Option<Agent>,
    /// The id of the payment challenge that a wallet answered.
    pub challenge: Option<String>,
    /// The payment that Stripe is asked for.
    pub expected: ExpectedPayment,
    pub source: PaymentSource,
    /// The Stripe account that receives the payment.
    pub account: AccountId,
    /// The address for Stripe's receipt, if it sends one.
    pub receipt_email: Option<String>,
    /// The shipping address; Stripe's risk engine reads it.
    pub shipping: Option<Address>,
    /// The carrier, if the chosen shipping option names it.
    pub carrier: Option<String>,
    /// Makes all sends of the request one payment.
    pub idempotency_key: IdempotencyKey,
    /// When it was committed.
    pub started: Timestamp,
    /// Until when the request may be sent.
    pub repeat_until: Timestamp,
}

/// The source of an attempt's payment.
#[derive(Clone, Debug)]
pub enum PaymentSource {
    /// A Shared Payment Token, charged at once.
    Token(SharedPaymentToken),
    /// A Stripe Checkout, on which the shopper chooses how to pay.
    StripeCheckout {
        /// The quote that it shows.
        quote: Box<Quote>,
        /// Until when it can be paid.
        expires: Timestamp,
        /// Filled in there for the shopper.
        email: Option<String>,
    },
}

impl AttemptIntent {
    /// The hash of its token; `None` for a Stripe Checkout.
    #[must_use]
    pub fn spt_hash(&self) -> Option<&SptHash> {
        match &self.source {
            PaymentSource::Token(token) => Some(token.hash()),
            PaymentSource::StripeCheckout { .. } => None,
        }
    }
}

/// How an attempt ended. It is kept permanently with its token's hash, so that a repeat of the token gets the same
/// answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum AttemptEnd {
    /// It was paid.
    Succeeded { intent: PaymentIntentId },
    /// It was to be paid on a Stripe Checkout that could not be created. No shopper was asked to pay.
    NotCreated,
    /// It will never be paid.
    Failed { notice: Notice },
}

/// One attempt to be paid whose end is not known, with any payment source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its number within the session.
    pub number: AttemptNumber,
    /// The quote being paid.
    pub quote: Quote,
    /// The way through which it pays; attempts of older versions do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub door: Option<Door>,
    /// Who sent the token, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Agent>,
    /// The payment that Stripe is asked for, and that must come back unchanged.
    pub expected: ExpectedPayment,
    /// When it was committed.
    pub started: Timestamp,
    /// Until when its request may be sent.
    pub repeat_until: Timestamp,
    /// The PaymentIntent, once one was observed.
    pub intent: Option<PaymentIntentId>,
    #[serde(default)]
    pub sends: Sends,
    /// When the present step of it is tried again.
    pub retry: Retry,
}

impl Attempt {
    /// The attempt whose request is built from this intent, and which begins now.
    pub(crate) fn of(intent: &AttemptIntent, quote: Quote) -> Self {
        Self {
            number: intent.number,
            door: Some(intent.door),
            agent: intent.agent.clone(),
            quote,
            expected: intent.expected.clone(),
            started: intent.started,
            repeat_until: intent.repeat_until,
            intent: None,
            sends: Sends::default(),
            retry: Retry::at(intent.started),
        }
    }
}

/// An attempt that charges a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charging {
    pub attempt: Attempt,
    /// The present step towards its end.
    pub phase: Phase,
}

/// The step towards an attempt's end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// The stored request is sent, the same each time.
    Sending,
    /// The request is no longer sent; Stripe is read until it shows the outcome.
    Reading,
    /// The PaymentIntent stopped where only a shopper could continue; it is being canceled at Stripe.
    Canceling {
        /// How the attempt ends once that is confirmed.
        end: AttemptEnd,
    },
}
