//! The dispatcher over a store in memory, a clock that is moved, and receivers that do as they are told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use merchant_gateway::domain::ids::{Mode, OrderEventId, OrderId, Tenant};
use merchant_gateway::domain::order_event::{EventKind, OrderEvent};
use merchant_gateway::domain::time::{Span, Timestamp};
use merchant_gateway::ports::{Clock, ManualClock, SeededIds};
use merchant_gateway::protocol::order_events;
use merchant_gateway::runtime::outbox::{
    Answer, Courier, Dispatcher, GIVE_UP, LONGEST_PAUSE, Letter, Receiver, Unanswered,
};
use merchant_gateway::store::{Commit, Delivery, DeliveryState, MemoryStore, Outbox, Store, Which};
use secrecy::SecretString;
use serde_json::Value;
use tokio::sync::Notify;

use crate::store::values::{NOW, completed, create, order, tenant};

/// What a receiver does with a letter.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    Takes,
    Answers(u16),
    AsksForPause(i64),
    IsDown,
    Hangs,
}

/// Receivers by host name, and what arrived there: order and sequence.
#[derive(Default)]
struct Town {
    does: Mutex<BTreeMap<String, Does>>,
    arrived: Mutex<Vec<(String, OrderId, u64)>>,
    tried: Mutex<Vec<OrderEventId>>,
    hung: Notify,
}

#[async_trait]
impl Courier for Town {
    async fn post(&self, letter: Letter) -> Result<Answer, Unanswered> {
        let host = letter.url.host_str().unwrap().to_owned();
        let does = self.does.lock().unwrap().get(&host).copied().unwrap_or(Does::Takes);
        self.tried.lock().unwrap().push(letter.id.clone());
        let answer = |status, retry_after| Ok(Answer { status, retry_after });
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
        }
    }
}

/// A dispatcher with everything around it.
struct Post {
    store: Arc<MemoryStore>,
    clock: Arc<ManualClock>,
    town: Arc<Town>,
    dispatcher: Arc<Dispatcher>,
}

impl Post {
    fn new() -> Self {
        let store = Arc::new(MemoryStore::new());
        let clock = Arc::new(ManualClock::new(NOW));
        let town = Arc::new(Town::default());
        let receiver = |tenant: &Tenant| {
            Some(Receiver {
                url: format!("https://{}.example/hook", tenant.merchant).parse().unwrap(),
                secrets: vec![SecretString::from("whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD")],
            })
        };
        let dispatcher = Dispatcher::new(
            Arc::clone(&store) as _,
            Arc::clone(&town) as _,
            Arc::new(receiver),
            (Arc::clone(&clock) as _, Arc::new(SeededIds::new(7))),
        );
        Self { store, clock, town, dispatcher: Arc::new(dispatcher) }
    }

    fn receiver_does(&self, merchant: &str, does: Does) {
        self.town.does.lock().unwrap().insert(format!("{merchant}.example"), does);
    }

    /// An order with a number of its own, told of by its first event.
    async fn order(&self, merchant: &str, number: u128) {
        let tenant = shop(merchant);
        let events = vec![self.event(number, 1, EventKind::Created)];
        let commit = Commit { order: Some(order(number)), events, ..create(&tenant, completed(number)) };
        self.store.commit(commit).await.unwrap();
    }

    async fn append(&self, merchant: &str, number: u128, sequence: u128, kind: EventKind) {
        let event = self.event(number, sequence, kind);
        self.store.append_events(&shop(merchant), vec![event]).await.unwrap();
    }

    fn event(&self, number: u128, sequence: u128, kind: EventKind) -> OrderEvent {
        let id = OrderEventId::from_random(number * 100 + sequence);
        OrderEvent { kind, at: self.clock.now(), ..order_events::created(id, &order(number).order, "", true) }
    }

    /// Sends everything that can be sent now.
    async fn settle(&self) {
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
    async fn pass(&self, span: Span) {
        let end = self.clock.now() + span;
        self.settle().await;
        while self.clock.now() < end {
            self.clock.advance(Span::minutes(1));
            self.settle().await;
        }
    }

    async fn deliveries(&self, merchant: &str) -> Vec<Delivery> {
        let which = Which { limit: 1000, ..Which::default() };
        self.store.deliveries(&shop(merchant), which).await.unwrap()
    }

    /// What arrived at a merchant's, as (order, sequence).
    fn arrived(&self, merchant: &str) -> Vec<(OrderId, u64)> {
        let host = format!("{merchant}.example");
        let arrived = self.town.arrived.lock().unwrap();
        arrived
            .iter()
            .filter(|(at, ..)| *at == host)
            .map(|(_, order, number)| (order.clone(), *number))
            .collect()
    }
}

fn shop(merchant: &str) -> Tenant {
    tenant(merchant, Mode::Test)
}

fn since_start(moment: Timestamp) -> Span {
    moment.since(NOW)
}

#[tokio::test]
async fn a_receiver_that_is_down_for_two_days_gets_every_event_in_order_per_order_once_it_is_back() {
    let post = Post::new();
    post.receiver_does("harbor", Does::IsDown);
    let kinds = [EventKind::Refunded, EventKind::Fulfilled, EventKind::Disputed];
    for number in 1..=10 {
        post.order("harbor", number).await;
        for (sequence, kind) in (2..).zip(kinds) {
            post.append("harbor", number, sequence, kind).await;
        }
        post.pass(Span::hours(4)).await;
    }
    post.pass(Span::hours(8)).await;
    assert_eq!(since_start(post.clock.now()), Span::hours(48));
    assert_eq!(post.arrived("harbor"), []);

    post.receiver_does("harbor", Does::Takes);
    post.pass(LONGEST_PAUSE).await;
    let arrived = post.arrived("harbor");
    assert_eq!(arrived.len(), 40, "each once");
    for number in 1..=10 {
        let order = OrderId::from_random(number);
        let sequences: Vec<u64> =
            arrived.iter().filter(|(of, _)| *of == order).map(|(_, sequence)| *sequence).collect();
        assert_eq!(sequences, [1, 2, 3, 4], "order {number}");
    }
    assert!(post.deliveries("harbor").await.iter().all(|event| event.state == DeliveryState::Delivered));
}

#[tokio::test]
async fn after_three_days_an_event_is_parked_the_next_one_goes_and_the_gap_shows() {
    let post = Post::new();
    post.receiver_does("harbor", Does::Answers(500));
    post.order("harbor", 1).await;
    post.append("harbor", 1, 2, EventKind::Refunded).await;
    post.pass(Span::hours(71)).await;
    assert!(post.deliveries("harbor").await.iter().all(|event| event.state == DeliveryState::Pending));
    post.pass(Span::hours(1)).await;
    let events = post.deliveries("harbor").await;
    let created = events.iter().find(|event| event.sequence.0 == 1).unwrap();
    assert_eq!((created.state, created.last_status), (DeliveryState::Parked, Some(500)));
    assert_eq!(created.last_try.unwrap().since(created.first_try.unwrap()), GIVE_UP);
    assert_eq!(created.last_error.as_deref(), Some("the receiver answered 500"));

    // Nobody but a person sends it now, and the person's retry has three days of its own.
    post.receiver_does("harbor", Does::Takes);
    post.pass(Span::hours(3)).await;
    assert_eq!(post.arrived("harbor"), [(OrderId::from_random(1), 2)]);
    post.store.retry_event(&shop("harbor"), &created.id, post.clock.now()).await.unwrap();
    post.settle().await;
    assert_eq!(post.arrived("harbor"), [(OrderId::from_random(1), 2), (OrderId::from_random(1), 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_hangs_delays_no_other_merchants_events() {
    let post = Post::new();
    post.receiver_does("stuck", Does::Hangs);
    for number in 1..=300 {
        post.order("stuck", number).await;
    }
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let running = tokio::spawn(Arc::clone(&post.dispatcher).run(stopped));
    post.town.hung.notified().await;
    for number in 1001..=1100 {
        post.order("swift", number).await;
    }
    let before = tokio::time::Instant::now();
    while post.arrived("swift").len() < 100 {
        tokio::time::advance(std::time::Duration::from_millis(1)).await;
    }
    assert!(before.elapsed() <= std::time::Duration::from_secs(2), "no later than at the next look");
    let stuck = post.deliveries("stuck").await;
    let tried = stuck.iter().filter(|event| event.tries > 0).count();
    assert!((1..=4).contains(&tried), "{tried} of the stuck merchant's are under way");
    stop.send(true).unwrap();
    // Those that hang are waited for no longer than a try may take.
    running.await.unwrap();
    assert!(before.elapsed() <= std::time::Duration::from_secs(20));
    let kept = post.deliveries("stuck").await;
    let error = kept.iter().find_map(|event| event.last_error.clone()).unwrap();
    assert_eq!(error, "no answer within 15 seconds");
}

#[tokio::test]
async fn one_event_that_is_refused_delays_no_other_order_of_its_merchant() {
    let post = Post::new();
    post.receiver_does("harbor", Does::Answers(422));
    post.order("harbor", 1).await;
    post.append("harbor", 1, 2, EventKind::Refunded).await;
    post.settle().await;
    post.receiver_does("harbor", Does::Takes);
    post.order("harbor", 2).await;
    post.settle().await;
    assert_eq!(post.arrived("harbor"), [(OrderId::from_random(2), 1)], "the first order waits for its event");
    post.pass(Span::minutes(1)).await;
    let rest = [(OrderId::from_random(1), 1), (OrderId::from_random(1), 2)];
    assert_eq!(post.arrived("harbor")[1..], rest);
}

#[tokio::test]
async fn a_receiver_that_is_gone_for_good_is_believed_and_one_that_asks_for_a_pause_gets_it() {
    let post = Post::new();
    post.receiver_does("gone", Does::Answers(410));
    post.receiver_does("busy", Does::AsksForPause(600));
    post.receiver_does("moved", Does::Answers(308));
    for merchant in ["gone", "busy", "moved"] {
        post.order(merchant, 1).await;
    }
    post.settle().await;
    let gone = &post.deliveries("gone").await[0];
    assert_eq!((gone.state, gone.last_status), (DeliveryState::Parked, Some(410)));
    let busy = &post.deliveries("busy").await[0];
    assert_eq!(busy.next_try.map(since_start), Some(Span::seconds(600)));
    let moved = &post.deliveries("moved").await[0];
    assert_eq!(
        moved.last_error.as_deref(),
        Some("the receiver answered 308, and redirects are not followed")
    );
    assert_eq!(moved.state, DeliveryState::Pending);
}

#[tokio::test]
async fn a_dead_receiver_is_not_hammered_however_much_waits_for_it() {
    let post = Post::new();
    post.receiver_does("dead", Does::IsDown);
    for number in 1..=500 {
        post.order("dead", number).await;
    }
    post.pass(Span::hours(1)).await;
    let tries = post.town.tried.lock().unwrap().len();
    assert!(tries <= 70, "{tries} requests within an hour");

    post.receiver_does("dead", Does::Takes);
    post.pass(LONGEST_PAUSE).await;
    assert_eq!(post.arrived("dead").len(), 500);
}

#[tokio::test]
async fn a_process_that_dies_with_an_event_on_its_way_sends_it_again_when_its_lease_is_over() {
    let post = Post::new();
    post.order("harbor", 1).await;
    let lost = post.dispatcher.claim().await.unwrap();
    assert_eq!(lost.len(), 1);
    drop(lost);
    post.settle().await;
    assert_eq!(post.arrived("harbor"), [], "nobody else may send it yet");
    post.pass(Span::minutes(1)).await;
    assert_eq!(post.arrived("harbor"), [(OrderId::from_random(1), 1)]);
}
