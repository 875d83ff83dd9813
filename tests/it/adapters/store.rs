//! What every store must do, run over each of them; and in `sqlite`, what only a file can show.

mod histories;
mod inbox;
mod outbox;
mod outcomes;
mod restores;
mod retention;
mod rounds;
mod served;
mod sqlite;
pub(crate) mod values;

use std::sync::Arc;

use merchant_gateway::domain::checkout::due;
use merchant_gateway::domain::checkout::model::{Flag, Priority, Session, Version};

use merchant_gateway::domain::ids::{AttemptNumber, Mode, OrderId, Tenant};
use merchant_gateway::domain::time::Timestamp;
use merchant_gateway::store::{
    AttemptRow, Commit, CommitError, DueQuery, DueSession, FlagsQuery, Inbox, KeptAccount, Loaded, Outbox,
    RestoreMarkers, Retention, SqliteStore, Store, StoreError, TokenUse, VerifiedKey,
};
use test_support::memory_store::MemoryStore;

use self::inbox::*;
use self::outbox::*;
use self::outcomes::*;
use self::restores::*;
use self::retention::*;
use self::rounds::*;
use self::served::*;
use self::values::*;

/// What was flagged, resolved or not.
async fn raised(store: &(impl std::ops::Deref<Target = impl Store + ?Sized> + Sync)) -> Vec<Flag> {
    store.flags(&harbor(), FlagsQuery::ALL).await.unwrap().into_iter().map(|kept| kept.flag).collect()
}

/// Runs each sentence over each store.
macro_rules! contract {
    ($($sentence:ident),+ $(,)?) => {
        mod in_memory {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $sentence() {
                super::$sentence(super::Arc::new(super::MemoryStore::new())).await;
            })+
        }
        mod in_sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $sentence() {
                let folder = tempfile::tempdir().unwrap();
                let store = super::SqliteStore::open(&folder.path().join("gateway.db")).await.unwrap();
                super::$sentence(super::Arc::new(store)).await;
            })+
        }
    };
}

contract!(
    a_session_in_any_state_is_read_as_it_was_written,
    an_unknown_session_is_no_error,
    a_store_that_can_be_written_says_so,
    a_session_is_made_once,
    a_commit_from_an_old_version_conflicts_and_changes_nothing,
    a_session_that_is_not_there_cannot_be_changed,
    two_commits_from_the_same_version_one_wins,
    an_attempt_is_kept_with_its_request,
    a_token_starts_one_attempt_ever_even_on_another_session,
    an_old_version_is_told_before_a_used_token,
    the_same_token_may_be_used_by_another_tenant,
    a_session_has_one_undecided_attempt_at_most,
    an_attempts_end_is_told_to_its_token_and_stays,
    an_erased_token_is_gone,
    a_missing_attempt_cannot_be_changed,
    parts_that_name_another_session_are_refused,
    a_tenant_never_sees_another_tenants_rows,
    due_sessions_come_longest_due_first_and_respect_the_limit,
    due_sessions_are_told_apart_by_tenant_and_by_what_is_at_stake,
    an_order_is_placed_with_its_session_or_not_at_all,
    a_session_and_a_payment_have_one_order_each,
    orders_are_numbered_without_gaps_per_shop_and_mode,
    a_flag_is_kept_once_per_payment,
    a_flag_is_resolved_once,
    a_timeline_grows_by_what_its_commits_tell,
    unstarted_payments_update_one_entry_per_reason_once_a_minute,
    the_first_account_stays_with_the_newest_verified_key,
    a_host_belongs_to_the_tenant_that_was_last_served_there,
    an_account_is_forgotten_once_everything_on_it_is_decided,
    an_account_is_kept_while_a_payment_on_it_is_unread,
    an_account_is_not_forgotten_while_an_event_of_stripes_waits,
    what_many_callers_commit_is_durable_and_gapless,
    an_event_is_written_with_its_order_or_not_at_all,
    the_events_of_an_order_are_numbered_from_one_without_a_gap,
    events_of_no_order_or_of_another_sessions_are_refused,
    of_an_order_only_its_earliest_pending_event_can_be_claimed,
    a_lease_that_was_lost_records_nothing,
    two_who_claim_at_once_never_get_the_same_event,
    an_unwanted_event_stays_parked_and_can_be_sent_by_hand,
    a_manual_retry_starts_over_after_the_attempt_in_flight,
    a_try_that_fails_after_a_retry_by_hand_undoes_nothing_of_it,
    a_retried_parked_event_waits_for_its_orders_event_in_flight,
    what_a_clock_has_put_off_that_was_set_back_is_due,
    a_waiting_event_is_due_with_or_right_after_its_predecessor,
    events_are_listed_newest_first_by_state_order_and_page,
    a_tenant_never_sees_or_sends_another_tenants_events,
    a_stripe_event_is_kept_once_and_as_it_came,
    two_who_keep_one_stripe_event_at_once_keep_it_once,
    stripe_events_are_paged_in_the_order_of_arrival,
    a_stripe_event_finds_its_session_by_name_or_by_its_payment,
    a_tenant_never_sees_or_changes_another_tenants_stripe_events,
    old_stripe_events_are_forgotten,
    a_stripe_event_that_waits_is_never_forgotten,
    numbers_that_may_have_been_given_are_never_given_again,
    a_paid_session_is_found_by_its_payment,
    an_unpaid_session_is_removed_whole_and_its_tokens_stay_used,
    what_is_paid_undecided_or_flagged_is_never_removed,
    a_session_that_nobody_lets_expire_goes_as_well,
    the_request_of_a_decided_attempt_is_emptied,
    the_request_for_a_refund_is_emptied_when_its_end_is_known,
    the_buyer_of_an_unpaid_session_is_erased_and_the_rest_stays,
    the_oldest_open_sessions_expire_and_their_commits_conflict,
    unpaid_sessions_are_counted_through_every_change,
    old_contents_of_order_events_are_emptied_and_are_sent_no_more,
    an_orders_buyer_is_erased_once_and_everywhere,
    too_many_open_checkouts_give_way_where_there_are_most,
    endless_edits_leave_a_bounded_timeline_with_all_payments,
);

/// All that is durable, in any form.
trait Durable: Store + Outbox + Inbox + RestoreMarkers + Retention {}

impl<T: Store + Outbox + Inbox + RestoreMarkers + Retention> Durable for T {}

type AnyStore = Arc<dyn Durable>;

async fn loaded(store: &AnyStore, session: u128) -> Loaded {
    store.load(&harbor(), &session_id(session), None).await.unwrap()
}

async fn version(store: &AnyStore, session: u128) -> Option<Version> {
    loaded(store, session).await.session.map(|(version, _)| version)
}

async fn token_use(store: &AnyStore, token: &str) -> Option<TokenUse> {
    store.load(&harbor(), &session_id(1), Some(&spt(token))).await.unwrap().token_use
}

fn is_corrupt<T>(result: &Result<T, CommitError>) -> bool {
    matches!(result, Err(CommitError::Store(StoreError::Corrupt { .. })))
}

async fn a_session_in_any_state_is_read_as_it_was_written(store: AnyStore) {
    let mut from = None;
    for session in in_every_state(1) {
        let commit = Commit { expected: from, ..create(&harbor(), session.clone()) };
        from = Some(store.commit(commit).await.unwrap());
        let read = loaded(&store, 1).await;
        assert_eq!(read.session, from.map(|version| (version, session)));
        assert!(read.order.is_none() && read.token_use.is_none());
    }
}

async fn a_store_that_can_be_written_says_so(store: AnyStore) {
    store.writable().await.unwrap();
    store.writable().await.unwrap();
}

async fn an_unknown_session_is_no_error(store: AnyStore) {
    let read = store.load(&harbor(), &session_id(1), Some(&spt("spt_unknown"))).await.unwrap();
    assert!(read.session.is_none() && read.order.is_none() && read.token_use.is_none());
    assert_eq!(store.attempt(&harbor(), &session_id(1), AttemptNumber(1)).await.unwrap(), None);
    assert_eq!(store.order(&harbor(), &OrderId::from_random(1)).await.unwrap(), None);
    assert_eq!(raised(&store).await, []);
}

async fn a_session_is_made_once(store: AnyStore) {
    assert_eq!(store.commit(create(&harbor(), ready(1))).await.unwrap(), Version(1));
    let again = store.commit(create(&harbor(), charging(1))).await;
    assert!(matches!(again, Err(CommitError::Conflict)), "{again:?}");
    assert_eq!(loaded(&store, 1).await.session, Some((Version(1), ready(1))));
}

async fn a_commit_from_an_old_version_conflicts_and_changes_nothing(store: AnyStore) {
    let first = store.commit(create(&harbor(), ready(1))).await.unwrap();
    let second = store.commit(change(&harbor(), first, ready(1))).await.unwrap();
    assert_eq!(second, Version(2));

    let late = Commit {
        due_at: Some(NOW),
        order: Some(order(1)),
        flags: vec![flag(1, 1, 9)],
        ..start(first, completed(1), attempt(&harbor(), 1, 1, "spt_late"), &harbor())
    };
    let late = store.commit(late).await;
    assert!(matches!(late, Err(CommitError::Conflict)), "{late:?}");
    let read = loaded(&store, 1).await;
    assert_eq!(read.session, Some((second, ready(1))));
    assert_eq!(read.order, None);
    assert_eq!(token_use(&store, "spt_late").await, None);
    assert_eq!(raised(&store).await, []);
    assert_eq!(store.tenants_with_due_sessions(NOW, Priority::Cart).await.unwrap(), []);
}

async fn a_session_that_is_not_there_cannot_be_changed(store: AnyStore) {
    let lost = store.commit(change(&harbor(), Version(1), ready(1))).await;
    assert!(matches!(lost, Err(CommitError::Conflict)), "{lost:?}");
    assert_eq!(version(&store, 1).await, None);
}

async fn two_commits_from_the_same_version_one_wins(store: AnyStore) {
    let from = store.commit(create(&harbor(), ready(1))).await.unwrap();
    let one = start(from, charging(1), attempt(&harbor(), 1, 1, "spt_one"), &harbor());
    let other = start(from, charging(1), attempt(&harbor(), 1, 1, "spt_other"), &harbor());
    let (one, other) = tokio::join!(store.commit(one), store.commit(other));
    let (won, lost) = if one.is_ok() { (one, other) } else { (other, one) };
    assert_eq!(won.unwrap(), Version(2));
    assert!(matches!(lost, Err(CommitError::Conflict)), "{lost:?}");
    let used = [token_use(&store, "spt_one").await, token_use(&store, "spt_other").await];
    assert_eq!(used.iter().flatten().count(), 1, "{used:?}");
}

async fn an_attempt_is_kept_with_its_request(store: AnyStore) {
    let from = store.commit(create(&harbor(), ready(1))).await.unwrap();
    let row = attempt(&harbor(), 1, 1, "spt_one");
    store.commit(start(from, charging(1), row.clone(), &harbor())).await.unwrap();
    assert_eq!(store.attempt(&harbor(), &session_id(1), AttemptNumber(1)).await.unwrap(), Some(row));
    assert_eq!(store.attempt(&harbor(), &session_id(1), AttemptNumber(2)).await.unwrap(), None);
    let used = TokenUse { session: session_id(1), attempt: AttemptNumber(1), end: None };
    assert_eq!(token_use(&store, "spt_one").await, Some(used));
}

async fn a_token_starts_one_attempt_ever_even_on_another_session(store: AnyStore) {
    let one = store.commit(create(&harbor(), ready(1))).await.unwrap();
    let other = store.commit(create(&harbor(), ready(2))).await.unwrap();
    let one =
        store.commit(start(one, charging(1), attempt(&harbor(), 1, 1, "spt_one"), &harbor())).await.unwrap();

    let elsewhere = start(other, charging(2), attempt(&harbor(), 2, 1, "spt_one"), &harbor());
    let elsewhere = store.commit(elsewhere).await;
    assert!(matches!(elsewhere, Err(CommitError::TokenUsed)), "{elsewhere:?}");
    assert_eq!(loaded(&store, 2).await.session, Some((other, ready(2))));

    // Not even once the attempt is dead and its token erased.
    let one = store.commit(update(one, ready(1), (1, Some(dead())), true)).await.unwrap();
    let again = store.commit(start(one, charging(1), attempt(&harbor(), 1, 2, "spt_one"), &harbor())).await;
    assert!(matches!(again, Err(CommitError::TokenUsed)), "{again:?}");
    assert_eq!(version(&store, 1).await, Some(one));
}

async fn an_old_version_is_told_before_a_used_token(store: AnyStore) {
    let from = store.commit(create(&harbor(), ready(1))).await.unwrap();
    let twice = start(from, charging(1), attempt(&harbor(), 1, 1, "spt_one"), &harbor());
    store.commit(twice.clone()).await.unwrap();
    let again = store.commit(twice).await;
    assert!(matches!(again, Err(CommitError::Conflict)), "{again:?}");
}

async fn the_same_token_may_be_used_by_another_tenant(store: AnyStore) {
    for tenant in [harbor(), tenant("harbor-coffee", Mode::Live), tenant("kiln", Mode::Test)] {
        let from = store.commit(create(&tenant, ready(1))).await.unwrap();
        let row = attempt(&tenant, 1, 1, "spt_one");
        store.commit(start(from, charging(1), row, &tenant)).await.unwrap();
    }
}

async fn a_session_has_one_undecided_attempt_at_most(store: AnyStore) {
    let from = store.commit(create(&harbor(), ready(1))).await.unwrap();
    let row = attempt(&harbor(), 1, 1, "spt_one");
    let from = store.commit(start(from, charging(1), row, &harbor())).await.unwrap();

    let second = start(from, charging(1), attempt(&harbor(), 1, 2, "spt_two"), &harbor());
    let early = store.commit(second.clone()).await;
    assert!(is_corrupt(&early), "{early:?}");
    assert_eq!(version(&store, 1).await, Some(from));
    assert_eq!(token_use(&store, "spt_two").await, None);

    let from = store.commit(update(from, ready(1), (1, Some(dead())), true)).await.unwrap();
    store.commit(Commit { expected: Some(from), ..second }).await.unwrap();
}

async fn an_attempts_end_is_told_to_its_token_and_stays(store: AnyStore) {
    let from = store.commit(create(&harbor(), ready(1))).await.unwrap();
    let row = attempt(&harbor(), 1, 1, "spt_one");
    let from = store.commit(start(from, charging(1), row.clone(), &harbor())).await.unwrap();
    let from = store.commit(update(from, ready(1), (1, Some(dead())), false)).await.unwrap();
    let used = TokenUse { session: session_id(1), attempt: AttemptNumber(1), end: Some(dead()) };
    assert_eq!(token_use(&store, "spt_one").await, Some(used.clone()));

    // Deciding it erased the token and the request, unasked; saying the same or nothing changes nothing; another end is refused.
    let kept = Some(AttemptRow { sealed_token: None, body: String::new(), end: Some(dead()), ..row });
    assert_eq!(store.attempt(&harbor(), &session_id(1), AttemptNumber(1)).await.unwrap(), kept);
    let from = store.commit(update(from, ready(1), (1, Some(dead())), false)).await.unwrap();
    let from = store.commit(update(from, ready(1), (1, None), true)).await.unwrap();
    let other = store.commit(update(from, completed(1), (1, Some(succeeded(1))), true)).await;
    assert!(is_corrupt(&other), "{other:?}");
    assert_eq!(token_use(&store, "spt_one").await, Some(used));
    assert_eq!(loaded(&store, 1).await.session, Some((from, ready(1))));
}

async fn an_erased_token_is_gone(store: AnyStore) {
    let from = store.commit(create(&harbor(), ready(1))).await.unwrap();
    let row = attempt(&harbor(), 1, 1, "spt_one");
    let from = store.commit(start(from, charging(1), row.clone(), &harbor())).await.unwrap();
    // Undecided and not to be erased: it stays.
    let from = store.commit(update(from, charging(1), (1, None), false)).await.unwrap();
    assert_eq!(store.attempt(&harbor(), &session_id(1), AttemptNumber(1)).await.unwrap(), Some(row.clone()));
    store.commit(update(from, charging(1), (1, None), true)).await.unwrap();
    let kept = store.attempt(&harbor(), &session_id(1), AttemptNumber(1)).await.unwrap().unwrap();
    assert_eq!(kept, AttemptRow { sealed_token: None, body: String::new(), ..row });
}

async fn a_missing_attempt_cannot_be_changed(store: AnyStore) {
    let from = store.commit(create(&harbor(), ready(1))).await.unwrap();
    for end in [None, Some(dead())] {
        let lost = store.commit(update(from, charging(1), (1, end), true)).await;
        assert!(is_corrupt(&lost), "{lost:?}");
    }
    assert_eq!(loaded(&store, 1).await.session, Some((from, ready(1))));
}

async fn parts_that_name_another_session_are_refused(store: AnyStore) {
    let from = store.commit(create(&harbor(), ready(1))).await.unwrap();
    store.commit(create(&harbor(), ready(2))).await.unwrap();
    let decided = AttemptRow { end: Some(dead()), ..attempt(&harbor(), 1, 1, "spt_one") };
    for wrong in [
        start(from, charging(1), attempt(&harbor(), 2, 1, "spt_one"), &harbor()),
        start(from, charging(1), decided, &harbor()),
        Commit { order: Some(order(2)), ..change(&harbor(), from, completed(1)) },
        Commit { flags: vec![flag(1, 2, 9)], ..change(&harbor(), from, ready(1)) },
    ] {
        let refused = store.commit(wrong).await;
        assert!(is_corrupt(&refused), "{refused:?}");
    }
    assert_eq!(version(&store, 1).await, Some(from));
}

async fn a_tenant_never_sees_another_tenants_rows(store: AnyStore) {
    let rows = Commit { order: Some(order(1)), ..create(&harbor(), completed(1)) };
    let from = store.commit(rows).await.unwrap();
    let rows = start(from, completed(1), attempt(&harbor(), 1, 1, "spt_one"), &harbor());
    store.commit(Commit { flags: vec![flag(1, 1, 9)], ..rows }).await.unwrap();
    store.remember_account(&harbor(), &account("acct_1Harbor"), &verified("f")).await.unwrap();

    for other in
        [tenant("harbor-coffee", Mode::Live), tenant("kiln", Mode::Test), tenant("harbor", Mode::Test)]
    {
        let read = store.load(&other, &session_id(1), Some(&spt("spt_one"))).await.unwrap();
        assert!(read.session.is_none() && read.order.is_none() && read.token_use.is_none(), "{other:?}");
        assert_eq!(store.attempt(&other, &session_id(1), AttemptNumber(1)).await.unwrap(), None);
        assert_eq!(store.order(&other, &OrderId::from_random(1)).await.unwrap(), None);
        assert_eq!(store.flags(&other, FlagsQuery::ALL).await.unwrap(), []);
        assert_eq!(store.account(&other).await.unwrap(), None);
        let foreign = store.commit(change(&other, Version(2), ready(1))).await;
        assert!(matches!(foreign, Err(CommitError::Conflict)), "{foreign:?}");

        // The same ids are free there, and what is done with them stays there.
        let rows = Commit { order: Some(order(1)), due_at: Some(NOW), ..create(&other, completed(1)) };
        let from = store.commit(rows).await.unwrap();
        let rows = start(from, ready(1), attempt(&other, 1, 1, "spt_one"), &other);
        store.commit(Commit { flags: vec![flag(1, 1, 9)], ..rows }).await.unwrap();
        store.remember_account(&other, &account("acct_2Other"), &verified("f")).await.unwrap();
    }
    assert_eq!(loaded(&store, 1).await.session, Some((Version(2), completed(1))));
    assert_eq!(store.account(&harbor()).await.unwrap(), Some(kept(account("acct_1Harbor"), "f")));
    assert_eq!(raised(&store).await, [flag(1, 1, 9)]);
}

/// What is due of a tenant by a moment.
async fn due_carts(store: &AnyStore, tenant: &Tenant, seconds: i64, limit: u32) -> Vec<DueSession> {
    store.due_sessions(tenant, query(seconds, limit)).await.unwrap()
}

fn query(seconds: i64, limit: u32) -> DueQuery {
    DueQuery { now: Timestamp::from_seconds(seconds), priority: Priority::Cart, after: None, limit }
}

async fn due_sessions_come_longest_due_first_and_respect_the_limit(store: AnyStore) {
    let all = [due(3, 100), due(1, 300), due(2, 400)];
    for session in all.iter().rev() {
        let number = u128::from_str_radix(session.id.as_str().strip_prefix("chk_").unwrap(), 16).unwrap();
        let commit = Commit { due_at: Some(session.due_at), ..create(&harbor(), ready(number)) };
        store.commit(commit).await.unwrap();
    }
    store.commit(create(&harbor(), ready(9))).await.unwrap();

    let (store, harbor) = (&store, &harbor());
    assert_eq!(due_carts(store, harbor, 99, 10).await, []);
    assert_eq!(due_carts(store, harbor, 100, 10).await, all[..1]);
    assert_eq!(due_carts(store, harbor, 400, 10).await, all);
    assert_eq!(due_carts(store, harbor, 400, 2).await, all[..2]);
    assert_eq!(due_carts(store, harbor, 400, 0).await, []);
    let behind = DueQuery { after: Some(all[0].clone()), ..query(400, 10) };
    assert_eq!(store.due_sessions(harbor, behind).await.unwrap(), all[1..]);

    // A later commit says anew what the session waits for.
    store.commit(change(harbor, Version(1), ready(3))).await.unwrap();
    let later = Commit { due_at: Some(Timestamp::from_seconds(500)), ..change(harbor, Version(1), ready(1)) };
    store.commit(later).await.unwrap();
    assert_eq!(due_carts(store, harbor, 499, 10).await, all[2..]);
}

async fn due_sessions_are_told_apart_by_tenant_and_by_what_is_at_stake(store: AnyStore) {
    let (live, kiln) = (tenant("harbor", Mode::Live), tenant("kiln", Mode::Test));
    let mut number = 0_u128;
    for whose in [&kiln, &harbor(), &live] {
        for state in in_every_state(1) {
            number += 1;
            let session = Session { id: session_id(number), ..state };
            let commit = Commit { due_at: Some(Timestamp::from_seconds(100)), ..create(whose, session) };
            store.commit(commit).await.unwrap();
        }
    }
    let mut seen = 0;
    for priority in Priority::ALL {
        let now = Timestamp::from_seconds(100);
        let tenants = store.tenants_with_due_sessions(now, priority).await.unwrap();
        let early = store.tenants_with_due_sessions(Timestamp::from_seconds(99), priority).await.unwrap();
        assert_eq!(early, [], "{priority:?}");
        let mut sorted = tenants.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(sorted.len(), tenants.len(), "each once");
        for whose in tenants {
            let which = DueQuery { priority, ..query(100, 100) };
            let sessions = store.due_sessions(&whose, which).await.unwrap();
            assert!(!sessions.is_empty(), "{whose:?} {priority:?}");
            for due in sessions {
                let (_, session) = store.load(&whose, &due.id, None).await.unwrap().session.unwrap();
                assert_eq!(due::priority(&session), priority);
                seen += 1;
            }
        }
    }
    assert_eq!(seen, number, "every due session is found, once");
}

async fn the_first_account_stays_with_the_newest_verified_key(store: AnyStore) {
    let (first, second) = (account("acct_1First"), account("acct_2Second"));
    assert_eq!(store.account(&harbor()).await.unwrap(), None);
    for (number, answer) in [(1, &first), (2, &second), (3, &first)] {
        let key = VerifiedKey { fingerprint: number.to_string(), verified_by_stripe: number == 3 };
        assert_eq!(store.remember_account(&harbor(), answer, &key).await.unwrap(), first);
        let kept = VerifiedKey {
            fingerprint: if number == 3 { "3" } else { "1" }.to_owned(),
            verified_by_stripe: number == 3,
        };
        let kept = KeptAccount { account: first.clone(), key: Some(kept) };
        assert_eq!(store.account(&harbor()).await.unwrap(), Some(kept));
    }
    assert_eq!(store.account(&tenant("kiln", Mode::Test)).await.unwrap(), None);
}

async fn what_many_callers_commit_is_durable_and_gapless(store: AnyStore) {
    const SESSIONS: u128 = 50;
    for number in 0..SESSIONS {
        store.commit(create(&harbor(), ready(number))).await.unwrap();
    }
    // Four callers on each session: every one loads, commits, and starts over when another came first.
    let callers = (0..200_u128).map(|caller| {
        let store = store.clone();
        tokio::spawn(async move {
            let number = caller % SESSIONS;
            for conflicts in 0_u32.. {
                let from = version(&store, number).await.unwrap();
                match store.commit(change(&harbor(), from, ready(number))).await {
                    Ok(new) => {
                        assert_eq!(new, Version(from.0 + 1));
                        assert!(version(&store, number).await.unwrap() >= new);
                        return (number, new, conflicts);
                    }
                    Err(CommitError::Conflict) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            unreachable!("one of the callers always wins");
        })
    });
    let mut won = Vec::new();
    for caller in callers.collect::<Vec<_>>() {
        let (number, version, _) = caller.await.unwrap();
        won.push((number, version));
    }
    won.sort_unstable();
    let gapless = (0..SESSIONS).flat_map(|number| (2..=5).map(move |version| (number, Version(version))));
    assert_eq!(won, gapless.collect::<Vec<_>>());
    for number in 0..SESSIONS {
        assert_eq!(version(&store, number).await, Some(Version(5)));
    }
}
