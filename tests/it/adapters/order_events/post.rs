//! The dispatcher over a store in memory, a clock that is moved, and receivers that do as they are told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use merchant_gateway::delivery::{
    Dispatcher, Receiver, ReceiverAnswer, Rest, SignedRequest, Unanswered, WebhookSender,
};
use merchant_gateway::domain::ids::{Mode, OrderEventId, OrderId, Tenant};
use merchant_gateway::domain::order_event::{EventKind, OrderEvent};
use merchant_gateway::domain::time::{Span, Timestamp};
use merchant_gateway::ports::{Clock, ManualClock, SeededIds};
use merchant_gateway::protocol::order_events;
use merchant_gateway::store::{Commit, DeliveriesQuery, Delivery, Outbox, Store};
use secrecy::SecretString;
use serde_json::Value;
use test_support::memory_store::MemoryStore;
use tokio::sync::Notify;

use crate::adapters::store::values::{NOW, completed, create, order, tenant};

/// What a receiver does with a letter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Does {
    Takes,
    Answers(u16),
    AsksForPause(i64),
    IsDown,
    Hangs,
    /// Answers after so long, and then never comes to the end of its answer.
    Dribbles(Duration),
    Panics,
}

/// Receivers by host name, and what arrived there: order and sequence.
#[derive(Default)]
pub struct Town {
    does: Mutex<BTreeMap<String, Does>>,
    arrived: Mutex<Vec<(String, OrderId, u64)>>,
    pub tried: Mutex<Vec<OrderEventId>>,
    /// `webhook-timestamp` of every letter.
    pub signed: Mutex<Vec<Timestamp>>,
    pub hung: Notify,
}

#[async_trait]
impl WebhookSender for Town {
    async fn post(&self, letter: SignedRequest) -> Result<(ReceiverAnswer, Rest), Unanswered> {
        let host = letter.url.host_str().unwrap().to_owned();
        let does = self.does.lock().unwrap().get(&host).copied().unwrap_or(Does::Takes);
        self.tried.lock().unwrap().push(letter.id.clone());
        self.signed.lock().unwrap().push(letter.at);
        let nothing: fn() -> Rest = || Box::pin(async {});
        let answer = |status, retry_after| Ok((ReceiverAnswer { status, retry_after }, nothing()));
        match does {
            Does::Takes => {
                let body: Value = serde_json::from_str(&letter.body).unwrap();
                let order = body["data"]["order"]["id"].as_str().unwrap().parse().unwrap();
                let sequence = body["data"]["sequence"].as_u64().unwrap();
                self.arrived.lock().unwrap().push((host, order, sequence));
                answer(204, None)
            }
            Does::Answers(status) => answer(status, None),
            Does::AsksForPause(seconds) => answer(429, Some(Span::seconds(seconds))),
            Does::IsDown => Err(Unanswered("no connection".to_owned())),
            Does::Hangs => {
                self.hung.notify_one();
                std::future::pending().await
            }
            Does::Dribbles(after) => {
                tokio::time::timeout(after, std::future::pending::<()>()).await.unwrap_err();
                Ok((ReceiverAnswer { status: 200, retry_after: None }, Box::pin(std::future::pending())))
            }
            Does::Panics => panic!("as it was told to"),
        }
    }
}

/// A dispatcher with everything around it.
pub struct Post {
    pub store: Arc<MemoryStore>,
    pub clock: Arc<ManualClock>,
    pub town: Arc<Town>,
    pub dispatcher: Arc<Dispatcher>,
}

impl Post {
    pub fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        Self::over(Arc::clone(&store) as _, store)
    }

    /// With a dispatcher over something else than the store itself.
    pub fn over(outbox: Arc<dyn Outbox>, store: Arc<MemoryStore>) -> Self {
        let clock = Arc::new(ManualClock::new(NOW));
        let town = Arc::new(Town::default());
        let receiver = |tenant: &Tenant| {
            Some(Receiver {
                url: format!("https://{}.example/hook", tenant.merchant).parse().unwrap(),
                secrets: vec![SecretString::from("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")],
            })
        };
        let dispatcher = Dispatcher::new(
            outbox,
            Arc::clone(&town) as _,
            Arc::new(receiver),
            (Arc::clone(&clock) as _, Arc::new(SeededIds::new(7))),
        );
        Self { store, clock, town, dispatcher: Arc::new(dispatcher) }
    }

    pub fn receiver_does(&self, merchant: &str, does: Does) {
        self.town.does.lock().unwrap().insert(format!("{merchant}.example"), does);
    }

    /// An order with a number of its own, told of by its first event.
    pub async fn order(&self, merchant: &str, number: u128) {
        let tenant = shop(merchant);
        let events = vec![self.event(number, 1, EventKind::Created)];
        let commit = Commit { order: Some(order(number)), events, ..create(&tenant, completed(number)) };
        self.store.commit(commit).await.unwrap();
    }

    pub async fn append(&self, merchant: &str, number: u128, sequence: u128, kind: EventKind) {
        let event = self.event(number, sequence, kind);
        self.store.append_events(&shop(merchant), vec![event]).await.unwrap();
    }

    pub fn event(&self, number: u128, sequence: u128, kind: EventKind) -> OrderEvent {
        let id = OrderEventId::from_random(number * 100 + sequence);
        OrderEvent { kind, at: self.clock.now(), ..order_events::created(id, &order(number).order, "", true) }
    }

    /// Sends everything that can be sent now.
    pub async fn record_result(&self) {
        loop {
            let claimed = self.dispatcher.claim().await.unwrap();
            if claimed.is_empty() {
                return;
            }
            let tries = claimed.into_iter().map(|claimed| self.dispatcher.attempt(claimed));
            futures_util::future::join_all(tries).await;
        }
    }

    /// Lets so much time pass, looking every minute as the real one does every second.
    pub async fn pass(&self, span: Span) {
        let end = self.clock.now() + span;
        self.record_result().await;
        while self.clock.now() < end {
            self.clock.advance(Span::minutes(1));
            tokio::time::advance(Duration::from_mins(1)).await;
            self.record_result().await;
        }
    }

    /// Runs the dispatcher as the gateway does until `done`, a millisecond after the other; how long that took.
    pub async fn run_until(&self, done: impl Fn(&Self) -> bool) -> Duration {
        let (stop, stopped) = tokio::sync::watch::channel(false);
        let running = tokio::spawn(Arc::clone(&self.dispatcher).run(stopped));
        let before = tokio::time::Instant::now();
        while !done(self) {
            assert!(before.elapsed() < Duration::from_mins(10) && !running.is_finished());
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        let took = before.elapsed();
        stop.send(true).unwrap();
        running.await.unwrap();
        took
    }

    pub async fn deliveries(&self, merchant: &str) -> Vec<Delivery> {
        let which = DeliveriesQuery { limit: 1000, ..DeliveriesQuery::default() };
        self.store.deliveries(&shop(merchant), which).await.unwrap()
    }

    /// What arrived at a merchant's, as (order, sequence).
    pub fn arrived(&self, merchant: &str) -> Vec<(OrderId, u64)> {
        let host = format!("{merchant}.example");
        let arrived = self.town.arrived.lock().unwrap();
        arrived
            .iter()
            .filter(|(at, ..)| *at == host)
            .map(|(_, order, number)| (order.clone(), *number))
            .collect()
    }
}

pub fn shop(merchant: &str) -> Tenant {
    tenant(merchant, Mode::Test)
}

pub fn since_start(moment: Timestamp) -> Span {
    moment.since(NOW)
}
