//! What a wallet reads and sends over HTTP 402.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

/// The challenge of an answer with status 402.
pub fn challenge(headers: &HeaderMap) -> Value {
    let header = headers["www-authenticate"].to_str().unwrap();
    let parameters = header.strip_prefix("Payment ").unwrap().split(", ");
    let pairs = parameters.map(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap();
        (name.to_owned(), Value::from(value.trim_matches('"')))
    });
    Value::Object(pairs.collect())
}

/// What answers a challenge with a token.
pub fn credential(challenge: &Value, token: &str) -> Value {
    json!({ "challenge": challenge, "payload": { "spt": token } })
}

/// A credential as the value of `Authorization`.
pub fn authorization(credential: &Value) -> String {
    format!("Payment {}", URL_SAFE_NO_PAD.encode(credential.to_string()))
}

/// JSON in base64url, as challenges and receipts hold it.
pub fn of_base64(text: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
}
