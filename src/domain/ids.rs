//! Identifiers: one type per kind of object, each parsed once at the edge.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use strum::{EnumString, IntoStaticStr};

/// Why a text is not an identifier of the expected kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is not {expected}")]
pub struct IdError {
    /// What was expected, as a noun with its form.
    pub expected: &'static str,
}

/// A text identifier: a newtype with a parse rule, displayed as its text.
macro_rules! text_id {
    ($(#[$meta:meta])* $name:ident, $expected:literal, $valid:expr) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The identifier's text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(Self(text.to_owned())) } else { Err(IdError { expected: $expected }) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// A 128-bit random identifier written as a prefix and 32 lower-case hexadecimal digits.
macro_rules! random_id {
    ($(#[$meta:meta])* $name:ident, $prefix:literal, $expected:literal) => {
        text_id!($(#[$meta])* $name, $expected, |text| {
            text.strip_prefix($prefix).is_some_and(|hex| {
                hex.len() == 32 && hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
            })
        });

        impl $name {
            /// The identifier made of these random bits.
            #[must_use]
            pub fn from_random(bits: u128) -> Self {
                Self(format!("{}{bits:032x}", $prefix))
            }
        }
    };
}

/// Whether a text is `prefix` followed by 1 to 255 letters, digits or underscores: the form of Stripe's identifiers.
fn stripe_form(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix).is_some_and(|rest| {
        (1..=255).contains(&rest.len())
            && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

text_id!(
    /// A merchant's identifier: the stem of its tenant file. Hyphens are single and not at the ends, so no merchant's
    /// environment variables begin with those of another.
    MerchantId, "a tenant id of 1 to 63 lower-case letters and digits, with single hyphens between them",
    |text| (1..=63).contains(&text.len())
        && text.split('-').all(|part| !part.is_empty()
            && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()))
);

text_id!(
    /// An item that a cart line can name: a product without variants, or one variant of a product.
    ItemId, "an item id of 1 to 100 letters, digits, '-', '_', '.' and ':'",
    |text| (1..=100).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':'))
);

text_id!(
    /// A shipping option of a merchant.
    ShippingId, "a shipping option id of 1 to 100 letters, digits, '-', '_' and '.'",
    |text| (1..=100).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
);

random_id!(
    /// A checkout session.
    SessionId, "chk_", "a checkout session id (chk_ and 32 hexadecimal digits)"
);

random_id!(
    /// An order.
    OrderId, "ord_", "an order id (ord_ and 32 hexadecimal digits)"
);

random_id!(
    /// A payment to this gateway that fits no order and waits for an operator.
    FlagId, "flg_", "a flag id (flg_ and 32 hexadecimal digits)"
);

random_id!(
    /// An order event; also the `webhook-id` of its delivery, the same at every try.
    OrderEventId, "oev_", "an order event id (oev_ and 32 hexadecimal digits)"
);

text_id!(
    /// A Stripe account, `acct_…`.
    AccountId, "a Stripe account id (acct_…)", |text| stripe_form(text, "acct_")
);

text_id!(
    /// A Stripe profile's Network ID, `profile_…` (`profile_test_…` in test mode).
    NetworkId, "a Network ID (profile_… or, in test mode, profile_test_…)",
    |text| stripe_form(text, "profile_")
);

text_id!(
    /// A Stripe Checkout Session, `cs_…`, on which a session of ours is paid.
    StripeCheckoutId, "a Checkout Session id (cs_…)", |text| stripe_form(text, "cs_")
);

text_id!(
    /// A Stripe PaymentIntent, `pi_…`.
    PaymentIntentId, "a PaymentIntent id (pi_…)", |text| stripe_form(text, "pi_")
);

text_id!(
    /// A Stripe Refund, `re_…` (`pyr_…` for some bank methods).
    RefundId, "a Refund id (re_…)", |text| stripe_form(text, "re_") || stripe_form(text, "pyr_")
);

text_id!(
    /// A Stripe Dispute, `dp_…` (`du_…` in newer accounts).
    DisputeId, "a Dispute id (dp_…)", |text| stripe_form(text, "dp_") || stripe_form(text, "du_")
);

text_id!(
    /// An operator's name for a request, so that repeating the request has no further effect.
    Reference, "a reference of 1 to 100 letters, digits, '-', '_', '.' and ':'",
    |text| (1..=100).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':'))
);

text_id!(
    /// A Stripe event, `evt_…`.
    StripeEventId, "a Stripe event id (evt_…)", |text| stripe_form(text, "evt_")
);

text_id!(
    /// The type of a Stripe event, such as `payment_intent.succeeded`.
    StripeEventType, "a Stripe event type of 1 to 100 lower-case letters, digits, '_' and '.'",
    |text| (1..=100).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'_' | b'.'))
);

text_id!(
    /// Any object of Stripe's, for uses where only its id matters.
    StripeObjectId, "a Stripe id of 1 to 255 letters, digits and '_'",
    |text| (1..=255).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
);

/// Whether payments move real money. It is part of every key in the store.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    IntoStaticStr,
    EnumString,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Mode {
    /// Test cards, Stripe's sandbox.
    Test,
    /// Real money.
    Live,
}

impl Mode {
    /// The other mode.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Test => Self::Live,
            Self::Live => Self::Test,
        }
    }

    /// The value of `livemode` in Stripe's objects.
    #[must_use]
    pub const fn livemode(self) -> bool {
        matches!(self, Self::Live)
    }
}

/// The owner of a row: the first part of every key in the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tenant {
    pub merchant: MerchantId,
    /// Test and live rows never meet.
    pub mode: Mode,
}

/// The number of a session's quote; every edit makes a new one. The first is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub u32);

impl Revision {
    /// The revision after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// The number of an attempt to charge a session; the first is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AttemptNumber(pub u32);

impl AttemptNumber {
    /// The attempt after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// The number of a refund among those requested here for one order; the first is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RefundNumber(pub u32);

/// An order's number for people: the merchant's own sequence, in the order in which orders were placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrderNumber(pub u32);

impl OrderNumber {
    /// The number of a merchant's first order.
    pub const FIRST: Self = Self(1001);

    /// The number of the next order.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for OrderNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A session's public id: `chk_…`, or `chk_…_r3` with the revision that the shopper was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRef {
    pub id: SessionId,
    /// The revision, where it was named.
    pub revision: Option<Revision>,
}

impl FromStr for SessionRef {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        const EXPECTED: &str = "a checkout session id (chk_… or chk_…_r1), as create_checkout answered it";
        let wrong = || IdError { expected: EXPECTED };
        let Some((id, revision)) = text.split_once("_r") else {
            return Ok(Self { id: text.parse().map_err(|_| wrong())?, revision: None });
        };
        let canonical = !revision.is_empty()
            && revision.len() <= 9
            && !revision.starts_with('0')
            && revision.bytes().all(|byte| byte.is_ascii_digit());
        if !canonical {
            return Err(wrong());
        }
        let revision = revision.parse().map_err(|_| wrong())?;
        Ok(Self { id: id.parse().map_err(|_| wrong())?, revision: Some(Revision(revision)) })
    }
}

impl fmt::Display for SessionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.revision {
            Some(Revision(number)) => write!(f, "{}_r{number}", self.id),
            None => self.id.fmt(f),
        }
    }
}

/// The SHA-256 of a Shared Payment Token, which is stored, compared and logged in place of the token.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SptHash(String);

impl SptHash {
    /// The hash of a token's text.
    #[must_use]
    pub fn of(token: &str) -> Self {
        Self(hex::encode(Sha256::digest(token.as_bytes())))
    }

    /// A hash read back from the store.
    #[must_use]
    pub fn from_stored(hex: String) -> Self {
        Self(hex)
    }

    /// 64 hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_named_with_or_without_its_revision() {
        let id = SessionId::from_random(7);
        let plain: SessionRef = id.as_str().parse().unwrap();
        assert_eq!(plain, SessionRef { id: id.clone(), revision: None });
        let third: SessionRef = format!("{id}_r3").parse().unwrap();
        assert_eq!(third, SessionRef { id, revision: Some(Revision(3)) });
        assert_eq!(third.to_string().parse::<SessionRef>(), Ok(third));
    }

    #[test]
    fn made_up_session_names_are_refused() {
        let id = SessionId::from_random(7);
        for wrong in [
            "price_123::3f2c1d1e-0000-4000-8000-000000000000".to_owned(),
            String::new(),
            "chk_".to_owned(),
            format!("{id}_r"),
            format!("{id}_r0"),
            format!("{id}_r-1"),
            format!("{id}_r99999999999"),
            format!("{id}x"),
            id.as_str().to_uppercase(),
        ] {
            assert!(wrong.parse::<SessionRef>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_tenant_id_is_safe_in_paths_hosts_and_variables() {
        assert!("harbor-coffee".parse::<MerchantId>().is_ok());
        for wrong in ["", "Harbor", "a b", "../x", "a_b", "é", "a--b", "-a", "a-", "-", &"a".repeat(64)] {
            assert!(wrong.parse::<MerchantId>().is_err(), "{wrong}");
        }
    }
}
