//! Tells merchants of their orders: order events out of the store, signed, to the receivers that their files name.
//!
//! - [`schedule`]: when an event that was not taken is tried again.
//! - [`lanes`]: who may be sent how much at once.
//! - [`addresses`]: which addresses may be connected to.
//! - [`courier`]: one request.
//!
//! Invariants: an event leaves only under a lease of the store; of an order only one is on its way at a time, the earliest;
//! whatever one tenant's receiver does, the others' events leave as if it were not there. An event may arrive twice and never
//! gets lost: it is delivered, or it is parked and told of.

mod addresses;
mod courier;
mod lanes;
mod schedule;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use standardwebhooks::Webhook;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use url::Url;

pub use courier::{Answer, Courier, HttpCourier, Letter, Unanswered};
pub use schedule::{GIVE_UP, LONGEST_PAUSE};

use crate::domain::ids::Tenant;
use crate::domain::time::{Span, Timestamp};
use crate::ports::{Clock, Ids};
use crate::store::{Claim, Delivery, Outbox, Outcome, Settlement, StoreError};
use lanes::{Ended, Lanes, Slot};
use schedule::Failed;

/// How often the store is asked.
const PERIOD: Duration = Duration::from_secs(1);

/// How long one try may take.
const DEADLINE: Duration = Duration::from_secs(15);

/// How long a claimed event is nobody else's: its try, and time to record it.
const LEASE: Span = Span::seconds(45);

/// Where a merchant's order events go, and what signs them.
#[derive(Clone)]
pub struct Receiver {
    /// Where to.
    pub url: Url,
    /// Standard Webhooks secrets, `whsec_…`; the newest first. Each signs every event, so that a receiver may know any of
    /// them while one is changed for another.
    pub secrets: Vec<SecretString>,
}

impl fmt::Debug for Receiver {
    /// Without its address, which may hold a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("secrets", &self.secrets.len()).finish_non_exhaustive()
    }
}

impl Receiver {
    /// An event as it is sent at this moment.
    fn letter(&self, delivery: &Delivery, at: Timestamp) -> Result<Letter, Unanswered> {
        let sign = |secret: &SecretString| {
            let webhook = Webhook::new(secret.expose_secret())?;
            webhook.sign(delivery.id.as_str(), at.as_seconds(), delivery.payload.as_bytes())
        };
        let signatures: Result<Vec<String>, _> = self.secrets.iter().map(sign).collect();
        // The error would quote a byte of the secret.
        let signatures = signatures.map_err(|_| Unanswered("the event cannot be signed".to_owned()))?;
        Ok(Letter {
            url: self.url.clone(),
            id: delivery.id.clone(),
            at,
            signatures: signatures.join(" "),
            body: delivery.payload.clone(),
        })
    }
}

/// Finds a tenant's receiver; `None` where it has none, or is not served here.
pub type Receivers = Arc<dyn Fn(&Tenant) -> Option<Receiver> + Send + Sync>;

/// Sends what is due.
pub struct Dispatcher {
    outbox: Arc<dyn Outbox>,
    courier: Arc<dyn Courier>,
    receivers: Receivers,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    lanes: Lanes,
    /// The latest moment seen: a clock that is set back delays nothing.
    latest: AtomicI64,
}

/// An event that was claimed and is to be tried now.
pub struct Claimed {
    tenant: Tenant,
    delivery: Delivery,
    slot: Slot,
}

/// What came of a try.
type Tried = Result<Answer, Unanswered>;

impl Dispatcher {
    /// A dispatcher of this store's events.
    #[must_use]
    pub fn new(
        outbox: Arc<dyn Outbox>,
        courier: Arc<dyn Courier>,
        receivers: Receivers,
        (clock, ids): (Arc<dyn Clock>, Arc<dyn Ids>),
    ) -> Self {
        let latest = AtomicI64::new(i64::MIN);
        Self { outbox, courier, receivers, clock, ids, lanes: Lanes::default(), latest }
    }

    /// Sends what is due, at once, whenever a try has ended, and every second, until `stop` says so; then what is under way
    /// is waited for.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut tries = JoinSet::new();
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                Some(ended) = tries.join_next() => noticed(ended),
                _ = stop.wait_for(|stop| *stop) => break,
            }
            while let Some(ended) = tries.try_join_next() {
                noticed(ended);
            }
            match self.claim().await {
                Ok(claimed) => {
                    for claimed in claimed {
                        let dispatcher = Arc::clone(&self);
                        tries.spawn(async move { dispatcher.attempt(claimed).await });
                    }
                }
                Err(error) => tracing::error!(%error, "order_events_not_claimed"),
            }
        }
        while let Some(ended) = tries.join_next().await {
            noticed(ended);
        }
    }

    /// Leases what is due now, as far as there is room for it. Every claimed event must be given to
    /// [`Dispatcher::attempt`] at once.
    pub async fn claim(&self) -> Result<Vec<Claimed>, StoreError> {
        let now = self.now();
        let due = self.outbox.tenants_with_due_events(now).await?;
        let mut claimed = Vec::new();
        for tenant in self.lanes.in_turn(due) {
            let limit = self.lanes.room(&tenant, now);
            if limit == 0 {
                continue;
            }
            match self.outbox.claim_events(&tenant, Claim { now, until: now + LEASE, limit }).await {
                Ok(found) => claimed.extend(found.into_iter().map(|delivery| Claimed {
                    slot: self.lanes.take(&tenant),
                    tenant: tenant.clone(),
                    delivery,
                })),
                // The next tenant's events may be readable.
                Err(error) => {
                    tracing::error!(merchant = %tenant.merchant, %error, "order_events_not_claimed");
                }
            }
        }
        Ok(claimed)
    }

    /// Tries to deliver an event, once, and records how it went.
    pub async fn attempt(&self, claimed: Claimed) {
        let Claimed { tenant, delivery, slot } = claimed;
        let tried = self.send(&tenant, &delivery).await;
        let now = self.now();
        let settlement = self.judge(&delivery, &tried, now);
        let recorded = self.outbox.settle_event(&tenant, &delivery.id, settlement.clone()).await;
        match recorded {
            Ok(true) => report(&tenant, &delivery, &settlement),
            Ok(false) => {
                tracing::warn!(merchant = %tenant.merchant, event = %delivery.id, "order_event_lease_lost");
            }
            // Its lease runs out, and it is sent once more.
            Err(error) => {
                tracing::error!(merchant = %tenant.merchant, event = %delivery.id, %error, "order_event_not_recorded");
            }
        }
        slot.end(if receiver_is_well(&tried) { Ended::Answered } else { Ended::Failed(now) });
    }

    async fn send(&self, tenant: &Tenant, delivery: &Delivery) -> Tried {
        let Some(receiver) = (self.receivers)(tenant) else {
            return Err(Unanswered("the merchant is not served, or has no [webhook]".to_owned()));
        };
        let letter = receiver.letter(delivery, self.now())?;
        match tokio::time::timeout(DEADLINE, self.courier.post(letter)).await {
            Ok(tried) => tried,
            Err(_) => Err(Unanswered(format!("no answer within {} seconds", DEADLINE.as_secs()))),
        }
    }

    /// What becomes of an event after a try: taken with any 2xx, given up at 410 ("Gone") or after three days, else tried
    /// again (Standard Webhooks, "Deliverability and reliability").
    fn judge(&self, delivery: &Delivery, tried: &Tried, now: Timestamp) -> Settlement {
        let lease = delivery.leased_until.unwrap_or(now);
        let (status, asked, error) = match tried {
            Ok(Answer { status, .. }) if (200..300).contains(status) => {
                let outcome = Outcome::Delivered;
                return Settlement { lease, outcome, status: Some(*status), error: None };
            }
            Ok(Answer { status: status @ 410, .. }) => {
                let error = "the receiver answered 410: it is gone for good".to_owned();
                let outcome = Outcome::Parked;
                return Settlement { lease, outcome, status: Some(*status), error: Some(error) };
            }
            Ok(Answer { status, retry_after }) => {
                let redirect = (300..400).contains(status);
                let more = if redirect { ", and redirects are not followed" } else { "" };
                (Some(*status), *retry_after, format!("the receiver answered {status}{more}"))
            }
            Err(Unanswered(why)) => (None, None, why.chars().take(LONGEST_ERROR).collect()),
        };
        let first = delivery.first_try.unwrap_or(now);
        let failed = Failed { first, tries: delivery.tries, now, asked };
        let next = schedule::next_try(&failed, self.ids.fraction());
        let outcome = next.map_or(Outcome::Parked, Outcome::Again);
        Settlement { lease, outcome, status, error: Some(error) }
    }

    fn now(&self) -> Timestamp {
        let now = self.clock.now().as_millis();
        Timestamp::from_millis(self.latest.fetch_max(now, Ordering::Relaxed).max(now))
    }
}

/// As much of an error's words as is kept.
const LONGEST_ERROR: usize = 300;

/// Whether the receiver is there and able: one that refuses an event can still be sent the others.
const fn receiver_is_well(tried: &Tried) -> bool {
    match tried {
        Ok(Answer { status, .. }) => !matches!(*status, 408 | 429 | 500..),
        Err(_) => false,
    }
}

fn noticed(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "order_event_try_broke_off");
    }
}

/// Says how a try went, once it is recorded.
fn report(tenant: &Tenant, delivery: &Delivery, settlement: &Settlement) {
    let (merchant, mode) = (&tenant.merchant, tenant.mode.as_str());
    let Delivery { id: event, order, sequence, tries, .. } = delivery;
    let (status, error) = (settlement.status, settlement.error.as_deref());
    match settlement.outcome {
        Outcome::Delivered => {
            tracing::info!(%merchant, mode, %event, %order, %sequence, tries, status, "order_event_delivered");
        }
        Outcome::Again(next) => {
            tracing::warn!(%merchant, mode, %event, %order, %sequence, tries, status, error, next_try = %next, "order_event_failed");
        }
        Outcome::Parked => {
            tracing::error!(%merchant, mode, %event, %order, %sequence, tries, status, error, "order_event_parked");
        }
    }
}
