//! Payments that Stripe tells of and whose checkout is not in the database: it was removed, or was lost with what a restore
//! does not have.
//!
//! Invariants: such a payment is flagged only once it was read, is of this merchant's own, has succeeded and has no order, or if
//! that could not be known for a month; until then its event goes on waiting, across restarts; nobody waits for the reading.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::handle::MerchantHandle;
use crate::domain::checkout::model::{
    Flag, FlagReason, PaymentIntentSnapshot, PaymentIntentStatus, Rejection, StripeNotification,
};
use crate::domain::ids::{FlagId, PaymentIntentId, SessionId, StripeEventId};
use crate::domain::stripe_event::StripeEvent;
use crate::domain::time::{Span, Timestamp};
use crate::runtime::{PutOff, Reading};
use crate::store::{EventState, StoreError};
use crate::stripe::Noted;

/// How long after a look in vain the next one is made: at first, and at most.
const FIRST_PAUSE: Span = Span::seconds(10);
const LONGEST_PAUSE: Span = Span::hours(1);

/// How long an event is remembered that nobody meets any more: it is not in the inbox. One that waits there is met every few
/// seconds.
const REMEMBERED: Span = Span::minutes(10);

/// How long an event is looked into in vain before an operator is asked instead: a month.
const LOOKED_FOR: Span = Span::hours(30 * 24);

/// How many events are remembered at most. Whichever was looked into longest ago then counts as a new one.
const MOST: usize = 10_000;

/// Which events are looked into, and when each may be looked into again.
#[derive(Debug, Default)]
pub(super) struct Strays(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    looks: BTreeMap<StripeEventId, Looks>,
    /// When those were last left out that nobody meets any more.
    cleared: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug)]
struct Looks {
    made: u32,
    last: Timestamp,
    met: Timestamp,
}

impl Looks {
    /// Whether it is too early for another one.
    fn rests(self, now: Timestamp) -> bool {
        // A last look in the future was made before the clock was set back.
        now.is_within(pause(self.made), self.last)
    }
}

impl Remembered {
    /// Leaves out what nobody meets any more, now and then.
    fn clear(&mut self, now: Timestamp) {
        if self.cleared.is_some_and(|cleared| now.is_within(REMEMBERED, cleared)) {
            return;
        }
        self.cleared = Some(now);
        self.looks.retain(|_, looks| now.is_within(REMEMBERED, looks.met));
    }
}

/// Why it is not known yet what a payment is.
#[derive(Debug, thiserror::Error)]
enum Undecided {
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

impl Strays {
    /// Whether an event was looked into in vain and is not to be again yet. Whoever meets it asks this first.
    pub(super) fn rests(&self, id: &StripeEventId, now: Timestamp) -> bool {
        let mut remembered = self.remembered();
        let met = remembered.looks.get_mut(id).map(|looks| {
            looks.met = now;
            *looks
        });
        remembered.clear(now);
        met.is_some_and(|looks| looks.rests(now))
    }

    /// Whether an event is to be looked into now; then it is not again for a while.
    fn begin(&self, id: &StripeEventId, now: Timestamp) -> bool {
        let mut remembered = self.remembered();
        let known = remembered.looks.get(id).copied();
        if known.is_some_and(|looks| looks.rests(now)) {
            return false;
        }
        let looks = &mut remembered.looks;
        if known.is_none() && looks.len() >= MOST {
            let oldest = looks.iter().min_by_key(|(_, looks)| looks.last).map(|(id, _)| id.clone());
            oldest.and_then(|oldest| looks.remove(&oldest));
        }
        let made = known.map_or(0, |looks| looks.made).saturating_add(1);
        looks.insert(id.clone(), Looks { made, last: now, met: now });
        true
    }

    fn end(&self, id: &StripeEventId) {
        self.remembered().looks.remove(id);
    }

    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long after so many looks the next one is made.
fn pause(made: u32) -> Span {
    let doubled = FIRST_PAUSE.as_millis().saturating_mul(1 << made.saturating_sub(1).min(16));
    Span::millis(doubled).min(LONGEST_PAUSE)
}

impl MerchantHandle {
    /// Looks into an event about a payment whose checkout is not there, without being waited for.
    pub(super) fn look_into(
        &self,
        event: &StripeEvent,
        payment: PaymentIntentId,
        notification: StripeNotification,
    ) {
        if !self.shared.strays.begin(&event.id, self.now()) {
            return;
        }
        let (handle, event) = (self.clone(), event.clone());
        self.deps.io.start(async move {
            let found = match handle.whose(&payment, notification).await {
                Err(why) => handle.give_up(&event, payment, why).await,
                found => found,
            };
            match found {
                Ok(session) => {
                    let state = if session.is_some() { EventState::Followed } else { EventState::Ignored };
                    handle.followed(&event, session.as_ref(), state).await;
                    handle.shared.strays.end(&event.id);
                }
                Err(why) => {
                    let merchant = &handle.tenant().merchant;
                    tracing::warn!(%merchant, event = %event.id, cause = %why, "stripe_event_not_followed");
                }
            }
        });
    }

    /// The checkout that a payment is for; where that is not there, the payment is flagged. `None` where the payment is none of
    /// ours, or none that an operator must know of.
    async fn whose(
        &self,
        payment: &PaymentIntentId,
        notification: StripeNotification,
    ) -> Result<Option<SessionId>, Undecided> {
        let tenant = self.tenant();
        let reconciliation = &self.deps.reconciliation;
        if let Some(session) = reconciliation.session_paid_by(tenant, payment).await? {
            return Ok(Some(session));
        }
        let Some(PaymentIntentSnapshot { id, status, session: Some(session), .. }) =
            self.read_own(payment).await?
        else {
            return Ok(None);
        };
        // The payment itself may name another checkout than the event did.
        if self.told(&session, notification).await? {
            return Ok(Some(session));
        }
        match status {
            PaymentIntentStatus::Succeeded => {}
            PaymentIntentStatus::Canceled | PaymentIntentStatus::RequiresPaymentMethod => return Ok(None),
            PaymentIntentStatus::Processing
            | PaymentIntentStatus::RequiresAction
            | PaymentIntentStatus::RequiresConfirmation
            | PaymentIntentStatus::RequiresCapture => return Err(Undecided::Open(id)),
        }
        self.flag(&session, id, FlagReason::NoCheckout).await?;
        Ok(Some(session))
    }

    /// Flags a payment that was looked into in vain for too long; until then it stays undecided.
    async fn give_up(
        &self,
        event: &StripeEvent,
        payment: PaymentIntentId,
        why: Undecided,
    ) -> Result<Option<SessionId>, Undecided> {
        let is_old = self.now().since(event.received) >= LOOKED_FOR;
        let Some(session) = event.session.as_ref().filter(|_| is_old) else { return Err(why) };
        self.flag(session, payment, FlagReason::NotShown).await?;
        Ok(Some(session.clone()))
    }

    async fn flag(
        &self,
        session: &SessionId,
        intent: PaymentIntentId,
        reason: FlagReason,
    ) -> Result<(), StoreError> {
        let (tenant, payment) = (self.tenant(), intent.clone());
        let id = FlagId::from_random(self.deps.ids.random_id());
        let flag = Flag { id, session: session.clone(), intent, reason, seen: self.now() };
        if self.deps.reconciliation.flag(tenant, flag).await? {
            tracing::error!(merchant = %tenant.merchant, %session, intents = %payment, "payments_flagged");
        }
        Ok(())
    }

    /// Reads a payment at the merchant's account; `None` where it is not of this merchant's checkouts.
    async fn read_own(&self, payment: &PaymentIntentId) -> Result<Option<PaymentIntentSnapshot>, Undecided> {
        if self.view().account.is_none() {
            return Err(Undecided::NoAccount);
        }
        let _place = self.shared.gate.reading(Reading::Order).await?;
        let stripe = self.shared.stripe.load_full();
        let unread = |noted| Undecided::ReadFailed { payment: payment.clone(), noted };
        stripe.own_payment(&self.tenant().merchant, payment).await.map_err(unread)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_looked_into_again_after_ever_longer_pauses() {
        let (strays, id) = (Strays::default(), "evt_1".parse().unwrap());
        let start = Timestamp::from_seconds(1_790_000_000);
        let looks: Vec<i64> =
            (0..3600 * 3).filter(|second| strays.begin(&id, start + Span::seconds(*second))).collect();
        let pauses: Vec<i64> = looks.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(pauses, [11, 21, 41, 81, 161, 321, 641, 1281, 2561, 3601]);
        assert!(strays.begin(&id, start - Span::hours(2)), "the clock was set back");
        strays.end(&id);
        assert!(strays.begin(&id, start - Span::hours(2)));
    }

    #[test]
    fn an_event_that_is_no_longer_in_the_inbox_is_not_remembered() {
        let strays = Strays::default();
        let event = |name: &str| format!("evt_{name}").parse::<StripeEventId>().unwrap();
        let start = Timestamp::from_seconds(1_790_000_000);
        // Two wait for two hours, and each minute another one goes after its first look.
        for second in (0..7200).step_by(5) {
            let now = start + Span::seconds(second);
            for id in [event("first"), event("second")] {
                if !strays.rests(&id, now) {
                    assert!(strays.begin(&id, now));
                }
            }
            if second % 60 == 0 {
                assert!(strays.begin(&event(&second.to_string()), now));
            }
        }
        let remembered = strays.remembered();
        assert!(remembered.looks.len() <= 2 + 20, "{}", remembered.looks.len());
        assert!(remembered.looks[&event("first")].made >= 9, "what waits keeps its pauses");
    }

    #[test]
    fn so_many_events_are_remembered_and_no_more() {
        let strays = Strays::default();
        let start = Timestamp::from_seconds(1_790_000_000);
        for number in 0..MOST + 10 {
            let now = start + Span::millis(i64::try_from(number).unwrap());
            assert!(strays.begin(&format!("evt_{number}").parse().unwrap(), now));
        }
        let remembered = strays.remembered();
        assert_eq!(remembered.looks.len(), MOST);
        assert!(!remembered.looks.contains_key(&"evt_9".parse::<StripeEventId>().unwrap()));
    }
}
