//! The Shared Payment Token: Stripe's "granted token", with which ChatGPT allows a shop to charge a shopper once.

use crate::domain::ids::{IdError, Mode, SptHash};
use crate::domain::merchant::{RiskPolicy, TokenPolicy};
use crate::domain::money::Money;
use crate::domain::time::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Why a token could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenReadError {
    /// Stripe knows no such token for this merchant.
    Foreign,
    /// Stripe answers that this token cannot be read, so it cannot be used here.
    Refused,
    /// Stripe did not answer.
    ReadFailed,
    /// Stripe answers, and accepts no further requests of this merchant for now.
    Limited,
    /// Too many payments are in progress, so the token was not read.
    TooMany,
    /// Stripe refuses the merchant's key, or the key may not read tokens.
    KeyRefused,
    /// Stripe's clock differs much from ours, so the times of a payment would not be reliable.
    ClockDiffers,
}

/// A token in clear. It is never shown, logged or serialised; its hash takes its place.
#[derive(Clone)]
pub struct SharedPaymentToken {
    token: SecretString,
    hash: SptHash,
}

impl SharedPaymentToken {
    /// The token itself, for the one request that needs it and for sealing.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.token.expose_secret()
    }

    /// The hash that takes its place.
    #[must_use]
    pub const fn hash(&self) -> &SptHash {
        &self.hash
    }
}

impl FromStr for SharedPaymentToken {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let valid = text.strip_prefix("spt_").is_some_and(|rest| {
            (8..=255).contains(&rest.len())
                && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        });
        if valid {
            Ok(Self { token: SecretString::from(text), hash: SptHash::of(text) })
        } else {
            Err(IdError { expected: "a Shared Payment Token (spt_…)" })
        }
    }
}

impl fmt::Debug for SharedPaymentToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spt#{}", self.hash.as_str().get(..12).unwrap_or_default())
    }
}

/// The result of reading a granted token with the merchant's own key (`GET /v1/shared_payment/granted_tokens/{id}`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenFacts {
    /// Whether it is for real money.
    pub livemode: bool,
    pub deactivated: Option<Deactivation>,
    /// Until when it may be used.
    pub expires: Option<Timestamp>,
    /// The amount that may still be charged: the limit less the captured amount. `None` if Stripe named no usable
    /// limit.
    pub remaining: Option<Money>,
    /// Whether a risk insight recommends to block it.
    pub block_recommended: bool,
    /// The Stripe profile of the agent that granted it.
    pub agent_profile: Option<String>,
}

/// Why a token is deactivated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deactivation {
    /// All of it was charged.
    Consumed,
    Expired,
    /// Its agent revoked it.
    Revoked,
    /// For another reason.
    Other,
}

/// Why a token cannot pay a quote. Nothing was charged; another token may work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "problem", rename_all = "snake_case")]
pub enum TokenProblem {
    /// Stripe knows no such token for this shop.
    Foreign,
    /// It is for the other mode.
    Mode {
        /// Whether the token is live.
        token: bool,
    },
    /// It was charged fully.
    Consumed,
    Expired,
    Revoked,
    NoLimit,
    /// It is in another currency, or its amount is not the total.
    Amount {
        token: Money,
        /// The total to pay.
        total: Money,
    },
    /// Stripe recommends to block it.
    Risk,
}

impl TokenFacts {
    /// Checks that the token can pay `total` now, in this mode and under this policy.
    pub fn check(
        &self,
        mode: Mode,
        policy: TokenPolicy,
        total: Money,
        now: Timestamp,
    ) -> Result<(), TokenProblem> {
        if self.livemode != mode.livemode() {
            return Err(TokenProblem::Mode { token: self.livemode });
        }
        match self.deactivated {
            Some(Deactivation::Consumed) => return Err(TokenProblem::Consumed),
            Some(Deactivation::Expired) => return Err(TokenProblem::Expired),
            Some(Deactivation::Revoked | Deactivation::Other) => return Err(TokenProblem::Revoked),
            None => {}
        }
        if self.expires.is_some_and(|expires| expires <= now) {
            return Err(TokenProblem::Expired);
        }
        let remaining = self.remaining.ok_or(TokenProblem::NoLimit)?;
        let enough =
            if policy.allow_larger { remaining.minor >= total.minor } else { remaining.minor == total.minor };
        if remaining.currency != total.currency || !enough {
            return Err(TokenProblem::Amount { token: remaining, total });
        }
        if self.block_recommended && policy.risk == RiskPolicy::BlockOnRecommendation {
            return Err(TokenProblem::Risk);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_has_8_to_255_letters_digits_or_underscores() {
        let token = |rest: &str| format!("spt_{rest}").parse::<SharedPaymentToken>().is_ok();
        for (length, valid) in [(7, false), (8, true), (255, true), (256, false)] {
            assert_eq!(token(&"a".repeat(length)), valid, "{length}");
        }
        assert!(token("Az_09Az_09"));
        for wrong in ["with-dash1", "with space", "ümlaut0001", ""] {
            assert!(!token(wrong), "{wrong}");
        }
        assert!("12345678".parse::<SharedPaymentToken>().is_err());
    }
}
