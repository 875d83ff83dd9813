//! Which Stripe account a merchant's key opens: remembered, asked for, and held against what is known.
//!
//! Invariant: a key of another account never takes this merchant's money. A remembered account counts at once only for the
//! key that it was verified with; every other key is verified at Stripe first.

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

/// An account that is known.
pub(crate) struct VerifiedAccount {
    pub(crate) account: AccountId,
    /// Stripe said it, not only the configuration.
    pub(crate) verified_by_stripe: bool,
    /// How much had been reports of the key when Stripe was asked.
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
    /// Says in the log why, under one name for each cause, and when the next try is made.
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

    /// What turns payments off, even those of an account that is remembered; `None` where nothing was learned.
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

/// What the last verification failed by.
#[derive(Debug, Default)]
pub(crate) struct Missed(Option<String>);

impl Missed {
    /// Notes a failure; whether the log is to tell it. What a restore waits for is told when it changes: until then every try
    /// ends alike, and there may be many.
    pub(crate) fn is_news(&mut self, error: &AccountCheckError) -> bool {
        let said = error.to_string();
        let told = matches!(error, AccountCheckError::Restored(_)) && self.0.as_ref() == Some(&said);
        self.0 = Some(said);
        !told
    }
}

/// The account that was verified with the merchant's present key before; `None` where Stripe must be asked first.
pub(crate) async fn remembered(
    deps: &Dependencies,
    merchant: &MerchantState,
    given: Option<&AccountId>,
) -> Option<VerifiedAccount> {
    if !deps.reconciliation.unreconciled(&merchant.tenant).is_empty() {
        return None;
    }
    let KeptAccount { account, key } = deps.store.account(&merchant.tenant).await.ok()??;
    let VerifiedKey { fingerprint, verified_by_stripe } = key?;
    let same_key = deps.keyring.verify_key_fingerprint(&merchant.tenant, &merchant.key, &fingerprint);
    let agrees = given.is_none_or(|given| *given == account);
    let reports = merchant.key_status.reports();
    let verified =
        (same_key && agrees).then_some(VerifiedAccount { account, verified_by_stripe, reports })?;
    // Where another merchant is paid into it, a verification says so.
    claim(deps, merchant, (&verified.account, verified_by_stripe)).ok()?;
    Some(verified)
}

/// Asks Stripe which account the key opens, and accounts for what a restore of the database has lost of it.
pub(crate) async fn verify_account(
    deps: &Dependencies,
    merchant: &MerchantState,
    given: Option<AccountId>,
) -> Result<VerifiedAccount, AccountCheckError> {
    let verified = verify(deps, merchant, given).await?;
    reconcile(deps, merchant, (&verified.account, verified.verified_by_stripe)).await?;
    Ok(verified)
}

/// Notes that the merchant is paid into an account.
pub(crate) fn claim(
    deps: &Dependencies,
    merchant: &MerchantState,
    (account, verified_by_stripe): (&AccountId, bool),
) -> Result<(), AccountTaken> {
    let (merchant, shares) = (merchant.tenant.merchant.clone(), merchant.shares_account);
    deps.payees.claim(account, Payee { merchant, shares, verified_by_stripe })
}

/// Given, learned and remembered must agree.
async fn verify(
    deps: &Dependencies,
    merchant: &MerchantState,
    given: Option<AccountId>,
) -> Result<VerifiedAccount, AccountCheckError> {
    let payable = merchant.view.load().payments_off.is_none();
    let verification = if payable { Verification::Later } else { Verification::Awaited };
    let (reports, answer) = {
        let _place = deps.places.verification(verification).await;
        // What is reports while Stripe is asked may be from later than its answer.
        (merchant.key_status.reports(), merchant.stripe.account_id().await)
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
        // Stripe itself has said what this very key opens: only the file says otherwise.
        let is_known = key.is_some_and(|VerifiedKey { fingerprint, verified_by_stripe }| {
            verified_by_stripe
                && deps.keyring.verify_key_fingerprint(&merchant.tenant, &merchant.key, &fingerprint)
        });
        return Err(if is_known && !verified_by_stripe {
            AccountCheckError::NotGiven { opened: kept, given: opened }
        } else {
            AccountCheckError::NotKept { opened, kept }
        });
    }
    // Before it is kept: an account that is another merchant's must not become this one's at the next start.
    claim(deps, merchant, (&opened, verified_by_stripe))?;
    let fingerprint = deps.keyring.key_fingerprint(&merchant.tenant, &merchant.key);
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
