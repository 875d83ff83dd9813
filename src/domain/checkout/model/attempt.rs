//! One try to be paid: what is asked of Stripe, how far it is, how it ended.

use super::expected_payment::ExpectedPayment;
use super::idempotency_key::IdempotencyKey;
use super::notice::Notice;
use super::token::SharedPaymentToken;
use crate::domain::address::Address;
use crate::domain::ids::{AccountId, AttemptNumber, PaymentIntentId, SptHash};
use crate::domain::pricing::Quote;
use crate::domain::retry::Retry;
use crate::domain::sends::Sends;
use crate::domain::time::Timestamp;
use serde::{Deserialize, Serialize};

/// An attempt that is about to be committed: everything that its request is made of.
#[derive(Clone, Debug)]
pub struct AttemptIntent {
    /// Its number within the session.
    pub number: AttemptNumber,
    /// What is charged.
    pub expected: ExpectedPayment,
    /// With what.
    pub source: PaymentSource,
    /// The Stripe account that is paid.
    pub account: AccountId,
    /// Where Stripe sends its receipt, if it is to send one.
    pub receipt_email: Option<String>,
    /// Where the goods go; Stripe's risk engine reads it.
    pub shipping: Option<Address>,
    /// Who carries them, where the chosen shipping option says it.
    pub carrier: Option<String>,
    /// Makes repeats of the request one payment.
    pub idempotency_key: IdempotencyKey,
    /// When it was committed.
    pub started: Timestamp,
    /// Until when the request may be sent.
    pub repeat_until: Timestamp,
}

/// What an attempt is paid with.
#[derive(Clone, Debug)]
pub enum PaymentSource {
    /// A Shared Payment Token, charged at once.
    Token(SharedPaymentToken),
    /// A page at Stripe, on which the shopper chooses.
    StripeCheckout {
        /// What the page shows.
        quote: Box<Quote>,
        /// Until when it can be paid.
        expires: Timestamp,
        /// Filled in on the page for the shopper.
        email: Option<String>,
    },
}

impl AttemptIntent {
    /// The hash of its token; `None` of a page.
    #[must_use]
    pub fn spt_hash(&self) -> Option<&SptHash> {
        match &self.source {
            PaymentSource::Token(token) => Some(token.hash()),
            PaymentSource::StripeCheckout { .. } => None,
        }
    }
}

/// How an attempt ended. Kept with its token's hash for good, so that the same token hears the same answer again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "end", rename_all = "snake_case")]
pub enum AttemptEnd {
    /// It was paid.
    Succeeded {
        /// By this PaymentIntent.
        intent: PaymentIntentId,
    },
    /// It was to be paid on a page at Stripe, and the page could not be opened. Nobody was asked to pay.
    NotCreated,
    /// It will never be paid.
    Failed {
        /// What the shopper is told.
        notice: Notice,
    },
}

/// One try to be paid whose end is not known, whatever it is paid with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Its number within the session.
    pub number: AttemptNumber,
    /// The quote being paid.
    pub quote: Quote,
    /// What is asked for, and what must come back with the payment.
    pub expected: ExpectedPayment,
    /// When it was committed.
    pub started: Timestamp,
    /// Until when its request may be sent.
    pub repeat_until: Timestamp,
    /// The PaymentIntent, once one was seen.
    pub intent: Option<PaymentIntentId>,
    /// The sends of its request.
    #[serde(default)]
    pub sends: Sends,
    /// When what is being done is tried again.
    pub retry: Retry,
}

impl Attempt {
    /// The attempt whose request is made of this intent, and begins now.
    pub(crate) fn of(intent: &AttemptIntent, quote: Quote) -> Self {
        Self {
            number: intent.number,
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
    /// The attempt.
    pub attempt: Attempt,
    /// What is being done to decide it.
    pub phase: Phase,
}

/// What is being done to decide an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "snake_case")]
pub enum Phase {
    /// The stored request is sent, the same each time.
    Sending,
    /// The request is not sent any more; Stripe is read until it says what happened.
    Reading,
    /// The PaymentIntent stopped where only a shopper could go on; it is canceled at Stripe.
    Canceling {
        /// How the attempt ends once that is confirmed.
        end: AttemptEnd,
    },
}
