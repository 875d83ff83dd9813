//! What receivers get over days: in order per order, again until it is taken or given up, and never too often.

use merchant_gateway::delivery::GIVE_UP;
use merchant_gateway::domain::ids::OrderId;
use merchant_gateway::domain::order_event::EventKind;
use merchant_gateway::domain::time::Span;
use merchant_gateway::ports::Clock;
use merchant_gateway::store::{DeliveryState, LONGEST_PAUSE, Outbox};

use super::post::{Does, Post, shop, since_start};

#[tokio::test(start_paused = true)]
async fn a_receiver_back_after_two_days_gets_all_events_in_order() {
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

#[tokio::test(start_paused = true)]
async fn an_event_is_parked_after_three_days_and_the_next_one_is_sent() {
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
    post.record_result().await;
    assert_eq!(post.arrived("harbor"), [(OrderId::from_random(1), 2), (OrderId::from_random(1), 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_refused_event_delays_no_other_order_of_its_merchant() {
    let post = Post::new();
    post.receiver_does("harbor", Does::Answers(422));
    post.order("harbor", 1).await;
    post.append("harbor", 1, 2, EventKind::Refunded).await;
    post.record_result().await;
    post.receiver_does("harbor", Does::Takes);
    post.order("harbor", 2).await;
    post.record_result().await;
    assert_eq!(post.arrived("harbor"), [(OrderId::from_random(2), 1)], "the first order waits for its event");
    post.pass(Span::minutes(1)).await;
    let rest = [(OrderId::from_random(1), 1), (OrderId::from_random(1), 2)];
    assert_eq!(post.arrived("harbor")[1..], rest);
}

#[tokio::test(start_paused = true)]
async fn a_410_parks_an_event_and_retry_after_sets_the_next_attempt() {
    let post = Post::new();
    post.receiver_does("gone", Does::Answers(410));
    post.receiver_does("busy", Does::AsksForPause(600));
    post.receiver_does("moved", Does::Answers(308));
    for merchant in ["gone", "busy", "moved"] {
        post.order(merchant, 1).await;
    }
    post.record_result().await;
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

#[tokio::test(start_paused = true)]
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
