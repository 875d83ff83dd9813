//! Executes the effects of a paid session once: requests a refund, reads an order.

use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::call_log::CallLog;
use super::dependencies::Dependencies;
use super::merchant_state::MerchantState;
use super::stored_request::{TOO_LATE, may_be_sent};
use super::stripe_budget::{PutOff, Reading};
use crate::domain::checkout::model::{Inconclusive, Loaded, OrderEffect, OrderObservation, RefundAnswer};
use crate::domain::ids::{AccountId, PaymentIntentId, RefundNumber, SessionId};
use crate::store::StoreError;
use crate::stripe::{CallResult, StoredRefund, in_words};

/// Executes one effect and returns the observation.
pub(crate) async fn run(
    deps: &Dependencies,
    merchant: &MerchantState,
    session: &SessionId,
    effect: &OrderEffect,
) -> CallResult<OrderObservation> {
    let began = Instant::now();
    let observed = match effect {
        OrderEffect::Refund(number) => refund(deps, merchant, session, *number).await,
        OrderEffect::Read { payment, account, undecided } => {
            let reading = if *undecided { Reading::Refund } else { Reading::Order };
            read(deps, merchant, reading, (payment, account.as_ref())).await
        }
    };
    CallLog { tenant: &merchant.tenant, session, began }.at_order(&observed);
    observed
}

/// Reads an order on the account that was paid; another account proves nothing.
async fn read(
    deps: &Dependencies,
    merchant: &MerchantState,
    reading: Reading,
    (payment, account): (&PaymentIntentId, Option<&AccountId>),
) -> CallResult<OrderObservation> {
    if account.is_none_or(|account| !merchant.key_opens(account)) {
        return CallResult::not_asked(
            OrderObservation::ReadFailed,
            "the account that it was paid on is not the one that the key opens, or that is not known yet",
        );
    }
    let _look = match merchant.gate.reading(reading).await {
        Ok(place) => place,
        Err(PutOff { after }) => return OrderObservation::PutOff { after }.into(),
    };
    let asked = deps.clock.now();
    let mut observed = merchant.key.stripe.read_order(payment, asked).await;
    if let OrderObservation::Read { complete, .. } = &mut observed.seen {
        // If only the configuration names the account, an empty list of refunds proves nothing.
        *complete &= merchant.key.account_verified_by_stripe.load(Ordering::Acquire);
    }
    observed
}

/// Sends the stored request for a refund, if it may still be sent, to the account that was paid.
async fn refund(
    deps: &Dependencies,
    merchant: &MerchantState,
    session: &SessionId,
    number: RefundNumber,
) -> CallResult<OrderObservation> {
    let result = |answer| CallResult::from(OrderObservation::RefundAnswered { number, answer });
    let unknown = |unknown, cause: &str| {
        let answer = RefundAnswer::Inconclusive(unknown);
        CallResult::not_asked(OrderObservation::RefundAnswered { number, answer }, cause)
    };
    let cannot_repeat =
        |cause| unknown(Inconclusive { cannot_repeat: true, ..Inconclusive::default() }, cause);
    let unread = |error: &StoreError| {
        unknown(
            Inconclusive::default(),
            &format!("its stored request could not be read: {}", in_words(error)),
        )
    };
    let row = match deps.store.refund(&merchant.tenant, session, number).await {
        Ok(Some(row)) => row,
        Ok(None) => return cannot_repeat("its stored request is not there"),
        Err(error) => return unread(&error),
    };
    match &merchant.view.load().account {
        None => return result(RefundAnswer::Unverified),
        Some(account) if *account != row.account => return result(RefundAnswer::OtherAccount),
        Some(_) => {}
    }
    let _slot = merchant.gate.slot().await;
    // Checked at the last moment: the wait for the store and the slot may have been long.
    match deps.store.load(&merchant.tenant, session, None).await {
        Ok(Loaded { session: Some((_, session)), .. }) if session.activity.sends(number) => {}
        Ok(_) => return cannot_repeat("its sending has ended"),
        Err(error) => return unread(&error),
    }
    if !may_be_sent(deps, &row.body, row.repeat_until) {
        return cannot_repeat(TOO_LATE);
    }
    let stored = StoredRefund {
        number,
        body: &row.body,
        idempotency_key: &row.idempotency_key,
        stripe_version: &row.stripe_version,
    };
    merchant.key.stripe.refund(&stored).await
}
