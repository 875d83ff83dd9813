//! Stripe's events in a store: kept once, followed in the order in which they came, forgotten when they are old.

use merchant_gateway::domain::checkout::model::{Flag, FlagReason};
use merchant_gateway::domain::ids::{FlagId, Mode, SessionId, Tenant};
use merchant_gateway::domain::stripe_event::StripeEvent;
use merchant_gateway::domain::time::{Span, Timestamp};
use merchant_gateway::store::{Commit, EventState, WaitingEvent};
use strum::VariantArray;

use super::AnyStore;
use super::values::*;

fn at(seconds: i64) -> Timestamp {
    NOW + Span::seconds(seconds)
}

/// Event `number`, which came so many seconds later.
fn stripe_event(number: u32, seconds: i64) -> StripeEvent {
    StripeEvent {
        id: format!("evt_{number}").parse().unwrap(),
        kind: "payment_intent.succeeded".parse().unwrap(),
        object: Some("pi_1".parse().unwrap()),
        session: Some(session_id(1)),
        intent: Some(intent(1)),
        received: at(seconds),
    }
}

async fn keep(store: &AnyStore, tenant: &Tenant, event: &StripeEvent, state: EventState) -> bool {
    store.keep_event(tenant, event.clone(), state).await.unwrap()
}

/// The names of what waits, and whose.
fn names(waiting: &[WaitingEvent]) -> Vec<(&str, &str)> {
    waiting.iter().map(|row| (row.tenant.merchant.as_str(), row.event.id.as_str())).collect()
}

async fn states(store: &AnyStore, tenant: &Tenant) -> Vec<(String, EventState)> {
    let kept = store.stripe_events(tenant, 100).await.unwrap();
    kept.into_iter().map(|kept| (kept.event.id.to_string(), kept.state)).collect()
}

pub(super) async fn a_stripe_event_is_kept_once_and_as_it_came(store: AnyStore) {
    let first = stripe_event(1, 0);
    let bare = StripeEvent { object: None, session: None, intent: None, ..stripe_event(2, 1) };
    assert!(keep(&store, &harbor(), &first, EventState::Waiting).await);
    assert!(keep(&store, &harbor(), &bare, EventState::Ignored).await);
    let again = StripeEvent { session: None, received: at(9), ..first.clone() };
    for state in EventState::VARIANTS {
        assert!(!keep(&store, &harbor(), &again, *state).await, "it was kept before");
    }
    let kept = store.stripe_events(&harbor(), 100).await.unwrap();
    let kept: Vec<_> = kept.into_iter().map(|kept| (kept.event, kept.state)).collect();
    assert_eq!(kept, [(bare, EventState::Ignored), (first, EventState::Waiting)]);
    assert_eq!(store.stripe_events(&harbor(), 1).await.unwrap().len(), 1);

    store.event_followed(&harbor(), &"evt_1".parse().unwrap(), EventState::Followed).await.unwrap();
    assert!(!keep(&store, &harbor(), &again, EventState::Waiting).await, "nor is it followed again");
    assert_eq!(states(&store, &harbor()).await[1], ("evt_1".to_owned(), EventState::Followed));
}

pub(super) async fn two_who_keep_one_stripe_event_at_once_keep_it_once(store: AnyStore) {
    let keeping = (0..16).map(|_| {
        let store = store.clone();
        tokio::spawn(async move { keep(&store, &harbor(), &stripe_event(1, 0), EventState::Waiting).await })
    });
    let mut new = 0;
    for kept in keeping.collect::<Vec<_>>() {
        new += u32::from(kept.await.unwrap());
    }
    assert_eq!((new, states(&store, &harbor()).await.len()), (1, 1));
}

pub(super) async fn stripe_events_are_paged_in_the_order_of_arrival(store: AnyStore) {
    let kiln = tenant("kiln", Mode::Test);
    for (tenant, number, seconds) in
        [(harbor(), 3, 2), (kiln.clone(), 1, 0), (harbor(), 2, 2), (kiln.clone(), 9, 60), (harbor(), 1, 1)]
    {
        keep(&store, &tenant, &stripe_event(number, seconds), EventState::Waiting).await;
    }
    keep(&store, &harbor(), &stripe_event(4, 0), EventState::Ignored).await;
    let mut seen: Vec<WaitingEvent> = Vec::new();
    loop {
        let page = store.waiting_events(at(59), seen.last(), 2).await.unwrap();
        if page.is_empty() {
            break;
        }
        seen.extend(page);
    }
    let expected = [
        ("kiln", "evt_1"),
        ("harbor-coffee", "evt_1"),
        ("harbor-coffee", "evt_2"),
        ("harbor-coffee", "evt_3"),
    ];
    assert_eq!(names(&seen), expected);
    assert_eq!(seen[0].event, stripe_event(1, 0));

    store.event_followed(&harbor(), &"evt_2".parse().unwrap(), EventState::Followed).await.unwrap();
    store.event_followed(&kiln, &"evt_1".parse().unwrap(), EventState::Ignored).await.unwrap();
    store.event_followed(&kiln, &"evt_3".parse().unwrap(), EventState::Followed).await.unwrap();
    let rest = store.waiting_events(at(60), None, 9).await.unwrap();
    assert_eq!(names(&rest), [("harbor-coffee", "evt_1"), ("harbor-coffee", "evt_3"), ("kiln", "evt_9")]);
}

pub(super) async fn a_stripe_event_finds_its_session_by_name_or_by_its_payment(store: AnyStore) {
    store.commit(create(&harbor(), ready(1))).await.unwrap();
    let ordered = order(2);
    let paid = ordered.order.payment_intent.clone();
    store.commit(Commit { order: Some(ordered), ..create(&harbor(), completed(2)) }).await.unwrap();
    let flag = Flag {
        id: FlagId::from_random(1),
        session: session_id(3),
        intent: intent(77),
        reason: FlagReason::PaidTwice,
        seen: NOW,
    };
    store.commit(Commit { flags: vec![flag], ..create(&harbor(), ready(3)) }).await.unwrap();

    for (session, intent, found) in [
        (Some(1), None, Some(1)),
        (Some(1), Some(paid.clone()), Some(1)),
        (Some(9), Some(paid.clone()), Some(2)),
        (None, Some(paid.clone()), Some(2)),
        (None, Some(intent(77)), Some(3)),
        (Some(9), Some(intent(78)), None),
        (None, None, None),
    ] {
        let event = StripeEvent { session: session.map(session_id), intent, ..stripe_event(1, 0) };
        let found: Option<SessionId> = found.map(session_id);
        assert_eq!(store.session_of_event(&harbor(), &event).await.unwrap(), found, "{event:?}");
        for other in [tenant("kiln", Mode::Test), tenant("harbor-coffee", Mode::Live)] {
            assert_eq!(store.session_of_event(&other, &event).await.unwrap(), None, "{event:?}");
        }
    }
}

pub(super) async fn a_tenant_never_sees_or_changes_another_tenants_stripe_events(store: AnyStore) {
    let live = tenant("harbor-coffee", Mode::Live);
    assert!(keep(&store, &harbor(), &stripe_event(1, 0), EventState::Waiting).await);
    assert!(
        keep(&store, &live, &stripe_event(1, 0), EventState::Waiting).await,
        "another tenant's is another"
    );
    store.event_followed(&live, &"evt_1".parse().unwrap(), EventState::Followed).await.unwrap();
    assert_eq!(states(&store, &harbor()).await, [("evt_1".to_owned(), EventState::Waiting)]);
    assert_eq!(states(&store, &live).await, [("evt_1".to_owned(), EventState::Followed)]);
    assert_eq!(states(&store, &tenant("kiln", Mode::Test)).await, []);
}

pub(super) async fn old_stripe_events_are_forgotten(store: AnyStore) {
    let kiln = tenant("kiln", Mode::Test);
    keep(&store, &harbor(), &stripe_event(1, 0), EventState::Followed).await;
    keep(&store, &kiln, &stripe_event(2, 9), EventState::Followed).await;
    keep(&store, &harbor(), &stripe_event(3, 10), EventState::Ignored).await;
    assert_eq!(store.forget_events(at(10), 1).await.unwrap(), 1, "no more than it may");
    assert_eq!(store.forget_events(at(10), 9).await.unwrap(), 1);
    assert_eq!(store.forget_events(at(10), 9).await.unwrap(), 0);
    assert_eq!(states(&store, &harbor()).await, [("evt_3".to_owned(), EventState::Ignored)]);
    assert_eq!(states(&store, &kiln).await, []);
}

pub(super) async fn a_stripe_event_that_waits_is_never_forgotten(store: AnyStore) {
    keep(&store, &harbor(), &stripe_event(1, 0), EventState::Waiting).await;
    assert_eq!(store.forget_events(at(10), 9).await.unwrap(), 0, "nobody knows yet what it is about");
    store.event_followed(&harbor(), &"evt_1".parse().unwrap(), EventState::Followed).await.unwrap();
    assert_eq!(store.forget_events(at(10), 9).await.unwrap(), 1);
}
