//! A credential: a token, with the challenge that it answers.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use super::challenge::Challenge;
use super::problem::ProblemType;
use crate::domain::checkout::model::SharedPaymentToken;

/// The name of the authentication scheme; letters count in any case (RFC 9110, section 11.1).
const SCHEME: &str = "Payment";

/// The longest credential that is decoded, in bytes. Those of wallets have less than 4 kB.
const MAX_CREDENTIAL: usize = 16 * 1024;

/// What a wallet sends.
pub struct Credential {
    /// The challenge, as it is echoed.
    pub challenge: Challenge,
    pub token: SharedPaymentToken,
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").finish_non_exhaustive()
    }
}

/// Why what was sent is no credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CredentialError {
    /// More than one.
    Several,
    /// Not base64url of a JSON object with a challenge and a payload.
    Malformed,
    /// The payload holds no Shared Payment Token.
    NoToken,
}

impl CredentialError {
    /// Its type of problem.
    #[must_use]
    pub const fn problem(self) -> ProblemType {
        match self {
            Self::Several => ProblemType::BadRequest,
            Self::Malformed => ProblemType::MalformedCredential,
            Self::NoToken => ProblemType::InvalidPayload,
        }
    }
}

#[derive(Deserialize)]
struct Sent {
    challenge: Challenge,
    payload: Value,
}

impl Credential {
    /// The credential in these values of `Authorization`; `None` if they hold none. Credentials of other schemes are
    /// left to others.
    pub fn of<'a>(headers: impl Iterator<Item = &'a str>) -> Result<Option<Self>, CredentialError> {
        let mut sent = headers.flat_map(|value| value.split(',')).filter_map(of_scheme);
        let Some(text) = sent.next() else { return Ok(None) };
        if sent.next().is_some() {
            return Err(CredentialError::Several);
        }
        Self::parse(text).map(Some)
    }

    /// The credential that MCP carries: the same, not encoded, and with the challenge's `request` as an object.
    pub(super) fn of_json(sent: &Value) -> Result<Self, CredentialError> {
        let challenge =
            sent.get("challenge").and_then(Challenge::of_json).ok_or(CredentialError::Malformed)?;
        let payload = sent.get("payload").ok_or(CredentialError::Malformed)?;
        Ok(Self { challenge, token: token(payload)? })
    }

    fn parse(text: &str) -> Result<Self, CredentialError> {
        if text.len() > MAX_CREDENTIAL {
            return Err(CredentialError::Malformed);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| CredentialError::Malformed)?;
        let Sent { challenge, payload } =
            serde_json::from_slice(&bytes).map_err(|_| CredentialError::Malformed)?;
        Ok(Self { challenge, token: token(&payload)? })
    }
}

fn token(payload: &Value) -> Result<SharedPaymentToken, CredentialError> {
    payload["spt"].as_str().and_then(|token| token.parse().ok()).ok_or(CredentialError::NoToken)
}

/// The credential after the name of the scheme.
fn of_scheme(part: &str) -> Option<&str> {
    let (scheme, credential) = part.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case(SCHEME).then(|| credential.trim())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn credential(value: &serde_json::Value) -> String {
        format!("Payment {}", URL_SAFE_NO_PAD.encode(value.to_string()))
    }

    fn whole() -> serde_json::Value {
        json!({
            "challenge": { "id": "i", "realm": "r", "method": "stripe", "intent": "charge", "request": "e30" },
            "payload": { "spt": "spt_1N4Zv32eZvKYlo2CPhVPkJlW", "externalId": "x" },
            "source": "did:key:z",
        })
    }

    fn read(headers: &[&str]) -> Result<Option<Credential>, CredentialError> {
        Credential::of(headers.iter().copied())
    }

    #[test]
    fn a_credential_is_found_among_others_in_any_case() {
        let sent = credential(&whole());
        for headers in [
            vec![sent.clone()],
            vec![sent.replace("Payment", "PAYMENT")],
            vec![format!("Bearer abc, {sent}")],
            vec!["Basic eHg=".to_owned(), sent],
        ] {
            let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
            let read = read(&headers).unwrap().expect("there is one");
            assert_eq!(read.token.expose(), "spt_1N4Zv32eZvKYlo2CPhVPkJlW");
            assert_eq!((read.challenge.id.as_str(), read.challenge.opaque.as_deref()), ("i", None));
            assert!(!format!("{read:?}").contains("spt_"));
        }
        assert!(read(&[]).unwrap().is_none() && read(&["Bearer abc"]).unwrap().is_none());
    }

    #[test]
    fn what_is_no_credential_is_told_apart() {
        let sent = credential(&whole());
        assert_eq!(read(&[&sent, &sent]).unwrap_err(), CredentialError::Several);
        assert_eq!(read(&[&format!("{sent}, {sent}")]).unwrap_err(), CredentialError::Several);
        let long = format!("Payment {}", "A".repeat(MAX_CREDENTIAL + 1));
        let padded = format!("Payment {}==", URL_SAFE_NO_PAD.encode("{}"));
        for wrong in ["Payment !", "Payment e30", "Payment bnVsbA", &long, &padded] {
            assert_eq!(read(&[wrong]).unwrap_err(), CredentialError::Malformed, "{}", wrong.len());
        }
        for payload in [json!({}), json!({ "spt": 1 }), json!({ "spt": "pm_card_visa" }), json!([])] {
            let mut without = whole();
            without["payload"] = payload;
            assert_eq!(read(&[&credential(&without)]).unwrap_err(), CredentialError::NoToken);
        }
    }
}
