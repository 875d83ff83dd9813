//! What is read. Every query but [`due`] names its tenant.
//!
//! The functions own what they are given, because they run on the store's runtime after their caller may have
//! gone.

use sqlx::SqlitePool;

use super::rows::{
    self, AttemptRecord, DueRecord, ListedOrderRecord, OrderRecord, RefundRecord, SessionRecord, TokenRecord,
};
use crate::domain::checkout::command::PlacedOrder;
use crate::domain::ids::{AccountId, AttemptNumber, OrderId, RefundNumber, SessionId, SptHash, Tenant};
use crate::domain::time::Timestamp;
use crate::store::{
    AttemptRow, DueSession, ListedOrder, Loaded, OrdersPage, RefundRow, StoreError, TokenUse, WhichOrders,
};

/// A session, its order and a token's use, in one transaction: all of the same moment.
pub(super) async fn load(
    readers: SqlitePool,
    tenant: Tenant,
    id: SessionId,
    token: Option<SptHash>,
) -> Result<Loaded, StoreError> {
    let mut moment = readers.begin().await.map_err(failed)?;
    let session: Option<SessionRecord> = sqlx::query_as(
        "SELECT version, schema, body FROM sessions WHERE tenant = ?1 AND mode = ?2 AND id = ?3",
    )
    .bind(tenant.merchant.as_str())
    .bind(tenant.mode.as_str())
    .bind(id.as_str())
    .fetch_optional(&mut *moment)
    .await
    .map_err(failed)?;
    let order: Option<OrderRecord> = sqlx::query_as(
        "SELECT id, number, body, permalink, completion FROM orders WHERE tenant = ?1 AND mode = ?2 AND session = ?3",
    )
    .bind(tenant.merchant.as_str())
    .bind(tenant.mode.as_str())
    .bind(id.as_str())
    .fetch_optional(&mut *moment)
    .await
    .map_err(failed)?;
    let used: Option<TokenRecord> = match &token {
        Some(token) => sqlx::query_as(
            "SELECT session, number, ended FROM attempts WHERE tenant = ?1 AND mode = ?2 AND spt_hash = ?3",
        )
        .bind(tenant.merchant.as_str())
        .bind(tenant.mode.as_str())
        .bind(token.as_str())
        .fetch_optional(&mut *moment)
        .await
        .map_err(failed)?,
        None => None,
    };
    moment.commit().await.map_err(failed)?;

    let session = session.map(|row| row.read(&tenant, &id)).transpose()?;
    let order: Option<PlacedOrder> = order.map(|row| row.read(&tenant)).transpose()?;
    let token_use: Option<TokenUse> = used.map(|row| row.read(&tenant)).transpose()?;
    Ok(Loaded { session, order, token_use })
}

/// An attempt.
pub(super) async fn attempt(
    readers: SqlitePool,
    tenant: Tenant,
    session: SessionId,
    number: AttemptNumber,
) -> Result<Option<AttemptRow>, StoreError> {
    let row: Option<AttemptRecord> = sqlx::query_as(
        "SELECT session, number, spt_hash, charge, idempotency_key, body, sealed_token, stripe_version, account,
                started, repeat_until, ended
         FROM attempts WHERE tenant = ?1 AND mode = ?2 AND session = ?3 AND number = ?4",
    )
    .bind(tenant.merchant.as_str())
    .bind(tenant.mode.as_str())
    .bind(session.as_str())
    .bind(number.0)
    .fetch_optional(&readers)
    .await
    .map_err(failed)?;
    row.map(|row| row.read(&tenant)).transpose()
}

/// An order.
pub(super) async fn order(
    readers: SqlitePool,
    tenant: Tenant,
    id: OrderId,
) -> Result<Option<PlacedOrder>, StoreError> {
    let row: Option<OrderRecord> = sqlx::query_as(
        "SELECT id, number, body, permalink, completion FROM orders WHERE tenant = ?1 AND mode = ?2 AND id = ?3",
    )
    .bind(tenant.merchant.as_str())
    .bind(tenant.mode.as_str())
    .bind(id.as_str())
    .fetch_optional(&readers)
    .await
    .map_err(failed)?;
    row.map(|row| row.read(&tenant)).transpose()
}

/// Orders, newest first.
pub(super) async fn orders(
    readers: SqlitePool,
    tenant: Tenant,
    which: WhichOrders,
) -> Result<OrdersPage, StoreError> {
    let rows: Vec<ListedOrderRecord> = sqlx::query_as(
        "SELECT o.id, o.number, o.body, o.permalink, o.completion, s.body AS session
         FROM orders AS o JOIN sessions AS s ON s.tenant = o.tenant AND s.mode = o.mode AND s.id = o.session
         WHERE o.tenant = ?1 AND o.mode = ?2 AND (?3 IS NULL OR o.number = ?3) AND (?4 IS NULL OR o.number < ?4)
         ORDER BY o.number DESC LIMIT ?5",
    )
    .bind(tenant.merchant.as_str())
    .bind(tenant.mode.as_str())
    .bind(which.number.map(|number| number.0))
    .bind(which.before.map(|before| before.0))
    .bind(which.looked_at().saturating_add(1))
    .fetch_all(&readers)
    .await
    .map_err(failed)?;
    let listed: Result<Vec<ListedOrder>, StoreError> =
        rows.into_iter().map(|row| row.read(&tenant)).collect();
    Ok(which.page(listed?))
}

/// The request for a refund.
pub(super) async fn refund(
    readers: SqlitePool,
    tenant: Tenant,
    session: SessionId,
    number: RefundNumber,
) -> Result<Option<RefundRow>, StoreError> {
    let row: Option<RefundRecord> = sqlx::query_as(
        "SELECT session, number, amount, currency, idempotency_key, body, stripe_version, account, started, repeat_until
         FROM refunds WHERE tenant = ?1 AND mode = ?2 AND session = ?3 AND number = ?4",
    )
    .bind(tenant.merchant.as_str())
    .bind(tenant.mode.as_str())
    .bind(session.as_str())
    .bind(number.0)
    .fetch_optional(&readers)
    .await
    .map_err(failed)?;
    row.map(|row| row.read(&tenant)).transpose()
}

/// The sessions that are due, of all tenants.
pub(super) async fn due(
    readers: SqlitePool,
    now: Timestamp,
    after: Option<DueSession>,
    limit: u32,
) -> Result<Vec<DueSession>, StoreError> {
    let (since, tenant, mode, id) = after.as_ref().map_or((i64::MIN, "", "", ""), |after| {
        let tenant = &after.tenant;
        (after.due_at.as_millis(), tenant.merchant.as_str(), tenant.mode.as_str(), after.id.as_str())
    });
    let rows: Vec<DueRecord> = sqlx::query_as(
        "SELECT tenant, mode, id, due_at FROM sessions
         WHERE due_at <= ?1 AND (due_at, tenant, mode, id) > (?2, ?3, ?4, ?5)
         ORDER BY due_at, tenant, mode, id LIMIT ?6",
    )
    .bind(now.as_millis())
    .bind(since)
    .bind(tenant)
    .bind(mode)
    .bind(id)
    .bind(limit)
    .fetch_all(&readers)
    .await
    .map_err(failed)?;
    // One tenant's unreadable row must not keep the others' sessions from being woken.
    let readable = rows.into_iter().filter_map(|row| match row.read() {
        Ok(due) => Some(due),
        Err(error) => {
            tracing::error!(%error, "a session that is due is left out");
            None
        }
    });
    Ok(readable.collect())
}

/// A tenant's learned account.
pub(super) async fn account(readers: SqlitePool, tenant: Tenant) -> Result<Option<AccountId>, StoreError> {
    let kept: Option<String> =
        sqlx::query_scalar("SELECT account FROM accounts WHERE tenant = ?1 AND mode = ?2")
            .bind(tenant.merchant.as_str())
            .bind(tenant.mode.as_str())
            .fetch_optional(&readers)
            .await
            .map_err(failed)?;
    kept.map(|kept| rows::id("a learned account", &kept)).transpose()
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err wants")]
pub(super) fn failed(error: sqlx::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}
