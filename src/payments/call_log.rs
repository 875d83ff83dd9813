//! Logs calls to Stripe: one line for each, at a higher level where an operator should check.
//!
//! Invariant: the cause of a call without a result is logged here, and only here.

use tokio::time::Instant;

use crate::domain::checkout::model::{AttemptObservation, Observation, OrderObservation, RefundAnswer};
use crate::domain::ids::{AttemptNumber, PaymentIntentId, SessionId, Tenant};
use crate::stripe::{CallResult, Noted};
use crate::telemetry::millis;

/// The subject of a call, and when it began.
#[derive(Clone, Copy)]
pub(super) struct CallLog<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) session: &'a SessionId,
    /// Includes the wait for a place.
    pub(super) began: Instant,
}

/// Milliseconds since a moment.
pub(crate) fn millis_since(began: Instant) -> u64 {
    millis(began.elapsed())
}

/// The cause for a log line, with a default text.
pub(super) fn cause_of(noted: &Noted) -> &str {
    noted.cause.as_deref().unwrap_or("the answer gives no reason")
}

impl CallLog<'_> {
    pub(super) fn at_attempt(self, attempt: AttemptNumber, observed: &CallResult<AttemptObservation>) {
        let (merchant, session) = (&self.tenant.merchant, self.session);
        let (attempt, duration_ms) = (attempt.0, millis_since(self.began));
        let CallResult { seen: AttemptObservation { primary: seen, other_payments }, request_id, noted } =
            observed;
        let Noted { status, code, decline_code, address, .. } = noted;
        match seen {
            Observation::PaymentIntent(intent) => {
                let (intent, status) = (&intent.id, intent.status.into_str());
                tracing::info!(%merchant, %session, attempt, request_id, duration_ms, %intent, status, "payment_seen");
            }
            Observation::StripeCheckout(checkout) => {
                let (stripe_checkout, status) = (&checkout.id, checkout.status.into_str());
                tracing::info!(%merchant, %session, attempt, request_id, duration_ms, %stripe_checkout, status, "stripe_checkout_read");
            }
            Observation::Declined { requires_3ds, .. } => {
                tracing::info!(
                    %merchant, %session, attempt, request_id, duration_ms, code, decline_code, requires_3ds,
                    "payment_declined"
                );
            }
            Observation::PutOff { after } => {
                let after_ms = after.as_millis();
                tracing::debug!(%merchant, %session, attempt, after_ms, "payment_reading_put_off");
            }
            Observation::Absent { .. } => {
                tracing::info!(%merchant, %session, attempt, request_id, duration_ms, "payment_not_found");
            }
            Observation::ReadFailed | Observation::Inconclusive(_) => {
                tracing::warn!(
                    %merchant, %session, attempt, request_id, duration_ms, outcome = seen.as_str(), status, code,
                    address, cause = cause_of(noted), "payment_unknown"
                );
            }
            Observation::TokenRefused { maybe_consumed, detail } => {
                tracing::warn!(
                    %merchant, %session, attempt, request_id, duration_ms, maybe_consumed, cause = detail,
                    "payment_token_refused"
                );
            }
            Observation::RequestRefused { detail } => {
                tracing::error!(%merchant, %session, attempt, request_id, duration_ms, cause = detail, "payment_request_refused");
            }
            Observation::RefusedForGood { detail } => {
                tracing::warn!(%merchant, %session, attempt, request_id, duration_ms, cause = detail, "payment_refused_for_good");
            }
            Observation::IdempotencyConflict => {
                tracing::error!(%merchant, %session, attempt, request_id, duration_ms, "payment_idempotency_conflict");
            }
            Observation::KeyRefused => {
                tracing::warn!(%merchant, %session, attempt, request_id, duration_ms, "attempt_waits_for_a_good_key");
            }
            Observation::OtherAccount => {
                tracing::error!(%merchant, %session, attempt, request_id, duration_ms, "attempt_waits_for_its_account");
            }
        }
        if !other_payments.is_empty() {
            let (outcome, intents) = (seen.as_str(), listed(other_payments));
            tracing::error!(
                %merchant, %session, attempt, request_id, duration_ms, outcome, intents, "further_payments_seen"
            );
        }
    }

    /// Logs the observation of an unmatched payment.
    pub(super) fn at_unexplained(self, payment: &PaymentIntentId, observed: &CallResult) {
        let (merchant, session, duration_ms) =
            (&self.tenant.merchant, self.session, millis_since(self.began));
        let CallResult { seen, request_id, noted: Noted { status, code, address, cause, .. } } = observed;
        tracing::info!(
            %merchant, %session, intent = %payment, request_id, duration_ms, outcome = seen.as_str(), status, code, address, cause,
            "unexplained_payment_read"
        );
    }

    /// Logs the observation of a paid order.
    pub(super) fn at_order(self, observed: &CallResult<OrderObservation>) {
        let (merchant, session, duration_ms) =
            (&self.tenant.merchant, self.session, millis_since(self.began));
        let CallResult { seen, request_id, noted } = observed;
        let Noted { status, code, address, .. } = noted;
        let refund = match seen {
            OrderObservation::RefundAnswered { number, .. } => Some(number.0),
            OrderObservation::Read { .. }
            | OrderObservation::PutOff { .. }
            | OrderObservation::ReadFailed => None,
        };
        match seen {
            OrderObservation::RefundAnswered { answer, .. } => match answer {
                RefundAnswer::Made(seen) => {
                    let (id, status) = (&seen.id, seen.status.into_str());
                    tracing::info!(%merchant, %session, refund, request_id, duration_ms, stripe_refund = %id, status, "refund_made");
                }
                RefundAnswer::Refused { why, stored } => {
                    tracing::warn!(
                        %merchant, %session, refund, request_id, duration_ms, code, cause = why, stored, "refund_refused"
                    );
                }
                RefundAnswer::Conflict => {
                    tracing::error!(
                        %merchant, %session, refund, request_id, duration_ms, "refund_idempotency_conflict"
                    );
                }
                RefundAnswer::KeyRefused => {
                    tracing::warn!(
                        %merchant, %session, refund, request_id, duration_ms, "refund_waits_for_a_good_key"
                    );
                }
                RefundAnswer::Unverified => {
                    tracing::warn!(%merchant, %session, refund, "refund_waits_until_the_account_is_known");
                }
                RefundAnswer::OtherAccount => {
                    tracing::error!(%merchant, %session, refund, "refund_waits_for_its_account");
                }
                RefundAnswer::Inconclusive(unknown) => {
                    tracing::warn!(
                        %merchant, %session, refund, request_id, duration_ms, outcome = unknown.as_str(), status, code,
                        address, cause = cause_of(noted), "refund_unknown"
                    );
                }
            },
            OrderObservation::Read { refunds, disputes, .. } => {
                let (refunds, disputes) = (refunds.len(), disputes.as_ref().map(Vec::len));
                tracing::info!(%merchant, %session, request_id, duration_ms, refunds, disputes, "order_seen");
            }
            OrderObservation::PutOff { after } => {
                tracing::debug!(%merchant, %session, after_ms = after.as_millis(), "order_reading_put_off");
            }
            OrderObservation::ReadFailed => {
                tracing::warn!(
                    %merchant, %session, request_id, duration_ms, status, code, address, cause = cause_of(noted),
                    "order_unread"
                );
            }
        }
    }
}

/// Ids as one field.
pub(crate) fn listed<T: ToString>(ids: &[T]) -> String {
    ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}
