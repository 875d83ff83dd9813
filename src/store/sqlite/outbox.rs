//! Order events as SQL: writing them, claiming, recording results, listing.

use sqlx::{SqliteConnection, SqlitePool};

use super::bind::BindTenant as _;
use super::failure::Failure;
use super::reader::failed;
use super::rows;
use crate::domain::ids::{OrderEventId, OrderId, OrderNumber, SessionId, Tenant};
use crate::domain::order_event::{OrderEvent, Sequence};
use crate::domain::time::Timestamp;
use crate::store::outbox::{Claim, DeliveriesQuery, Delivery, DeliveryResult, LONGEST_PAUSE};
use crate::store::{StoreError, name};

/// An event that is not leased and does not wait for another one of its order: no earlier pending one, and none that
/// is leased. `?1` is the present moment, `?2` the furthest moment of any pause.
macro_rules! free {
    () => {
        "event.state = 'pending'
         AND NOT EXISTS (SELECT 1 FROM outbox AS other
                         WHERE other.tenant = event.tenant AND other.mode = event.mode
                           AND other.\"order\" = event.\"order\" AND other.state = 'pending'
                           AND (other.sequence < event.sequence
                                OR (other.leased_until > ?1 AND other.leased_until <= ?2)))"
    };
}

/// The tenants with something to claim: from one tenant's first pending event the index leads to the next tenant's,
/// so that the waiting events of one tenant cost the others nothing.
const DUE_TENANTS: &str = concat!(
    "WITH RECURSIVE first (row) AS (
         SELECT (SELECT rowid FROM outbox WHERE state = 'pending' ORDER BY tenant, mode LIMIT 1)
         UNION ALL
         SELECT coalesce(
                    (SELECT next.rowid FROM outbox AS next
                      WHERE next.state = 'pending' AND next.tenant = known.tenant AND next.mode > known.mode
                      ORDER BY next.mode LIMIT 1),
                    (SELECT next.rowid FROM outbox AS next
                      WHERE next.state = 'pending' AND next.tenant > known.tenant
                      ORDER BY next.tenant, next.mode LIMIT 1))
           FROM first CROSS JOIN outbox AS known ON known.rowid = first.row
     )
     SELECT one.tenant, one.mode FROM first CROSS JOIN outbox AS one ON one.rowid = first.row
      WHERE EXISTS (SELECT 1 FROM outbox AS event WHERE event.tenant = one.tenant AND event.mode = one.mode
                       AND event.next_try <= ?1 AND ",
    free!(),
    ") OR EXISTS (SELECT 1 FROM outbox AS event WHERE event.tenant = one.tenant AND event.mode = one.mode
                     AND event.next_try > ?2 AND ",
    free!(),
    ")"
);

/// A tenant's events to claim, the longest due first.
const DUE: &str = concat!(
    "SELECT id FROM outbox AS event WHERE tenant = ?3 AND mode = ?4 AND next_try <= ?1 AND ",
    free!(),
    " ORDER BY next_try LIMIT ?5",
);

/// Events that were put off by a clock that was set back since.
const DUE_BY_NO_CLOCK: &str = concat!(
    "SELECT id FROM outbox AS event WHERE tenant = ?3 AND mode = ?4 AND next_try > ?2 AND ",
    free!(),
    " ORDER BY next_try LIMIT ?5",
);

/// The columns of an [`EventRecord`].
macro_rules! columns {
    () => {
        "id, \"order\", sequence, kind, payload, created, state, next_try, leased_until, tries, first_try,
         last_try, last_status, last_error"
    };
}

/// Writes the events of a commit, which must belong to its session.
pub(super) async fn insert_order_events<E: From<StoreError>>(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    session: &SessionId,
    events: &[OrderEvent],
) -> Result<(), Failure<E>> {
    for event in events {
        if session_of(connection, tenant, &event.order).await?.as_deref() != Some(session.as_str()) {
            return Err(refused(tenant, event, "the session has no such order").into());
        }
    }
    append(connection, tenant, events).await?;
    Ok(())
}

/// Adds events to existing orders.
pub(super) async fn add(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    events: &[OrderEvent],
) -> Result<Vec<Sequence>, Failure<StoreError>> {
    for event in events {
        if session_of(connection, tenant, &event.order).await?.is_none() {
            return Err(refused(tenant, event, "there is no such order").into());
        }
    }
    append(connection, tenant, events).await
}

async fn session_of(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    order: &OrderId,
) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar("SELECT session FROM orders WHERE tenant = ?1 AND mode = ?2 AND id = ?3")
        .tenant(tenant)
        .bind(order.as_str())
        .fetch_optional(connection)
        .await
}

async fn append<E: From<StoreError>>(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    events: &[OrderEvent],
) -> Result<Vec<Sequence>, Failure<E>> {
    let mut numbers = Vec::with_capacity(events.len());
    for event in events {
        // There is one writer: no other event of the order comes between this query and the row.
        let last: Option<u32> = sqlx::query_scalar(
            "SELECT max(sequence) FROM outbox WHERE tenant = ?1 AND mode = ?2 AND \"order\" = ?3",
        )
        .tenant(tenant)
        .bind(event.order.as_str())
        .fetch_one(&mut *connection)
        .await?;
        let sequence = last.map_or(Sequence::FIRST, |last| Sequence(last).next());
        let number: u32 =
            sqlx::query_scalar("SELECT number FROM orders WHERE tenant = ?1 AND mode = ?2 AND id = ?3")
                .tenant(tenant)
                .bind(event.order.as_str())
                .fetch_one(&mut *connection)
                .await?;
        let row = Delivery::new(tenant, event, (OrderNumber(number), sequence));
        sqlx::query(
            "INSERT INTO outbox (tenant, mode, id, \"order\", sequence, kind, payload, created, state, next_try,
                                 tries, last_error)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,
                     CASE WHEN ?9 = 'pending' THEN coalesce(
                         (SELECT max(next_try) FROM outbox
                           WHERE tenant = ?1 AND mode = ?2 AND \"order\" = ?4 AND state = 'pending'), ?10) END,
                     0, ?11)",
        )
        .tenant(tenant)
        .bind(row.id.as_str())
        .bind(row.order.as_str())
        .bind(sequence.0)
        .bind(row.kind.into_str())
        .bind(row.payload.as_str())
        .bind(row.created.as_millis())
        .bind(row.state.into_str())
        .bind(row.next_try.map(Timestamp::as_millis))
        .bind(row.last_error.as_deref())
        .execute(&mut *connection)
        .await?;
        numbers.push(sequence);
    }
    Ok(numbers)
}

/// Leases due events.
pub(super) async fn claim(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    claim: Claim,
) -> Result<Vec<Delivery>, Failure<StoreError>> {
    let mut ids: Vec<String> = Vec::new();
    for query in [DUE, DUE_BY_NO_CLOCK] {
        let left = i64::from(claim.limit).saturating_sub(i64::try_from(ids.len()).unwrap_or(i64::MAX));
        let found = sqlx::query_scalar(query)
            .bind(claim.now.as_millis())
            .bind((claim.now + LONGEST_PAUSE).as_millis())
            .tenant(tenant)
            .bind(left)
            .fetch_all(&mut *connection);
        ids.extend(found.await?);
    }
    let mut claimed = Vec::with_capacity(ids.len());
    for id in ids {
        let row: EventRecord = sqlx::query_as(concat!(
            "UPDATE outbox SET leased_until = ?4, tries = tries + 1, first_try = min(coalesce(first_try, ?5), ?5),
                               last_try = ?5
             WHERE tenant = ?1 AND mode = ?2 AND id = ?3 RETURNING ",
            columns!(),
        ))
        .tenant(tenant)
        .bind(id)
        .bind(claim.until.as_millis())
        .bind(claim.now.as_millis())
        .fetch_one(&mut *connection)
        .await?;
        claimed.push(row.read(tenant)?);
    }
    Ok(claimed)
}

/// Records the result of a try, if its lease still holds.
pub(super) async fn record_result(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    id: &OrderEventId,
    settlement: &DeliveryResult,
) -> Result<bool, Failure<StoreError>> {
    let (state, next_try) = settlement.outcome.leaves();
    // A row with a lease and no try was retried by hand since it was claimed.
    let row: Option<EventRecord> = sqlx::query_as(concat!(
        "UPDATE outbox SET state = CASE WHEN tries > 0 OR ?9 THEN ?5 ELSE state END,
                           next_try = CASE WHEN tries > 0 OR ?9 THEN ?6 ELSE next_try END,
                           leased_until = NULL, last_status = ?7, last_error = ?8
         WHERE tenant = ?1 AND mode = ?2 AND id = ?3 AND leased_until = ?4 RETURNING ",
        columns!(),
    ))
    .tenant(tenant)
    .bind(id.as_str())
    .bind(settlement.lease.as_millis())
    .bind(state.into_str())
    .bind(next_try.map(Timestamp::as_millis))
    .bind(settlement.status)
    .bind(settlement.error.as_deref())
    .bind(settlement.outcome.is_final())
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return Ok(false) };
    keep_turn(connection, tenant, &row).await?;
    Ok(true)
}

/// Makes an event due, as if it had never been tried.
pub(super) async fn retry(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    id: &OrderEventId,
    now: Timestamp,
) -> Result<Option<Delivery>, Failure<StoreError>> {
    let row: Option<EventRecord> = sqlx::query_as(concat!(
        "UPDATE outbox SET state = 'pending', next_try = ?4, tries = 0, first_try = NULL
         WHERE tenant = ?1 AND mode = ?2 AND id = ?3 AND payload <> '' RETURNING ",
        columns!(),
    ))
    .tenant(tenant)
    .bind(id.as_str())
    .bind(now.as_millis())
    .fetch_optional(&mut *connection)
    .await?;
    let Some(row) = row else { return as_it_stands(connection, tenant, id).await };
    keep_turn(connection, tenant, &row).await?;
    Ok(Some(row.read(tenant)?))
}

/// An event that cannot be sent again, because its content was removed.
async fn as_it_stands(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    id: &OrderEventId,
) -> Result<Option<Delivery>, Failure<StoreError>> {
    let row: Option<EventRecord> = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM outbox WHERE tenant = ?1 AND mode = ?2 AND id = ?3",
    ))
    .tenant(tenant)
    .bind(id.as_str())
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| row.read(tenant)).transpose()?)
}

/// Events that wait for another of their order are due when it is; once it is no longer pending, the next one is due
/// now.
async fn keep_turn(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    changed: &EventRecord,
) -> Result<(), sqlx::Error> {
    let (query, at) = match changed.next_try {
        Some(at) => (
            "UPDATE outbox SET next_try = ?5
              WHERE tenant = ?1 AND mode = ?2 AND \"order\" = ?3 AND state = 'pending' AND sequence > ?4",
            Some(at),
        ),
        None => (
            "UPDATE outbox SET next_try = min(next_try, coalesce(?5, next_try))
              WHERE tenant = ?1 AND mode = ?2 AND \"order\" = ?3 AND state = 'pending' AND sequence > ?4
                AND sequence = (SELECT min(sequence) FROM outbox
                                 WHERE tenant = ?1 AND mode = ?2 AND \"order\" = ?3 AND state = 'pending')",
            changed.last_try,
        ),
    };
    sqlx::query(query)
        .tenant(tenant)
        .bind(&changed.order)
        .bind(changed.sequence)
        .bind(at)
        .execute(connection)
        .await?;
    Ok(())
}

/// The tenants with something to claim.
pub(super) async fn due_tenants(readers: SqlitePool, now: Timestamp) -> Result<Vec<Tenant>, StoreError> {
    let rows: Vec<(String, String)> = sqlx::query_as(DUE_TENANTS)
        .bind(now.as_millis())
        .bind((now + LONGEST_PAUSE).as_millis())
        .fetch_all(&readers)
        .await
        .map_err(failed)?;
    // One tenant's unreadable row must not keep the others' events from being sent.
    let readable = rows.into_iter().filter_map(|(merchant, mode)| {
        match rows::tenant("the order events", &merchant, &mode) {
            Ok(tenant) => Some(tenant),
            Err(error) => {
                tracing::error!(cause = %error, "order_events_tenant_unreadable");
                None
            }
        }
    });
    Ok(readable.collect())
}

/// A tenant's events, newest first.
pub(super) async fn list(
    readers: SqlitePool,
    tenant: Tenant,
    which: DeliveriesQuery,
) -> Result<Vec<Delivery>, StoreError> {
    let rows: Vec<EventRecord> = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM outbox WHERE tenant = ?1 AND mode = ?2
            AND (?3 IS NULL OR state = ?3) AND (?4 IS NULL OR \"order\" = ?4)
            AND (?5 IS NULL OR (created, id) < (SELECT created, id FROM outbox
                                                WHERE tenant = ?1 AND mode = ?2 AND id = ?5))
          ORDER BY created DESC, id DESC LIMIT ?6",
    ))
    .tenant(&tenant)
    .bind(which.state.map(|state| state.into_str()))
    .bind(which.order.as_ref().map(OrderId::as_str))
    .bind(which.after.as_ref().map(OrderEventId::as_str))
    .bind(which.limit)
    .fetch_all(&readers)
    .await
    .map_err(failed)?;
    rows.into_iter().map(|row| row.read(&tenant)).collect()
}

/// One event.
pub(super) async fn one(
    readers: SqlitePool,
    tenant: Tenant,
    id: OrderEventId,
) -> Result<Option<Delivery>, StoreError> {
    let row: Option<EventRecord> = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM outbox WHERE tenant = ?1 AND mode = ?2 AND id = ?3",
    ))
    .tenant(&tenant)
    .bind(id.as_str())
    .fetch_optional(&readers)
    .await
    .map_err(failed)?;
    row.map(|row| row.read(&tenant)).transpose()
}

/// A row of `outbox`.
#[derive(sqlx::FromRow)]
struct EventRecord {
    id: String,
    order: String,
    sequence: u32,
    kind: String,
    payload: String,
    created: i64,
    state: String,
    next_try: Option<i64>,
    leased_until: Option<i64>,
    tries: u32,
    first_try: Option<i64>,
    last_try: Option<i64>,
    last_status: Option<u16>,
    last_error: Option<String>,
}

impl EventRecord {
    fn read(self, tenant: &Tenant) -> Result<Delivery, StoreError> {
        let what = format!("order event {} of {}", self.id, name(tenant));
        let moment = |millis: Option<i64>| millis.map(Timestamp::from_millis);
        Ok(Delivery {
            id: rows::id(&what, &self.id)?,
            order: rows::id(&what, &self.order)?,
            sequence: Sequence(self.sequence),
            kind: rows::named(&what, "kind", &self.kind)?,
            payload: self.payload,
            created: Timestamp::from_millis(self.created),
            state: rows::named(&what, "state", &self.state)?,
            next_try: moment(self.next_try),
            leased_until: moment(self.leased_until),
            tries: self.tries,
            first_try: moment(self.first_try),
            last_try: moment(self.last_try),
            last_status: self.last_status,
            last_error: self.last_error,
        })
    }
}

fn refused(tenant: &Tenant, event: &OrderEvent, why: &str) -> StoreError {
    rows::corrupt(&format!("order event {} of {}", event.id, name(tenant)), why)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use sqlx::{Connection as _, Row as _};

    use super::*;

    const NOW: i64 = 1_790_000_000_000;

    /// A database in memory with three merchants that have this many orders each, with two waiting events per order,
    /// the first of which has failed and is put off; a fourth merchant has one event that is due.
    async fn crowded(orders: u32) -> SqliteConnection {
        let mut database = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        sqlx::migrate!("src/store/migrations/sqlite").run(&mut database).await.unwrap();
        sqlx::query("PRAGMA foreign_keys = OFF").execute(&mut database).await.unwrap();
        let insert = "WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?1)
             INSERT INTO outbox (tenant, mode, id, \"order\", sequence, kind, payload, created, state, next_try, tries)
             SELECT ?2, 'test', 'oev_' || ?2 || number || '-' || ?3, 'ord_' || number, ?3, 'order.created', '{}', 0, 'pending',
                    ?4, 0 FROM numbers";
        for merchant in ["a", "b", "c"] {
            for sequence in [1, 2] {
                let row = sqlx::query(insert).bind(orders).bind(merchant).bind(sequence).bind(NOW + 60_000);
                row.execute(&mut database).await.unwrap();
            }
        }
        sqlx::query(insert).bind(1).bind("d").bind(1).bind(NOW).execute(&mut database).await.unwrap();
        database
    }

    /// The number of the database's steps until it has named the tenants with due events.
    async fn steps(database: &mut SqliteConnection) -> u32 {
        let steps = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&steps);
        let mut handle = database.lock_handle().await.unwrap();
        handle.set_progress_handler(1, move || {
            counted.fetch_add(1, Ordering::Relaxed);
            true
        });
        drop(handle);
        let due = sqlx::query(DUE_TENANTS).bind(NOW).bind(NOW + LONGEST_PAUSE.as_millis());
        let due = due.fetch_all(&mut *database).await.unwrap();
        database.lock_handle().await.unwrap().remove_progress_handler();
        assert_eq!(due.iter().map(|row| row.get::<String, _>(0)).collect::<Vec<_>>(), ["d"]);
        steps.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn who_has_something_due_is_found_without_looking_at_what_waits() {
        let few = steps(&mut crowded(1).await).await;
        let many = steps(&mut crowded(5_000).await).await;
        assert!(many <= few + 50, "{few} steps with a few events, {many} with thirty thousand");
    }

    #[tokio::test]
    async fn claims_go_through_the_index_and_sort_nothing() {
        let mut database = crowded(1).await;
        for query in [DUE_TENANTS, DUE, DUE_BY_NO_CLOCK] {
            let plan = sqlx::query(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {query}")));
            let plan = plan.fetch_all(&mut database).await.unwrap();
            let plan: Vec<String> = plan.iter().map(|row| row.get("detail")).collect();
            // The query begins at the very first row of the index.
            let first = "SCAN outbox USING COVERING INDEX outbox_due";
            let scans = |line: &str| line.contains("SCAN") && line.contains("outbox") && line != first;
            let careless = plan.iter().any(|line| line.contains("B-TREE") || scans(line));
            assert!(!careless, "{plan:#?}");
            let by_moment = "SEARCH event USING INDEX outbox_due (tenant=? AND mode=? AND next_try";
            assert!(plan.iter().any(|line| line.contains(by_moment)), "{plan:#?}");
        }
    }
}
