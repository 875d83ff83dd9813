//! A challenge: what is to be paid, bound by a MAC to every word of it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::problem::ProblemType;
use super::terms::Terms;
use super::{INTENT, METHOD};
use crate::domain::time::Timestamp;
use crate::keyring::Keyring;

/// The kinds of payment method that a token may stand for.
const PAYMENT_METHOD_TYPES: [&str; 2] = ["card", "link"];

/// A challenge, as it is sent and echoed. Every text is as it is on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Challenge {
    /// Binds the other parameters.
    pub id: String,
    pub realm: String,
    pub method: String,
    pub intent: String,
    /// Base64url of [`Request`].
    pub request: String,
    /// RFC 3339, to the second.
    pub expires: Option<String>,
    /// Base64url of [`Opaque`].
    pub opaque: Option<String>,
    /// Never sent by this gateway, so an echoed one does not fit the id.
    pub digest: Option<String>,
    /// Never sent either.
    pub header: Option<String>,
}

/// The payment that is asked for. Source: draft-stripe-charge-00, `request`; RFC 8785, so the fields are in the order of
/// their names.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    /// Minor units in decimal.
    amount: String,
    currency: &'a str,
    description: &'a str,
    method_details: MethodDetails<'a>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct MethodDetails<'a> {
    network_id: &'a str,
    payment_method_types: [&'a str; 2],
}

/// What a wallet returns unread. Its fields are in the order of their names.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Opaque {
    checkout: String,
    quote: String,
}

/// Why an echoed challenge is not answered with a payment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChallengeError {
    /// Another method or intent than any that is offered.
    NotOffered,
    /// Not a challenge of this merchant, mode and checkout, or changed.
    NotIssued,
    Expired,
    /// The checkout is another one now than when the challenge was issued.
    Changed,
}

impl ChallengeError {
    /// Its type of problem.
    #[must_use]
    pub const fn problem(self) -> ProblemType {
        match self {
            Self::NotOffered => ProblemType::MethodUnsupported,
            Self::NotIssued | Self::Changed => ProblemType::InvalidChallenge,
            Self::Expired => ProblemType::PaymentExpired,
        }
    }
}

impl Challenge {
    /// The challenge for these terms.
    #[must_use]
    pub fn new(terms: &Terms, keyring: &Keyring) -> Self {
        let request = Request {
            amount: terms.amount.minor.to_string(),
            currency: terms.amount.currency.code(),
            description: &terms.description,
            method_details: MethodDetails {
                network_id: terms.network_id.as_str(),
                payment_method_types: PAYMENT_METHOD_TYPES,
            },
        };
        let opaque = Opaque { checkout: terms.session.as_str().to_owned(), quote: terms.quote.clone() };
        let unbound = Self {
            realm: terms.realm.clone(),
            method: METHOD.to_owned(),
            intent: INTENT.to_owned(),
            request: encoded(&request),
            expires: Some(terms.expires.to_string()),
            opaque: Some(encoded(&opaque)),
            ..Self::default()
        };
        let id = keyring.challenge_id(&terms.tenant, &unbound.bound());
        Self { id, ..unbound }
    }

    /// The value of `WWW-Authenticate`.
    #[must_use]
    pub fn header(&self) -> String {
        let parameters = [
            ("id", Some(&self.id)),
            ("realm", Some(&self.realm)),
            ("method", Some(&self.method)),
            ("intent", Some(&self.intent)),
            ("request", Some(&self.request)),
            ("expires", self.expires.as_ref()),
            ("opaque", self.opaque.as_ref()),
        ];
        // No value has a character that would have to be escaped.
        let written =
            parameters.into_iter().filter_map(|(name, value)| Some(format!("{name}=\"{}\"", value?)));
        format!("Payment {}", written.collect::<Vec<_>>().join(", "))
    }

    /// The challenge as MCP carries it: with `request` as an object.
    #[must_use]
    pub(super) fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "realm": self.realm,
            "method": self.method,
            "intent": self.intent,
            "request": decoded::<Value>(&self.request),
            "expires": self.expires,
            "opaque": self.opaque,
        })
    }

    /// The challenge that MCP carries back. Its `request` is written again as this gateway writes it, so that the id is
    /// checked over the same text.
    pub(super) fn of_json(echoed: &Value) -> Option<Self> {
        let mut echoed = echoed.clone();
        let request = echoed.get_mut("request")?;
        if request.is_object() {
            request.sort_all_objects();
            *request = encoded(request).into();
        }
        serde_json::from_value(echoed).ok()
    }

    /// Checks an echoed challenge against the present terms. Nothing that it says is used.
    pub fn check(&self, present: &Terms, now: Timestamp, keyring: &Keyring) -> Result<(), ChallengeError> {
        if self.method != METHOD || self.intent != INTENT {
            return Err(ChallengeError::NotOffered);
        }
        if self.realm != present.realm
            || !keyring.verify_challenge_id(&present.tenant, &self.bound(), &self.id)
        {
            return Err(ChallengeError::NotIssued);
        }
        let expires = self.expires.as_deref().and_then(Timestamp::parse_rfc3339);
        if expires.is_none_or(|expires| expires <= now) {
            return Err(ChallengeError::Expired);
        }
        let opaque = self.opaque.as_deref().and_then(decoded::<Opaque>);
        let Some(Opaque { checkout, quote }) = opaque else { return Err(ChallengeError::NotIssued) };
        if checkout != present.session.as_str() {
            return Err(ChallengeError::NotIssued);
        }
        if quote != present.quote {
            return Err(ChallengeError::Changed);
        }
        Ok(())
    }

    /// What the id binds. Source: draft-httpauth-payment-01, "Challenge binding": seven slots, absent ones empty, and an
    /// eighth for `header` where it is present.
    fn bound(&self) -> String {
        let absent = String::new();
        let slots = [
            &self.realm,
            &self.method,
            &self.intent,
            &self.request,
            self.expires.as_ref().unwrap_or(&absent),
            self.digest.as_ref().unwrap_or(&absent),
            self.opaque.as_ref().unwrap_or(&absent),
        ];
        let slots = slots.into_iter().chain(&self.header);
        slots.map(String::as_str).collect::<Vec<_>>().join("|")
    }
}

/// Base64url without padding of JSON whose fields are in the order of their names (RFC 8785).
fn encoded(value: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_string(value).unwrap_or_default())
}

fn decoded<T: for<'a> Deserialize<'a>>(text: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use hmac::{Hmac, Mac as _};
    use sha2::Sha256;

    use super::*;
    use crate::domain::ids::{Mode, Tenant};
    use crate::domain::money::Money;

    const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

    fn keyring(key: &str) -> Keyring {
        Keyring::of(&key.to_owned().into()).unwrap()
    }

    fn terms() -> Terms {
        Terms {
            tenant: Tenant { merchant: "harbor-coffee".parse().unwrap(), mode: Mode::Test },
            realm: "coffee.example".to_owned(),
            amount: Money { minor: 2598, currency: "usd".parse().unwrap() },
            description: "Harbor Coffee, 2 items".to_owned(),
            network_id: "profile_test_harborcoffee".parse().unwrap(),
            session: "chk_0123456789abcdef0123456789abcdef".parse().unwrap(),
            quote: "f3".to_owned(),
            expires: Timestamp::from_seconds(1_795_968_000),
        }
    }

    fn issued() -> Challenge {
        Challenge::new(&terms(), &keyring(KEY))
    }

    /// Checks a challenge against these terms, at this second.
    fn checked(challenge: &Challenge, at: i64, terms: &Terms) -> Result<(), ChallengeError> {
        challenge.check(terms, Timestamp::from_seconds(at), &keyring(KEY))
    }

    const BEFORE: i64 = 1_795_967_000;

    /// Other implementations of the protocol agree on this id.
    #[test]
    fn the_id_binds_what_the_specification_says() {
        let request = "eyJhbW91bnQiOiIyNTk4IiwiY3VycmVuY3kiOiJ1c2QiLCJkZXNjcmlwdGlvbiI6IkhhcmJvciBDb2ZmZWUsIDIgaXRlbXMi\
                       LCJtZXRob2REZXRhaWxzIjp7Im5ldHdvcmtJZCI6InByb2ZpbGVfdGVzdF9oYXJib3Jjb2ZmZWUiLCJwYXltZW50TWV0aG9k\
                       VHlwZXMiOlsiY2FyZCIsImxpbmsiXX19";
        let issued = issued();
        assert_eq!(issued.request, request);
        assert_eq!(issued.expires.as_deref(), Some("2026-11-29T16:00:00Z"));
        let opaque =
            "eyJjaGVja291dCI6ImNoa18wMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZiIsInJldmlzaW9uIjoiMyJ9";
        let known = Challenge { opaque: Some(opaque.to_owned()), ..issued };
        let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(b"test-vector-secret").unwrap();
        mac.update(known.bound().as_bytes());
        let id = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
        assert_eq!(id, "LAO4lOiVxabVMt8u6aUbGYZu9cF15VwIpaXF-uVmv4U");
    }

    #[test]
    fn the_same_terms_give_the_same_challenge_but_for_its_expiry() {
        assert_eq!(issued(), issued());
        let later = Terms { expires: Timestamp::from_seconds(1_795_969_000), ..terms() };
        let later = Challenge::new(&later, &keyring(KEY));
        let same = Challenge { id: issued().id, expires: issued().expires, ..later };
        assert_eq!(same, issued());
    }

    #[test]
    fn an_echoed_challenge_holds_until_it_expires() {
        assert_eq!(checked(&issued(), BEFORE, &terms()), Ok(()));
        assert_eq!(checked(&issued(), 1_795_968_000, &terms()), Err(ChallengeError::Expired));
    }

    #[test]
    fn each_word_of_a_challenge_is_bound() {
        let edits: [fn(&mut Challenge); 10] = [
            |challenge| challenge.id.replace_range(..1, "M"),
            |challenge| challenge.id.clear(),
            |challenge| "other.example".clone_into(&mut challenge.realm),
            |challenge| "tempo".clone_into(&mut challenge.method),
            |challenge| "session".clone_into(&mut challenge.intent),
            |challenge| challenge.request = encoded(&serde_json::json!({ "amount": "1" })),
            |challenge| challenge.expires = Some("2027-11-29T16:00:00Z".to_owned()),
            |challenge| challenge.opaque = None,
            |challenge| challenge.digest = Some("sha-256=:x:".to_owned()),
            |challenge| challenge.header = Some("Payment-Authorization".to_owned()),
        ];
        for edit in edits {
            let mut changed = issued();
            edit(&mut changed);
            let error = checked(&changed, BEFORE, &terms()).expect_err("it was changed");
            assert!(matches!(error, ChallengeError::NotIssued | ChallengeError::NotOffered), "{changed:?}");
        }
    }

    #[test]
    fn a_challenge_is_for_one_tenant_mode_and_checkout_as_it_was_shown() {
        let of = |merchant: &str, mode| Tenant { merchant: merchant.parse().unwrap(), mode };
        for tenant in [of("harbor-coffee", Mode::Live), of("kiln-works", Mode::Test)] {
            let present = Terms { tenant, ..terms() };
            assert_eq!(checked(&issued(), BEFORE, &present), Err(ChallengeError::NotIssued));
        }
        let session = "chk_ffffffffffffffffffffffffffffffff".parse().unwrap();
        let present = Terms { session, ..terms() };
        assert_eq!(checked(&issued(), BEFORE, &present), Err(ChallengeError::NotIssued));
        let present = Terms { quote: "f4".to_owned(), ..terms() };
        assert_eq!(checked(&issued(), BEFORE, &present), Err(ChallengeError::Changed));
    }

    #[test]
    fn a_challenge_that_mcp_carried_is_bound_word_by_word_too() {
        let carried = issued().to_json();
        assert_eq!(carried["request"]["amount"], "2598");
        let back = |carried: &Value| {
            Challenge::of_json(carried).map(|challenge| checked(&challenge, BEFORE, &terms()))
        };
        assert_eq!(back(&carried), Some(Ok(())));
        // Members in another order are the same object.
        let request = r#"{"methodDetails":{"paymentMethodTypes":["card","link"],"networkId":"profile_test_harborcoffee"},
                          "description":"Harbor Coffee, 2 items","currency":"usd","amount":"2598"}"#;
        let mut shuffled = carried.clone();
        shuffled["request"] = serde_json::from_str(request).unwrap();
        assert_eq!(back(&shuffled), Some(Ok(())));
        let mut cheap = carried.clone();
        cheap["request"]["amount"] = "1".into();
        assert_eq!(back(&cheap), Some(Err(ChallengeError::NotIssued)));
        assert_eq!(back(&json!({ "id": "x" })), None);
        assert_eq!(back(&json!(5)), None);
    }

    #[test]
    fn the_header_has_each_parameter_once() {
        let header = issued().header();
        assert!(header.starts_with("Payment id=\""), "{header}");
        for name in ["id", "realm", "method", "intent", "request", "expires", "opaque"] {
            assert_eq!(header.matches(&format!("{name}=\"")).count(), 1, "{name}: {header}");
        }
    }
}
