//! The protocol inside MCP: challenge, credential and receipt as members of `_meta`.
//!
//! A challenge is sent in the result of the tool that pays, and in no other one: a client that pays by itself pays
//! whatever call is answered with a challenge. The draft's JSON-RPC errors are not used, since their code has another
//! meaning in MCP 2025-11-25 and none in 2026-07-28.
//!
//! Source: draft-payment-transport-mcp-00; the challenge in a result is the form of the client `mppx`.

use serde_json::{Map, Value, json};

use super::challenge::Challenge;
use super::credential::{Credential, CredentialError};
use super::receipt::Receipt;
use super::{INTENT, METHOD};

/// The member of a request's `_meta` for a credential.
const CREDENTIAL: &str = "org.paymentauth/credential";

/// The member of a result's `_meta` for challenges.
pub const PAYMENT_REQUIRED: &str = "org.paymentauth/payment-required";

/// The member of a result's `_meta` for a receipt.
pub const RECEIPT: &str = "org.paymentauth/receipt";

/// The capability of servers that take payments so, below `capabilities.experimental`.
#[must_use]
pub fn capability() -> Value {
    json!({ "payment": { "methods": { METHOD: { "intents": [INTENT] } } } })
}

/// The credential in the `_meta` of a request's params.
pub fn credential(params: &Map<String, Value>) -> Result<Option<Credential>, CredentialError> {
    let sent = params.get("_meta").and_then(|meta| meta.get(CREDENTIAL));
    sent.map(Credential::of_json).transpose()
}

/// The value of [`PAYMENT_REQUIRED`]. `problem` is JSON, as it is sent over HTTP.
#[must_use]
pub fn payment_required(challenge: &Challenge, problem: &str) -> Value {
    let problem: Value = serde_json::from_str(problem).unwrap_or_default();
    json!({ "httpStatus": 402, "challenges": [challenge.to_json()], "problem": problem })
}

/// The value of [`RECEIPT`], for the answer to this challenge.
#[must_use]
pub fn receipt(receipt: &Receipt, challenge: &str) -> Value {
    let mut told = json!(receipt);
    told["challengeId"] = challenge.into();
    told
}
