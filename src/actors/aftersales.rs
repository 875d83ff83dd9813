//! What a paid session wants done at Stripe, done once: a refund asked for, an order looked at.

use std::sync::atomic::Ordering;

use super::merchant::Shared;
use super::services::Services;
use crate::domain::checkout::aftersales::{OrderSeen, RefundAnswer};
use crate::domain::checkout::attempt::Unknown;
use crate::domain::checkout::effect::OrderEffect;
use crate::domain::checkout::snapshot::Loaded;
use crate::domain::ids::{AccountId, PaymentIntentId, RefundNumber, SessionId, Tenant};
use crate::runtime::{PutOff, Reading};
use crate::stripe::{Observation, StoredRefund};

/// Runs one effect and says what was seen.
pub(super) async fn run(
    services: &Services,
    merchant: &Shared,
    session: &SessionId,
    effect: &OrderEffect,
) -> Observation<OrderSeen> {
    let observed = match effect {
        OrderEffect::Refund(number) => refund(services, merchant, session, *number).await,
        OrderEffect::Read { payment, account, undecided } => {
            let reading = if *undecided { Reading::Refund } else { Reading::Order };
            read(services, merchant, (session, reading), (payment, account.as_ref())).await
        }
    };
    report(&merchant.tenant, session, &observed);
    observed
}

/// Looks at an order, on the account that was paid: what another does not show proves nothing.
async fn read(
    services: &Services,
    merchant: &Shared,
    (session, reading): (&SessionId, Reading),
    (payment, account): (&PaymentIntentId, Option<&AccountId>),
) -> Observation<OrderSeen> {
    if account.is_none_or(|account| !opens(merchant, account)) {
        tracing::warn!(%session, of = account.map(AccountId::as_str), "order_waits_for_its_account");
        return OrderSeen::Unread.into();
    }
    let _look = match merchant.gate.reading(reading).await {
        Ok(place) => place,
        Err(PutOff { after }) => return OrderSeen::PutOff { after }.into(),
    };
    let asked = services.clock.now();
    let mut observed = merchant.stripe.load_full().read_order(payment, asked).await;
    if let OrderSeen::Read { complete, .. } = &mut observed.seen {
        // Where only the configuration says which account is read, that it shows no refund proves nothing.
        *complete &= merchant.account_proved.load(Ordering::Acquire);
    }
    observed
}

/// Sends the stored request for a refund, if it may still be sent, to the account that it was made on.
async fn refund(
    services: &Services,
    merchant: &Shared,
    session: &SessionId,
    number: RefundNumber,
) -> Observation<OrderSeen> {
    let told = |answer| Observation::from(OrderSeen::Asked { number, answer });
    let cannot_repeat = || RefundAnswer::Unknown(Unknown { cannot_repeat: true, ..Unknown::default() });
    let row = match services.store.refund(&merchant.tenant, session, number).await {
        Ok(Some(row)) => row,
        Ok(None) => return told(cannot_repeat()),
        Err(error) => {
            tracing::error!(%session, %error, "refund_load_failed");
            return told(RefundAnswer::Unknown(Unknown::default()));
        }
    };
    match &merchant.view.load().account {
        None => return told(RefundAnswer::Unverified),
        Some(account) if *account != row.account => return told(RefundAnswer::OtherAccount),
        Some(_) => {}
    }
    let _slot = merchant.gate.slot().await;
    // Asked at the last moment: the wait for the store and the slot may have been long.
    match services.store.load(&merchant.tenant, session, None).await {
        Ok(Loaded { session: Some((_, session)), .. }) if session.book.sends(number) => {}
        Ok(_) => return told(cannot_repeat()),
        Err(error) => {
            tracing::error!(%session, %error, "refund_load_failed");
            return told(RefundAnswer::Unknown(Unknown::default()));
        }
    }
    if services.clock.now() >= row.repeat_until || row.body.is_empty() {
        return told(cannot_repeat());
    }
    let stored = StoredRefund {
        number,
        body: &row.body,
        idempotency_key: &row.idempotency_key,
        stripe_version: &row.stripe_version,
    };
    merchant.stripe.load_full().refund(&stored).await
}

/// Whether the merchant's key opens this account.
pub(super) fn opens(merchant: &Shared, account: &AccountId) -> bool {
    merchant.view.load().account.as_ref() == Some(account)
}

/// Says what was seen, and loudly where an operator should look.
fn report(tenant: &Tenant, session: &SessionId, observed: &Observation<OrderSeen>) {
    let merchant = &tenant.merchant;
    let Observation { seen, request_id } = observed;
    match seen {
        OrderSeen::Asked { number, answer } => {
            let refund = number.0;
            match answer {
                RefundAnswer::Made(seen) => {
                    let (id, status) = (&seen.id, seen.status.as_str());
                    tracing::info!(%merchant, %session, refund, request_id, %id, status, "refund_made");
                }
                RefundAnswer::Refused { why, stored } => {
                    tracing::warn!(%merchant, %session, refund, request_id, why, stored, "refund_refused");
                }
                RefundAnswer::Conflict => {
                    tracing::error!(%merchant, %session, refund, request_id, "refund_idempotency_conflict");
                }
                RefundAnswer::KeyRefused => {
                    tracing::warn!(%merchant, %session, refund, request_id, "refund_waits_for_a_good_key");
                }
                RefundAnswer::Unverified => {
                    tracing::warn!(%merchant, %session, refund, "refund_waits_until_the_account_is_known");
                }
                RefundAnswer::OtherAccount => {
                    tracing::error!(%merchant, %session, refund, "refund_waits_for_its_account");
                }
                RefundAnswer::Unknown(unknown) => {
                    tracing::warn!(%merchant, %session, refund, request_id, ?unknown, "refund_unknown");
                }
            }
        }
        OrderSeen::Read { refunds, disputes, .. } => {
            let (refunds, disputes) = (refunds.len(), disputes.as_ref().map(Vec::len));
            tracing::info!(%merchant, %session, request_id, refunds, disputes, "order_seen");
        }
        OrderSeen::PutOff { after } => {
            tracing::debug!(%merchant, %session, after_ms = after.as_millis(), "order_reading_put_off");
        }
        OrderSeen::Unread => tracing::warn!(%merchant, %session, request_id, "order_unread"),
    }
}
