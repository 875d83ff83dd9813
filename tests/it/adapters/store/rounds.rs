//! The rounds of the task that removes what nobody needs: what they leave, and that no merchant's trouble stops them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use merchant_gateway::config::gateway::RetentionConfig;
use merchant_gateway::domain::checkout::model::{EDITS_KEPT, Session, State, TimelineEntry, TimelineEvent};
use merchant_gateway::domain::ids::{AttemptNumber, Mode, Revision, Tenant};
use merchant_gateway::domain::time::{Span, Timestamp};
use merchant_gateway::ports::ManualClock;
use merchant_gateway::runtime::{Kept, retain, retain_once};
use merchant_gateway::store::{
    Commit, DeliveryState, Erasure, Retention, SqliteStore, Store, StoreError, Swept, Unpaid, UnpaidEnded,
    UnpaidOpen,
};
use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use test_support::memory_store::MemoryStore;

use super::retention::{counts, ended, told};
use super::values::*;
use super::{AnyStore, loaded, version};
use crate::support::log::Log;

fn rules() -> RetentionConfig {
    RetentionConfig {
        unpaid_sessions: Span::hours(30 * 24),
        unpaid_buyers: Span::hours(7 * 24),
        delivered_events: Span::hours(30 * 24),
        parked_events: Span::hours(90 * 24),
        stripe_events: Span::hours(30 * 24),
        open_checkouts: 50_000,
        open_checkouts_per_merchant: 10_000,
        unpaid_sessions_per_merchant: 100_000,
    }
}

fn kept(store: &AnyStore) -> Kept {
    Kept { retention: store.clone(), inbox: store.clone(), reconciliation: store.clone() }
}

pub(super) async fn too_many_open_checkouts_give_way_where_there_are_most(store: AnyStore) {
    let kiln = tenant("kiln", Mode::Test);
    for number in 1..=9 {
        store.commit(create(&harbor(), ready(number))).await.unwrap();
    }
    for number in 1..=2 {
        store.commit(create(&kiln, ready(number))).await.unwrap();
    }
    let most = RetentionConfig { open_checkouts_per_merchant: 8, ..rules() };
    retain_once(&kept(&store), &most, NOW).await;
    assert_eq!(counts(&store).await, [(8, 1), (2, 0)]);
    let most = RetentionConfig { open_checkouts: 5, ..rules() };
    retain_once(&kept(&store), &most, NOW).await;
    assert_eq!(counts(&store).await, [(3, 6), (2, 0)], "whoever has few keeps them");
    let most = RetentionConfig { unpaid_sessions_per_merchant: 4, ..rules() };
    retain_once(&kept(&store), &most, NOW + Span::seconds(1)).await;
    assert_eq!(counts(&store).await, [(3, 4), (2, 0)]);
}

async fn behind(path: &std::path::Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).connect().await.unwrap()
}

/// Makes sessions of `harbor` unreadable, around the store's back.
async fn damage(path: &std::path::Path, ids: impl Iterator<Item = u128>) {
    let mut behind = behind(path).await;
    for id in ids {
        let damaged =
            sqlx::query("UPDATE sessions SET body = '{' WHERE tenant = 'harbor-coffee' AND id = ?1")
                .bind(session_id(id).as_str().to_owned())
                .execute(&mut behind)
                .await
                .unwrap();
        assert_eq!(damaged.rows_affected(), 1);
    }
    behind.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_sessions_do_not_stop_the_erasure_of_personal_data() {
    const UNREADABLE: u128 = 230;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.db");
    let store: AnyStore = Arc::new(SqliteStore::open(&path).await.unwrap());
    let kiln = tenant("kiln", Mode::Test);
    let many = (1..=UNREADABLE + 5).map(|number| store.commit(create(&harbor(), ended(number))));
    join_all(many).await.into_iter().for_each(|made| assert!(made.is_ok()));
    store.commit(create(&kiln, ended(1))).await.unwrap();
    damage(&path, 1..=UNREADABLE).await;

    let week_later = NOW + Span::hours(8 * 24);
    assert!(
        !retain_once(&kept(&store), &rules(), week_later).await,
        "what cannot be read is no reason to begin again"
    );
    for number in UNREADABLE + 1..=UNREADABLE + 5 {
        assert!(!loaded(&store, number).await.session.unwrap().1.holds_personal_data(), "{number}");
    }
    let other = store.load(&kiln, &session_id(1), None).await.unwrap();
    assert!(!other.session.unwrap().1.holds_personal_data(), "the merchant after it");
    retain_once(&kept(&store), &rules(), NOW + Span::hours(31 * 24)).await;
    assert_eq!(counts(&store).await, [], "in the end they go as well");
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_open_checkouts_do_not_keep_others_from_expiring() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.db");
    let store: AnyStore = Arc::new(SqliteStore::open(&path).await.unwrap());
    for number in 1..=9 {
        store.commit(create(&harbor(), ready(number))).await.unwrap();
    }
    damage(&path, 1..=3).await;
    let most = RetentionConfig { open_checkouts_per_merchant: 5, ..rules() };
    retain_once(&kept(&store), &most, NOW).await;
    retain_once(&kept(&store), &most, NOW).await;
    assert_eq!(counts(&store).await, [(5, 4)]);
}

/// Which merchant's rounds come to nothing, and how.
enum StoreFault {
    Fails,
    Panics,
    /// No merchant's can be counted, so often.
    CountPanics(AtomicU32),
    /// None; every look for sessions to remove is counted.
    None(AtomicU32),
}

/// A store that has trouble with one merchant.
struct FaultyStore(Arc<MemoryStore>, StoreFault);

impl FaultyStore {
    fn meet(&self, tenant: &Tenant) -> Result<(), StoreError> {
        if tenant.merchant != harbor().merchant {
            return Ok(());
        }
        match &self.1 {
            StoreFault::Fails => Err(StoreError::Unavailable("the disk is gone".to_owned())),
            StoreFault::Panics => panic!("on purpose"),
            StoreFault::CountPanics(_) | StoreFault::None(_) => Ok(()),
        }
    }
}

#[async_trait]
impl Retention for FaultyStore {
    async fn unpaid(&self) -> Result<Vec<Unpaid>, StoreError> {
        if let StoreFault::CountPanics(left) = &self.1
            && left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
        {
            panic!("on purpose");
        }
        self.0.unpaid().await
    }

    async fn forget_sessions(&self, tenant: &Tenant, which: UnpaidEnded) -> Result<u32, StoreError> {
        self.meet(tenant)?;
        if let StoreFault::None(looks) = &self.1 {
            looks.fetch_add(1, Ordering::Relaxed);
        }
        self.0.forget_sessions(tenant, which).await
    }

    async fn forget_people(
        &self,
        tenant: &Tenant,
        which: UnpaidEnded,
        passed: &[String],
    ) -> Result<Swept, StoreError> {
        self.meet(tenant)?;
        self.0.forget_people(tenant, which, passed).await
    }

    async fn expire_early(
        &self,
        tenant: &Tenant,
        which: UnpaidOpen,
        passed: &[String],
    ) -> Result<Swept, StoreError> {
        self.meet(tenant)?;
        self.0.expire_early(tenant, which, passed).await
    }

    async fn forget_contents(
        &self,
        state: DeliveryState,
        before: Timestamp,
        limit: u32,
    ) -> Result<u32, StoreError> {
        self.0.forget_contents(state, before, limit).await
    }

    async fn erase_buyer(&self, tenant: &Tenant, erasure: Erasure) -> Result<Option<bool>, StoreError> {
        self.0.erase_buyer(tenant, erasure).await
    }
}

fn faulty(store: &Arc<MemoryStore>, fault: StoreFault) -> Kept {
    with_trouble(&Arc::new(FaultyStore(Arc::clone(store), fault)))
}

fn with_trouble(store: &Arc<FaultyStore>) -> Kept {
    let rest = &store.0;
    Kept { retention: store.clone(), inbox: rest.clone(), reconciliation: rest.clone() }
}

#[tokio::test]
async fn a_merchant_whose_round_fails_or_panics_stops_no_others() {
    for fault in [StoreFault::Fails, StoreFault::Panics] {
        let store = Arc::new(MemoryStore::new());
        let kiln = tenant("kiln", Mode::Test);
        assert!(harbor().merchant.as_str() < kiln.merchant.as_str(), "the one with trouble comes first");
        for shop in [harbor(), kiln] {
            store.commit(create(&shop, ended(1))).await.unwrap();
            for number in 2..=4 {
                store.commit(create(&shop, ready(number))).await.unwrap();
            }
        }
        let most = RetentionConfig { open_checkouts_per_merchant: 1, ..rules() };
        let kept = faulty(&store, fault);
        retain_once(&kept, &most, NOW).await;
        let store: AnyStore = store;
        assert_eq!(counts(&store).await, [(3, 1), (1, 3)]);
        retain_once(&kept, &most, NOW + Span::hours(31 * 24)).await;
        assert_eq!(counts(&store).await, [(3, 1)], "the other's are old and gone");
    }
}

#[tokio::test(start_paused = true)]
async fn a_round_that_panics_is_followed_by_the_next_one() {
    let store = Arc::new(MemoryStore::new());
    for number in 1..=3 {
        store.commit(create(&harbor(), ready(number))).await.unwrap();
    }
    let most = RetentionConfig { open_checkouts_per_merchant: 1, ..rules() };
    let kept = faulty(&store, StoreFault::CountPanics(AtomicU32::new(5)));
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let task = tokio::spawn(retain(kept, most, Arc::new(ManualClock::new(NOW)), stopped));
    let store: AnyStore = store;
    // The time is paused: it goes on as soon as everything waits.
    let gave_way = async {
        while counts(&store).await != [(1, 2)] {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), gave_way).await.expect("a later round does it");
    stop.send(true).unwrap();
    task.await.unwrap();
    assert!(version(&store, 1).await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_stuck_surplus_is_only_retried_when_old_data_is_removed() {
    let rows = Arc::new(MemoryStore::new());
    for number in 1..=5 {
        let from = rows.commit(create(&harbor(), ready(number))).await.unwrap();
        let row = attempt(&harbor(), number, 1, &format!("spt_{number}"));
        let from = rows.commit(start(from, charging(number), row, &harbor())).await.unwrap();
        let over = update(from, ended(number), (1, Some(dead())), true);
        rows.commit(Commit { timeline: told(NOW - Span::seconds(1)), ..over }).await.unwrap();
    }
    rows.commit(Commit { timeline: told(NOW - Span::seconds(1)), ..create(&harbor(), ended(6)) })
        .await
        .unwrap();
    let most = RetentionConfig { unpaid_sessions_per_merchant: 2, ..rules() };
    let store = Arc::new(FaultyStore(Arc::clone(&rows), StoreFault::None(AtomicU32::new(0))));
    let looks = || {
        let StoreFault::None(looks) = &store.1 else { return 0 };
        looks.load(Ordering::Relaxed)
    };
    let log = Log::default();
    let _logging = tracing::subscriber::set_default(log.subscriber());
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let task = tokio::spawn(retain(with_trouble(&store), most, Arc::new(ManualClock::new(NOW)), stopped));
    let mut seen = Vec::new();
    // The time is paused: it goes on as soon as everything waits. Each time what is old is removed is a look of its own.
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_secs(599)).await;
        seen.push(looks());
    }
    assert_eq!(seen, [2, 4, 6]);
    stop.send(true).unwrap();
    task.await.unwrap();
    let rows: AnyStore = rows;
    assert_eq!(counts(&rows).await, [(0, 5)], "the one that nobody tried to pay is gone");
    let said = log.said();
    assert_eq!(said.matches("unpaid_checkouts_must_stay").count(), 1, "{said}");
}

/// Repeats the one checkout of a day, as the store has written it, under names of their own.
async fn repeat(behind: &mut SqliteConnection, of: u128, times: u128) {
    let copies = "WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?2),
              copies (name) AS (SELECT ?1 || printf('%06x', number) FROM numbers)";
    let name = session_id(of).as_str().to_owned();
    let head = name[..name.len() - 6].to_owned();
    for (rows, key) in [
        (
            "INSERT INTO sessions (tenant, mode, id, version, schema, state, due_at, due_priority, created, body,
                                   unpaid_end, personal, tried)
             SELECT tenant, mode, name, version, schema, state, due_at, due_priority, created,
                    json_set(body, '$.id', name), unpaid_end, personal, tried",
            "id",
        ),
        ("INSERT INTO timeline (tenant, mode, session, number, entry) SELECT tenant, mode, name, number, entry", "session"),
    ] {
        let (insert, select) = rows.split_once("SELECT").unwrap();
        let of = if key == "id" { "sessions" } else { "timeline" };
        let statement = format!("{copies} {insert} SELECT {select} FROM copies, (SELECT * FROM {of} WHERE {key} = ?3)");
        let made = sqlx::query(sqlx::AssertSqlSafe(statement));
        let times = i64::try_from(times).unwrap();
        made.bind(&head).bind(times).bind(&name).execute(&mut *behind).await.unwrap();
    }
}

/// A year in which nobody buys, in a file.
#[tokio::test(flavor = "multi_thread")]
async fn the_database_stops_growing_over_a_year_of_unpaid_checkouts() {
    // More than one write removes.
    const A_DAY: u128 = 150;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.db");
    let store: AnyStore = Arc::new(SqliteStore::open(&path).await.unwrap());
    let mut behind = behind(&path).await;
    let mut sizes = Vec::new();
    for day in 0..360_u128 {
        let now = NOW + Span::hours(24 * i64::try_from(day).unwrap());
        let number = day << 24;
        let session = Session { created: now, expires: now + Span::hours(2), ..ready(number) };
        let made = Commit { timeline: told(now), ..create(&harbor(), session.clone()) };
        let from = store.commit(made).await.unwrap();
        let session = Session { state: State::Expired, ..session };
        store.commit(Commit { timeline: told(now), ..change(&harbor(), from, session) }).await.unwrap();
        repeat(&mut behind, number, A_DAY - 1).await;
        while retain_once(&kept(&store), &rules(), now).await {}
        if day % 30 == 29 {
            // What is in the file, and free pages in it; the log beside it is bounded by itself.
            let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut behind).await.unwrap();
            sizes.push(pages);
        }
    }
    behind.close().await.unwrap();
    assert_eq!(sizes.len(), 12);
    assert!(sizes[11] * 100 <= sizes[2] * 105, "pages by month: {sizes:?}");
    let (_, kept) = counts(&store).await[0];
    let (least, most) = (29 * u64::try_from(A_DAY).unwrap(), 31 * u64::try_from(A_DAY).unwrap());
    assert!((least..=most).contains(&kept), "{kept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_is_committed_while_much_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let store: AnyStore = Arc::new(SqliteStore::open(&folder.path().join("gateway.db")).await.unwrap());
    let many = (1..=2000).map(|number| store.commit(create(&harbor(), ended(number))));
    join_all(many).await.into_iter().for_each(|made| assert!(made.is_ok()));
    let (kept, rules) = (kept(&store), rules());
    let removing = retain_once(&kept, &rules, NOW + Span::hours(24 * 365));
    let paying = async {
        store.commit(create(&harbor(), charging(5000))).await.unwrap();
        counts(&store).await
    };
    let (_, meanwhile) = tokio::join!(removing, paying);
    assert!(meanwhile.iter().any(|(_, ended)| *ended > 0), "it waited until all was removed");
    assert_eq!(counts(&store).await, []);
}

pub(super) async fn endless_edits_leave_a_bounded_timeline_with_all_payments(store: AnyStore) {
    let at = |number: u32| NOW + Span::seconds(i64::from(number));
    let edit = |number: u32| TimelineEntry {
        at: at(number),
        event: TimelineEvent::State { state: "ready".to_owned(), revision: Revision(number), reason: None },
    };
    let ending = |number: u32| TimelineEntry {
        at: at(number),
        event: TimelineEvent::AttemptEnded { attempt: AttemptNumber(number), end: dead() },
    };
    let made = Commit { timeline: vec![edit(1)], ..create(&harbor(), ready(1)) };
    let mut from = store.commit(made).await.unwrap();
    for hundred in 0..20 {
        let edits = (2 + hundred * 100..102 + hundred * 100).map(edit);
        let timeline = edits.chain([ending(102 + hundred * 100)]).collect();
        from = store.commit(Commit { timeline, ..change(&harbor(), from, ready(1)) }).await.unwrap();
    }
    let kept = store.timeline(&harbor(), &session_id(1)).await.unwrap();
    let (edits, payments): (Vec<_>, Vec<_>) = kept.iter().partition(|entry| entry.event.is_edit());
    let bound = usize::try_from(3 * EDITS_KEPT).unwrap();
    assert!(edits.len() <= bound, "{} edits", edits.len());
    assert_eq!(payments.len(), 20);
    let first: Vec<TimelineEntry> = (1..=EDITS_KEPT).map(edit).collect();
    assert_eq!(kept[..first.len()], first);
    let last: Vec<TimelineEntry> = (2002 - EDITS_KEPT..2002).map(edit).collect();
    assert_eq!(kept[kept.len() - 1 - last.len()..kept.len() - 1], last);
    assert!(kept.is_sorted_by_key(|entry| entry.at), "the order is as it was told");
}
