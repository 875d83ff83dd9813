//! What goes away, what stays, and what is erased because somebody asks for it.

use merchant_gateway::domain::address::Buyer;
use merchant_gateway::domain::checkout::model::{
    CancelReason, IdempotencyKey, Priority, Session, State, TimelineEntry, TimelineEvent, Version,
};
use merchant_gateway::domain::ids::{
    AttemptNumber, FlagId, Mode, OrderEventId, OrderId, RefundNumber, Revision,
};
use merchant_gateway::domain::order::{Refund, RefundAttempt, RefundOrigin, RefundRefusal, RefundState};
use merchant_gateway::domain::order_event::OrderEvent;
use merchant_gateway::domain::retry::Retry;
use merchant_gateway::domain::sends::Sends;
use merchant_gateway::domain::time::{Span, Timestamp};
use merchant_gateway::protocol::order_events;
use merchant_gateway::store::{
    Claim, Commit, CommitError, DeliveryOutcome, DeliveryResult, DeliveryState, DueQuery, Erasure,
    Forgetting, RefundRow, Resolution, TokenUse, UnpaidEnded, UnpaidOpen,
};

use super::served::unread;
use super::values::*;
use super::{AnyStore, loaded, token_use, version};

pub(super) const DAY: Span = Span::hours(24);

pub(super) fn ended(number: u128) -> Session {
    in_state(number, State::Canceled { reason: CancelReason::TooManyAttempts })
}

/// What ended before a moment, at most ten.
fn before(moment: Timestamp) -> UnpaidEnded {
    UnpaidEnded { before: moment, tried_before: moment, since: Timestamp::from_millis(i64::MIN), limit: 10 }
}

fn any_open(limit: u32) -> UnpaidOpen {
    UnpaidOpen { since: Timestamp::from_millis(i64::MIN), now: NOW, limit }
}

pub(super) fn told(at: Timestamp) -> Vec<TimelineEntry> {
    vec![TimelineEntry {
        at,
        event: TimelineEvent::State { state: "any".to_owned(), revision: Revision(1), reason: None },
    }]
}

pub(super) async fn counts(store: &AnyStore) -> Vec<(u64, u64)> {
    store.unpaid().await.unwrap().iter().map(|unpaid| (unpaid.open, unpaid.ended)).collect()
}

pub(super) async fn an_unpaid_session_is_removed_whole_and_its_tokens_stay_used(store: AnyStore) {
    let from = store.commit(create(&harbor(), ready(1))).await.unwrap();
    let row = attempt(&harbor(), 1, 1, "spt_one");
    let from = store.commit(start(from, charging(1), row, &harbor())).await.unwrap();
    let last = Commit { timeline: told(NOW), ..update(from, ended(1), (1, Some(dead())), true) };
    store.commit(last).await.unwrap();

    assert_eq!(store.forget_sessions(&harbor(), before(NOW)).await.unwrap(), 0, "it is not old enough");
    let kiln = tenant("kiln", Mode::Test);
    assert_eq!(store.forget_sessions(&kiln, before(NOW + DAY)).await.unwrap(), 0, "it is another's");
    let late = UnpaidEnded { since: NOW + DAY, ..before(NOW + DAY) };
    assert_eq!(store.forget_sessions(&harbor(), late).await.unwrap(), 0, "it began too early");
    let surplus = UnpaidEnded { tried_before: NOW, ..before(NOW + DAY) };
    assert_eq!(
        store.forget_sessions(&harbor(), surplus).await.unwrap(),
        0,
        "it was tried, and may be paid late"
    );
    store.commit(create(&harbor(), ended(9))).await.unwrap();
    assert_eq!(store.forget_sessions(&harbor(), surplus).await.unwrap(), 1, "nobody tried to pay this one");
    assert_eq!(store.forget_sessions(&harbor(), before(NOW + DAY)).await.unwrap(), 1);
    assert_eq!(store.forget_sessions(&harbor(), before(NOW + DAY)).await.unwrap(), 0);

    assert_eq!(version(&store, 1).await, None);
    assert_eq!(store.attempt(&harbor(), &session_id(1), AttemptNumber(1)).await.unwrap(), None);
    assert_eq!(store.timeline(&harbor(), &session_id(1)).await.unwrap(), []);
    let used = TokenUse { session: session_id(1), attempt: AttemptNumber(1), end: Some(dead()) };
    assert_eq!(token_use(&store, "spt_one").await, Some(used));
    let from = store.commit(create(&harbor(), ready(2))).await.unwrap();
    let again = attempt(&harbor(), 2, 1, "spt_one");
    let again = store.commit(start(from, charging(2), again, &harbor())).await;
    assert!(matches!(again, Err(CommitError::TokenUsed)), "{again:?}");
}

pub(super) async fn what_is_paid_undecided_or_flagged_is_never_removed(store: AnyStore) {
    let undecided = charging(1);
    let frozen = in_every_state(2).into_iter().find(|session| session.state.into_str() == "frozen").unwrap();
    for session in [undecided, frozen, completed(3)] {
        store.commit(create(&harbor(), session)).await.unwrap();
    }
    store.commit(Commit { flags: vec![flag(4, 4, 4)], ..create(&harbor(), ended(4)) }).await.unwrap();
    store.commit(Commit { due_at: Some(NOW), ..create(&harbor(), ended(5)) }).await.unwrap();
    // An attempt of these is looked for once more.
    for session in [ready(6), ended(7)] {
        let last_polls = unread(session.clone()).unconfirmed.into_iter().collect();
        let session = Session { last_polls, ..session };
        store.commit(Commit { due_at: Some(NOW + DAY), ..create(&harbor(), session) }).await.unwrap();
    }
    let later = before(NOW + Span::hours(24 * 365));
    assert_eq!(store.forget_sessions(&harbor(), later).await.unwrap(), 0);
    assert_eq!(store.expire_early(&harbor(), any_open(10), &[]).await.unwrap().changed, 0);

    let resolution = Resolution { text: "refunded by hand".to_owned(), at: NOW };
    store.resolve_flag(&harbor(), &FlagId::from_random(4), resolution).await.unwrap().unwrap();
    assert_eq!(store.forget_sessions(&harbor(), later).await.unwrap(), 1, "the one whose flag is resolved");
    assert_eq!(version(&store, 4).await, None);
    assert_eq!(super::raised(&store).await, [flag(4, 4, 4)], "the flag stays");
}

pub(super) async fn a_session_that_nobody_lets_expire_goes_as_well(store: AnyStore) {
    // As of a merchant that is served no more.
    store.commit(Commit { due_at: Some(NOW), ..create(&harbor(), ready(1)) }).await.unwrap();
    let expires = ready(1).expires;
    assert_eq!(store.forget_sessions(&harbor(), before(expires)).await.unwrap(), 0);
    assert_eq!(store.forget_sessions(&harbor(), before(expires + DAY)).await.unwrap(), 1);
}

pub(super) async fn the_request_of_a_decided_attempt_is_emptied(store: AnyStore) {
    let from = store.commit(create(&harbor(), ready(1))).await.unwrap();
    let row = attempt(&harbor(), 1, 1, "spt_one");
    let from = store.commit(start(from, charging(1), row.clone(), &harbor())).await.unwrap();
    let from = store.commit(update(from, charging(1), (1, None), false)).await.unwrap();
    let kept = async || store.attempt(&harbor(), &session_id(1), AttemptNumber(1)).await.unwrap().unwrap();
    assert_eq!(kept().await.body, row.body, "it may be sent again");
    store.commit(update(from, ready(1), (1, Some(dead())), false)).await.unwrap();
    assert_eq!(kept().await.body, "");
    assert_eq!(kept().await.idempotency_key, row.idempotency_key);

    let from = store.commit(create(&harbor(), ready(2))).await.unwrap();
    let row = attempt(&harbor(), 2, 1, "spt_two");
    let from = store.commit(start(from, charging(2), row, &harbor())).await.unwrap();
    store.commit(update(from, charging(2), (1, None), true)).await.unwrap();
    let kept = store.attempt(&harbor(), &session_id(2), AttemptNumber(1)).await.unwrap().unwrap();
    assert_eq!(kept.body, "", "it is never sent again, decided or not");
}

pub(super) async fn the_request_for_a_refund_is_emptied_when_its_end_is_known(store: AnyStore) {
    let total = order(1).order.quote.total;
    let asking = RefundAttempt {
        repeat_until: NOW,
        searching: false,
        sends: Sends::default(),
        retry: Retry::at(NOW),
        last_answer: None,
    };
    let refund = |number: u32, state| Refund {
        origin: Some(RefundOrigin {
            number: RefundNumber(number),
            reference: format!("r-{number}").parse().unwrap(),
            whole: false,
        }),
        amount: total,
        reason: None,
        created: NOW,
        state,
    };
    let row = |number| RefundRow {
        session: session_id(1),
        number: RefundNumber(number),
        amount: total,
        idempotency_key: IdempotencyKey::from_stored(format!("mg1-refund-{number}")),
        body: "amount=2499&payment_intent=pi_1".to_owned(),
        stripe_version: "2026-07-29.preview".to_owned(),
        account: account("acct_1Harbor"),
        started: NOW,
        repeat_until: NOW,
    };
    let bodies = async || {
        let mut bodies = Vec::new();
        for number in 1..=2 {
            let row = store.refund(&harbor(), &session_id(1), RefundNumber(number)).await.unwrap();
            bodies.push(row.map(|row| row.body));
        }
        bodies
    };
    let mut session = completed(1);
    session.activity.refunds.push(refund(1, RefundState::Requested(asking.clone())));
    let first = Commit {
        order: Some(order(1)),
        refund: Some(Box::new(row(1))),
        ..create(&harbor(), session.clone())
    };
    let from = store.commit(first).await.unwrap();
    assert_eq!(bodies().await, [Some(row(1).body), None]);
    let own = account("acct_1Harbor");
    store.remember_account(&harbor(), &own, &verified("f")).await.unwrap();
    let kept = store.forget_account(&harbor(), &own).await.unwrap();
    assert_eq!(kept, Forgetting::Undecided(session_id(1)), "its account is needed until then");
    session.activity.refunds[0].state =
        RefundState::Refused { reason: RefundRefusal::Refused { detail: "no".to_owned() } };
    session.activity.refunds.push(refund(2, RefundState::Requested(asking)));
    let second = Commit { refund: Some(Box::new(row(2))), ..change(&harbor(), from, session) };
    store.commit(second).await.unwrap();
    assert_eq!(bodies().await, [Some(String::new()), Some(row(2).body)]);
}

pub(super) async fn the_buyer_of_an_unpaid_session_is_erased_and_the_rest_stays(store: AnyStore) {
    let from = store.commit(Commit { timeline: told(NOW), ..create(&harbor(), ended(1)) }).await.unwrap();
    store.commit(create(&harbor(), charging(2))).await.unwrap();
    assert_eq!(
        store.forget_people(&harbor(), before(NOW), &[]).await.unwrap().changed,
        0,
        "it is not old enough"
    );
    assert_eq!(store.forget_people(&harbor(), before(NOW + DAY), &[]).await.unwrap().changed, 1);
    assert_eq!(store.forget_people(&harbor(), before(NOW + DAY), &[]).await.unwrap().changed, 0);

    let mut expected = ended(1);
    expected.inputs.buyer = Buyer::default();
    expected.inputs.address = None;
    assert_eq!(loaded(&store, 1).await.session, Some((Version(2), expected)));
    assert_eq!(loaded(&store, 2).await.session.unwrap().1, charging(2));
    let stale = store.commit(change(&harbor(), from, ended(1))).await;
    assert!(matches!(stale, Err(CommitError::Conflict)), "nobody writes the buyer back: {stale:?}");
}

pub(super) async fn the_oldest_open_sessions_expire_and_their_commits_conflict(store: AnyStore) {
    let mut from = Vec::new();
    for number in 1..=4_i64 {
        let number = u128::try_from(number).unwrap();
        let expires = ready(number).expires + Span::seconds(i64::try_from(10 - number).unwrap());
        let session = Session { expires, ..ready(number) };
        let made = Commit { due_at: Some(expires), timeline: told(NOW), ..create(&harbor(), session) };
        from.push(store.commit(made).await.unwrap());
    }
    assert_eq!(store.expire_early(&harbor(), any_open(2), &[]).await.unwrap().changed, 2);
    let mut states = Vec::new();
    for number in 1..=4 {
        states.push(loaded(&store, number).await.session.unwrap().1.state.into_str());
    }
    assert_eq!(states, ["ready", "ready", "expired", "expired"]);
    let query = DueQuery { now: NOW + DAY, priority: Priority::Cart, after: None, limit: 9 };
    let due = store.due_sessions(&harbor(), query).await.unwrap();
    assert!(!due.is_empty() && due.iter().all(|due| due.id != session_id(4)), "{due:?}");
    let last = store.timeline(&harbor(), &session_id(4)).await.unwrap().pop().unwrap();
    assert!(matches!(last.event, TimelineEvent::State { state, .. } if state == "expired"));

    let row = attempt(&harbor(), 4, 1, "spt_four");
    let paying = store.commit(start(from[3], charging(4), row, &harbor())).await;
    assert!(matches!(paying, Err(CommitError::Conflict)), "{paying:?}");
    assert_eq!(token_use(&store, "spt_four").await, None, "nothing was begun");
}

pub(super) async fn unpaid_sessions_are_counted_through_every_change(store: AnyStore) {
    assert_eq!(counts(&store).await, []);
    let mut from = None;
    let mut seen = Vec::new();
    for session in in_every_state(1) {
        let commit = Commit { expected: from, ..create(&harbor(), session) };
        from = Some(store.commit(commit).await.unwrap());
        seen.push(counts(&store).await);
    }
    let (open, none, ended) = (vec![(1, 0)], Vec::new(), vec![(0, 1)]);
    let mut expected = vec![open; 5];
    expected.extend(vec![none; 6]);
    expected.extend(vec![ended; 2]);
    assert_eq!(seen, expected);

    for number in 2..=4 {
        store.commit(create(&harbor(), ready(number))).await.unwrap();
    }
    assert_eq!(counts(&store).await, [(3, 1)]);
    assert_eq!(store.expire_early(&harbor(), any_open(2), &[]).await.unwrap().changed, 2);
    assert_eq!(counts(&store).await, [(1, 3)]);
    let all = before(NOW + Span::hours(24 * 365));
    assert_eq!(store.forget_sessions(&harbor(), UnpaidEnded { limit: 2, ..all }).await.unwrap(), 2);
    assert_eq!(store.forget_sessions(&harbor(), all).await.unwrap(), 2);
    assert_eq!(counts(&store).await, []);
}

fn created(session: u128, wanted: bool) -> OrderEvent {
    order_events::created(OrderEventId::from_random(session), &order(session).order, "", wanted)
}

fn ordered(session: u128, wanted: bool) -> Commit {
    let events = vec![created(session, wanted)];
    Commit { order: Some(order(session)), events, ..create(&harbor(), completed(session)) }
}

async fn deliver(store: &AnyStore) {
    let claim = Claim { now: NOW, until: NOW + Span::seconds(45), limit: 10 };
    for delivery in store.claim_events(&harbor(), claim).await.unwrap() {
        let lease = delivery.leased_until.unwrap();
        let settlement =
            DeliveryResult { lease, outcome: DeliveryOutcome::Delivered, status: Some(200), error: None };
        assert!(store.settle_event(&harbor(), &delivery.id, settlement).await.unwrap());
    }
}

async fn empty(store: &AnyStore, session: u128) -> bool {
    let id = OrderEventId::from_random(session);
    store.delivery(&harbor(), &id).await.unwrap().unwrap().payload.is_empty()
}

pub(super) async fn old_contents_of_order_events_are_emptied_and_are_sent_no_more(store: AnyStore) {
    store.commit(ordered(1, true)).await.unwrap();
    store.commit(ordered(2, false)).await.unwrap();
    deliver(&store).await;
    store.commit(ordered(3, true)).await.unwrap();
    let forget = async |state, moment| store.forget_contents(state, moment, 10).await.unwrap();
    assert_eq!(forget(DeliveryState::Delivered, NOW).await, 0, "it is not old enough");
    assert_eq!(forget(DeliveryState::Delivered, NOW + DAY).await, 1);
    assert_eq!(forget(DeliveryState::Delivered, NOW + DAY).await, 0);
    assert_eq!(
        [empty(&store, 1).await, empty(&store, 2).await, empty(&store, 3).await],
        [true, false, false]
    );
    assert_eq!(forget(DeliveryState::Parked, NOW + DAY).await, 1);
    assert_eq!([empty(&store, 2).await, empty(&store, 3).await], [true, false], "one that waits stays");

    let id = OrderEventId::from_random(1);
    let retried = store.retry_event(&harbor(), &id, NOW).await.unwrap().unwrap();
    assert_eq!(retried.state, DeliveryState::Delivered, "there is nothing to send");
    assert_eq!(retried.sequence.0, 1, "its number is given away");
}

pub(super) async fn an_orders_buyer_is_erased_once_and_everywhere(store: AnyStore) {
    store.commit(ordered(1, true)).await.unwrap();
    deliver(&store).await;
    let mut bare = order(1).order;
    bare.erase_personal_data();
    let erasure = Erasure {
        id: OrderId::from_random(1),
        order: bare.clone(),
        completion: "{\"without\":\"buyer\"}".to_owned(),
        at: NOW,
    };
    let kiln = tenant("kiln", Mode::Test);
    assert_eq!(store.erase_buyer(&kiln, erasure.clone()).await.unwrap(), None, "another has no such order");
    assert_eq!(store.erase_buyer(&harbor(), erasure.clone()).await.unwrap(), Some(true));
    assert_eq!(store.erase_buyer(&harbor(), erasure).await.unwrap(), Some(false), "there is nothing left");

    let read = loaded(&store, 1).await;
    let (session, placed) = (read.session.unwrap().1, read.order.unwrap());
    assert!(!session.holds_personal_data());
    assert_eq!(session.state, completed(1).state, "amounts, lines and Stripe's ids stay");
    assert_eq!(placed.order, bare);
    assert_eq!(placed.order.quote, order(1).order.quote);
    let agent = placed.order.agent.unwrap();
    assert_eq!((agent.user_agent, agent.profile.as_deref()), (None, Some("profile_link")));
    assert_eq!(placed.completion, "{\"without\":\"buyer\"}");
    assert!(empty(&store, 1).await);
    let timeline = store.timeline(&harbor(), &session_id(1)).await.unwrap();
    let noted = timeline.iter().filter(|entry| entry.event == TimelineEvent::PersonalDataErased).count();
    assert_eq!(noted, 1);
}
