//! Stripe's events as SQL: storing them, the waiting ones, the session of each.

use sqlx::{SqliteConnection, SqlitePool};

use super::bind::BindTenant as _;
use super::failure::Failure;
use super::reader::failed;
use super::rows;
use crate::domain::ids::{PaymentIntentId, SessionId, StripeEventId, StripeObjectId, Tenant};
use crate::domain::stripe_event::StripeEvent;
use crate::domain::time::Timestamp;
use crate::store::inbox::{EventState, KeptEvent, WaitingEvent};
use crate::store::{StoreError, name};

/// The columns of an [`EventRecord`].
macro_rules! columns {
    () => {
        "tenant, mode, id, kind, object, session, payment_intent, received, state"
    };
}

/// Stores an event, unless it is stored already.
pub(super) async fn keep(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    KeptEvent { event, state }: &KeptEvent,
) -> Result<bool, Failure<StoreError>> {
    let written = sqlx::query(concat!(
        "INSERT INTO stripe_events (",
        columns!(),
        ") VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT (tenant, mode, id) DO NOTHING",
    ))
    .tenant(tenant)
    .bind(event.id.as_str())
    .bind(event.kind.as_str())
    .bind(event.object.as_ref().map(StripeObjectId::as_str))
    .bind(event.session.as_ref().map(SessionId::as_str))
    .bind(event.intent.as_ref().map(PaymentIntentId::as_str))
    .bind(event.received.as_millis())
    .bind(state.into_str())
    .execute(connection)
    .await?;
    Ok(written.rows_affected() > 0)
}

/// Records the progress of an event.
pub(super) async fn followed(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    id: &StripeEventId,
    state: EventState,
) -> Result<(), Failure<StoreError>> {
    sqlx::query("UPDATE stripe_events SET state = ?4 WHERE tenant = ?1 AND mode = ?2 AND id = ?3")
        .tenant(tenant)
        .bind(id.as_str())
        .bind(state.into_str())
        .execute(connection)
        .await?;
    Ok(())
}

/// The waiting events of all tenants: fewer than the limit only if there are no more.
pub(super) async fn waiting(
    readers: SqlitePool,
    until: Timestamp,
    after: Option<WaitingEvent>,
    limit: u32,
) -> Result<Vec<WaitingEvent>, StoreError> {
    let mut behind = after.map_or((i64::MIN, String::new(), String::new(), String::new()), |after| {
        let WaitingEvent { tenant: Tenant { merchant, mode }, event } = after;
        let (merchant, mode) = (merchant.as_str().to_owned(), mode.into_str().to_owned());
        (event.received.as_millis(), merchant, mode, event.id.as_str().to_owned())
    });
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut waiting = Vec::new();
    while waiting.len() < limit {
        let wanted = limit - waiting.len();
        let page: Vec<EventRecord> = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM stripe_events WHERE state = 'waiting' AND received <= ?1
                AND (received, tenant, mode, id) > (?2, ?3, ?4, ?5)
              ORDER BY received, tenant, mode, id LIMIT ?6",
        ))
        .bind(until.as_millis())
        .bind(behind.0)
        .bind(&behind.1)
        .bind(&behind.2)
        .bind(&behind.3)
        .bind(i64::try_from(wanted).unwrap_or(i64::MAX))
        .fetch_all(&readers)
        .await
        .map_err(failed)?;
        let was_last = page.len() < wanted;
        if let Some(last) = page.last() {
            behind = (last.received, last.tenant.clone(), last.mode.clone(), last.id.clone());
        }
        // One tenant's unreadable row must not keep the others' events from being processed.
        waiting.extend(page.into_iter().filter_map(|row| match row.read() {
            Ok((tenant, kept)) => Some(WaitingEvent { tenant, event: kept.event }),
            Err(error) => {
                tracing::error!(cause = %error, "stripe_event_unreadable");
                None
            }
        }));
        if was_last {
            break;
        }
    }
    Ok(waiting)
}

/// The session that an event names, else that of its payment's order or flag.
pub(super) async fn session_of(
    readers: SqlitePool,
    tenant: Tenant,
    event: StripeEvent,
) -> Result<Option<SessionId>, StoreError> {
    let found: Option<String> = sqlx::query_scalar(
        "SELECT session FROM (
             SELECT 1 AS rank, id AS session FROM sessions WHERE tenant = ?1 AND mode = ?2 AND id = ?3
             UNION ALL
             SELECT 2, session FROM orders WHERE tenant = ?1 AND mode = ?2 AND payment_intent = ?4
             UNION ALL
             SELECT 3, session FROM flags WHERE tenant = ?1 AND mode = ?2 AND payment_intent = ?4
         ) ORDER BY rank LIMIT 1",
    )
    .tenant(&tenant)
    .bind(event.session.as_ref().map(SessionId::as_str))
    .bind(event.intent.as_ref().map(PaymentIntentId::as_str))
    .fetch_optional(&readers)
    .await
    .map_err(failed)?;
    let what = format!("the session of event {} of {}", event.id, name(&tenant));
    found.map(|found| rows::id(&what, &found)).transpose()
}

/// A tenant's events, the latest first.
pub(super) async fn list(
    readers: SqlitePool,
    tenant: Tenant,
    limit: u32,
) -> Result<Vec<KeptEvent>, StoreError> {
    let rows: Vec<EventRecord> = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM stripe_events WHERE tenant = ?1 AND mode = ?2 ORDER BY received DESC, id DESC LIMIT ?3",
    ))
    .tenant(&tenant)
    .bind(limit)
    .fetch_all(&readers)
    .await
    .map_err(failed)?;
    rows.into_iter().map(|row| Ok(row.read()?.1)).collect()
}

/// A row of `stripe_events`.
#[derive(sqlx::FromRow)]
struct EventRecord {
    tenant: String,
    mode: String,
    id: String,
    kind: String,
    object: Option<String>,
    session: Option<String>,
    payment_intent: Option<String>,
    received: i64,
    state: String,
}

impl EventRecord {
    fn read(self) -> Result<(Tenant, KeptEvent), StoreError> {
        let tenant = rows::tenant("the Stripe events", &self.tenant, &self.mode)?;
        let what = format!("event {} of {}", self.id, name(&tenant));
        let state = rows::named(&what, "state", &self.state)?;
        let event = StripeEvent {
            id: rows::id(&what, &self.id)?,
            kind: rows::id(&what, &self.kind)?,
            object: self.object.map(|id| rows::id(&what, &id)).transpose()?,
            session: self.session.map(|id| rows::id(&what, &id)).transpose()?,
            intent: self.payment_intent.map(|id| rows::id(&what, &id)).transpose()?,
            received: Timestamp::from_millis(self.received),
        };
        Ok((tenant, KeptEvent { event, state }))
    }
}
