//! Queries. Each names its tenant.
//!
//! The functions own their arguments, because they run on the store's runtime after their caller may have gone.

use sqlx::SqlitePool;

use super::bind::BindTenant as _;
use super::rows::{
    self, AttemptRecord, ListedOrderRecord, OrderRecord, RefundRecord, SessionRecord, TokenRecord,
};
use crate::domain::checkout::model::PlacedOrder;
use crate::domain::ids::{AttemptNumber, OrderId, RefundNumber, SessionId, SptHash, Tenant};
use crate::store::{
    AttemptRow, KeptAccount, ListedOrder, Loaded, OrdersPage, OrdersQuery, RefundRow, StoreError, TokenUse,
    VerifiedKey,
};

/// A session, its order and a token's use, in one transaction, so all from the same moment.
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
    .tenant(&tenant)
    .bind(id.as_str())
    .fetch_optional(&mut *moment)
    .await
    .map_err(failed)?;
    let order: Option<OrderRecord> = sqlx::query_as(
        "SELECT id, number, body, permalink, completion FROM orders WHERE tenant = ?1 AND mode = ?2 AND session = ?3",
    )
    .tenant(&tenant)
    .bind(id.as_str())
    .fetch_optional(&mut *moment)
    .await
    .map_err(failed)?;
    let used: Option<TokenRecord> = match &token {
        Some(token) => sqlx::query_as(
            "SELECT session, number, ended FROM attempts WHERE tenant = ?1 AND mode = ?2 AND spt_hash = ?3
             UNION ALL
             SELECT session, number, ended FROM spent_tokens WHERE tenant = ?1 AND mode = ?2 AND spt_hash = ?3",
        )
        .tenant(&tenant)
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

pub(super) async fn attempt(
    readers: SqlitePool,
    tenant: Tenant,
    session: SessionId,
    number: AttemptNumber,
) -> Result<Option<AttemptRow>, StoreError> {
    let row: Option<AttemptRecord> = sqlx::query_as(
        "SELECT session, number, spt_hash, expected, idempotency_key, body, sealed_token, stripe_version, account,
                started, repeat_until, ended
         FROM attempts WHERE tenant = ?1 AND mode = ?2 AND session = ?3 AND number = ?4",
    )
    .tenant(&tenant)
    .bind(session.as_str())
    .bind(number.0)
    .fetch_optional(&readers)
    .await
    .map_err(failed)?;
    row.map(|row| row.read(&tenant)).transpose()
}

pub(super) async fn order(
    readers: SqlitePool,
    tenant: Tenant,
    id: OrderId,
) -> Result<Option<PlacedOrder>, StoreError> {
    let row: Option<OrderRecord> = sqlx::query_as(
        "SELECT id, number, body, permalink, completion FROM orders WHERE tenant = ?1 AND mode = ?2 AND id = ?3",
    )
    .tenant(&tenant)
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
    which: OrdersQuery,
) -> Result<OrdersPage, StoreError> {
    let rows: Vec<ListedOrderRecord> = sqlx::query_as(
        "SELECT o.id, o.number, o.body, o.permalink, o.completion, s.body AS session
         FROM orders AS o JOIN sessions AS s ON s.tenant = o.tenant AND s.mode = o.mode AND s.id = o.session
         WHERE o.tenant = ?1 AND o.mode = ?2 AND (?3 IS NULL OR o.number = ?3) AND (?4 IS NULL OR o.number < ?4)
         ORDER BY o.number DESC LIMIT ?5",
    )
    .tenant(&tenant)
    .bind(which.number.map(|number| number.0))
    .bind(which.before.map(|before| before.0))
    .bind(which.most_read().saturating_add(1))
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
    .tenant(&tenant)
    .bind(session.as_str())
    .bind(number.0)
    .fetch_optional(&readers)
    .await
    .map_err(failed)?;
    row.map(|row| row.read(&tenant)).transpose()
}

/// A tenant's verified account.
pub(super) async fn account(readers: SqlitePool, tenant: Tenant) -> Result<Option<KeptAccount>, StoreError> {
    let kept: Option<(String, Option<String>, bool)> = sqlx::query_as(
        "SELECT account, key_fingerprint, verified_by_stripe FROM accounts WHERE tenant = ?1 AND mode = ?2",
    )
    .tenant(&tenant)
    .fetch_optional(&readers)
    .await
    .map_err(failed)?;
    let Some((account, fingerprint, verified_by_stripe)) = kept else { return Ok(None) };
    let key = fingerprint.map(|fingerprint| VerifiedKey { fingerprint, verified_by_stripe });
    Ok(Some(KeptAccount { account: rows::id("a learned account", &account)?, key }))
}

#[expect(clippy::needless_pass_by_value, reason = "the form that map_err wants")]
pub(super) fn failed(error: sqlx::Error) -> StoreError {
    StoreError::Unavailable(error.to_string())
}
