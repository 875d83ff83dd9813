//! What a session wants done at Stripe, done once. Repeating is decided by the machine.

use super::services::Services;
use crate::domain::checkout::attempt::{Seen, Unknown};
use crate::domain::checkout::step::Effect;
use crate::domain::checkout::token::SharedPaymentToken;
use crate::domain::ids::{AttemptNumber, SessionId, Tenant};
use crate::store::AttemptRow;
use crate::stripe::{StoredCharge, StripeAccount};

use super::preparation::token_context;

/// Runs one effect and says what was seen.
pub(super) async fn run(
    services: &Services,
    stripe: &StripeAccount,
    (tenant, session): (&Tenant, &SessionId),
    effect: &Effect,
) -> Seen {
    let seen = match effect {
        Effect::Charge(attempt) => charge(services, stripe, (tenant, session), *attempt).await,
        Effect::Read { intent: Some(intent), .. } => stripe.read_intent(intent).await,
        Effect::Read { attempt, intent: None, since } => stripe.find_intent(session, *attempt, *since).await,
        Effect::Cancel { intent, .. } => stripe.cancel_intent(intent).await,
    };
    report(tenant, session, effect, &seen);
    seen
}

/// Sends the stored request of an attempt, if it may still be sent.
async fn charge(
    services: &Services,
    stripe: &StripeAccount,
    (tenant, session): (&Tenant, &SessionId),
    number: AttemptNumber,
) -> Seen {
    let row = match services.store.attempt(tenant, session, number).await {
        Ok(Some(row)) => row,
        Ok(None) => return cannot_repeat(),
        Err(error) => {
            tracing::error!(%session, %error, "attempt_load_failed");
            return Seen::Unknown(Unknown::default());
        }
    };
    let Some(token) = unseal(services, tenant, &row) else {
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
        Seen::Absent | Seen::Unread | Seen::Unknown(_) => {
            tracing::warn!(%merchant, %session, attempt, ?seen, "payment_unknown");
        }
        Seen::TokenRefused { maybe_consumed, text } => {
            tracing::warn!(%merchant, %session, attempt, maybe_consumed, text, "payment_token_refused");
        }
        Seen::RequestRefused { text } => {
            tracing::error!(%merchant, %session, attempt, text, "payment_request_refused");
        }
        Seen::IdempotencyConflict => {
            tracing::error!(%merchant, %session, attempt, "payment_idempotency_conflict");
        }
        Seen::KeyRefused => tracing::error!(%merchant, %session, attempt, "stripe_key_refused"),
    }
}
