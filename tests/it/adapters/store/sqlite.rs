//! What only a file can show: that it lasts, whom it refuses, what is left in it.

use std::path::{Path, PathBuf};

use futures_util::FutureExt;
use merchant_gateway::domain::checkout::model::{Priority, Version};
use merchant_gateway::domain::ids::{AttemptNumber, OrderNumber};
use merchant_gateway::domain::stripe_event::StripeEvent;
use merchant_gateway::domain::time::Span;
use merchant_gateway::store::{
    BackupError, Commit, CommitError, DueQuery, EventState, FlagsQuery, Inbox as _, KeptFlag, OpenError,
    SqliteStore, Store, StoreError, back_up, restore,
};
use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;

use super::values::*;

fn folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.db");
    (folder, path)
}

async fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path).await.unwrap()
}

async fn refusal(path: &Path) -> OpenError {
    match SqliteStore::open(path).await {
        Err(StoreError::NotOpened(why)) => why,
        other => panic!("{other:?}"),
    }
}

/// A connection around the store's back.
async fn behind(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap()
}

fn contains(bytes: &[u8], part: &str) -> bool {
    bytes.windows(part.len()).any(|window| window == part.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_committed_is_there_after_reopening() {
    let (_folder, path) = folder();
    let store = open(&path).await;
    let from = store.commit(create(&harbor(), ready(1))).await.unwrap();
    let row = attempt(&harbor(), 1, 1, "spt_one");
    let from = store.commit(start(from, charging(1), row.clone(), &harbor())).await.unwrap();
    let paid = Commit {
        order: Some(order(1)),
        flags: vec![flag(1, 1, 9)],
        due_at: Some(NOW),
        ..update(from, completed(1), (1, Some(succeeded(1))), true)
    };
    let paid = store.commit(paid).await.unwrap();
    store.remember_account(&harbor(), &account("acct_1Harbor"), &verified("f")).await.unwrap();
    store.close().await;

    let store = open(&path).await;
    let read = store.load(&harbor(), &session_id(1), Some(&spt("spt_one"))).await.unwrap();
    assert_eq!(read.session, Some((paid, completed(1))));
    assert_eq!(read.order, Some(order(1).numbered(OrderNumber::FIRST)));
    assert_eq!(read.token_use.unwrap().end, Some(succeeded(1)));
    assert_eq!(
        store.flags(&harbor(), FlagsQuery::ALL).await.unwrap(),
        [KeptFlag { flag: flag(1, 1, 9), resolution: None }]
    );
    assert_eq!(store.tenants_with_due_sessions(NOW, Priority::Poll).await.unwrap(), [harbor()]);
    assert_eq!(store.account(&harbor()).await.unwrap(), Some(kept(account("acct_1Harbor"), "f")));
    store.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answered_commit_is_in_the_files_without_closing() {
    let (_folder, path) = folder();
    let store = open(&path).await;
    store.commit(create(&harbor(), ready(1))).await.unwrap();
    // What a crash would leave behind: the database and its log as they are at this moment.
    let (_copies, copy) = folder();
    std::fs::copy(&path, &copy).unwrap();
    std::fs::copy(path.with_extension("db-wal"), copy.with_extension("db-wal")).unwrap();
    let recovered = open(&copy).await;
    let read = recovered.load(&harbor(), &session_id(1), None).await.unwrap();
    assert_eq!(read.session, Some((Version(1), ready(1))));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erased_token_leaves_no_trace_in_the_file() {
    let (_folder, path) = folder();
    let store = open(&path).await;
    let mut versions = Vec::new();
    for number in 1..=20 {
        let from = store.commit(create(&harbor(), ready(number))).await.unwrap();
        let row = attempt(&harbor(), number, 1, &format!("spt_{number}"));
        versions.push(store.commit(start(from, charging(number), row, &harbor())).await.unwrap());
    }
    store.close().await;
    assert!(contains(&std::fs::read(&path).unwrap(), &sealed("spt_7")));

    let store = open(&path).await;
    for (number, from) in (1..=20).zip(versions) {
        let end = (number % 2 == 0).then(dead);
        store.commit(update(from, ready(number), (1, end), true)).await.unwrap();
    }
    store.close().await;
    let bytes = std::fs::read(&path).unwrap();
    assert!(!contains(&bytes, "sealed:") && !contains(&bytes, "SECRET"));
    assert!(contains(&bytes, spt("spt_7").as_str()), "the hash stays");
    assert!(!path.with_extension("db-wal").exists(), "closing empties the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_schema_is_refused() {
    let (_folder, path) = folder();
    open(&path).await.close().await;
    let mut behind = behind(&path).await;
    sqlx::query("INSERT INTO _sqlx_migrations VALUES (9999, 'later', CURRENT_TIMESTAMP, TRUE, x'00', 0)")
        .execute(&mut behind)
        .await
        .unwrap();
    behind.close().await.unwrap();
    let why = refusal(&path).await;
    assert!(matches!(why, OpenError::NewerSchema { found: 9999, known, .. } if known < 9999), "{why}");
    assert!(why.to_string().contains("run the newer version"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_a_newer_form_is_refused_and_the_others_are_read() {
    let (_folder, path) = folder();
    let store = open(&path).await;
    store.commit(create(&harbor(), ready(1))).await.unwrap();
    store.commit(create(&harbor(), ready(2))).await.unwrap();
    let mut behind = behind(&path).await;
    sqlx::query("UPDATE sessions SET schema = 2 WHERE id LIKE '%1'").execute(&mut behind).await.unwrap();
    match store.load(&harbor(), &session_id(1), None).await {
        Err(StoreError::Corrupt { why, .. }) => assert!(why.contains("newer version"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert!(store.load(&harbor(), &session_id(2), None).await.unwrap().session.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_about_an_unreadable_row_does_not_quote_it() {
    let (_folder, path) = folder();
    let store = open(&path).await;
    store.commit(create(&harbor(), ready(1))).await.unwrap();
    let mut behind = behind(&path).await;
    sqlx::query(r#"UPDATE sessions SET body = '"Ada Lovelace"'"#).execute(&mut behind).await.unwrap();
    let error = store.load(&harbor(), &session_id(1), None).await.unwrap_err().to_string();
    assert!(error.contains(session_id(1).as_str()) && !error.contains("Ada"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_whose_names_cannot_be_read_hide_none_behind_them() {
    let (_folder, path) = folder();
    let store = open(&path).await;
    let event = |number: u32| StripeEvent {
        id: format!("evt_{number}").parse().unwrap(),
        kind: "payment_intent.succeeded".parse().unwrap(),
        object: None,
        session: None,
        intent: None,
        received: NOW + Span::seconds(i64::from(number)),
    };
    for number in 1..=7 {
        let due_at = Some(NOW + Span::seconds(i64::from(number)));
        store.commit(Commit { due_at, ..create(&harbor(), ready(number.into())) }).await.unwrap();
        assert!(store.keep_event(&harbor(), event(number), EventState::Waiting).await.unwrap());
    }
    let mut behind = behind(&path).await;
    // The second to the fifth: whole pages of two, and a part of one.
    for (table, column) in [("sessions", "due_at"), ("stripe_events", "received")] {
        let damage = format!("UPDATE {table} SET id = '?' || {column} WHERE {column} BETWEEN ?1 AND ?2");
        let damage = sqlx::query(sqlx::AssertSqlSafe(damage))
            .bind((NOW + Span::seconds(2)).as_millis())
            .bind((NOW + Span::seconds(5)).as_millis());
        assert_eq!(damage.execute(&mut behind).await.unwrap().rows_affected(), 4, "{table}");
    }
    let now = NOW + Span::minutes(1);
    let query = DueQuery { now, priority: Priority::Cart, after: None, limit: 2 };
    let page = store.due_sessions(&harbor(), query.clone()).await.unwrap();
    assert_eq!(page.iter().map(|due| due.id.clone()).collect::<Vec<_>>(), [session_id(1), session_id(6)]);
    let query = DueQuery { after: page.last().cloned(), ..query };
    let rest = store.due_sessions(&harbor(), query).await.unwrap();
    assert_eq!(rest.iter().map(|due| due.id.clone()).collect::<Vec<_>>(), [session_id(7)]);

    let page = store.waiting_events(now, None, 2).await.unwrap();
    assert_eq!(page.iter().map(|kept| kept.event.clone()).collect::<Vec<_>>(), [event(1), event(6)]);
    let rest = store.waiting_events(now, page.last(), 2).await.unwrap();
    assert_eq!(rest.iter().map(|kept| kept.event.clone()).collect::<Vec<_>>(), [event(7)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn other_files_are_refused_and_left_as_they_are() {
    let (folder, path) = folder();
    std::fs::write(&path, "a shopping list, long enough to be looked at: ".repeat(200)).unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(refusal(&path).await, OpenError::NotOurs { .. }));
    assert_eq!(std::fs::read(&path).unwrap(), before);

    let foreign = folder.path().join("foreign.db");
    let mut other = behind(&foreign).await;
    sqlx::query("CREATE TABLE songs (title TEXT)").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    let before = std::fs::read(&foreign).unwrap();
    assert!(matches!(refusal(&foreign).await, OpenError::NotOurs { .. }));
    assert_eq!(std::fs::read(&foreign).unwrap(), before);

    assert!(matches!(refusal(folder.path()).await, OpenError::NotAFile { .. }));
    assert!(matches!(refusal(&folder.path().join("missing/gateway.db")).await, OpenError::File { .. }));
}

/// A backup of a new database, beside the place where the database is to be restored.
async fn backup(folder: &TempDir) -> PathBuf {
    let (served, copy) = (folder.path().join("served.db"), folder.path().join("backup.db"));
    open(&served).await.close().await;
    back_up(&served, &copy, NOW).await.unwrap();
    copy
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_that_may_not_be_read_is_never_called_damaged() {
    let (folder, path) = folder();
    let copy = backup(&folder).await;
    let whole = std::fs::read(&copy).unwrap();
    let why = async |from: &Path| restore(&path, from, ("feed".to_owned(), NOW)).await.unwrap_err();

    // For the system both are the same: the way to the file is barred. Root passes the second one.
    let around = folder.path().join("around.db");
    std::os::unix::fs::symlink(&around, &around).unwrap();
    let mut barred = vec![around];
    std::fs::set_permissions(&copy, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
    if std::fs::File::open(&copy).is_err() {
        barred.push(copy.clone());
    }
    for from in barred {
        let why = why(&from).await;
        assert!(matches!(why, BackupError::Unreadable { .. }), "{why:?}");
        let said = why.to_string();
        assert!(said.contains("let the user") && said.contains("keep the file"), "{said}");
    }
    std::fs::set_permissions(&copy, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();

    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    let foreign = folder.path().join("foreign.db");
    let mut other = behind(&foreign).await;
    sqlx::query("CREATE TABLE songs (title TEXT)").execute(&mut other).await.unwrap();
    other.close().await.unwrap();
    assert!(matches!(why(&foreign).await, BackupError::Foreign(_)));
    assert!(matches!(why(folder.path()).await, BackupError::NotAFile(_)));
    assert!(matches!(why(&file("empty.db", b"")).await, BackupError::NoDatabase(_)));
    assert_eq!(std::fs::read(folder.path().join("empty.db")).unwrap(), b"", "it is left as it is");
    assert!(matches!(why(&file("garbage.db", &[b'x'; 9000])).await, BackupError::NoDatabase(_)));
    assert!(matches!(why(&file("short.db", &whole[..whole.len() / 2])).await, BackupError::Damaged { .. }));
    let mut torn = whole.clone();
    torn[100..4096].fill(0x5a);
    assert!(matches!(why(&file("torn.db", &torn)).await, BackupError::Damaged { .. }));
    assert_eq!(std::fs::read(&copy).unwrap(), whole);
    assert!(restore(&path, &copy, ("feed".to_owned(), NOW)).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_copy_names_its_target_and_leaves_no_partial_file() {
    let (folder, path) = folder();
    let copy = backup(&folder).await;
    let served = folder.path().join("served.db");
    let nowhere = folder.path().join("nowhere/copy.db");
    let said = back_up(&served, &nowhere, NOW).await.unwrap_err().to_string();
    assert!(said.contains("its folder must exist") && !said.contains(".partial"), "{said}");
    let said = back_up(folder.path(), &folder.path().join("b.db"), NOW).await.unwrap_err().to_string();
    assert!(said.contains("set store.url to a file's path"), "{said}");

    // The copy cannot take its place: a folder is there.
    let coming = folder.path().join("gateway.db.restoring");
    std::fs::create_dir(&coming).unwrap();
    let why = restore(&path, &copy, ("feed".to_owned(), NOW)).await.unwrap_err();
    assert!(matches!(why, BackupError::File { .. }), "{why:?}");
    assert!(!folder.path().join("gateway.db.restoring.partial").exists());

    let place = folder.path().join("folder");
    std::fs::create_dir(&place).unwrap();
    let why = restore(&place, &copy, ("feed".to_owned(), NOW)).await.unwrap_err();
    assert!(why.to_string().contains("set store.url to a file's path"), "{why}");
    assert!(place.is_dir(), "it is not moved aside");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_is_refused_until_the_first_has_closed() {
    let (_folder, path) = folder();
    let store = open(&path).await;
    // The lock belongs to the open file, not to the process, so this process can stand in for a second one.
    let why = refusal(&path).await;
    assert!(matches!(why, OpenError::InUse { .. }), "{why}");
    assert!(why.to_string().contains("another process is already using"), "{why}");
    store.commit(create(&harbor(), ready(1))).await.unwrap();
    store.close().await;
    open(&path).await.close().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread")]
async fn the_files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let (folder, path) = folder();
    let store = open(&path).await;
    store.commit(create(&harbor(), ready(1))).await.unwrap();
    let files: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap()).collect();
    assert_eq!(files.len(), 5, "{files:?}");
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_on_another_runtime_is_served() {
    let (_folder, path) = folder();
    let store = open(&path).await;
    let elsewhere = std::thread::spawn(move || {
        // Neither timers nor I/O: nothing of the store may run here.
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let from = store.commit(create(&harbor(), ready(1))).await.unwrap();
            let row = attempt(&harbor(), 1, 1, "spt_one");
            store.commit(start(from, charging(1), row, &harbor())).await.unwrap();
            assert!(store.load(&harbor(), &session_id(1), None).await.unwrap().session.is_some());
            assert!(store.attempt(&harbor(), &session_id(1), AttemptNumber(1)).await.unwrap().is_some());
            store.close().await;
        });
    });
    tokio::task::spawn_blocking(|| elsewhere.join().unwrap()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_outlives_its_caller() {
    let (_folder, path) = folder();
    let store = open(&path).await;
    // Requested once and then given up, before the writer can have answered.
    for number in 1..=20 {
        let _: Option<Result<Version, CommitError>> =
            store.commit(create(&harbor(), ready(number))).now_or_never();
    }
    store.close().await;
    let store = open(&path).await;
    for number in 1..=20 {
        let read = store.load(&harbor(), &session_id(number), None).await.unwrap();
        assert_eq!(read.session, Some((Version(1), ready(number))));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_store_answers_that_it_is_unavailable() {
    let (_folder, path) = folder();
    let store = open(&path).await;
    store.close().await;
    store.close().await;
    let commit = store.commit(create(&harbor(), ready(1))).await;
    assert!(matches!(commit, Err(CommitError::Store(StoreError::NotWritten(_)))), "{commit:?}");
    let read = store.load(&harbor(), &session_id(1), None).await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_commit_fails_none_of_those_written_with_it() {
    let (_folder, path) = folder();
    let store = open(&path).await;
    store.commit(create(&harbor(), ready(0))).await.unwrap();
    // Queued in one go, so that they share a transaction: good ones, conflicts and impossible ones in turns.
    let commits = (1..=60_u128).map(|number| match number % 3 {
        0 => store.commit(create(&harbor(), ready(0))),
        1 => store.commit(create(&harbor(), ready(number))),
        _ => store.commit(update(Version(1), ready(0), (9, Some(dead())), true)),
    });
    let answers = futures_util::future::join_all(commits).await;
    for (number, answer) in (1..=60_u128).zip(answers) {
        let as_expected = match number % 3 {
            0 => matches!(answer, Err(CommitError::Conflict)),
            1 => matches!(answer, Ok(Version(1))),
            _ => matches!(answer, Err(CommitError::Store(StoreError::Corrupt { .. }))),
        };
        assert!(as_expected, "{number}: {answer:?}");
    }
    let read = store.load(&harbor(), &session_id(0), None).await.unwrap();
    assert_eq!(read.session, Some((Version(1), ready(0))));
}
