//! The master keys that a database was served with, by their fingerprints.

use sqlx::{SqliteConnection, SqlitePool};

use super::failure::Failure;
use super::reader::failed;
use crate::store::StoreError;

/// All fingerprints, that of the last key first.
pub(super) async fn all(readers: SqlitePool) -> Result<Vec<String>, StoreError> {
    let fingerprints = sqlx::query_scalar("SELECT fingerprint FROM master_keys ORDER BY used DESC");
    fingerprints.fetch_all(&readers).await.map_err(failed)
}

/// Records this key as the last one.
pub(super) async fn used(
    connection: &mut SqliteConnection,
    fingerprint: &str,
) -> Result<(), Failure<StoreError>> {
    let write = "INSERT INTO master_keys (fingerprint, used)
                 VALUES (?1, (SELECT coalesce(max(used), 0) + 1 FROM master_keys))
                 ON CONFLICT (fingerprint) DO UPDATE SET used = excluded.used";
    sqlx::query(write).bind(fingerprint).execute(connection).await.map_err(Failure::Database)?;
    Ok(())
}
