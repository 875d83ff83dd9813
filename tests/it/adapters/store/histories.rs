//! Whatever is asked of a store in whatever order: the one in memory and the one in a file answer alike.

use merchant_gateway::domain::checkout::model::{AttemptEnd, Flag, NewOrder, Priority, Version};
use merchant_gateway::domain::ids::{AttemptNumber, Mode, OrderId, Tenant};
use merchant_gateway::domain::time::Timestamp;
use merchant_gateway::store::{
    AttemptChange, AttemptRow, Commit, CommitError, DueQuery, FlagsQuery, SqliteStore, Store, StoreError,
};
use proptest::prelude::*;
use test_support::memory_store::MemoryStore;

use super::values::*;

const SESSIONS: std::ops::Range<u128> = 0..2;
const NUMBERS: std::ops::Range<u32> = 1..4;
const TOKENS: [&str; 3] = ["spt_a", "spt_b", "spt_c"];

fn tenants() -> [Tenant; 2] {
    [harbor(), tenant("harbor-coffee", Mode::Live)]
}

fn end() -> impl Strategy<Value = Option<AttemptEnd>> {
    prop_oneof![3 => Just(None), 2 => Just(Some(dead())), 1 => Just(Some(succeeded(1)))]
}

fn attempt_change(tenant: Tenant, session: u128) -> impl Strategy<Value = Option<AttemptChange>> {
    let started = (NUMBERS, prop::sample::select(&TOKENS[..])).prop_map(move |(number, token)| {
        Some(AttemptChange::Start(Box::new(attempt(&tenant, session, number, token))))
    });
    let updated = (NUMBERS, end(), any::<bool>()).prop_map(|(number, end, erase_token)| {
        Some(AttemptChange::Update { number: AttemptNumber(number), end, erase_token })
    });
    prop_oneof![2 => Just(None), 2 => started, 3 => updated]
}

fn placed(session: u128) -> impl Strategy<Value = Option<NewOrder>> {
    let order = (0..2_u128, 0..2_u128).prop_map(move |(id, payment)| {
        let mut placed = order(session);
        placed.order.id = OrderId::from_random(id);
        placed.order.payment_intent = intent(payment);
        Some(placed)
    });
    prop_oneof![4 => Just(None), 1 => order]
}

fn raised(session: u128) -> impl Strategy<Value = Option<Flag>> {
    prop_oneof![4 => Just(None), 1 => (0..2_u128, 0..2_u128).prop_map(move |(id, payment)| Some(flag(id, session, payment)))]
}

fn commit() -> impl Strategy<Value = Commit> {
    (prop::sample::select(tenants().to_vec()), SESSIONS).prop_flat_map(|(tenant, session)| {
        let expected = prop::option::weighted(0.8, (1..5_i64).prop_map(Version));
        let due_at = prop::option::of((0..5_i64).prop_map(Timestamp::from_seconds));
        let state = prop::sample::select(in_every_state(session));
        let change = attempt_change(tenant.clone(), session);
        (expected, due_at, state, change, placed(session), raised(session)).prop_map(
            move |(expected, due_at, session, attempt, order, flag)| Commit {
                tenant: tenant.clone(),
                expected,
                session,
                due_at,
                attempt,
                order,
                refund: None,
                flags: flag.into_iter().collect(),
                timeline: Vec::new(),
                events: Vec::new(),
            },
        )
    })
}

/// An answer without the words of its error, which may differ.
fn kind(answer: Result<Version, CommitError>) -> Result<Version, &'static str> {
    answer.map_err(|error| match error {
        CommitError::Conflict => "conflict",
        CommitError::TokenUsed => "token used",
        CommitError::Store(StoreError::Corrupt { .. }) => "corrupt",
        CommitError::Store(
            StoreError::NotOpened(_) | StoreError::Unavailable(_) | StoreError::NotWritten(_),
        ) => "unavailable",
    })
}

/// All that can be read, as texts.
async fn everything(store: &dyn Store) -> Vec<String> {
    let mut seen = Vec::new();
    let now = Timestamp::from_seconds(3);
    for priority in Priority::ALL {
        for tenant in store.tenants_with_due_sessions(now, priority).await.unwrap() {
            let query = DueQuery { now, priority, after: None, limit: 3 };
            seen.push(format!("{tenant:?} {:?}", store.due_sessions(&tenant, query).await.unwrap()));
        }
    }
    for tenant in tenants() {
        seen.push(format!("{tenant:?} {:?}", store.flags(&tenant, FlagsQuery::ALL).await.unwrap()));
        for session in SESSIONS {
            for token in TOKENS {
                let read = store.load(&tenant, &session_id(session), Some(&spt(token))).await.unwrap();
                seen.push(format!("{read:?}"));
            }
            for number in NUMBERS {
                let row: Option<AttemptRow> =
                    store.attempt(&tenant, &session_id(session), AttemptNumber(number)).await.unwrap();
                seen.push(format!("{row:?}"));
            }
        }
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_stores_answer_any_history_alike(history in prop::collection::vec((commit(), prop::bool::weighted(0.2)), 1..40)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let (memory, sqlite) =
                (MemoryStore::new(), SqliteStore::open(&folder.path().join("gateway.db")).await.unwrap());
            for (mut commit, stale) in history {
                if !stale {
                    let known = memory.load(&commit.tenant, &commit.session.id, None).await.unwrap().session;
                    commit.expected = known.map(|(version, _)| version);
                }
                let answers = (memory.commit(commit.clone()).await, sqlite.commit(commit.clone()).await);
                assert_eq!(kind(answers.0), kind(answers.1), "{commit:?}");
            }
            assert_eq!(everything(&memory).await, everything(&sqlite).await);
            sqlite.close().await;
        });
    }
}
