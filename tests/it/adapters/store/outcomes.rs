//! What a commit writes beside its session: orders, flags, the timeline.

use merchant_gateway::domain::checkout::model::{
    Flag, FlagReason, NotBegun, TimelineEntry, TimelineEvent, Version,
};
use merchant_gateway::domain::ids::Revision;
use merchant_gateway::domain::ids::{Mode, OrderId, OrderNumber};
use merchant_gateway::domain::time::Timestamp;
use merchant_gateway::store::{Commit, CommitError, FlagsQuery, KeptFlag, Resolution};

use super::values::*;
use super::{AnyStore, is_corrupt, loaded, raised, version};

pub(super) async fn an_order_is_placed_with_its_session_or_not_at_all(store: AnyStore) {
    let from = store.commit(create(&harbor(), ready(1))).await.unwrap();
    let row = attempt(&harbor(), 1, 1, "spt_one");
    let from = store.commit(start(from, charging(1), row, &harbor())).await.unwrap();

    let stale = Commit { order: Some(order(1)), ..change(&harbor(), Version(1), completed(1)) };
    assert!(matches!(store.commit(stale).await, Err(CommitError::Conflict)));
    assert_eq!(loaded(&store, 1).await.order, None);
    let wrong = Commit { order: Some(order(1)), ..update(from, completed(1), (2, Some(succeeded(1))), true) };
    assert!(is_corrupt(&store.commit(wrong).await));
    assert_eq!(loaded(&store, 1).await.order, None);

    let paid = Commit { order: Some(order(1)), ..update(from, completed(1), (1, Some(succeeded(1))), true) };
    let paid = store.commit(paid).await.unwrap();
    let read = loaded(&store, 1).await;
    assert_eq!(read.session, Some((paid, completed(1))));
    assert_eq!(read.order, Some(order(1).numbered(OrderNumber::FIRST)));
    assert_eq!(
        store.order(&harbor(), &OrderId::from_random(1)).await.unwrap(),
        Some(order(1).numbered(OrderNumber::FIRST))
    );
}

pub(super) async fn a_session_and_a_payment_have_one_order_each(store: AnyStore) {
    let paid = Commit { order: Some(order(1)), ..create(&harbor(), completed(1)) };
    let from = store.commit(paid).await.unwrap();
    store.commit(create(&harbor(), ready(2))).await.unwrap();

    let mut second = order(1);
    second.order.id = OrderId::from_random(7);
    second.order.payment_intent = intent(7);
    let second = Commit { order: Some(second), ..change(&harbor(), from, completed(1)) };
    assert!(is_corrupt(&store.commit(second).await));

    let mut shared = order(2);
    shared.order.payment_intent = intent(1);
    let shared = Commit { order: Some(shared), ..change(&harbor(), Version(1), completed(2)) };
    assert!(is_corrupt(&store.commit(shared).await));
    assert_eq!(loaded(&store, 1).await.order, Some(order(1).numbered(OrderNumber::FIRST)));
    assert_eq!(loaded(&store, 2).await.session, Some((Version(1), ready(2))));
}

pub(super) async fn orders_are_numbered_without_gaps_per_shop_and_mode(store: AnyStore) {
    let shops = [harbor(), tenant("harbor-coffee", Mode::Live), tenant("other-shop", Mode::Test)];
    for round in 0..3_u32 {
        for (at, shop) in (1..).zip(&shops) {
            let session = u128::from(round) * 10 + at;
            let paid = Commit { order: Some(order(session)), ..create(shop, completed(session)) };
            store.commit(paid).await.unwrap();
            let placed = store.order(shop, &OrderId::from_random(session)).await.unwrap().unwrap();
            assert_eq!(placed.number, OrderNumber(OrderNumber::FIRST.0 + round), "{shop:?}");
        }
    }
}

pub(super) async fn a_flag_is_kept_once_per_payment(store: AnyStore) {
    let mut from = store.commit(create(&harbor(), completed(1))).await.unwrap();
    let earlier =
        Flag { seen: Timestamp::from_seconds(1), reason: FlagReason::PaidAfterEnd, ..flag(3, 1, 30) };
    for raised in [flag(1, 1, 10), flag(2, 1, 10), flag(1, 1, 10), earlier.clone()] {
        let commit = Commit { flags: vec![raised], ..change(&harbor(), from, completed(1)) };
        from = store.commit(commit).await.unwrap();
    }
    let kept = [earlier, flag(1, 1, 10)];
    assert_eq!(raised(&store).await, kept);

    // A flagged payment is left alone even under another flag's id; that id is not free for another payment.
    let known = Commit { flags: vec![flag(3, 1, 10)], ..change(&harbor(), from, completed(1)) };
    from = store.commit(known).await.unwrap();
    let taken = Commit { flags: vec![flag(3, 1, 99)], ..change(&harbor(), from, completed(1)) };
    assert!(is_corrupt(&store.commit(taken).await));
    assert_eq!(version(&store, 1).await, Some(from));
    assert_eq!(raised(&store).await, kept);
}

pub(super) async fn a_flag_is_resolved_once(store: AnyStore) {
    let from = store.commit(create(&harbor(), completed(1))).await.unwrap();
    let commit = Commit { flags: vec![flag(1, 1, 10)], ..change(&harbor(), from, completed(1)) };
    store.commit(commit).await.unwrap();
    let resolution = |text: &str, at| Resolution { text: text.to_owned(), at: Timestamp::from_seconds(at) };
    let id = flag(1, 1, 10).id;
    assert_eq!(
        store.resolve_flag(&tenant("kiln", Mode::Test), &id, resolution("not mine", 5)).await.unwrap(),
        None
    );
    assert_eq!(store.resolve_flag(&harbor(), &flag(9, 1, 9).id, resolution("which", 5)).await.unwrap(), None);
    let resolved = KeptFlag { flag: flag(1, 1, 10), resolution: Some(resolution("refunded", 6)) };
    for (text, at) in [("refunded", 6), ("again", 7)] {
        let told = store.resolve_flag(&harbor(), &id, resolution(text, at)).await.unwrap();
        assert_eq!(told, Some(resolved.clone()));
    }
    assert_eq!(store.flags(&harbor(), FlagsQuery::ALL).await.unwrap(), std::slice::from_ref(&resolved));
    let open = FlagsQuery { open: true, ..FlagsQuery::ALL };
    assert_eq!(store.flags(&harbor(), open).await.unwrap(), []);
    let behind = FlagsQuery { after: Some(resolved.flag.id), ..FlagsQuery::ALL };
    assert_eq!(store.flags(&harbor(), behind).await.unwrap(), []);
}

pub(super) async fn a_timeline_grows_by_what_its_commits_tell(store: AnyStore) {
    let entry = |at, state: &str| TimelineEntry {
        at: Timestamp::from_seconds(at),
        event: TimelineEvent::State { state: state.to_owned(), revision: Revision(1), reason: None },
    };
    let (first, second, third) = (entry(1, "open"), entry(2, "ready"), entry(2, "completed"));
    let made = Commit { timeline: vec![first.clone()], ..create(&harbor(), ready(1)) };
    let from = store.commit(made).await.unwrap();
    let told = vec![second.clone(), third.clone()];
    store.commit(Commit { timeline: told, ..change(&harbor(), from, ready(1)) }).await.unwrap();
    let conflict = Commit { timeline: vec![first.clone()], ..change(&harbor(), from, ready(1)) };
    assert!(matches!(store.commit(conflict).await, Err(CommitError::Conflict)));
    let id = session_id(1);
    assert_eq!(store.timeline(&harbor(), &id).await.unwrap(), [first, second, third]);
    assert_eq!(store.timeline(&tenant("kiln", Mode::Test), &id).await.unwrap(), []);
}

pub(super) async fn unstarted_payments_update_one_entry_per_reason_once_a_minute(store: AnyStore) {
    let note = |reason: &str, at: i64, times| NotBegun {
        reason: reason.to_owned(),
        cause: None,
        last: Timestamp::from_seconds(at),
        times,
    };
    let id = session_id(1);
    store.note_not_begun(&harbor(), &id, note("token_unread", 0, 1)).await.unwrap();
    assert_eq!(store.timeline(&harbor(), &id).await.unwrap(), [], "there is no such session");
    store.commit(create(&harbor(), ready(1))).await.unwrap();
    for (reason, at, times) in
        [("token_unread", 0, 1), ("payments_off", 10, 1), ("token_unread", 59, 5), ("token_unread", 60, 3)]
    {
        store.note_not_begun(&harbor(), &id, note(reason, at, times)).await.unwrap();
    }
    let told: Vec<(Timestamp, TimelineEvent)> = store
        .timeline(&harbor(), &id)
        .await
        .unwrap()
        .into_iter()
        .map(|entry| (entry.at, entry.event))
        .collect();
    assert_eq!(
        told,
        [
            (Timestamp::from_seconds(0), TimelineEvent::PaymentNotBegun(note("token_unread", 60, 4))),
            (Timestamp::from_seconds(10), TimelineEvent::PaymentNotBegun(note("payments_off", 10, 1))),
        ]
    );
    assert_eq!(store.timeline(&tenant("kiln", Mode::Test), &id).await.unwrap(), []);
}
