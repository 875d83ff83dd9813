//! The data for operators: flags and timelines, as SQL.

use sqlx::{SqliteConnection, SqlitePool};

use super::bind::BindTenant as _;
use super::failure::Failure;
use super::reader::failed;
use super::rows::{self, FlagRecord};
use crate::domain::checkout::model::{EDITS_KEPT, Flag, NotBegun, TimelineEntry};
use crate::domain::ids::{FlagId, SessionId, Tenant};
use crate::store::{FlagsQuery, KeptFlag, Resolution, StoreError, name};

/// Stores a flag, unless its payment is flagged already; returns whether it is new.
pub(super) async fn insert_flag<E: From<StoreError>>(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    flag: &Flag,
) -> Result<bool, Failure<E>> {
    let written = sqlx::query(
        "INSERT INTO flags (tenant, mode, id, session, payment_intent, reason, seen)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
         WHERE NOT EXISTS (SELECT 1 FROM flags WHERE tenant = ?1 AND mode = ?2 AND payment_intent = ?5)",
    )
    .tenant(tenant)
    .bind(flag.id.as_str())
    .bind(flag.session.as_str())
    .bind(flag.intent.as_str())
    .bind(flag.reason.into_str())
    .bind(flag.seen.as_millis())
    .execute(connection)
    .await?;
    Ok(written.rows_affected() > 0)
}

/// Removes the edits that are neither among a session's first nor among its last.
const FEWER_EDITS: &str =
    "DELETE FROM timeline WHERE tenant = ?1 AND mode = ?2 AND session = ?3 AND number IN (
    SELECT number FROM (
        SELECT number, row_number() OVER (ORDER BY number) AS from_first,
               row_number() OVER (ORDER BY number DESC) AS from_last
          FROM timeline
         WHERE tenant = ?1 AND mode = ?2 AND session = ?3
           AND entry ->> '$.event' = 'state' AND entry ->> '$.state' IN ('open', 'ready'))
     WHERE from_first > ?4 AND from_last > ?4)";

/// Adds an entry to the session's timeline, which endless edits do not grow.
pub(super) async fn insert_timeline_entry<E: From<StoreError>>(
    connection: &mut SqliteConnection,
    (tenant, session): (&Tenant, &SessionId),
    entry: &str,
) -> Result<(), Failure<E>> {
    let number: i64 = sqlx::query_scalar(
        "INSERT INTO timeline (tenant, mode, session, number, entry)
         VALUES (?1, ?2, ?3, (SELECT coalesce(max(number), 0) + 1 FROM timeline
                              WHERE tenant = ?1 AND mode = ?2 AND session = ?3), ?4)
         RETURNING number",
    )
    .tenant(tenant)
    .bind(session.as_str())
    .bind(entry)
    .fetch_one(&mut *connection)
    .await?;
    // Not at every entry, since the statement reads all of them.
    if number > i64::from(2 * EDITS_KEPT) && number % i64::from(EDITS_KEPT) == 0 {
        sqlx::query(FEWER_EDITS)
            .tenant(tenant)
            .bind(session.as_str())
            .bind(EDITS_KEPT)
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// Counts payments that were not begun in the entry of their reason, or adds it; does nothing if there is no such
/// session.
pub(super) async fn not_begun<E: From<StoreError>>(
    connection: &mut SqliteConnection,
    (tenant, session): (&Tenant, &SessionId),
    note: &NotBegun,
) -> Result<(), Failure<E>> {
    let known: Option<(i64, String)> = sqlx::query_as(
        "SELECT number, entry FROM timeline
         WHERE tenant = ?1 AND mode = ?2 AND session = ?3
           AND entry ->> 'event' = 'payment_not_begun' AND entry ->> 'reason' = ?4",
    )
    .tenant(tenant)
    .bind(session.as_str())
    .bind(&note.reason)
    .fetch_optional(&mut *connection)
    .await?;
    let Some((number, entry)) = known else {
        let there: bool = sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM sessions WHERE tenant = ?1 AND mode = ?2 AND id = ?3)",
        )
        .tenant(tenant)
        .bind(session.as_str())
        .fetch_one(&mut *connection)
        .await?;
        let entry = text(&TimelineEntry::not_begun(note.clone()))?;
        return if there {
            insert_timeline_entry(connection, (tenant, session), &entry).await
        } else {
            Ok(())
        };
    };
    let what = format!("the timeline of {session} of {}", name(tenant));
    let mut entry: TimelineEntry =
        rows::json(&what, &entry).map_err(|error| Failure::Refused(error.into()))?;
    if entry.count(note) == Some(true) {
        sqlx::query(
            "UPDATE timeline SET entry = ?5 WHERE tenant = ?1 AND mode = ?2 AND session = ?3 AND number = ?4",
        )
        .tenant(tenant)
        .bind(session.as_str())
        .bind(number)
        .bind(text(&entry)?)
        .execute(connection)
        .await?;
    }
    Ok(())
}

fn text<E: From<StoreError>>(entry: &TimelineEntry) -> Result<String, Failure<E>> {
    rows::text("an entry of a timeline", entry).map_err(|error| Failure::Refused(error.into()))
}

/// Resolves a flag, unless it is resolved already; returns the row afterwards.
pub(super) async fn resolve(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    id: &FlagId,
    resolution: &Resolution,
) -> Result<Option<KeptFlag>, Failure<StoreError>> {
    sqlx::query(
        "UPDATE flags SET resolution = ?4, resolved = ?5
         WHERE tenant = ?1 AND mode = ?2 AND id = ?3 AND resolved IS NULL",
    )
    .tenant(tenant)
    .bind(id.as_str())
    .bind(resolution.text.as_str())
    .bind(resolution.at.as_millis())
    .execute(&mut *connection)
    .await?;
    let row: Option<FlagRecord> = sqlx::query_as(
        "SELECT id, session, payment_intent, reason, seen, resolution, resolved
         FROM flags WHERE tenant = ?1 AND mode = ?2 AND id = ?3",
    )
    .tenant(tenant)
    .bind(id.as_str())
    .fetch_optional(connection)
    .await?;
    row.map(|row| row.read(tenant)).transpose().map_err(Failure::Refused)
}

/// A tenant's flags, oldest first.
pub(super) async fn flags(
    readers: SqlitePool,
    tenant: Tenant,
    which: FlagsQuery,
) -> Result<Vec<KeptFlag>, StoreError> {
    let rows: Vec<FlagRecord> = sqlx::query_as(
        "SELECT id, session, payment_intent, reason, seen, resolution, resolved FROM flags
         WHERE tenant = ?1 AND mode = ?2 AND (NOT ?3 OR resolved IS NULL)
           AND (?4 IS NULL OR (seen, id) > (SELECT seen, id FROM flags
                                            WHERE tenant = ?1 AND mode = ?2 AND id = ?4))
         ORDER BY seen, id LIMIT ?5",
    )
    .tenant(&tenant)
    .bind(which.open)
    .bind(which.after.as_ref().map(FlagId::as_str))
    .bind(which.limit)
    .fetch_all(&readers)
    .await
    .map_err(failed)?;
    rows.into_iter().map(|row| row.read(&tenant)).collect()
}

/// The timeline of a session, in order.
pub(super) async fn timeline(
    readers: SqlitePool,
    tenant: Tenant,
    session: SessionId,
) -> Result<Vec<TimelineEntry>, StoreError> {
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT entry FROM timeline WHERE tenant = ?1 AND mode = ?2 AND session = ?3 ORDER BY number",
    )
    .tenant(&tenant)
    .bind(session.as_str())
    .fetch_all(&readers)
    .await
    .map_err(failed)?;
    let what = format!("the timeline of {session} of {}", name(&tenant));
    rows.iter().map(|entry| rows::json(&what, entry)).collect()
}
