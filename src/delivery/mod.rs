//! Delivers order events to merchants: reads them from the store, signs them, and sends them to the receivers that
//! the merchants' files name.
//!
//! - [`schedule`]: when an event that was not accepted is tried again.
//! - [`queues`]: the limits on simultaneous requests, in total and per tenant.
//! - [`addresses`]: which addresses may be connected to.
//! - [`sender`]: one request.
//! - [`delivery_outcome`]: the event's next step afterwards.
//!
//! Invariants: an event is sent only under a lease of the store; of an order only one event is being sent at a time,
//! the earliest; the behaviour of one tenant's receiver does not affect the others' events. An event may arrive twice
//! and is never lost: it is delivered, or it is parked and logged.

mod addresses;
mod delivery_outcome;
mod queues;
mod schedule;
mod sender;

use std::collections::BTreeSet;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use secrecy::{ExposeSecret, SecretString};
use standardwebhooks::Webhook;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use url::Url;

pub use delivery_outcome::{Tried, delivery_outcome};
pub use schedule::GIVE_UP;
pub use sender::{HttpWebhookSender, ReceiverAnswer, Rest, SignedRequest, Unanswered, WebhookSender};

use crate::domain::ids::{OrderEventId, Tenant};
use crate::domain::order_event::Sequence;
use crate::domain::time::{Span, Timestamp};
use crate::ports::{Clock, Ids};
use crate::store::{Claim, Delivery, DeliveryOutcome, DeliveryResult, Outbox, StoreError};
use delivery_outcome::receiver_is_well;
use queues::{Ended, Slot, TenantQueues};

/// How often the store is asked.
const PERIOD: Duration = Duration::from_secs(1);

/// How long a try waits for an answer.
const DEADLINE: Duration = Duration::from_secs(15);

/// How long the rest of an answer is read, once its status is known.
const BODY_PATIENCE: Duration = Duration::from_secs(1);

/// How long a claimed event cannot be claimed again: the time for its try and for recording the result.
pub const LEASE: Span = Span::seconds(45);

/// The receiver of a merchant's order events, and the signing secrets.
#[derive(Clone)]
pub struct Receiver {
    /// The receiver's address.
    pub url: Url,
    /// Standard Webhooks secrets, `whsec_…`; the newest first. Each signs every event, so that a receiver may use any
    /// of them during a change of secrets.
    pub secrets: Vec<SecretString>,
}

impl fmt::Debug for Receiver {
    /// Without its address, which may contain a key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("secrets", &self.secrets.len()).finish_non_exhaustive()
    }
}

impl Receiver {
    /// An event as it is sent at this moment.
    pub fn sign(&self, id: &OrderEventId, body: &str, at: Timestamp) -> Result<SignedRequest, Unanswered> {
        let sign = |secret: &SecretString| {
            let webhook = Webhook::new(secret.expose_secret())?;
            webhook.sign(id.as_str(), at.as_seconds(), body.as_bytes())
        };
        let signatures: Result<Vec<String>, _> = self.secrets.iter().map(sign).collect();
        // The error would quote a byte of the secret.
        let signatures = signatures.map_err(|_| Unanswered("the event cannot be signed".to_owned()))?;
        Ok(SignedRequest {
            url: self.url.clone(),
            id: id.clone(),
            at,
            signatures: signatures.join(" "),
            body: body.to_owned(),
        })
    }
}

/// Finds a tenant's receiver; `None` if it has none, or is not served here.
pub type Receivers = Arc<dyn Fn(&Tenant) -> Option<Receiver> + Send + Sync>;

/// Sends due events.
pub struct Dispatcher {
    outbox: Arc<dyn Outbox>,
    sender: Arc<dyn WebhookSender>,
    receivers: Receivers,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    queues: TenantQueues,
}

/// An event that was claimed and is to be tried now.
pub struct Claimed {
    tenant: Tenant,
    delivery: Delivery,
    slot: Slot,
}

impl Dispatcher {
    /// A dispatcher of this store's events.
    #[must_use]
    pub fn new(
        outbox: Arc<dyn Outbox>,
        sender: Arc<dyn WebhookSender>,
        receivers: Receivers,
        (clock, ids): (Arc<dyn Clock>, Arc<dyn Ids>),
    ) -> Self {
        Self { outbox, sender, receivers, clock, ids, queues: TenantQueues::default() }
    }

    /// Sends due events, at once and every second, and more of a merchant's whenever a try of its own has ended,
    /// until `stop` is set; then it waits for the tries in progress. A failure, even a panic, affects the present
    /// round only.
    pub async fn run(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut tries = JoinSet::new();
        // The tenants that may have something to send; the store is asked for all of them at a tick only.
        let mut waiting = BTreeSet::new();
        loop {
            let everywhere = tokio::select! {
                _ = ticks.tick() => true,
                Some(ended) = tries.join_next() => {
                    waiting.extend(noticed(ended));
                    false
                }
                _ = stop.wait_for(|stop| *stop) => break,
            };
            while let Some(ended) = tries.try_join_next() {
                waiting.extend(noticed(ended));
            }
            let claiming = async {
                if everywhere {
                    waiting = self.due().await?;
                }
                Ok::<_, StoreError>(self.claim_of(&mut waiting).await)
            };
            // Events claimed during a panic are sent when their lease is over.
            match AssertUnwindSafe(claiming).catch_unwind().await {
                Ok(Ok(claimed)) => {
                    for claimed in claimed {
                        let (dispatcher, tenant) = (Arc::clone(&self), claimed.tenant.clone());
                        tries.spawn(async move {
                            dispatcher.attempt(claimed).await;
                            tenant
                        });
                    }
                }
                Ok(Err(error)) => tracing::error!(cause = %error, "order_events_not_claimed"),
                Err(_) => tracing::error!("claiming_order_events_panicked"),
            }
        }
        while let Some(ended) = tries.join_next().await {
            noticed(ended);
        }
    }

    /// Leases due events, as many as there is room for. Every claimed event must be passed to [`Dispatcher::attempt`]
    /// at once.
    pub async fn claim(&self) -> Result<Vec<Claimed>, StoreError> {
        let mut waiting = self.due().await?;
        Ok(self.claim_of(&mut waiting).await)
    }

    async fn due(&self) -> Result<BTreeSet<Tenant>, StoreError> {
        let due = self.outbox.tenants_with_due_events(self.clock.now()).await?;
        Ok(due.into_iter().collect())
    }

    /// Leases the due events of these tenants, with one claim for each that has room, and removes the tenants that
    /// have no more.
    async fn claim_of(&self, waiting: &mut BTreeSet<Tenant>) -> Vec<Claimed> {
        let mut claimed = Vec::new();
        for tenant in self.queues.in_turn(waiting.iter().cloned().collect()) {
            if self.queues.are_full() {
                break;
            }
            let limit = self.queues.room(&tenant, Instant::now());
            if limit == 0 {
                continue;
            }
            let now = self.clock.now();
            match self.outbox.claim_events(&tenant, Claim { now, until: now + LEASE, limit }).await {
                Ok(found) => {
                    if found.len() < usize::try_from(limit).unwrap_or(usize::MAX) {
                        waiting.remove(&tenant);
                    }
                    claimed.extend(found.into_iter().map(|delivery| Claimed {
                        slot: self.queues.take(&tenant),
                        tenant: tenant.clone(),
                        delivery,
                    }));
                }
                // The next tenant's events may be readable; this one's are read again at the next tick.
                Err(error) => {
                    tracing::error!(merchant = %tenant.merchant, cause = %error, "order_events_not_claimed");
                    waiting.remove(&tenant);
                }
            }
        }
        claimed
    }

    /// Tries to deliver an event, once, and records the result.
    pub async fn attempt(&self, claimed: Claimed) {
        let Claimed { tenant, delivery, slot } = claimed;
        // An event whose every try panics must be parked in the end like any other that is not accepted.
        let tried = AssertUnwindSafe(self.send(&tenant, &delivery)).catch_unwind().await.unwrap_or_else(|_| {
            tracing::error!(merchant = %tenant.merchant, event = %delivery.id, "order_event_try_panicked");
            Err(Unanswered("the try broke off".to_owned()))
        });
        let settlement = delivery_outcome(&delivery, &tried, self.clock.now(), self.ids.fraction());
        let recorded = self.outbox.settle_event(&tenant, &delivery.id, settlement.clone()).await;
        match recorded {
            Ok(true) => report(&tenant, &delivery, &settlement),
            Ok(false) => {
                tracing::warn!(merchant = %tenant.merchant, event = %delivery.id, "order_event_lease_lost");
            }
            // Its lease runs out, and it is sent once more.
            Err(error) => {
                tracing::error!(merchant = %tenant.merchant, event = %delivery.id, cause = %error, "order_event_not_recorded");
            }
        }
        slot.end(if receiver_is_well(&tried) { Ended::Answered } else { Ended::Failed(Instant::now()) });
    }

    /// The deadline is for the status and headers, not for the body: the receiver's status counts, however long its
    /// body is.
    async fn send(&self, tenant: &Tenant, delivery: &Delivery) -> Tried {
        let Some(receiver) = (self.receivers)(tenant) else {
            return Err(Unanswered("the merchant is not served, or has no [webhook]".to_owned()));
        };
        let request = receiver.sign(&delivery.id, &delivery.payload, self.clock.now())?;
        let posted = tokio::time::timeout(DEADLINE, self.sender.post(request)).await;
        let Ok(posted) = posted else {
            return Err(Unanswered(format!("no answer within {} seconds", DEADLINE.as_secs())));
        };
        let (answer, rest) = posted?;
        drop(tokio::time::timeout(BODY_PATIENCE, rest).await);
        Ok(answer)
    }
}

/// The tenant whose try has ended, unless the task failed.
fn noticed(ended: Result<Tenant, tokio::task::JoinError>) -> Option<Tenant> {
    ended.inspect_err(|error| tracing::error!(cause = %error, "order_event_try_broke_off")).ok()
}

/// Logs the result of a try, once it is recorded.
fn report(tenant: &Tenant, delivery: &Delivery, settlement: &DeliveryResult) {
    let (merchant, mode) = (&tenant.merchant, tenant.mode.into_str());
    let Delivery { id: event, order, sequence: Sequence(sequence), tries, .. } = delivery;
    let (status, error) = (settlement.status, settlement.error.as_deref());
    match settlement.outcome {
        DeliveryOutcome::Delivered => {
            tracing::info!(%merchant, mode, %event, %order, sequence, tries, status, "order_event_delivered");
        }
        DeliveryOutcome::Again(next) => {
            tracing::warn!(%merchant, mode, %event, %order, sequence, tries, status, cause = error, next_try = %next, "order_event_failed");
        }
        DeliveryOutcome::Parked => {
            tracing::error!(%merchant, mode, %event, %order, sequence, tries, status, cause = error, "order_event_parked");
        }
    }
}
