//! Records that a test can read afterwards: the payments, and every exchange.
//!
//! Must not import the state or the HTTP server. Invariant: no whole secret key is recorded.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::stripe::faults::Fault;

/// A payment that succeeded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerEntry {
    /// The seller's account.
    pub account: String,
    /// `pi_…`.
    pub payment_intent: String,
    /// Minor units.
    pub amount: i64,
    /// Lower case.
    pub currency: String,
    /// The mode that it was paid in.
    pub livemode: bool,
    /// The token that paid, `spt_…`.
    pub shared_payment_granted_token: Option<String>,
    /// The seller's metadata.
    pub metadata: BTreeMap<String, String>,
    /// When the intent was made, in seconds.
    pub created: i64,
    /// Always `succeeded`.
    pub status: String,
    /// Minor units; always the whole amount.
    pub amount_received: i64,
}

/// The relevant headers of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExchangeHeaders {
    /// `Stripe-Version`.
    pub stripe_version: Option<String>,
    /// `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// The key of `Authorization`, masked to its prefix and last four characters.
    pub authorization: Option<String>,
    /// `Stripe-Account`.
    pub stripe_account: Option<String>,
    /// `Content-Type`.
    pub content_type: Option<String>,
}

/// One request under `/v1` and its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Exchange {
    /// `GET`, `POST` …
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The query's pairs, decoded.
    pub query: Vec<(String, String)>,
    /// The body's pairs, decoded.
    pub body_pairs: Vec<(String, String)>,
    /// The body's brackets as a tree: hashes and lists alike are objects (a list's keys are its indexes), values are
    /// strings. `null` when the body could not be decoded.
    pub body: Value,
    /// The request's headers.
    pub headers: ExchangeHeaders,
    /// The answer's HTTP status.
    pub status: u16,
    /// The answer's body.
    pub response: Value,
    /// The answer's `Request-Id`.
    pub request_id: String,
    /// Whether the answer repeats an earlier one.
    pub replayed: bool,
    /// Its planned fault. The recorded answer is the one that Stripe gave, whatever happened to it in transmission;
    /// requests that never arrived have no record.
    pub fault: Option<Fault>,
}
