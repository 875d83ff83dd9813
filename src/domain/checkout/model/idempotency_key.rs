//! Stripe's `Idempotency-Key`: recomputable, different for every attempt and refund, without a secret in it.

use super::expected_payment::ExpectedPayment;
use crate::domain::ids::{AccountId, SptHash, Tenant};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Stripe's `Idempotency-Key` of an attempt: recomputable, different for every attempt, without a secret in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct IdempotencyKey(String);

impl IdempotencyKey {
    /// `mg1-` and the SHA-256 of the length-prefixed parts of an attempt.
    #[must_use]
    pub fn of(tenant: &Tenant, account: &AccountId, spt: &SptHash, charge: &ExpectedPayment) -> Self {
        Self::over(tenant, account, charge, &[spt.as_str()])
    }

    /// The key of an attempt that creates a Stripe Checkout: `hosted` and the revision take the place of the token.
    #[must_use]
    pub fn of_stripe_checkout(tenant: &Tenant, account: &AccountId, charge: &ExpectedPayment) -> Self {
        Self::over(tenant, account, charge, &["hosted", &charge.revision.0.to_string()])
    }

    fn over(tenant: &Tenant, account: &AccountId, charge: &ExpectedPayment, means: &[&str]) -> Self {
        let number = charge.attempt.0.to_string();
        let minor = charge.total.minor.to_string();
        let whose = [
            tenant.merchant.as_str(),
            account.as_str(),
            tenant.mode.into_str(),
            charge.session.as_str(),
            &number,
        ];
        let amount = [&minor, charge.total.currency.code()];
        Self::of_parts(whose.iter().chain(means).chain(&amount).copied())
    }

    /// Hashes length-prefixed parts, so that no two lists of parts give the same text.
    pub(crate) fn of_parts<'a>(parts: impl IntoIterator<Item = &'a str>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part.as_bytes());
        }
        Self(format!("mg1-{}", hex::encode(hash.finalize())))
    }

    /// A key read back from the store.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The key's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{AttemptNumber, Mode, Revision, SessionId};
    use crate::domain::money::Money;

    #[test]
    fn a_key_keeps_its_parts_apart() {
        let lists: [&[&str]; 9] = [
            &["ab", "c"],
            &["a", "bc"],
            &["abc"],
            &["a", "b", "c"],
            &["", "abc"],
            &["abc", ""],
            &["c", "ab"],
            &["ab", "c", ""],
            &[],
        ];
        for (at, list) in lists.iter().enumerate() {
            let key = IdempotencyKey::of_parts(list.iter().copied());
            assert_eq!(key, IdempotencyKey::of_parts(list.iter().copied()), "{list:?}");
            for other in &lists[at + 1..] {
                assert_ne!(key, IdempotencyKey::of_parts(other.iter().copied()), "{list:?} and {other:?}");
            }
        }
    }

    /// Everything that a charge's key is computed from.
    #[derive(Clone)]
    struct Parts {
        tenant: Tenant,
        account: AccountId,
        token: &'static str,
        charge: ExpectedPayment,
    }

    #[test]
    fn each_part_of_an_attempt_alone_makes_another_key() {
        let parts = Parts {
            tenant: Tenant { merchant: "shop".parse().unwrap(), mode: Mode::Test },
            account: "acct_1".parse().unwrap(),
            token: "spt_first0001",
            charge: ExpectedPayment {
                total: Money::new(4361, "usd".parse().unwrap()),
                session: SessionId::from_random(1),
                revision: Revision(1),
                attempt: AttemptNumber(1),
            },
        };
        // Only a Stripe Checkout's key has the revision: a token pays the amount, under whatever revision it was
        // shown.
        let changes: [fn(&mut Parts); 9] = [
            |_| {},
            |parts| parts.tenant.merchant = "other".parse().unwrap(),
            |parts| parts.tenant.mode = Mode::Live,
            |parts| parts.account = "acct_2".parse().unwrap(),
            |parts| parts.charge.session = SessionId::from_random(2),
            |parts| parts.charge.attempt = AttemptNumber(2),
            |parts| parts.charge.total.minor = 4362,
            |parts| parts.charge.total.currency = "eur".parse().unwrap(),
            |parts| (parts.token, parts.charge.revision) = ("spt_second002", Revision(2)),
        ];
        let mut keys = Vec::new();
        for change in changes {
            let mut parts = parts.clone();
            change(&mut parts);
            let Parts { tenant, account, token, charge } = &parts;
            keys.push(IdempotencyKey::of(tenant, account, &SptHash::of(token), charge));
            keys.push(IdempotencyKey::of_stripe_checkout(tenant, account, charge));
        }
        let different: std::collections::HashSet<&str> = keys.iter().map(IdempotencyKey::as_str).collect();
        assert_eq!(different.len(), keys.len());
    }
}
