//! What a session wants done at Stripe, done once. Repeating is decided by the machine.

use std::sync::atomic::Ordering;

use super::merchant::Shared;
use super::preparation::token_context;
use super::services::Services;
use crate::domain::checkout::attempt::{Seen, Unknown};
use crate::domain::checkout::step::Effect;
use crate::domain::checkout::token::SharedPaymentToken;
use crate::domain::ids::{SessionId, Tenant};
use crate::store::AttemptRow;
use crate::stripe::{Listing, StoredCharge, StripeAccount};

/// Runs one effect and says what was seen.
///
/// Only the account that the attempt was made on is asked: the answers of another, by a key that was mixed up, would
/// call a paid attempt dead.
pub(super) async fn run(
    services: &Services,
    merchant: &Shared,
    session: &SessionId,
    effect: &Effect,
) -> Seen {
    let tenant = &merchant.tenant;
    let seen = match services.store.attempt(tenant, session, effect.attempt()).await {
        Ok(Some(row)) => match &merchant.view.load().account {
            Some(account) if *account == row.account => ask_stripe(services, merchant, &row, effect).await,
            Some(account) => {
                tracing::error!(%session, of = %row.account, opened = %account, "attempt_waits_for_its_account");
                Seen::KeyRefused
            }
            None => {
                tracing::warn!(%session, of = %row.account, "attempt_waits_until_the_account_is_known");
                Seen::Unread
            }
        },
        Ok(None) => cannot_repeat(),
        Err(error) => {
            tracing::error!(%session, %error, "attempt_load_failed");
            Seen::Unknown(Unknown::default())
        }
    };
    report(tenant, session, effect, &seen);
    seen
}

async fn ask_stripe(services: &Services, merchant: &Shared, row: &AttemptRow, effect: &Effect) -> Seen {
    let stripe = merchant.stripe.load_full();
    match effect {
        Effect::Charge(_) => charge(services, &stripe, &merchant.tenant, row).await,
        Effect::Read { intent: Some(intent), .. } => stripe.read_intent(intent).await,
        Effect::Read { attempt, intent: None } => {
            let listing = Listing {
                session: &row.session,
                attempt: *attempt,
                started: row.started,
                asked: services.clock.now(),
            };
            let seen = stripe.find_intent(&listing).await;
            let proved = merchant.account_proved.load(Ordering::Acquire);
            // Where only the configuration says which account is read, that it shows no payment proves nothing.
            if proved { seen } else { seen.without_absence() }
        }
        Effect::Cancel { intent, tries, .. } => stripe.cancel_intent(intent, *tries).await,
    }
}

/// Sends the stored request of an attempt, if it may still be sent.
async fn charge(services: &Services, stripe: &StripeAccount, tenant: &Tenant, row: &AttemptRow) -> Seen {
    let Some(token) = unseal(services, tenant, row) else {
        return cannot_repeat();
    };
    // Asked again at the last moment: the wait for the store may have been long.
    if services.clock.now() >= row.repeat_until {
        return cannot_repeat();
    }
    let stored = StoredCharge {
        body: &row.body,
        token: &token,
        idempotency_key: &row.idempotency_key,
        stripe_version: &row.stripe_version,
    };
    stripe.charge(&stored).await
}

fn unseal(services: &Services, tenant: &Tenant, row: &AttemptRow) -> Option<SharedPaymentToken> {
    let sealed = row.sealed_token.as_ref()?;
    let number = row.number.0.to_string();
    match services.keyring.open(&token_context(tenant, &row.session, &number), sealed) {
        Ok(token) => std::str::from_utf8(&token).ok()?.parse().ok(),
        Err(error) => {
            tracing::error!(session = %row.session, %error, "sealed_token_cannot_be_opened");
            None
        }
    }
}

fn cannot_repeat() -> Seen {
    Seen::Unknown(Unknown { cannot_repeat: true, ..Unknown::default() })
}

/// Says what was seen, once, and loudly where an operator should look.
fn report(tenant: &Tenant, session: &SessionId, effect: &Effect, seen: &Seen) {
    let merchant = &tenant.merchant;
    let attempt = effect.attempt().0;
    match seen {
        Seen::Intent(intent) => {
            tracing::info!(%merchant, %session, attempt, intent = %intent.id, status = ?intent.status, "payment_seen");
        }
        Seen::Declined { requires_3ds, .. } => {
            tracing::info!(%merchant, %session, attempt, requires_3ds, "payment_declined");
        }
        Seen::Absent { .. } | Seen::Unread | Seen::Unknown(_) => {
            tracing::warn!(%merchant, %session, attempt, ?seen, "payment_unknown");
        }
        Seen::TokenRefused { maybe_consumed, detail } => {
            tracing::warn!(%merchant, %session, attempt, maybe_consumed, detail, "payment_token_refused");
        }
        Seen::RequestRefused { detail } => {
            tracing::error!(%merchant, %session, attempt, detail, "payment_request_refused");
        }
        Seen::IdempotencyConflict => {
            tracing::error!(%merchant, %session, attempt, "payment_idempotency_conflict");
        }
        Seen::KeyRefused => tracing::error!(%merchant, %session, attempt, "stripe_key_refused"),
        Seen::Beside { seen, paid } => {
            tracing::error!(%merchant, %session, attempt, ?paid, "further_payments_seen");
            report(tenant, session, effect, seen);
        }
    }
}
