//! Payments that Stripe reports and whose checkout is not in the database: it was removed, or is missing in a
//! restored backup.
//!
//! Invariants: such a payment is flagged only when it was read, belongs to this merchant, has succeeded and has no
//! order, or if that could not be found out for a month; until then its event remains in the inbox, across restarts;
//! no other work waits for the reading.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::dependencies::Dependencies;
use super::stripe_budget::PutOff;
use crate::domain::checkout::model::{Flag, FlagReason, PaymentIntentStatus, Rejection};
use crate::domain::ids::{FlagId, PaymentIntentId, SessionId, StripeEventId, Tenant};
use crate::domain::stripe_event::StripeEvent;
use crate::domain::time::{Span, Timestamp};
use crate::store::StoreError;
use crate::stripe::Noted;

/// The pause after an unsuccessful reading: the first, and the longest.
const FIRST_PAUSE: Span = Span::seconds(10);
const LONGEST_PAUSE: Span = Span::hours(1);

/// How long an event is remembered after it was last processed. An event that waits in the inbox is processed every
/// few seconds; one that is not has left the inbox.
const REMEMBERED: Span = Span::minutes(10);

/// How long an event is checked without success before it is flagged for an operator: a month.
const LOOKED_FOR: Span = Span::hours(30 * 24);

/// The most events that are remembered. The one that was checked longest ago then counts as new.
const MOST: usize = 10_000;

/// The events that are being checked, and when each may be checked again.
#[derive(Debug, Default)]
pub(crate) struct OrphanedPayments(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    searches: BTreeMap<StripeEventId, Searches>,
    /// When old entries were last removed.
    cleared: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
struct Searches {
    made: u32,
    last: Timestamp,
    met: Timestamp,
}

impl Searches {
    /// Whether it is too early for the next reading.
    fn rests(self, now: Timestamp) -> bool {
        // A last reading in the future was made before the clock was set back.
        now.is_within(pause(self.made), self.last)
    }
}

impl Remembered {
    /// Removes old entries from time to time.
    fn clear(&mut self, now: Timestamp) {
        if self.cleared.is_some_and(|cleared| now.is_within(REMEMBERED, cleared)) {
            return;
        }
        self.cleared = Some(now);
        self.searches.retain(|_, searches| now.is_within(REMEMBERED, searches.met));
    }
}

/// Why it is not known yet whether a payment must be flagged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Undecided {
    #[error("the store: {0}")]
    Store(#[from] StoreError),
    #[error("its checkout does not answer: {0}")]
    Session(#[from] Rejection),
    #[error("the merchant's Stripe account is not known yet")]
    NoAccount,
    #[error(transparent)]
    PutOff(#[from] PutOff),
    #[error("payment {payment} could not be read ({noted})")]
    ReadFailed { payment: PaymentIntentId, noted: Noted },
    #[error("payment {0} is not decided yet at Stripe")]
    Open(PaymentIntentId),
}

impl OrphanedPayments {
    /// Whether an event was checked without success and is not due yet. The inbox calls this first.
    pub(crate) fn rests(&self, id: &StripeEventId, now: Timestamp) -> bool {
        let mut remembered = self.remembered();
        let met = remembered.searches.get_mut(id).map(|searches| {
            searches.met = now;
            *searches
        });
        remembered.clear(now);
        met.is_some_and(|searches| searches.rests(now))
    }

    /// Whether an event is to be checked now; if so, it is not due again for a while.
    pub(crate) fn begin(&self, id: &StripeEventId, now: Timestamp) -> bool {
        let mut remembered = self.remembered();
        let known = remembered.searches.get(id).copied();
        if known.is_some_and(|searches| searches.rests(now)) {
            return false;
        }
        let searches = &mut remembered.searches;
        if known.is_none() && searches.len() >= MOST {
            let oldest = searches.iter().min_by_key(|(_, searches)| searches.last).map(|(id, _)| id.clone());
            oldest.and_then(|oldest| searches.remove(&oldest));
        }
        let made = known.map_or(0, |searches| searches.made).saturating_add(1);
        searches.insert(id.clone(), Searches { made, last: now, met: now });
        true
    }

    pub(crate) fn end(&self, id: &StripeEventId) {
        self.remembered().searches.remove(id);
    }

    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pause after this many readings.
fn pause(made: u32) -> Span {
    let doubled = FIRST_PAUSE.as_millis().saturating_mul(1 << made.saturating_sub(1).min(16));
    Span::millis(doubled).min(LONGEST_PAUSE)
}

/// Flags a payment without a checkout, if it has succeeded; returns whether it has.
pub(crate) async fn flag_if_paid(
    deps: &Dependencies,
    tenant: &Tenant,
    (session, payment): (&SessionId, PaymentIntentId),
    status: PaymentIntentStatus,
) -> Result<bool, Undecided> {
    match status {
        PaymentIntentStatus::Succeeded => {}
        PaymentIntentStatus::Canceled | PaymentIntentStatus::RequiresPaymentMethod => return Ok(false),
        PaymentIntentStatus::Processing
        | PaymentIntentStatus::RequiresAction
        | PaymentIntentStatus::RequiresConfirmation
        | PaymentIntentStatus::RequiresCapture => return Err(Undecided::Open(payment)),
    }
    flag(deps, tenant, (session, payment), FlagReason::NoCheckout).await?;
    Ok(true)
}

/// Flags a payment that was checked without success for too long; until then it remains undecided.
pub(crate) async fn give_up(
    deps: &Dependencies,
    tenant: &Tenant,
    (event, payment): (&StripeEvent, PaymentIntentId),
    why: Undecided,
) -> Result<Option<SessionId>, Undecided> {
    let is_old = deps.clock.now().since(event.received) >= LOOKED_FOR;
    let Some(session) = event.session.as_ref().filter(|_| is_old) else { return Err(why) };
    flag(deps, tenant, (session, payment), FlagReason::NotShown).await?;
    Ok(Some(session.clone()))
}

async fn flag(
    deps: &Dependencies,
    tenant: &Tenant,
    (session, intent): (&SessionId, PaymentIntentId),
    reason: FlagReason,
) -> Result<(), StoreError> {
    let payment = intent.clone();
    let id = FlagId::from_random(deps.ids.random_id());
    let flag = Flag { id, session: session.clone(), intent, reason, seen: deps.clock.now() };
    if deps.reconciliation.flag(tenant, flag).await? {
        tracing::error!(merchant = %tenant.merchant, %session, intents = %payment, "payments_flagged");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_looked_into_again_after_ever_longer_pauses() {
        let (orphaned, id) = (OrphanedPayments::default(), "evt_1".parse().unwrap());
        let start = Timestamp::from_seconds(1_790_000_000);
        let searches: Vec<i64> =
            (0..3600 * 3).filter(|second| orphaned.begin(&id, start + Span::seconds(*second))).collect();
        let pauses: Vec<i64> = searches.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(pauses, [11, 21, 41, 81, 161, 321, 641, 1281, 2561, 3601]);
        assert!(orphaned.begin(&id, start - Span::hours(2)), "the clock was set back");
        orphaned.end(&id);
        assert!(orphaned.begin(&id, start - Span::hours(2)));
    }

    #[test]
    fn an_event_that_is_no_longer_in_the_inbox_is_not_remembered() {
        let orphaned = OrphanedPayments::default();
        let event = |name: &str| format!("evt_{name}").parse::<StripeEventId>().unwrap();
        let start = Timestamp::from_seconds(1_790_000_000);
        // Two events wait for two hours, and each minute another one is finished after its first reading.
        for second in (0..7200).step_by(5) {
            let now = start + Span::seconds(second);
            for id in [event("first"), event("second")] {
                if !orphaned.rests(&id, now) {
                    assert!(orphaned.begin(&id, now));
                }
            }
            if second % 60 == 0 {
                assert!(orphaned.begin(&event(&second.to_string()), now));
            }
        }
        let remembered = orphaned.remembered();
        assert!(remembered.searches.len() <= 2 + 20, "{}", remembered.searches.len());
        assert!(remembered.searches[&event("first")].made >= 9, "what waits keeps its pauses");
    }

    #[test]
    fn so_many_events_are_remembered_and_no_more() {
        let orphaned = OrphanedPayments::default();
        let start = Timestamp::from_seconds(1_790_000_000);
        for number in 0..MOST + 10 {
            let now = start + Span::millis(i64::try_from(number).unwrap());
            assert!(orphaned.begin(&format!("evt_{number}").parse().unwrap(), now));
        }
        let remembered = orphaned.remembered();
        assert_eq!(remembered.searches.len(), MOST);
        assert!(!remembered.searches.contains_key(&"evt_9".parse::<StripeEventId>().unwrap()));
    }
}
