//! Restores of the database: which are reconciled, and the effects of the data that the database lacks.

use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};

use sqlx::{SqliteConnection, SqlitePool};

use super::bind::BindTenant as _;
use super::failure::Failure;
use super::reader::failed;
use super::rows;
use crate::domain::ids::{OrderNumber, PaymentIntentId, SessionId, Tenant};
use crate::domain::time::Timestamp;
use crate::store::{RestoreMarker, StoreError, name};

/// The restores of a database, and the tenants that are reconciled for each: a copy of the database's rows, so that
/// no query is needed.
#[derive(Debug)]
pub(super) struct Restores {
    markers: Vec<RestoreMarker>,
    done: Mutex<HashSet<(String, String, String)>>,
}

impl Restores {
    /// The restores of a database that was just opened.
    pub(super) async fn read(markers: Vec<RestoreMarker>, readers: &SqlitePool) -> Result<Self, sqlx::Error> {
        let done: Vec<(String, String, String)> =
            sqlx::query_as("SELECT tenant, mode, marker FROM reconciliations").fetch_all(readers).await?;
        Ok(Self { markers, done: Mutex::new(done.into_iter().collect()) })
    }

    /// Those that are not reconciled yet for this tenant.
    pub(super) fn open(&self, tenant: &Tenant) -> Vec<RestoreMarker> {
        if self.markers.is_empty() {
            return Vec::new();
        }
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        self.markers.iter().filter(|marker| !done.contains(&key(tenant, &marker.id))).cloned().collect()
    }

    /// When the latest one was made.
    pub(super) fn last(&self) -> Option<Timestamp> {
        self.markers.iter().map(|marker| marker.restored).max()
    }

    /// Marks one as reconciled, once that is durable.
    pub(super) fn close(&self, tenant: &Tenant, marker: &str) {
        self.done.lock().unwrap_or_else(PoisonError::into_inner).insert(key(tenant, marker));
    }
}

fn key(tenant: &Tenant, marker: &str) -> (String, String, String) {
    (tenant.merchant.to_string(), tenant.mode.into_str().to_owned(), marker.to_owned())
}

/// Stores restores that the database does not have yet.
pub(super) async fn add(
    connection: &mut SqliteConnection,
    markers: &[RestoreMarker],
) -> Result<(), sqlx::Error> {
    for RestoreMarker { id, taken, restored } in markers {
        sqlx::query("INSERT INTO restores (id, taken, restored) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")
            .bind(id)
            .bind(taken.as_millis())
            .bind(restored.as_millis())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// Every restore that the database knows, the oldest first.
pub(super) async fn all(connection: &mut SqliteConnection) -> Result<Vec<RestoreMarker>, sqlx::Error> {
    let rows: Vec<(String, i64, i64)> =
        sqlx::query_as("SELECT id, taken, restored FROM restores ORDER BY restored, id")
            .fetch_all(connection)
            .await?;
    let marker = |(id, taken, restored)| RestoreMarker {
        id,
        taken: Timestamp::from_millis(taken),
        restored: Timestamp::from_millis(restored),
    };
    Ok(rows.into_iter().map(marker).collect())
}

/// Stores that a restore is reconciled.
pub(super) async fn reconciled(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    marker: &str,
) -> Result<(), Failure<StoreError>> {
    sqlx::query(
        "INSERT INTO reconciliations (tenant, mode, marker) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    )
    .tenant(tenant)
    .bind(marker)
    .execute(connection)
    .await?;
    Ok(())
}

/// Reserves order numbers that may have been given and that this database does not know, beyond the known and the
/// reserved ones and those for attempts that it has as undecided.
pub(super) async fn numbers_given(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    (marker, count): (&str, u32),
) -> Result<(), Failure<StoreError>> {
    sqlx::query(
        "INSERT INTO given_numbers (tenant, mode, marker, base, count)
         VALUES (?1, ?2, ?3,
                 max((SELECT coalesce(max(number), ?5) FROM orders WHERE tenant = ?1 AND mode = ?2),
                     (SELECT coalesce(max(base + count), 0) FROM given_numbers WHERE tenant = ?1 AND mode = ?2))
                 + (SELECT count(*) FROM attempts WHERE tenant = ?1 AND mode = ?2 AND ended IS NULL),
                 ?4)
         ON CONFLICT (tenant, mode, marker) DO UPDATE SET count = max(count, excluded.count)",
    )
    .tenant(tenant)
    .bind(marker)
    .bind(count)
    .bind(i64::from(OrderNumber::FIRST.0) - 1)
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether a tenant has a checkout that began before a moment.
pub(super) async fn began_before(
    readers: SqlitePool,
    tenant: Tenant,
    moment: Timestamp,
) -> Result<bool, StoreError> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM sessions WHERE tenant = ?1 AND mode = ?2 AND created < ?3)",
    )
    .tenant(&tenant)
    .bind(moment.as_millis())
    .fetch_one(&readers)
    .await
    .map_err(failed)
}

/// The session whose order this payment has paid.
pub(super) async fn session_paid_by(
    readers: SqlitePool,
    tenant: Tenant,
    payment: PaymentIntentId,
) -> Result<Option<SessionId>, StoreError> {
    let found: Option<String> = sqlx::query_scalar(
        "SELECT session FROM orders WHERE tenant = ?1 AND mode = ?2 AND payment_intent = ?3",
    )
    .tenant(&tenant)
    .bind(payment.as_str())
    .fetch_optional(&readers)
    .await
    .map_err(failed)?;
    let what = format!("the session that {payment} of {} has paid", name(&tenant));
    found.map(|found| rows::id(&what, &found)).transpose()
}
