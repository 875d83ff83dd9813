//! Stripe's webhooks: their verification, and the objects that they are about.
//!
//! Must not import the client's requests. Pure: the time and the valid secrets are parameters. Invariants: a body is
//! parsed only after its signature was verified; only ids are taken from an event. Source: Stripe, "Verify webhook
//! signatures manually".

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::Value;
use sha2::Sha256;
use strum::{IntoStaticStr, VariantArray};
use subtle::{Choice, ConstantTimeEq as _};

use super::charge::SESSION_KEY;
use crate::domain::ids::{AccountId, Mode};
use crate::domain::stripe_event::StripeEvent;
use crate::domain::time::{Span, Timestamp};

/// How much the signature's time may differ from ours, either way: the tolerance of Stripe's own libraries. Stripe
/// signs each delivery anew.
const TOLERANCE: Span = Span::seconds(300);

/// The largest body, in bytes. Stripe's events are a few kilobytes.
pub const MAX_BODY: usize = 256 * 1024;

/// The longest `Stripe-Signature` that is read, in bytes. Stripe's has about eighty for each secret in use.
const MAX_HEADER: usize = 1024;

/// Why a webhook is refused. The reply to the sender is its [`std::fmt::Display`] text.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error, IntoStaticStr, VariantArray,
)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Refusal {
    /// No signature, several headers, or an invalid form.
    #[error("the Stripe-Signature header is missing or unreadable")]
    Unsigned,
    /// The signature is too old, or from the future.
    #[error("the signature's time is more than 300 seconds from the present")]
    Stale,
    /// The body is larger than any event.
    #[error("the body is larger than 256 KiB")]
    TooLarge,
    /// No signature was made with a secret of this merchant.
    #[error("the signature is not of any webhook secret of this merchant")]
    Forged,
    /// The signature is valid, and the body is not an event with an object.
    #[error("the body is no event with a snapshot of its object")]
    Unreadable,
    /// An event of test mode for a live merchant, or the other way round.
    #[error("the event is of the other mode")]
    WrongMode,
    /// An event of an account connected to the one that signed.
    #[error("the event is of another account")]
    ForeignAccount,
}

impl Refusal {
    /// Whether the refused webhook has a valid signature of Stripe.
    #[must_use]
    pub const fn is_signed(self) -> bool {
        match self {
            Self::Unsigned | Self::Stale | Self::TooLarge | Self::Forged => false,
            Self::Unreadable | Self::WrongMode | Self::ForeignAccount => true,
        }
    }
}

/// A well-formed, recent `Stripe-Signature` that is not verified yet.
#[derive(Clone, Debug)]
pub struct Signature<'a> {
    /// The signed time, as its digits.
    time: &'a str,
    /// Every `v1`. Other schemes are ignored, since they prove nothing.
    digests: Vec<[u8; 32]>,
}

impl<'a> Signature<'a> {
    /// Parses the header's value, `t=…,v1=…[,v1=…]`.
    pub fn read(header: &'a str, now: Timestamp) -> Result<Self, Refusal> {
        if header.len() > MAX_HEADER {
            return Err(Refusal::Unsigned);
        }
        let (mut time, mut digests) = (None, Vec::new());
        for part in header.split(',') {
            match part.trim().split_once('=') {
                Some(("t", digits)) if time.is_none() => time = Some(digits),
                Some(("t", _)) | None => return Err(Refusal::Unsigned),
                Some(("v1", digest)) => {
                    let mut bytes = [0; 32];
                    if hex::decode_to_slice(digest, &mut bytes).is_ok() {
                        digests.push(bytes);
                    }
                }
                Some(_) => {}
            }
        }
        let time = time.filter(|time| time.bytes().all(|byte| byte.is_ascii_digit()));
        let time = time.ok_or(Refusal::Unsigned)?;
        let seconds: i64 = time.parse().map_err(|_| Refusal::Unsigned)?;
        if digests.is_empty() {
            return Err(Refusal::Unsigned);
        }
        if !now.is_within(TOLERANCE, Timestamp::from_seconds(seconds)) {
            return Err(Refusal::Stale);
        }
        Ok(Self { time, digests })
    }

    /// Whether any of its digests matches this body under any of these secrets; all pairs are compared, in constant
    /// time.
    pub fn check(&self, body: &[u8], secrets: &[SecretString]) -> Result<(), Refusal> {
        let mut good = Choice::from(0);
        for secret in secrets {
            // HMAC accepts keys of any length.
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()) else {
                continue;
            };
            mac.update(self.time.as_bytes());
            mac.update(b".");
            mac.update(body);
            let tag = mac.finalize().into_bytes();
            for digest in &self.digests {
                good |= tag.as_slice().ct_eq(digest);
            }
        }
        if good.into() { Ok(()) } else { Err(Refusal::Forged) }
    }
}

#[derive(Deserialize)]
struct Event {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    livemode: bool,
    #[serde(default)]
    account: Option<String>,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: Value,
}

/// The merchant that an event must be for.
#[derive(Clone, Copy, Debug)]
pub struct Addressee<'a> {
    /// The mode of its keys.
    pub mode: Mode,
    pub account: Option<&'a AccountId>,
}

/// The objects that a signed body is about.
pub fn read_event(body: &[u8], of: Addressee<'_>, now: Timestamp) -> Result<StripeEvent, Refusal> {
    let event: Event = serde_json::from_slice(body).map_err(|_| Refusal::Unreadable)?;
    let (Ok(id), Ok(kind), true) = (event.id.parse(), event.kind.parse(), event.data.object.is_object())
    else {
        return Err(Refusal::Unreadable);
    };
    if event.livemode != of.mode.livemode() {
        return Err(Refusal::WrongMode);
    }
    if event.account.is_some_and(|account| of.account.map(AccountId::as_str) != Some(account.as_str())) {
        return Err(Refusal::ForeignAccount);
    }
    let object = &event.data.object;
    let named = |value: &Value| value.as_str().and_then(|text| text.parse().ok());
    // A Stripe Checkout of ours names its session twice.
    let session = named(&object["metadata"][SESSION_KEY]).or_else(|| named(&object["client_reference_id"]));
    let intent = match object["object"].as_str() {
        Some("payment_intent") => &object["id"],
        Some(_) | None if object["payment_intent"].is_object() => &object["payment_intent"]["id"],
        Some(_) | None => &object["payment_intent"],
    };
    Ok(StripeEvent {
        id,
        kind,
        object: object["id"].as_str().and_then(|text| text.parse().ok()),
        session,
        intent: intent.as_str().and_then(|text| text.parse().ok()),
        received: now,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::PaymentIntentId;
    use serde_json::json;

    const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);
    const BODY: &[u8] = br#"{"id": "evt_1"}"#;

    fn digest(time: &str, body: &[u8], secret: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(&[time.as_bytes(), b".", body].concat());
        hex::encode(mac.finalize().into_bytes())
    }

    fn judged(header: &str, body: &[u8], secrets: &[&str]) -> Result<(), Refusal> {
        let secrets: Vec<SecretString> = secrets.iter().map(|secret| SecretString::from(*secret)).collect();
        Signature::read(header, NOW)?.check(body, &secrets)
    }

    #[test]
    fn any_good_digest_of_any_secret_is_enough_and_nothing_else_is() {
        let good = digest("1790000000", BODY, "whsec_new");
        let old = digest("1790000000", BODY, "whsec_old");
        let wrong = "0".repeat(64);
        let both = ["whsec_new", "whsec_old"];
        for (header, secrets, expected) in [
            (format!("t=1790000000,v1={good}"), &both[..], Ok(())),
            (format!("t=1790000000,v1={old}"), &both[..], Ok(())),
            (format!("t=1790000000,v1={wrong},v1={good},v0={wrong}"), &both[1..], Err(Refusal::Forged)),
            (format!("t=1790000000,v1={wrong},v1={good},v0={wrong}"), &both[..1], Ok(())),
            (format!("t=1790000000, v1=short, v1={good}"), &both[..], Ok(())),
            (format!("t=1790000001,v1={good}"), &both[..], Err(Refusal::Forged)),
            (format!("t=01790000000,v1={good}"), &both[..], Err(Refusal::Forged)),
            (format!("t=1790000000,v0={good}"), &both[..], Err(Refusal::Unsigned)),
            (format!("t=1790000000,t=1790000000,v1={good}"), &both[..], Err(Refusal::Unsigned)),
            (format!("t=,v1={good}"), &both[..], Err(Refusal::Unsigned)),
            (format!("t=+1790000000,v1={good}"), &both[..], Err(Refusal::Unsigned)),
            (format!("t={},v1={good}", "9".repeat(30)), &both[..], Err(Refusal::Unsigned)),
            (format!("v1={good}"), &both[..], Err(Refusal::Unsigned)),
            (String::new(), &both[..], Err(Refusal::Unsigned)),
            (format!("t=1790000000,v1={good}"), &[], Err(Refusal::Forged)),
        ] {
            assert_eq!(judged(&header, BODY, secrets), expected, "{header}");
        }
        assert_eq!(judged(&format!("t=1790000000,v1={good}"), b"{}", &both), Err(Refusal::Forged));
    }

    #[test]
    fn a_signature_is_good_for_five_minutes_either_way() {
        for (time, expected) in [
            (1_790_000_300, Ok(())),
            (1_789_999_700, Ok(())),
            (1_790_000_301, Err(Refusal::Stale)),
            (1_789_999_699, Err(Refusal::Stale)),
            (i64::MAX, Err(Refusal::Stale)),
        ] {
            let time = time.to_string();
            let header = format!("t={time},v1={}", digest(&time, BODY, "whsec"));
            assert_eq!(judged(&header, BODY, &["whsec"]), expected, "{time}");
        }
    }

    fn read(object: &Value) -> StripeEvent {
        let event = json!({
            "id": "evt_1", "object": "event", "type": "made.up", "livemode": false, "account": null,
            "data": { "object": object },
        });
        let of = Addressee { mode: Mode::Test, account: None };
        read_event(event.to_string().as_bytes(), of, NOW).unwrap()
    }

    #[test]
    fn of_an_event_only_names_are_taken() {
        let session = "chk_0123456789abcdef0123456789abcdef";
        let ours = json!({ "checkout_session": session, "checkout_attempt": "1" });
        for (object, named, intent) in [
            (json!({ "object": "payment_intent", "id": "pi_1", "metadata": ours }), true, Some("pi_1")),
            (json!({ "object": "checkout.session", "id": "cs_1", "metadata": ours }), true, None),
            (
                json!({ "object": "checkout.session", "id": "cs_1", "client_reference_id": session }),
                true,
                None,
            ),
            (
                json!({ "object": "charge", "id": "ch_1", "metadata": {}, "payment_intent": "pi_2" }),
                false,
                Some("pi_2"),
            ),
            (
                json!({ "object": "refund", "id": "re_1", "payment_intent": { "id": "pi_3" } }),
                false,
                Some("pi_3"),
            ),
            (json!({ "object": "dispute", "id": "du_1", "payment_intent": null }), false, None),
            (
                json!({ "object": "payment_intent", "id": "../pi", "metadata": { "checkout_session": 7 } }),
                false,
                None,
            ),
            (json!({ "object": "balance" }), false, None),
        ] {
            let event = read(&object);
            assert_eq!(event.session.is_some(), named, "{object}");
            assert_eq!(event.intent.as_ref().map(PaymentIntentId::as_str), intent, "{object}");
        }
    }

    #[test]
    fn what_is_no_event_of_this_merchant_is_refused() {
        let account: AccountId = "acct_1".parse().unwrap();
        let refusal = |change: &dyn Fn(&mut Value)| {
            let mut event = json!({
                "id": "evt_1", "type": "made.up", "livemode": false, "data": { "object": { "id": "pi_1" } },
            });
            change(&mut event);
            let of = Addressee { mode: Mode::Test, account: Some(&account) };
            read_event(event.to_string().as_bytes(), of, NOW).err()
        };
        assert_eq!(refusal(&|_| ()), None);
        assert_eq!(refusal(&|event| event["account"] = "acct_1".into()), None);
        assert_eq!(refusal(&|event| event["account"] = "acct_2".into()), Some(Refusal::ForeignAccount));
        assert_eq!(refusal(&|event| event["livemode"] = true.into()), Some(Refusal::WrongMode));
        assert_eq!(refusal(&|event| event["livemode"] = Value::Null), Some(Refusal::Unreadable));
        assert_eq!(refusal(&|event| event["id"] = "pi_1".into()), Some(Refusal::Unreadable));
        assert_eq!(refusal(&|event| event["data"]["object"] = Value::Null), Some(Refusal::Unreadable));
        let of = Addressee { mode: Mode::Test, account: None };
        assert_eq!(read_event(b"[", of, NOW).err(), Some(Refusal::Unreadable));
        assert_eq!(read_event(&[b'['; 9000], of, NOW).err(), Some(Refusal::Unreadable));
    }
}
