//! A payment challenge of the Machine Payments Protocol, as a wallet reads it in `WWW-Authenticate`.
//!
//! Must not import who asks for it. Invariant: what is echoed to the merchant is what the merchant sent, unchanged.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The parameters that a credential repeats.
const ECHOED: [&str; 10] =
    ["id", "realm", "method", "intent", "request", "expires", "opaque", "digest", "description", "header"];

/// A challenge that this wallet can answer: method `stripe`, intent `charge`.
#[derive(Debug)]
pub(super) struct Challenge {
    /// The parameters, by name.
    echoed: Map<String, Value>,
    /// What is asked for.
    pub(super) due: Due,
    /// Until when it can be answered, in RFC 3339.
    expires: Option<String>,
}

/// The payment that a challenge asks for, as a person reads and approves it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Due {
    /// Who asks: the shop's host.
    pub(super) realm: String,
    /// Minor units.
    pub(super) amount: i64,
    /// In lower case.
    pub(super) currency: String,
    /// What is paid, in the shop's words.
    pub(super) description: Option<String>,
    /// The shop's profile at Stripe.
    pub(super) network_id: String,
}

impl Challenge {
    /// The first challenge of these header values that this wallet can answer.
    pub(super) fn of<'a>(values: impl Iterator<Item = &'a str>) -> Option<Self> {
        values.flat_map(payment_challenges).find_map(Self::read)
    }

    fn read(parameters: Map<String, Value>) -> Option<Self> {
        let text = |name: &str| parameters.get(name).and_then(Value::as_str);
        if text("method") != Some("stripe") || text("intent") != Some("charge") || text("id").is_none() {
            return None;
        }
        let request = decoded(text("request")?)?;
        let due = Due {
            realm: text("realm")?.to_owned(),
            amount: request["amount"].as_str()?.parse().ok()?,
            currency: request["currency"].as_str()?.to_owned(),
            description: request["description"].as_str().map(str::to_owned),
            network_id: request["methodDetails"]["networkId"].as_str()?.to_owned(),
        };
        let expires = text("expires").map(str::to_owned);
        Some(Self { echoed: parameters, due, expires })
    }

    /// The challenge for the page.
    pub(super) fn to_json(&self) -> Value {
        let Due { realm, amount, currency, description, network_id } = &self.due;
        json!({
            "realm": realm,
            "amount": amount,
            "currency": currency,
            "description": description,
            "network_id": network_id,
            "expires": self.expires,
        })
    }

    /// The answer to it with a token.
    pub(super) fn credential(&self, token: &str) -> Value {
        json!({ "challenge": self.echoed, "payload": { "spt": token } })
    }
}

/// The JSON in a text of base64url without padding.
pub(super) fn decoded(text: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// A JSON value in base64url without padding.
pub(super) fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// The parameters of each `Payment` challenge in a value of `WWW-Authenticate`. Source: RFC 9110, section 11.6.1.
fn payment_challenges(value: &str) -> Vec<Map<String, Value>> {
    let mut challenges: Vec<(bool, Map<String, Value>)> = Vec::new();
    for part in parts(value) {
        let (before, text) = part.split_once('=').unwrap_or((part, ""));
        let mut words = before.split_whitespace().rev();
        let Some(name) = words.next().map(str::to_ascii_lowercase) else { continue };
        // A word before the parameter's name, or a part without a parameter, is the scheme of another challenge.
        let scheme = words.next().or((!part.contains('=')).then_some(name.as_str()));
        if let Some(scheme) = scheme {
            challenges.push((scheme.eq_ignore_ascii_case("Payment"), Map::new()));
        }
        if let Some((true, parameters)) = challenges.last_mut()
            && ECHOED.contains(&name.as_str())
        {
            parameters.insert(name, unquoted(text.trim()).into());
        }
    }
    challenges.into_iter().filter_map(|(is_payment, parameters)| is_payment.then_some(parameters)).collect()
}

/// The parts between the commas that are in no quotation marks.
fn parts(value: &str) -> Vec<&str> {
    let (mut parts, mut begin) = (Vec::new(), 0);
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, letter) in value.char_indices() {
        match letter {
            ',' if !is_quoted => {
                parts.push(&value[begin..at]);
                begin = at + 1;
            }
            '"' if !is_escaped => is_quoted = !is_quoted,
            _ => {}
        }
        is_escaped = is_quoted && !is_escaped && letter == '\\';
    }
    parts.push(&value[begin..]);
    parts
}

/// A parameter's value without its quotation marks and backslashes.
fn unquoted(text: &str) -> String {
    let Some(quoted) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
        return text.to_owned();
    };
    let mut plain = String::with_capacity(quoted.len());
    let mut letters = quoted.chars();
    while let Some(letter) = letters.next() {
        plain.extend(if letter == '\\' { letters.next() } else { Some(letter) });
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> String {
        encoded(&json!({
            "amount": "2598", "currency": "usd", "description": "2 items",
            "methodDetails": { "networkId": "profile_test_1", "paymentMethodTypes": ["card"] },
        }))
    }

    #[test]
    fn the_challenge_for_stripe_is_found_among_others() {
        let header = format!(
            "Bearer realm=\"a, b\", Payment id=\"x\", realm=\"r\", method=\"tempo\", intent=\"charge\", request=\"e30\", \
             payment ID=y, realm=\"say \\\"hi\\\", r\", method=\"stripe\", intent=\"charge\", request=\"{}\", odd=\"1\"",
            request()
        );
        let challenge = Challenge::of([header.as_str()].into_iter()).unwrap();
        assert_eq!((challenge.due.amount, challenge.due.realm.as_str()), (2598, "say \"hi\", r"));
        let echoed = &challenge.credential("spt_1")["challenge"];
        assert_eq!(echoed["id"], "y");
        assert_eq!(echoed["request"], request());
        assert_eq!(echoed["odd"], Value::Null, "a parameter that no credential repeats");
    }

    #[test]
    fn a_challenge_that_cannot_be_answered_is_none() {
        for header in ["", "Basic", "Payment", "Payment id=\"x\", method=\"stripe\", intent=\"charge\""] {
            assert!(Challenge::of([header].into_iter()).is_none(), "{header}");
        }
        let session = format!(
            "Payment id=\"x\", realm=\"r\", method=\"stripe\", intent=\"session\", request=\"{}\"",
            request()
        );
        assert!(Challenge::of([session.as_str()].into_iter()).is_none());
    }
}
