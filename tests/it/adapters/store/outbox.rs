//! Order events in a store: written with what they tell, numbered without a gap, leased one of an order at a time.

use merchant_gateway::domain::checkout::model::Version;
use merchant_gateway::domain::ids::{Mode, OrderEventId, OrderId, OrderNumber, Tenant};
use merchant_gateway::domain::order_event::{EventKind, OrderEvent, Sequence};
use merchant_gateway::domain::time::{Span, Timestamp};
use merchant_gateway::protocol::order_events;
use merchant_gateway::store::{
    Claim, Commit, CommitError, DeliveriesQuery, Delivery, DeliveryOutcome, DeliveryResult, DeliveryState,
    LONGEST_PAUSE, StoreError,
};

use super::AnyStore;
use super::values::*;

fn at(seconds: i64) -> Timestamp {
    NOW + Span::seconds(seconds)
}

/// Event `number` of the order of a session.
fn event(number: u128, session: u128, kind: EventKind) -> OrderEvent {
    let id = OrderEventId::from_random(number);
    OrderEvent { kind, ..order_events::created(id, &order(session).order, "", true) }
}

/// A tenant's session with its order and that order's first event.
fn placed(tenant: &Tenant, session: u128) -> Commit {
    let events = vec![event(session * 100, session, EventKind::Created)];
    Commit { order: Some(order(session)), events, ..create(tenant, completed(session)) }
}

fn claim(now: i64, limit: u32) -> Claim {
    Claim { now: at(now), until: at(now + 45), limit }
}

async fn claimed(store: &AnyStore, tenant: &Tenant, now: i64) -> Vec<Delivery> {
    store.claim_events(tenant, claim(now, 10)).await.unwrap()
}

async fn settled(store: &AnyStore, delivery: &Delivery, outcome: DeliveryOutcome) -> bool {
    let settlement =
        DeliveryResult { lease: delivery.leased_until.unwrap(), outcome, status: Some(200), error: None };
    store.settle_event(&harbor(), &delivery.id, settlement).await.unwrap()
}

fn numbers(deliveries: &[Delivery]) -> Vec<(OrderId, u32)> {
    deliveries.iter().map(|delivery| (delivery.order.clone(), delivery.sequence.0)).collect()
}

async fn all(store: &AnyStore, tenant: &Tenant) -> Vec<Delivery> {
    store.deliveries(tenant, DeliveriesQuery { limit: 100, ..DeliveriesQuery::default() }).await.unwrap()
}

pub(super) async fn an_event_is_written_with_its_order_or_not_at_all(store: AnyStore) {
    let from = store.commit(create(&harbor(), ready(1))).await.unwrap();
    let stale = Commit { expected: Some(Version(9)), ..placed(&harbor(), 1) };
    assert!(matches!(store.commit(stale).await, Err(CommitError::Conflict)));
    assert_eq!(all(&store, &harbor()).await, []);

    store.commit(Commit { expected: Some(from), ..placed(&harbor(), 1) }).await.unwrap();
    let kept = all(&store, &harbor()).await;
    let [delivery] = &kept[..] else { panic!("{kept:?}") };
    assert_eq!((delivery.sequence, delivery.state), (Sequence::FIRST, DeliveryState::Pending));
    assert_eq!(delivery.next_try, Some(NOW));
    assert_eq!(
        delivery.payload,
        event(100, 1, EventKind::Created).payload(&harbor(), Sequence::FIRST, OrderNumber::FIRST)
    );
    assert_eq!(store.delivery(&harbor(), &delivery.id).await.unwrap().as_ref(), Some(delivery));
}

pub(super) async fn the_events_of_an_order_are_numbered_from_one_without_a_gap(store: AnyStore) {
    let from = store.commit(placed(&harbor(), 1)).await.unwrap();
    store.commit(placed(&harbor(), 2)).await.unwrap();
    let two = vec![event(101, 1, EventKind::Refunded), event(201, 2, EventKind::Disputed)];
    assert_eq!(store.append_events(&harbor(), two).await.unwrap(), [Sequence(2), Sequence(2)]);
    let with_a_change = Commit {
        events: vec![event(102, 1, EventKind::Fulfilled), event(103, 1, EventKind::Refunded)],
        ..change(&harbor(), from, completed(1))
    };
    store.commit(with_a_change).await.unwrap();
    let which =
        DeliveriesQuery { order: Some(OrderId::from_random(1)), limit: 100, ..DeliveriesQuery::default() };
    let mut of_one = store.deliveries(&harbor(), which).await.unwrap();
    of_one.sort_by_key(|delivery| delivery.sequence);
    let kinds: Vec<(u32, EventKind)> =
        of_one.iter().map(|delivery| (delivery.sequence.0, delivery.kind)).collect();
    let wanted =
        [EventKind::Created, EventKind::Refunded, EventKind::Fulfilled, EventKind::Refunded].into_iter();
    assert_eq!(kinds, (1..).zip(wanted).collect::<Vec<_>>());
}

pub(super) async fn events_of_no_order_or_of_another_sessions_are_refused(store: AnyStore) {
    let from = store.commit(placed(&harbor(), 1)).await.unwrap();
    store.commit(placed(&harbor(), 2)).await.unwrap();
    let with = |event| Commit { events: vec![event], ..change(&harbor(), from, completed(1)) };
    for wrong in [
        with(event(7, 2, EventKind::Refunded)),
        with(event(7, 9, EventKind::Refunded)),
        with(event(100, 1, EventKind::Refunded)),
        Commit { events: vec![event(7, 2, EventKind::Created)], ..placed(&harbor(), 3) },
    ] {
        let refused = store.commit(wrong).await;
        assert!(matches!(refused, Err(CommitError::Store(StoreError::Corrupt { .. }))), "{refused:?}");
    }
    let half_wrong = vec![event(8, 1, EventKind::Refunded), event(9, 9, EventKind::Refunded)];
    assert!(store.append_events(&harbor(), half_wrong).await.is_err());
    let elsewhere = vec![event(8, 1, EventKind::Refunded)];
    assert!(store.append_events(&tenant("kiln", Mode::Test), elsewhere).await.is_err());
    assert_eq!(all(&store, &harbor()).await.len(), 2, "nothing was kept of any of them");
}

pub(super) async fn of_an_order_only_its_earliest_pending_event_can_be_claimed(store: AnyStore) {
    store.commit(placed(&harbor(), 1)).await.unwrap();
    let more = vec![event(101, 1, EventKind::Refunded), event(102, 1, EventKind::Fulfilled)];
    store.append_events(&harbor(), more).await.unwrap();
    store.commit(placed(&harbor(), 2)).await.unwrap();
    let one = |sequence| (OrderId::from_random(1), sequence);
    let two = |sequence| (OrderId::from_random(2), sequence);

    let first = claimed(&store, &harbor(), 0).await;
    assert_eq!(numbers(&first), [one(1), two(1)]);
    assert_eq!(claimed(&store, &harbor(), 0).await, [], "both are leased, and the others wait for them");
    assert!(settled(&store, &first[0], DeliveryOutcome::Again(at(60))).await);
    assert_eq!(claimed(&store, &harbor(), 59).await.len(), 1, "the other order's, whose lease ran out");
    let again = claimed(&store, &harbor(), 60).await;
    assert_eq!((numbers(&again), again[0].tries), (vec![one(1)], 2));
    assert!(settled(&store, &again[0], DeliveryOutcome::Delivered).await);
    let second = claimed(&store, &harbor(), 61).await;
    assert_eq!(numbers(&second), [one(2)]);
    assert!(settled(&store, &second[0], DeliveryOutcome::Parked).await);
    assert_eq!(numbers(&claimed(&store, &harbor(), 61).await), [one(3)], "a parked event is skipped");
}

pub(super) async fn a_lease_that_was_lost_records_nothing(store: AnyStore) {
    store.commit(placed(&harbor(), 1)).await.unwrap();
    let lost = claimed(&store, &harbor(), 0).await;
    assert_eq!(claimed(&store, &harbor(), 44).await, []);
    let taken = claimed(&store, &harbor(), 45).await;
    assert_eq!(taken.len(), 1);
    assert!(!settled(&store, &lost[0], DeliveryOutcome::Parked).await);
    let kept = store.delivery(&harbor(), &taken[0].id).await.unwrap();
    assert_eq!(kept.as_ref(), Some(&taken[0]));
    assert_eq!((taken[0].first_try, taken[0].last_try), (Some(at(0)), Some(at(45))));
    assert!(settled(&store, &taken[0], DeliveryOutcome::Delivered).await);
    assert!(!settled(&store, &taken[0], DeliveryOutcome::Parked).await, "a lease is good for one outcome");
    let kept = store.delivery(&harbor(), &taken[0].id).await.unwrap().unwrap();
    assert_eq!((kept.state, kept.next_try, kept.last_status), (DeliveryState::Delivered, None, Some(200)));
}

pub(super) async fn two_who_claim_at_once_never_get_the_same_event(store: AnyStore) {
    for session in 1..=20 {
        store.commit(placed(&harbor(), session)).await.unwrap();
    }
    let claims = (0..8).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { store.claim_events(&harbor(), claim(0, 5)).await.unwrap() })
    });
    let mut all = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        all.extend(claim.await.unwrap().into_iter().map(|delivery| delivery.id));
    }
    assert_eq!(all.len(), 20);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 20);
}

pub(super) async fn an_unwanted_event_stays_parked_and_can_be_sent_by_hand(store: AnyStore) {
    let unwanted = OrderEvent { wanted: false, ..event(100, 1, EventKind::Created) };
    store.commit(Commit { events: vec![unwanted], ..placed(&harbor(), 1) }).await.unwrap();
    assert_eq!(store.tenants_with_due_events(at(9)).await.unwrap(), []);
    assert_eq!(claimed(&store, &harbor(), 9).await, []);
    let id = OrderEventId::from_random(100);
    let parked = store.delivery(&harbor(), &id).await.unwrap().unwrap();
    assert_eq!(parked.state, DeliveryState::Parked);
    assert!(parked.last_error.unwrap().contains("no [webhook]"));

    assert_eq!(store.retry_event(&tenant("kiln", Mode::Test), &id, at(9)).await.unwrap(), None);
    let retried = store.retry_event(&harbor(), &id, at(9)).await.unwrap().unwrap();
    assert_eq!((retried.state, retried.next_try), (DeliveryState::Pending, Some(at(9))));
    assert_eq!(store.tenants_with_due_events(at(9)).await.unwrap(), [harbor()]);
    assert_eq!(claimed(&store, &harbor(), 9).await.len(), 1);
}

pub(super) async fn a_manual_retry_starts_over_after_the_attempt_in_flight(store: AnyStore) {
    store.commit(placed(&harbor(), 1)).await.unwrap();
    for now in [0, 100] {
        let claimed = claimed(&store, &harbor(), now).await;
        assert!(settled(&store, &claimed[0], DeliveryOutcome::Again(at(now + 100))).await);
    }
    let under_way = claimed(&store, &harbor(), 200).await;
    assert_eq!(under_way[0].tries, 3);
    let retried = store.retry_event(&harbor(), &under_way[0].id, at(201)).await.unwrap().unwrap();
    assert_eq!((retried.tries, retried.first_try, retried.next_try), (0, None, Some(at(201))));
    assert_eq!(claimed(&store, &harbor(), 202).await, [], "it is on its way");
    assert!(settled(&store, &under_way[0], DeliveryOutcome::Delivered).await);
    assert_eq!(claimed(&store, &harbor(), 300).await, []);

    // Even one that was delivered is sent once more when somebody asks for it.
    store.retry_event(&harbor(), &under_way[0].id, at(300)).await.unwrap();
    let again = claimed(&store, &harbor(), 300).await;
    assert_eq!((again[0].tries, &again[0].payload), (1, &under_way[0].payload));
}

pub(super) async fn a_try_that_fails_after_a_retry_by_hand_undoes_nothing_of_it(store: AnyStore) {
    store.commit(placed(&harbor(), 1)).await.unwrap();
    for outcome in [DeliveryOutcome::Parked, DeliveryOutcome::Again(at(7000))] {
        let under_way = claimed(&store, &harbor(), 1000).await.remove(0);
        store.retry_event(&harbor(), &under_way.id, at(1001)).await.unwrap();
        assert!(settled(&store, &under_way, outcome).await, "it is recorded");
        let kept = store.delivery(&harbor(), &under_way.id).await.unwrap().unwrap();
        assert_eq!((kept.state, kept.next_try), (DeliveryState::Pending, Some(at(1001))), "{outcome:?}");
        assert_eq!((kept.tries, kept.first_try, kept.leased_until), (0, None, None), "{outcome:?}");
        assert_eq!(kept.last_status, Some(200));
        let anew = claimed(&store, &harbor(), 1001).await.remove(0);
        assert_eq!((anew.tries, anew.first_try), (1, Some(at(1001))));
        assert!(settled(&store, &anew, DeliveryOutcome::Again(at(1000))).await);
    }
}

pub(super) async fn a_retried_parked_event_waits_for_its_orders_event_in_flight(store: AnyStore) {
    store.commit(placed(&harbor(), 1)).await.unwrap();
    let more = vec![event(101, 1, EventKind::Refunded), event(102, 1, EventKind::Fulfilled)];
    store.append_events(&harbor(), more).await.unwrap();
    let first = claimed(&store, &harbor(), 0).await.remove(0);
    assert!(settled(&store, &first, DeliveryOutcome::Parked).await);
    let second = claimed(&store, &harbor(), 1).await.remove(0);
    assert_eq!(second.sequence.0, 2);
    store.retry_event(&harbor(), &first.id, at(2)).await.unwrap();
    assert_eq!(claimed(&store, &harbor(), 3).await, [], "of an order only one is on its way");
    assert_eq!(store.tenants_with_due_events(at(3)).await.unwrap(), []);
    assert!(settled(&store, &second, DeliveryOutcome::Again(at(4))).await);
    for sequence in [1, 2, 3] {
        let next = claimed(&store, &harbor(), 10).await;
        assert_eq!(numbers(&next), [(OrderId::from_random(1), sequence)]);
        assert!(settled(&store, &next[0], DeliveryOutcome::Delivered).await);
    }
}

pub(super) async fn what_a_clock_has_put_off_that_was_set_back_is_due(store: AnyStore) {
    const YEAR: i64 = 365 * 24 * 3600;
    for session in [1, 2] {
        store.commit(placed(&harbor(), session)).await.unwrap();
    }
    let ahead = claimed(&store, &harbor(), YEAR).await;
    assert!(settled(&store, &ahead[0], DeliveryOutcome::Again(at(YEAR + 60))).await);
    assert_eq!(store.tenants_with_due_events(at(0)).await.unwrap(), [harbor()]);
    let back = claimed(&store, &harbor(), 0).await;
    assert_eq!(back.len(), 2, "one that was to be tried in a year, and one that is leased for that long");
    assert!(back.iter().all(|delivery| delivery.first_try == Some(at(0))), "its three days begin now");
    assert!(!settled(&store, &ahead[1], DeliveryOutcome::Parked).await, "the lease is another's by now");
    assert!(settled(&store, &back[0], DeliveryOutcome::Again(at(LONGEST_PAUSE.as_millis() / 1000))).await);
    assert_eq!(claimed(&store, &harbor(), 0).await, [], "a pause that can be is kept");
}

pub(super) async fn a_waiting_event_is_due_with_or_right_after_its_predecessor(store: AnyStore) {
    store.commit(placed(&harbor(), 1)).await.unwrap();
    store.append_events(&harbor(), vec![event(101, 1, EventKind::Refunded)]).await.unwrap();
    let first = claimed(&store, &harbor(), 0).await.remove(0);
    assert!(settled(&store, &first, DeliveryOutcome::Again(at(60))).await);
    store.append_events(&harbor(), vec![event(102, 1, EventKind::Fulfilled)]).await.unwrap();
    let due: Vec<_> = all(&store, &harbor()).await.iter().map(|delivery| delivery.next_try).collect();
    assert_eq!(due, [Some(at(60)); 3], "what waits is not looked at before");
    let first = claimed(&store, &harbor(), 61).await.remove(0);
    assert!(settled(&store, &first, DeliveryOutcome::Again(at(3600))).await);
    store.retry_event(&harbor(), &first.id, at(70)).await.unwrap();
    let first = claimed(&store, &harbor(), 70).await.remove(0);
    assert!(settled(&store, &first, DeliveryOutcome::Delivered).await);
    assert_eq!(numbers(&claimed(&store, &harbor(), 70).await), [(OrderId::from_random(1), 2)]);
}

pub(super) async fn events_are_listed_newest_first_by_state_order_and_page(store: AnyStore) {
    for session in 1..=5_u32 {
        let number = u128::from(session);
        let mut commit = placed(&harbor(), number);
        commit.events[0].at = at(i64::from(session / 2));
        store.commit(commit).await.unwrap();
    }
    store.commit(placed(&tenant("kiln", Mode::Test), 6)).await.unwrap();
    let listed = all(&store, &harbor()).await;
    assert_eq!(listed.len(), 5);
    assert!(listed.is_sorted_by_key(|delivery| std::cmp::Reverse((delivery.created, delivery.id.clone()))));

    let mut paged: Vec<Delivery> = Vec::new();
    loop {
        let after = paged.last().map(|last| last.id.clone());
        let page = store
            .deliveries(&harbor(), DeliveriesQuery { after, limit: 2, ..DeliveriesQuery::default() })
            .await
            .unwrap();
        if page.is_empty() {
            break;
        }
        paged.extend(page);
    }
    assert_eq!(paged, listed);

    let first = &claimed(&store, &harbor(), 9).await[0];
    assert!(settled(&store, first, DeliveryOutcome::Delivered).await);
    let in_state = |state| DeliveriesQuery { state: Some(state), limit: 100, ..DeliveriesQuery::default() };
    for (state, count) in
        [(DeliveryState::Pending, 4), (DeliveryState::Delivered, 1), (DeliveryState::Parked, 0)]
    {
        let found = store.deliveries(&harbor(), in_state(state)).await.unwrap();
        assert_eq!(found.len(), count, "{state:?}");
    }
    let of_order =
        DeliveriesQuery { order: Some(OrderId::from_random(3)), limit: 9, ..DeliveriesQuery::default() };
    assert_eq!(store.deliveries(&harbor(), of_order).await.unwrap().len(), 1);
    let unknown = DeliveriesQuery {
        after: Some(OrderEventId::from_random(999)),
        limit: 9,
        ..DeliveriesQuery::default()
    };
    assert_eq!(store.deliveries(&harbor(), unknown).await.unwrap(), []);
}

pub(super) async fn a_tenant_never_sees_or_sends_another_tenants_events(store: AnyStore) {
    let live = tenant("harbor-coffee", Mode::Live);
    store.commit(placed(&harbor(), 1)).await.unwrap();
    store.commit(placed(&live, 1)).await.unwrap();
    let mut due = store.tenants_with_due_events(NOW).await.unwrap();
    due.sort();
    assert_eq!(due, [harbor(), live.clone()]);
    assert_eq!(store.tenants_with_due_events(at(-1)).await.unwrap(), []);

    let of_live = claimed(&store, &live, 0).await;
    assert_eq!(of_live.len(), 1);
    assert!(of_live[0].payload.contains(r#""livemode":true"#), "{}", of_live[0].payload);
    assert!(!settled(&store, &of_live[0], DeliveryOutcome::Parked).await, "settled for another tenant");
    let of_test = claimed(&store, &harbor(), 0).await;
    assert!(of_test[0].payload.contains(r#""livemode":false"#), "{}", of_test[0].payload);
    assert_eq!(store.tenants_with_due_events(NOW).await.unwrap(), []);
}
