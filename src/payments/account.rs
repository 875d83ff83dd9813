//! The Stripe account of a merchant's key: remembered, read, and compared with the known one.
//!
//! Invariant: a key of another account never receives this merchant's money. A remembered account is valid at once
//! only for the key that it was verified with; any other key is first verified at Stripe.

use std::time::Duration;

use super::dependencies::Dependencies;
use super::key_status::log_refusal;
use super::merchant_state::MerchantState;
use super::payees::{AccountTaken, Payee};
use super::reconciliation::{Unreconciled, reconcile};
use super::stripe_budget::Verification;
use crate::domain::ids::{AccountId, MerchantId};
use crate::domain::merchant::PaymentsOff;
use crate::store::{KeptAccount, StoreError, VerifiedKey};
use crate::stripe::{AccountError, KeyRefusal, Noted, in_words};
use crate::telemetry::millis;

pub(crate) struct VerifiedAccount {
    pub(crate) account: AccountId,
    /// Whether Stripe confirmed it, and not only the configuration.
    pub(crate) verified_by_stripe: bool,
    /// The number of reports about the key at the moment of the request to Stripe.
    pub(crate) reports: u64,
}

/// Why the account is not known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AccountCheckError {
    #[error(transparent)]
    Stripe(#[from] AccountError),
    #[error("the store: {0}")]
    Store(#[from] StoreError),
    #[error(
        "the key opens the Stripe account {opened}, but this merchant's file names {given}; \
         payments stay off until the key or stripe.account_id is put right"
    )]
    NotGiven { opened: AccountId, given: AccountId },
    #[error(
        "the key opens the Stripe account {opened}, but this merchant was paid into {kept} before; payments stay off until \
         the key or stripe.account_id is put right or, where the merchant has moved to {opened} or {kept} never was its own, until {kept} is \
         forgotten: POST /admin/v1/account/forget?tenant=… with {{\"account\": \"{kept}\"}}"
    )]
    NotKept { opened: AccountId, kept: AccountId },
    #[error("{0}; payments stay off until then")]
    Taken(#[from] AccountTaken),
    #[error("the database was restored, and what was paid since is not accounted for yet: {0}")]
    Restored(#[from] Unreconciled),
    #[error("the work was lost")]
    Lost,
}

impl AccountCheckError {
    /// Logs the failure, with one event name for each cause, and the time of the next try.
    pub(crate) fn log(&self, merchant: &MerchantId, next_try: Duration) {
        let next_try_ms = millis(next_try);
        match self {
            Self::Stripe(AccountError::KeyRefused(refusal)) => log_refusal(merchant, refusal, Some(next_try)),
            Self::Stripe(AccountError::NotPermitted(refusal)) => {
                let KeyRefusal { request_id, permission, .. } = refusal;
                tracing::error!(
                    %merchant, request_id, permission, next_try_ms, cause = %self, "stripe_account_not_permitted"
                );
            }
            Self::Stripe(AccountError::ClockDiffers) => {
                tracing::error!(%merchant, next_try_ms, cause = %self, "stripe_clock_differs");
            }
            Self::NotGiven { .. } | Self::NotKept { .. } => {
                tracing::error!(%merchant, next_try_ms, cause = %self, "stripe_account_differs");
            }
            Self::Taken(_) => tracing::error!(%merchant, next_try_ms, cause = %self, "stripe_account_taken"),
            Self::Restored(_) => {
                tracing::warn!(%merchant, next_try_ms, cause = %self, "restore_not_reconciled");
            }
            Self::Stripe(AccountError::ReadFailed(noted)) => {
                let Noted { status, code, address, cause, .. } = &**noted;
                let cause = cause.as_deref().unwrap_or("the answer is not an account");
                tracing::warn!(%merchant, status, code, address, cause, next_try_ms, "stripe_account_unread");
            }
            Self::Store(_) | Self::Lost => {
                tracing::error!(%merchant, next_try_ms, cause = in_words(self), "stripe_account_not_kept");
            }
        }
    }

    /// Logs that the merchant's next key is not used; the present one stays in use, and the next is tried again.
    pub(crate) fn log_of_next_key(&self, merchant: &MerchantId, next_try: Duration) {
        let next_try_ms = millis(next_try);
        let cause = match self {
            Self::NotGiven { opened, given: present } | Self::NotKept { opened, kept: present } => {
                format!("it opens the Stripe account {opened}, but the present key opens {present}")
            }
            Self::Stripe(_) | Self::Store(_) | Self::Taken(_) | Self::Restored(_) | Self::Lost => {
                in_words(self)
            }
        };
        match self {
            Self::NotGiven { .. }
            | Self::NotKept { .. }
            | Self::Taken(_)
            | Self::Stripe(AccountError::KeyRefused(_) | AccountError::NotPermitted(_)) => {
                let remedy = "name a key of the same account that may read it in stripe.next_secret_key";
                tracing::error!(%merchant, next_try_ms, cause, remedy, "next_stripe_key_not_used");
            }
            Self::Stripe(AccountError::ClockDiffers | AccountError::ReadFailed(_))
            | Self::Store(_)
            | Self::Restored(_)
            | Self::Lost => tracing::warn!(%merchant, next_try_ms, cause, "next_stripe_key_not_verified"),
        }
    }

    /// Why payments are off, even with a remembered account; `None` if the check gave no result.
    pub(crate) const fn off(&self) -> Option<PaymentsOff> {
        match self {
            Self::Stripe(AccountError::KeyRefused(_)) => Some(PaymentsOff::KeyRefused),
            Self::Stripe(AccountError::ClockDiffers) => Some(PaymentsOff::ClockDiffers),
            Self::NotGiven { .. } => Some(PaymentsOff::AccountMisnamed),
            Self::NotKept { .. } => Some(PaymentsOff::OtherAccount),
            Self::Taken(_) => Some(PaymentsOff::AccountTaken),
            Self::Restored(_) => Some(PaymentsOff::Unreconciled),
            Self::Stripe(AccountError::NotPermitted(_) | AccountError::ReadFailed(_))
            | Self::Store(_)
            | Self::Lost => None,
        }
    }
}

/// The failure of the last verification.
#[derive(Debug, Default)]
pub(crate) struct Missed(Option<String>);

impl Missed {
    /// Records a failure and returns whether to log it. Of a pending restore only changes are logged: the same
    /// failure may repeat many times.
    pub(crate) fn is_news(&mut self, error: &AccountCheckError) -> bool {
        let said = error.to_string();
        let told = matches!(error, AccountCheckError::Restored(_)) && self.0.as_ref() == Some(&said);
        self.0 = Some(said);
        !told
    }
}

/// The account that was verified earlier with the merchant's present key; `None` if Stripe must be asked first.
pub(crate) async fn remembered(deps: &Dependencies, merchant: &MerchantState) -> Option<VerifiedAccount> {
    if !deps.reconciliation.unreconciled(&merchant.tenant).is_empty() {
        return None;
    }
    let KeptAccount { account, key } = deps.store.account(&merchant.tenant).await.ok()??;
    let VerifiedKey { fingerprint, verified_by_stripe } = key?;
    let same_key = deps.keyring.verify_key_fingerprint(&merchant.tenant, &merchant.key.secret, &fingerprint);
    let agrees = merchant.given_account.as_ref().is_none_or(|given| *given == account);
    let reports = merchant.key.status.reports();
    let verified =
        (same_key && agrees).then_some(VerifiedAccount { account, verified_by_stripe, reports })?;
    // If another merchant receives payments in it, the verification reports that.
    claim(deps, merchant, (&verified.account, verified_by_stripe)).ok()?;
    Some(verified)
}

/// Reads the account of a merchant's next key at Stripe. Only Stripe's word counts, and only the account that the present
/// key opens: which account a merchant is paid into is never decided by a next key.
pub(crate) async fn verify_next_key(
    deps: &Dependencies,
    candidate: &MerchantState,
    present: &AccountId,
) -> Result<VerifiedAccount, AccountCheckError> {
    let (reports, answer) = {
        let _place = deps.places.verification(Verification::Later).await;
        (candidate.key.status.reports(), candidate.key.stripe.account_id().await)
    };
    let opened = answer?;
    if opened != *present {
        return Err(AccountCheckError::NotKept { opened, kept: present.clone() });
    }
    claim(deps, candidate, (&opened, true))?;
    let fingerprint = deps.keyring.key_fingerprint(&candidate.tenant, &candidate.key.secret);
    let key = VerifiedKey { fingerprint, verified_by_stripe: true };
    let kept = deps.store.remember_account(&candidate.tenant, &opened, &key).await?;
    if kept == opened {
        Ok(VerifiedAccount { account: kept, verified_by_stripe: true, reports })
    } else {
        Err(AccountCheckError::NotKept { opened, kept })
    }
}

/// Reads the account of the key at Stripe, and reconciles a restored database with it.
pub(crate) async fn verify_account(
    deps: &Dependencies,
    merchant: &MerchantState,
) -> Result<VerifiedAccount, AccountCheckError> {
    let verified = verify(deps, merchant).await?;
    // Boxed: after a start every merchant's verification waits at once, and few have anything to reconcile.
    Box::pin(reconcile(deps, merchant, (&verified.account, verified.verified_by_stripe))).await?;
    Ok(verified)
}

/// Records that the merchant receives payments in an account. A removed one receives none.
pub(crate) fn claim(
    deps: &Dependencies,
    merchant: &MerchantState,
    (account, verified_by_stripe): (&AccountId, bool),
) -> Result<(), AccountTaken> {
    if merchant.is_removed {
        return Ok(());
    }
    let (tenant, shares) = (merchant.tenant.clone(), merchant.shares_account);
    deps.payees.claim(account, Payee { tenant, shares, verified_by_stripe })
}

/// The configured, the verified and the remembered account must agree.
async fn verify(deps: &Dependencies, merchant: &MerchantState) -> Result<VerifiedAccount, AccountCheckError> {
    let given = merchant.given_account.clone();
    let payable = merchant.view.load().payments_off.is_none();
    let verification = if payable { Verification::Later } else { Verification::Awaited };
    let (reports, answer) = {
        let _place = deps.places.verification(verification).await;
        // A report that arrives during the request may be more recent than its answer.
        (merchant.key.status.reports(), merchant.key.stripe.account_id().await)
    };
    let (opened, verified_by_stripe) = match (answer, &given) {
        (Ok(opened), _) => (opened, true),
        (Err(AccountError::NotPermitted(_)), Some(given)) => (given.clone(), false),
        (Err(error), _) => return Err(error.into()),
    };
    if let Some(given) = given.filter(|given| *given != opened) {
        return Err(AccountCheckError::NotGiven { opened, given });
    }
    let kept = deps.store.account(&merchant.tenant).await?;
    if let Some(KeptAccount { account: kept, key }) = kept.filter(|kept| kept.account != opened) {
        // Stripe itself has confirmed the account of this key: only the configuration differs.
        let is_known = key.is_some_and(|VerifiedKey { fingerprint, verified_by_stripe }| {
            verified_by_stripe
                && deps.keyring.verify_key_fingerprint(&merchant.tenant, &merchant.key.secret, &fingerprint)
        });
        return Err(if is_known && !verified_by_stripe {
            AccountCheckError::NotGiven { opened: kept, given: opened }
        } else {
            AccountCheckError::NotKept { opened, kept }
        });
    }
    // Before it is stored: another merchant's account must not become this one's at the next start.
    claim(deps, merchant, (&opened, verified_by_stripe))?;
    let fingerprint = deps.keyring.key_fingerprint(&merchant.tenant, &merchant.key.secret);
    let key = VerifiedKey { fingerprint, verified_by_stripe };
    let kept = deps.store.remember_account(&merchant.tenant, &opened, &key).await?;
    if kept == opened {
        Ok(VerifiedAccount { account: kept, verified_by_stripe, reports })
    } else {
        Err(AccountCheckError::NotKept { opened, kept })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_restore_waits_for_is_told_once_for_each_change() {
        let mut missed = Missed::default();
        let unproved = || AccountCheckError::Restored(Unreconciled::Unproved);
        let open =
            |page: &str| AccountCheckError::Restored(Unreconciled::StripeCheckoutOpen(page.to_owned()));
        let told: Vec<bool> = [unproved(), unproved(), open("cs_1"), open("cs_1"), open("cs_2"), unproved()]
            .iter()
            .map(|error| missed.is_news(error))
            .collect();
        assert_eq!(told, [true, false, true, false, true, true]);
        assert!(
            missed.is_news(&AccountCheckError::Lost) && missed.is_news(&AccountCheckError::Lost),
            "a failure is told each time"
        );
    }
}
