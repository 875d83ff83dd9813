//! Order events as SQL: writing them, claiming, settling, listing.

use sqlx::{SqliteConnection, SqlitePool};

use super::apply::Failure;
use super::reader::failed;
use super::rows;
use crate::domain::ids::{OrderEventId, OrderId, OrderNumber, SessionId, Tenant};
use crate::domain::order_event::{EventKind, OrderEvent, Sequence};
use crate::domain::time::Timestamp;
use crate::store::outbox::{Claim, Delivery, DeliveryState, Settlement, Which};
use crate::store::{StoreError, name};

/// An event that can be claimed: pending, due, leased to nobody, and none before it in its order is pending.
macro_rules! due {
    () => {
        "event.state = 'pending' AND event.next_try <= ?1
         AND (event.leased_until IS NULL OR event.leased_until <= ?1)
         AND NOT EXISTS (SELECT 1 FROM outbox AS earlier
                         WHERE earlier.tenant = event.tenant AND earlier.mode = event.mode
                           AND earlier.\"order\" = event.\"order\" AND earlier.state = 'pending'
                           AND earlier.sequence < event.sequence)"
    };
}

/// The columns of an [`EventRecord`].
macro_rules! columns {
    () => {
        "id, \"order\", sequence, kind, payload, created, state, next_try, leased_until, tries, first_try,
         last_try, last_status, last_error"
    };
}

/// Writes the events of a commit, whose session's they must be.
pub(super) async fn tell<E: From<StoreError>>(
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

/// Adds events to orders that are there.
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
        .bind(tenant.merchant.as_str())
        .bind(tenant.mode.as_str())
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
        // There is one writer: no other event of the order comes between this look and the row.
        let last: Option<u32> = sqlx::query_scalar(
            "SELECT max(sequence) FROM outbox WHERE tenant = ?1 AND mode = ?2 AND \"order\" = ?3",
        )
        .bind(tenant.merchant.as_str())
        .bind(tenant.mode.as_str())
        .bind(event.order.as_str())
        .fetch_one(&mut *connection)
        .await?;
        let sequence = last.map_or(Sequence::FIRST, |last| Sequence(last).next());
        let number: u32 =
            sqlx::query_scalar("SELECT number FROM orders WHERE tenant = ?1 AND mode = ?2 AND id = ?3")
                .bind(tenant.merchant.as_str())
                .bind(tenant.mode.as_str())
                .bind(event.order.as_str())
                .fetch_one(&mut *connection)
                .await?;
        let row = Delivery::new(tenant, event, (OrderNumber(number), sequence));
        sqlx::query(
            "INSERT INTO outbox (tenant, mode, id, \"order\", sequence, kind, payload, created, state, next_try,
                                 tries, last_error)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, ?11)",
        )
        .bind(tenant.merchant.as_str())
        .bind(tenant.mode.as_str())
        .bind(row.id.as_str())
        .bind(row.order.as_str())
        .bind(sequence.0)
        .bind(row.kind.as_str())
        .bind(row.payload.as_str())
        .bind(row.created.as_millis())
        .bind(row.state.as_str())
        .bind(row.next_try.map(Timestamp::as_millis))
        .bind(row.last_error.as_deref())
        .execute(&mut *connection)
        .await?;
        numbers.push(sequence);
    }
    Ok(numbers)
}

/// Leases what is due.
pub(super) async fn claim(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    claim: Claim,
) -> Result<Vec<Delivery>, Failure<StoreError>> {
    let ids: Vec<String> = sqlx::query_scalar(concat!(
        "SELECT id FROM outbox AS event WHERE tenant = ?2 AND mode = ?3 AND ",
        due!(),
        " ORDER BY next_try, id LIMIT ?4",
    ))
    .bind(claim.now.as_millis())
    .bind(tenant.merchant.as_str())
    .bind(tenant.mode.as_str())
    .bind(claim.limit)
    .fetch_all(&mut *connection)
    .await?;
    let mut claimed = Vec::with_capacity(ids.len());
    for id in ids {
        let row: EventRecord = sqlx::query_as(concat!(
            "UPDATE outbox SET leased_until = ?4, tries = tries + 1, first_try = coalesce(first_try, ?5), last_try = ?5
             WHERE tenant = ?1 AND mode = ?2 AND id = ?3 RETURNING ",
            columns!(),
        ))
        .bind(tenant.merchant.as_str())
        .bind(tenant.mode.as_str())
        .bind(id)
        .bind(claim.until.as_millis())
        .bind(claim.now.as_millis())
        .fetch_one(&mut *connection)
        .await?;
        claimed.push(row.read(tenant)?);
    }
    Ok(claimed)
}

/// Records how a try went, where its lease still holds.
pub(super) async fn settle(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    id: &OrderEventId,
    settlement: &Settlement,
) -> Result<bool, Failure<StoreError>> {
    let (state, next_try) = settlement.outcome.leaves();
    let written = sqlx::query(
        "UPDATE outbox SET state = ?5, next_try = ?6, leased_until = NULL, last_status = ?7, last_error = ?8
         WHERE tenant = ?1 AND mode = ?2 AND id = ?3 AND leased_until = ?4",
    )
    .bind(tenant.merchant.as_str())
    .bind(tenant.mode.as_str())
    .bind(id.as_str())
    .bind(settlement.lease.as_millis())
    .bind(state.as_str())
    .bind(next_try.map(Timestamp::as_millis))
    .bind(settlement.status)
    .bind(settlement.error.as_deref())
    .execute(connection)
    .await?;
    Ok(written.rows_affected() > 0)
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
         WHERE tenant = ?1 AND mode = ?2 AND id = ?3 RETURNING ",
        columns!(),
    ))
    .bind(tenant.merchant.as_str())
    .bind(tenant.mode.as_str())
    .bind(id.as_str())
    .bind(now.as_millis())
    .fetch_optional(connection)
    .await?;
    Ok(row.map(|row| row.read(tenant)).transpose()?)
}

/// The tenants that have something to claim.
pub(super) async fn due_tenants(readers: SqlitePool, now: Timestamp) -> Result<Vec<Tenant>, StoreError> {
    let rows: Vec<(String, String)> =
        sqlx::query_as(concat!("SELECT DISTINCT tenant, mode FROM outbox AS event WHERE ", due!()))
            .bind(now.as_millis())
            .fetch_all(&readers)
            .await
            .map_err(failed)?;
    // One tenant's unreadable row must not keep the others' events from being sent.
    let readable = rows.into_iter().filter_map(|(merchant, mode)| match rows::tenant(&merchant, &mode) {
        Ok(tenant) => Some(tenant),
        Err(error) => {
            tracing::error!(%error, "a tenant with order events is left out");
            None
        }
    });
    Ok(readable.collect())
}

/// A tenant's events, newest first.
pub(super) async fn list(
    readers: SqlitePool,
    tenant: Tenant,
    which: Which,
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
    .bind(tenant.merchant.as_str())
    .bind(tenant.mode.as_str())
    .bind(which.state.map(DeliveryState::as_str))
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
    .bind(tenant.merchant.as_str())
    .bind(tenant.mode.as_str())
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
        let unknown = |part: &str| rows::corrupt(&what, &format!("its {part} is not a known one"));
        let kind = EventKind::ALL.into_iter().find(|kind| kind.as_str() == self.kind);
        let state = DeliveryState::ALL.into_iter().find(|state| state.as_str() == self.state);
        let moment = |millis: Option<i64>| millis.map(Timestamp::from_millis);
        Ok(Delivery {
            id: rows::id(&what, &self.id)?,
            order: rows::id(&what, &self.order)?,
            sequence: Sequence(self.sequence),
            kind: kind.ok_or_else(|| unknown("kind"))?,
            payload: self.payload,
            created: Timestamp::from_millis(self.created),
            state: state.ok_or_else(|| unknown("state"))?,
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
