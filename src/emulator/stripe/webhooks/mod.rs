//! Webhooks: the deliveries of each endpoint, and their results.
//!
//! Must not import the state, the HTTP server or the sending. [`plan`] has the possible faults, [`endpoint`] the
//! signature. Invariants: a delivery's body never changes, whatever happens to the event's object; one endpoint gets
//! one delivery at a time.

mod endpoint;
mod plan;
mod registry;

pub use endpoint::WebhookEndpoint;
pub(crate) use endpoint::signature;
pub use plan::WebhookPlan;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::stripe::ids::IdSource;
use crate::stripe::objects::accounts::Scope;
use crate::stripe::objects::event::Event;
use registry::KnownEndpoint;

/// Older deliveries are removed, so that a long-lived emulator does not grow without bound.
const KEPT: usize = 10_000;

/// The state of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It waits until it is released.
    Held,
    /// It will be sent, for the first time or again.
    Waiting,
    /// It is being sent.
    Sending,
    /// The endpoint answered 2xx.
    Delivered,
    /// The endpoint did not answer 2xx in any of the attempts.
    GivenUp,
    /// It was lost by plan and is never sent.
    Dropped,
}

/// One attempt to deliver an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DeliveryAttempt {
    /// The `Stripe-Signature` that was sent.
    pub signature: String,
    /// The endpoint's answer; `None` if there was none.
    pub status: Option<u16>,
}

/// The delivery of an event to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Delivery {
    /// Its id here; at Stripe it has none.
    pub id: String,
    /// `we_…`.
    pub endpoint: String,
    /// `evt_…`.
    pub event: String,
    /// Such as `payment_intent.succeeded`.
    pub kind: String,
    /// The bytes that are sent.
    pub body: String,
    /// Its state.
    pub state: DeliveryState,
    /// The attempts so far.
    pub attempts: Vec<DeliveryAttempt>,
    /// Whether the request that caused it waits for its first attempt.
    pub before_response: bool,
}

/// A delivery with the data for sending.
#[derive(Debug)]
struct QueuedEvent {
    shown: Delivery,
    scope: Scope,
    goes_behind: bool,
    /// When it may be sent.
    due: Instant,
    /// Its place in the queue.
    position: u64,
}

/// A delivery to be sent now.
#[derive(Debug)]
pub(crate) struct OutgoingWebhook {
    /// The delivery's number.
    pub(crate) number: u64,
    /// `we_…`.
    pub(crate) endpoint: String,
    /// The endpoint's address.
    pub(crate) url: String,
    /// The bytes that are sent.
    pub(crate) body: String,
    /// The secrets that sign it.
    pub(crate) secrets: Vec<String>,
    /// How long the endpoint may take to answer.
    pub(crate) timeout: Duration,
}

/// All endpoints and deliveries.
#[derive(Debug, Default)]
pub(crate) struct Webhooks {
    endpoints: BTreeMap<String, KnownEndpoint>,
    plan: WebhookPlan,
    seen: BTreeMap<String, u32>,
    entries: BTreeMap<u64, QueuedEvent>,
    busy: BTreeSet<String>,
    next: u64,
    changes: watch::Sender<u64>,
}

impl Webhooks {
    /// Adds an endpoint; `None` when it is not on this machine.
    pub(crate) fn add(&mut self, endpoint: &WebhookEndpoint, ids: &mut IdSource) -> Option<String> {
        endpoint.is_on_loopback().then(|| self.register(KnownEndpoint::of_test(endpoint.clone()), ids))
    }

    /// Uses other signing secrets from now on; returns whether there is such an endpoint.
    pub(crate) fn set_secrets(&mut self, endpoint: &str, secrets: Vec<String>) -> bool {
        let found = self.endpoints.get_mut(endpoint);
        found.map(|known| known.endpoint.secrets = secrets).is_some()
    }

    /// Delivers by this plan from now on, in place of an earlier one.
    pub(crate) fn follow(&mut self, plan: WebhookPlan) {
        self.plan = plan;
        self.seen.clear();
        self.changed();
    }

    /// The number of the next delivery.
    pub(crate) const fn next_number(&self) -> u64 {
        self.next
    }

    /// All deliveries, oldest first.
    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        self.entries.values().map(|entry| entry.shown.clone()).collect()
    }

    /// Reports every change here.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Whether nothing waits to be sent or is being sent; held deliveries do not count.
    pub(crate) fn is_quiet(&self) -> bool {
        let moves = |entry: &QueuedEvent| {
            matches!(entry.shown.state, DeliveryState::Waiting | DeliveryState::Sending)
        };
        !self.entries.values().any(moves)
    }

    /// Whether all deliveries from this number on that an answer waits for have been tried.
    pub(crate) fn may_answer_since(&self, number: u64) -> bool {
        let untried = |entry: &QueuedEvent| {
            let moves = matches!(
                entry.shown.state,
                DeliveryState::Held | DeliveryState::Waiting | DeliveryState::Sending
            );
            entry.shown.before_response && moves && entry.shown.attempts.is_empty()
        };
        !self.entries.range(number..).any(|(_, entry)| untried(entry))
    }

    /// Queues new events of one account and mode for delivery.
    pub(crate) fn dispatch(&mut self, scope: &Scope, new_events: &mut [Event]) {
        for event in new_events {
            let wanting = self.endpoints.iter().enumerate();
            let wanting: Vec<(usize, String)> = wanting
                .filter(|(_, (_, known))| known.receives(scope, event.kind))
                .map(|(place, (id, _))| (place, id.clone()))
                .collect();
            event.pending = wanting.len();
            // Stripe's own layout, so that a receiver that parses and rewrites the body fails its check.
            let body = serde_json::to_string_pretty(&event.to_json()).unwrap_or_default();
            for (place, endpoint) in wanting {
                let identity = format!("{} {:?} {place} {}", scope.0, scope.1, event.kind);
                let fate = self.plan.fate(&identity, &mut self.seen);
                let state = match (fate.dropped, self.plan.hold) {
                    (true, _) => DeliveryState::Dropped,
                    (false, true) => DeliveryState::Held,
                    (false, false) => DeliveryState::Waiting,
                };
                let late = if fate.late { self.plan.delay_millis } else { 0 };
                let shown = Delivery {
                    id: String::new(),
                    endpoint,
                    event: event.id.clone(),
                    kind: event.kind.to_owned(),
                    body: body.clone(),
                    state,
                    attempts: Vec::new(),
                    before_response: fate.before_response,
                };
                let due = Instant::now() + Duration::from_millis(late.into());
                for _ in 0..=usize::from(fate.duplicated) {
                    self.enqueue(shown.clone(), scope, fate.goes_behind, due);
                }
            }
        }
        self.changed();
    }

    fn enqueue(&mut self, mut shown: Delivery, scope: &Scope, goes_behind: bool, due: Instant) -> String {
        let number = self.next;
        self.next += 1;
        let id = format!("delivery_{number}");
        shown.id.clone_from(&id);
        self.entries
            .insert(number, QueuedEvent { shown, scope: scope.clone(), goes_behind, due, position: number });
        if self.entries.len() > KEPT {
            self.entries.pop_first();
        }
        id
    }

    /// Releases a held delivery, after those that were released before it; returns whether it was held.
    pub(crate) fn release(&mut self, id: &str) -> bool {
        let position = self.next;
        self.next += 1;
        let mut held = self.entries.values_mut().filter(|entry| entry.shown.state == DeliveryState::Held);
        let Some(entry) = held.find(|entry| entry.shown.id == id) else { return false };
        entry.shown.state = DeliveryState::Waiting;
        entry.position = position;
        self.changed();
        true
    }

    /// Releases all held deliveries, oldest first.
    pub(crate) fn release_all(&mut self) {
        for entry in self.entries.values_mut() {
            if entry.shown.state == DeliveryState::Held {
                entry.shown.state = DeliveryState::Waiting;
            }
        }
        self.changed();
    }

    /// Sends the event of a delivery once more, whatever its state; returns the new delivery's id.
    pub(crate) fn resend(&mut self, id: &str) -> Option<String> {
        let entry = self.entries.values().find(|entry| entry.shown.id == id)?;
        let scope = entry.scope.clone();
        let state = DeliveryState::Waiting;
        let shown = Delivery { state, attempts: Vec::new(), before_response: false, ..entry.shown.clone() };
        let id = self.enqueue(shown, &scope, false, Instant::now());
        self.changed();
        Some(id)
    }

    /// The deliveries to send now, and when there may be more.
    pub(crate) fn take_ready(&mut self) -> (Vec<OutgoingWebhook>, Option<Instant>) {
        let now = Instant::now();
        let mut ready = Vec::new();
        for (id, KnownEndpoint { endpoint, .. }) in &self.endpoints {
            if self.busy.contains(id) {
                continue;
            }
            let waiting = self.entries.iter_mut().filter(|(_, entry)| {
                entry.shown.endpoint == *id && entry.shown.state == DeliveryState::Waiting && entry.due <= now
            });
            let Some((number, entry)) = waiting.min_by_key(|(_, entry)| (entry.goes_behind, entry.position))
            else {
                continue;
            };
            entry.shown.state = DeliveryState::Sending;
            self.busy.insert(id.clone());
            ready.push(OutgoingWebhook {
                number: *number,
                endpoint: id.clone(),
                url: endpoint.url.clone(),
                body: entry.shown.body.clone(),
                secrets: endpoint.secrets.clone(),
                timeout: Duration::from_millis(self.plan.timeout_millis.into()),
            });
        }
        let later = self.entries.values().filter(|entry| entry.shown.state == DeliveryState::Waiting);
        let next = later.map(|entry| entry.due).filter(|due| *due > now).min();
        (ready, next)
    }

    /// Records the result of an attempt; returns the event and its owner if it is delivered.
    pub(crate) fn record(
        &mut self,
        (number, endpoint): (u64, &str),
        attempt: DeliveryAttempt,
    ) -> Option<(Scope, String)> {
        self.busy.remove(endpoint);
        let entry = self.entries.get_mut(&number)?;
        let delivered = attempt.status.is_some_and(|status| (200..300).contains(&status));
        let pause = self.plan.retry_millis.get(entry.shown.attempts.len());
        entry.shown.attempts.push(attempt);
        entry.shown.state = match (delivered, pause) {
            (true, _) => DeliveryState::Delivered,
            (false, Some(pause)) => {
                entry.due = Instant::now() + Duration::from_millis((*pause).into());
                DeliveryState::Waiting
            }
            (false, None) => DeliveryState::GivenUp,
        };
        let confirmed = delivered.then(|| (entry.scope.clone(), entry.shown.event.clone()));
        self.changed();
        confirmed
    }

    fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }
}
