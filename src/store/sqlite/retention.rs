//! The removal of old data as SQL. Every statement finds its rows by an index and changes a bounded number of them.

use sqlx::{SqliteConnection, SqlitePool};

use super::bind::BindTenant as _;
use super::failure::Failure;
use super::reader::failed;
use super::rows::{self, SESSION_SCHEMA};
use crate::domain::checkout::model::{Session, State, TimelineEntry, TimelineEvent};
use crate::domain::ids::{OrderId, SessionId, Tenant};
use crate::domain::order::Order;
use crate::domain::time::Timestamp;
use crate::store::retention::{Erasure, Swept, Unpaid, UnpaidEnded, UnpaidOpen};
use crate::store::{DeliveryState, StoreError, name};

/// Data to remove.
#[derive(Debug)]
pub(super) enum Removal {
    Sessions(Tenant, UnpaidEnded),
    /// The personal data of unpaid sessions, except those with these ids.
    People(Tenant, UnpaidEnded, Vec<String>),
    /// The remaining time of open sessions, except those with these ids.
    Time(Tenant, UnpaidOpen, Vec<String>),
    /// The contents of order events that have this state and were last changed before a moment; how many at most.
    Contents(DeliveryState, Timestamp, u32),
    /// Stripe's events that arrived before a moment; how many at most.
    StripeEvents(Timestamp, u32),
}

/// The ids of unpaid sessions that may be removed, and when each ended: those without and those with an attempt,
/// merged. For each session the query reads only the exceptions: an open flag, and rows that no unpaid session has.
macro_rules! may_go {
    ($tried:literal, $before:literal) => {
        concat!(
            "SELECT id, unpaid_end FROM sessions
             WHERE tenant = ?1 AND mode = ?2 AND tried = ",
            $tried,
            " AND unpaid_end < ",
            $before,
            " AND unpaid_end >= ?4 AND created >= ?4
              AND NOT EXISTS (SELECT 1 FROM flags WHERE flags.tenant = ?1 AND flags.mode = ?2
                                 AND flags.session = sessions.id AND flags.resolved IS NULL)
              AND NOT EXISTS (SELECT 1 FROM attempts WHERE attempts.tenant = ?1 AND attempts.mode = ?2
                                 AND attempts.session = sessions.id AND attempts.ended IS NULL)
              AND NOT EXISTS (SELECT 1 FROM orders WHERE orders.tenant = ?1 AND orders.mode = ?2
                                 AND orders.session = sessions.id)"
        )
    };
}
pub(super) const ENDED: &str =
    concat!(may_go!("0", "?3"), " UNION ALL ", may_go!("1", "min(?3, ?6)"), " ORDER BY unpaid_end LIMIT ?5");

/// The unpaid sessions with personal data.
pub(super) const PERSONAL: &str = "SELECT id, body, schema FROM sessions
    WHERE tenant = ?1 AND mode = ?2 AND unpaid_end < ?3 AND unpaid_end >= ?4 AND created >= ?4 AND personal = 1
      AND id NOT IN (SELECT value FROM json_each(?6))
    ORDER BY unpaid_end LIMIT ?5";

/// The sessions that can still be paid.
pub(super) const OPEN: &str = "SELECT id, body, schema FROM sessions
    WHERE tenant = ?1 AND mode = ?2 AND unpaid_end IS NOT NULL AND state IN ('open', 'ready') AND created >= ?3
      AND id NOT IN (SELECT value FROM json_each(?5))
    ORDER BY unpaid_end LIMIT ?4";

/// Empties order events.
pub(super) const CONTENTS: &str = "UPDATE outbox SET payload = '' WHERE rowid IN (
    SELECT rowid FROM outbox WHERE payload <> '' AND state = ?1 AND coalesce(last_try, created) < ?2
     ORDER BY coalesce(last_try, created) LIMIT ?3)";

/// Deletes Stripe's events. A waiting one may be about an unknown payment: it remains until it is processed.
pub(super) const STRIPE_EVENTS: &str = "DELETE FROM stripe_events WHERE rowid IN (
    SELECT rowid FROM stripe_events WHERE received < ?1 AND state <> 'waiting' ORDER BY received LIMIT ?2)";

type Done<T> = Result<T, Failure<StoreError>>;

/// Removes data; returns how many rows, and which were unreadable.
pub(super) async fn remove(connection: &mut SqliteConnection, removal: &Removal) -> Done<Swept> {
    match removal {
        Removal::Sessions(tenant, which) => sessions(connection, tenant, *which).await,
        Removal::People(tenant, which, passed) => people(connection, tenant, (*which, passed)).await,
        Removal::Time(tenant, which, passed) => time(connection, tenant, (*which, passed)).await,
        Removal::Contents(state, before, limit) => {
            let emptied = sqlx::query(CONTENTS)
                .bind(state.into_str())
                .bind(before.as_millis())
                .bind(limit)
                .execute(connection)
                .await?;
            Ok(count(emptied.rows_affected()))
        }
        Removal::StripeEvents(before, limit) => {
            let forgotten =
                sqlx::query(STRIPE_EVENTS).bind(before.as_millis()).bind(limit).execute(connection).await?;
            Ok(count(forgotten.rows_affected()))
        }
    }
}

fn count(rows: u64) -> Swept {
    Swept { changed: u32::try_from(rows).unwrap_or(u32::MAX), unreadable: Vec::new() }
}

/// Removes unpaid sessions; the hashes of their tokens remain.
async fn sessions(connection: &mut SqliteConnection, tenant: &Tenant, which: UnpaidEnded) -> Done<Swept> {
    let ended: Vec<(String, i64)> = sqlx::query_as(ENDED)
        .tenant(tenant)
        .bind(which.before.as_millis())
        .bind(which.since.as_millis())
        .bind(which.limit)
        .bind(which.tried_before.as_millis())
        .fetch_all(&mut *connection)
        .await?;
    let ids: Vec<String> = ended.into_iter().map(|(id, _)| id).collect();
    if ids.is_empty() {
        return Ok(Swept::default());
    }
    let listed = rows::text("the ids of sessions", &ids)?;
    for statement in [
        "INSERT INTO spent_tokens (tenant, mode, spt_hash, session, number, ended)
         SELECT tenant, mode, spt_hash, session, number, ended FROM attempts
         WHERE tenant = ?1 AND mode = ?2 AND session IN (SELECT value FROM json_each(?3)) AND spt_hash IS NOT NULL",
        "DELETE FROM attempts WHERE tenant = ?1 AND mode = ?2 AND session IN (SELECT value FROM json_each(?3))",
        "DELETE FROM timeline WHERE tenant = ?1 AND mode = ?2 AND session IN (SELECT value FROM json_each(?3))",
        "DELETE FROM sessions WHERE tenant = ?1 AND mode = ?2 AND id IN (SELECT value FROM json_each(?3))",
    ] {
        sqlx::query(statement)
            .tenant(tenant)
            .bind(&listed)
            .execute(&mut *connection)
            .await?;
    }
    Ok(count(u64::try_from(ids.len()).unwrap_or(u64::MAX)))
}

/// A session to rewrite.
#[derive(sqlx::FromRow)]
struct Rewritten {
    id: String,
    body: String,
    schema: i64,
}

impl Rewritten {
    fn read(&self, tenant: &Tenant) -> Result<Session, StoreError> {
        let what = format!("session {} of {}", self.id, name(tenant));
        if self.schema > SESSION_SCHEMA {
            return Err(rows::corrupt(&what, "it was written by a newer version of the program"));
        }
        rows::json(&what, &self.body)
    }
}

/// The readable ones among these sessions, and the ids of the others.
fn readable(found: &[Rewritten], tenant: &Tenant) -> (Vec<Session>, Swept) {
    let mut swept = Swept::default();
    let mut sessions = Vec::new();
    for row in found {
        match row.read(tenant) {
            Ok(session) => sessions.push(session),
            Err(_) => swept.unreadable.push(row.id.clone()),
        }
    }
    swept.changed = u32::try_from(sessions.len()).unwrap_or(u32::MAX);
    (sessions, swept)
}

/// Erases the personal data of unpaid sessions.
async fn people(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    (which, passed): (UnpaidEnded, &[String]),
) -> Done<Swept> {
    let found: Vec<Rewritten> = sqlx::query_as(PERSONAL)
        .tenant(tenant)
        .bind(which.before.as_millis())
        .bind(which.since.as_millis())
        .bind(which.limit)
        .bind(rows::text("the ids of sessions", &passed)?)
        .fetch_all(&mut *connection)
        .await?;
    let (sessions, swept) = readable(&found, tenant);
    for mut session in sessions {
        session.erase_personal_data();
        rewrite(connection, tenant, &session).await?;
    }
    Ok(swept)
}

/// Writes a session without its buyer. Work in progress on it then meets another version.
async fn rewrite(connection: &mut SqliteConnection, tenant: &Tenant, session: &Session) -> Done<()> {
    sqlx::query(
        "UPDATE sessions SET version = version + 1, schema = ?4, body = ?5, personal = 0
         WHERE tenant = ?1 AND mode = ?2 AND id = ?3",
    )
    .tenant(tenant)
    .bind(session.id.as_str())
    .bind(SESSION_SCHEMA)
    .bind(rows::text("a session", session)?)
    .execute(connection)
    .await?;
    Ok(())
}

/// Lets open sessions expire early.
async fn time(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    (which, passed): (UnpaidOpen, &[String]),
) -> Done<Swept> {
    let found: Vec<Rewritten> = sqlx::query_as(OPEN)
        .tenant(tenant)
        .bind(which.since.as_millis())
        .bind(which.limit)
        .bind(rows::text("the ids of sessions", &passed)?)
        .fetch_all(&mut *connection)
        .await?;
    let (sessions, swept) = readable(&found, tenant);
    for mut session in sessions {
        session.state = State::Expired;
        session.notice = None;
        session.ended = Some(which.now);
        sqlx::query(
            "UPDATE sessions SET version = version + 1, schema = ?4, state = ?5, due_at = NULL, unpaid_end = ?6, body = ?7
             WHERE tenant = ?1 AND mode = ?2 AND id = ?3",
        )
        .tenant(tenant)
        .bind(session.id.as_str())
        .bind(SESSION_SCHEMA)
        .bind(session.state.into_str())
        .bind(which.now.as_millis())
        .bind(rows::text("a session", &session)?)
        .execute(&mut *connection)
        .await?;
        let entry = TimelineEntry { at: which.now, event: TimelineEvent::expired(&session) };
        note(connection, tenant, &session.id, &entry).await?;
    }
    Ok(swept)
}

/// Adds an entry to a session's timeline.
async fn note(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    session: &SessionId,
    entry: &TimelineEntry,
) -> Done<()> {
    let entry = rows::text("an entry of a timeline", entry)?;
    super::journal::insert_timeline_entry(connection, (tenant, session), &entry).await
}

/// Erases an order's buyer everywhere except in events that are still to be sent.
pub(super) async fn erase_buyer(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    erasure: &Erasure,
) -> Done<Option<bool>> {
    let Some((session, order)) = ordered(connection, tenant, &erasure.id).await? else { return Ok(None) };
    let row: Rewritten =
        sqlx::query_as("SELECT id, body, schema FROM sessions WHERE tenant = ?1 AND mode = ?2 AND id = ?3")
            .tenant(tenant)
            .bind(&session)
            .fetch_one(&mut *connection)
            .await?;
    let mut known = row.read(tenant)?;
    let mut changed = false;
    if known.holds_personal_data() {
        known.erase_personal_data();
        rewrite(connection, tenant, &known).await?;
        changed = true;
    }
    if order.holds_personal_data() {
        sqlx::query(
            "UPDATE orders SET body = ?4, completion = ?5 WHERE tenant = ?1 AND mode = ?2 AND id = ?3",
        )
        .tenant(tenant)
        .bind(erasure.id.as_str())
        .bind(rows::text("an order", &erasure.order)?)
        .bind(erasure.completion.as_str())
        .execute(&mut *connection)
        .await?;
        changed = true;
    }
    let emptied = sqlx::query(
        "UPDATE outbox SET payload = '' WHERE tenant = ?1 AND mode = ?2 AND \"order\" = ?3
            AND state <> 'pending' AND payload <> ''",
    )
    .tenant(tenant)
    .bind(erasure.id.as_str())
    .execute(&mut *connection)
    .await?;
    changed |= emptied.rows_affected() > 0;
    if changed {
        let entry = TimelineEntry { at: erasure.at, event: TimelineEvent::PersonalDataErased };
        note(connection, tenant, &known.id, &entry).await?;
    }
    Ok(Some(changed))
}

/// The session of an order, and the order.
async fn ordered(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    id: &OrderId,
) -> Done<Option<(String, Order)>> {
    let row: Option<(String, String)> =
        sqlx::query_as("SELECT session, body FROM orders WHERE tenant = ?1 AND mode = ?2 AND id = ?3")
            .tenant(tenant)
            .bind(id.as_str())
            .fetch_optional(connection)
            .await?;
    let what = format!("order {id} of {}", name(tenant));
    Ok(row.map(|(session, body)| Ok::<_, StoreError>((session, rows::json(&what, &body)?))).transpose()?)
}

/// How many unpaid sessions each tenant has.
pub(super) async fn unpaid(readers: SqlitePool) -> Result<Vec<Unpaid>, StoreError> {
    let rows: Vec<(String, String, i64, i64)> = sqlx::query_as(
        "SELECT tenant, mode, still_open, ended FROM unpaid_sessions WHERE still_open + ended > 0",
    )
    .fetch_all(&readers)
    .await
    .map_err(failed)?;
    let whole = |number: i64| u64::try_from(number).unwrap_or(0);
    let counted = rows.into_iter().filter_map(|(merchant, mode, open, ended)| {
        // An invalid merchant id belongs to no served merchant; it must not hide the others.
        let tenant = rows::tenant("the unpaid sessions", &merchant, &mode).ok()?;
        Some(Unpaid { tenant, open: whole(open), ended: whole(ended) })
    });
    Ok(counted.collect())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use sqlx::Connection as _;
    use sqlx::migrate::Migrator;

    use super::super::open;
    use super::*;

    static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations/sqlite");

    const DAY: i64 = 24 * 3600 * 1000;
    const NOW: i64 = 20_000 * DAY;

    /// SQLite's plan for a statement.
    async fn plan(readers: &SqlitePool, statement: &str) -> Vec<String> {
        // A plan depends on the text alone; bound values do not matter.
        let statement = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {statement}"));
        let steps: Vec<(i64, i64, i64, String)> = sqlx::query_as(statement).fetch_all(readers).await.unwrap();
        steps.into_iter().map(|(.., step)| step).collect()
    }

    #[tokio::test]
    async fn whatever_goes_away_is_found_by_an_index_in_its_order() {
        let folder = tempfile::tempdir().unwrap();
        let (_opened, readers) = open::open(&folder.path().join("gateway.db")).await.unwrap();
        for (statement, index) in [
            (ENDED, "sessions_unpaid (tenant=? AND mode=? AND tried=? AND unpaid_end>? AND unpaid_end<?)"),
            (PERSONAL, "sessions_unpaid_personal (tenant=? AND mode=? AND unpaid_end>? AND unpaid_end<?)"),
            (OPEN, "sessions_unpaid_open (tenant=? AND mode=?"),
            (CONTENTS, "outbox_contents ("),
            (STRIPE_EVENTS, "stripe_events_received ("),
        ] {
            let steps = plan(&readers, statement).await;
            let ranges = steps.iter().filter(|step| step.contains(&format!("INDEX {index}"))).count();
            assert_eq!(ranges, if statement == ENDED { 2 } else { 1 }, "{index}: {steps:?}");
            let ids = |step: &String| step.contains("json_each");
            let slow = |step: &&String| {
                (step.contains("SCAN") && !ids(step)) || step.contains("TEMP B-TREE FOR ORDER BY")
            };
            assert_eq!(steps.iter().find(slow), None, "{index}: {steps:?}");
        }
    }

    /// This many sessions of one merchant that ended a moment ago, each with `attempts` failed attempts.
    async fn add(database: &mut SqliteConnection, (name, ended): (&str, i64), (count, attempts): (u32, u32)) {
        for insert in [
            "WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?1)
             INSERT INTO sessions (tenant, mode, id, version, schema, state, created, body, unpaid_end, tried)
             SELECT 'a', 'test', ?2 || number, 1, 1, 'expired', ?3 - 1000, '{}', ?3, ?4 > 0 FROM numbers",
            "WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?1)
             INSERT INTO attempts (tenant, mode, session, number, expected, idempotency_key, body, stripe_version, account,
                                   started, repeat_until, ended)
             SELECT 'a', 'test', ?2 || number, 1, '{}', ?2 || number, '', 'v', 'acct_1', ?3, ?3, '{}' FROM numbers
             WHERE ?4 > 0",
        ] {
            let insert = sqlx::query(insert).bind(count).bind(name).bind(ended).bind(attempts);
            insert.execute(&mut *database).await.unwrap();
        }
    }

    async fn migrated() -> SqliteConnection {
        let mut database = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        MIGRATIONS.run(&mut database).await.unwrap();
        database
    }

    /// The sessions that may be removed, and the number of the database's steps for that query.
    async fn steps(database: &mut SqliteConnection, since: i64) -> (Vec<String>, u32) {
        let steps = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&steps);
        database.lock_handle().await.unwrap().set_progress_handler(1, move || {
            counted.fetch_add(1, Ordering::Relaxed);
            true
        });
        let ended = sqlx::query_as(ENDED).bind("a").bind("test").bind(NOW).bind(since).bind(100);
        let ended: Vec<(String, i64)> = ended.bind(NOW - 3 * DAY).fetch_all(&mut *database).await.unwrap();
        database.lock_handle().await.unwrap().remove_progress_handler();
        (ended.into_iter().map(|(id, _)| id).collect(), steps.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn what_may_go_is_found_without_looking_at_what_must_stay() {
        let mut looked = Vec::new();
        for stay in [10, 10_000] {
            let mut database = migrated().await;
            add(&mut database, ("lately", NOW - DAY), (stay, 1)).await;
            add(&mut database, ("tried", NOW - 4 * DAY), (2, 1)).await;
            add(&mut database, ("untried", NOW - 2 * DAY), (2, 0)).await;
            let (ids, all) = steps(&mut database, i64::MIN).await;
            assert_eq!(
                ids,
                ["tried1", "tried2", "untried1", "untried2"],
                "the one that ended first in front"
            );
            let (ids, restored) = steps(&mut database, NOW).await;
            assert_eq!(ids, [""; 0], "they are from before a restore");
            looked.push((all, restored));
        }
        let ((few, few_restored), (many, many_restored)) = (looked[0], looked[1]);
        assert!(many <= few + 50 && many_restored <= few_restored + 50, "steps: {looked:?}");
    }
}
