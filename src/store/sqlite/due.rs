//! The sessions with due work. One index, in the order of priority, tenant and moment, serves both queries.

use sqlx::SqlitePool;

use super::bind::BindTenant as _;
use super::reader::failed;
use super::rows;
use crate::domain::checkout::model::Priority;
use crate::domain::ids::Tenant;
use crate::domain::time::Timestamp;
use crate::store::{DueQuery, DueSession, StoreError, UndecidedPayments, name};

/// The tenants with due sessions: the query goes from one tenant's first session in the index to the next tenant's,
/// so the sessions in between are not read. A tenant's first session is its longest due one.
const TENANTS: &str = "WITH RECURSIVE first (row) AS (
         SELECT (SELECT rowid FROM sessions WHERE due_at IS NOT NULL AND due_priority = ?2
                  ORDER BY tenant, mode, due_at LIMIT 1)
         UNION ALL
         SELECT coalesce(
                    (SELECT next.rowid FROM sessions AS next
                      WHERE next.due_at IS NOT NULL AND next.due_priority = ?2
                        AND next.tenant = known.tenant AND next.mode > known.mode
                      ORDER BY next.mode, next.due_at LIMIT 1),
                    (SELECT next.rowid FROM sessions AS next
                      WHERE next.due_at IS NOT NULL AND next.due_priority = ?2 AND next.tenant > known.tenant
                      ORDER BY next.tenant, next.mode, next.due_at LIMIT 1))
           FROM first CROSS JOIN sessions AS known ON known.rowid = first.row
     )
     SELECT one.tenant, one.mode FROM first CROSS JOIN sessions AS one ON one.rowid = first.row
      WHERE one.due_at <= ?1";

const SESSIONS: &str = "SELECT id, due_at FROM sessions
      WHERE due_priority = ?1 AND tenant = ?2 AND mode = ?3 AND due_at <= ?4 AND (due_at, id) > (?5, ?6)
      ORDER BY due_at, id LIMIT ?7";

const UNDECIDED: &str = "SELECT tenant, mode, min(session), count(*) FROM attempts
      WHERE ended IS NULL GROUP BY tenant, mode ORDER BY tenant, mode";

/// The tenants with sessions of a priority that are due.
pub(super) async fn tenants(
    readers: SqlitePool,
    now: Timestamp,
    priority: Priority,
) -> Result<Vec<Tenant>, StoreError> {
    let rows: Vec<(String, String)> = sqlx::query_as(TENANTS)
        .bind(now.as_millis())
        .bind(rows::priority_number(priority))
        .fetch_all(&readers)
        .await
        .map_err(failed)?;
    // One tenant's unreadable row must not keep the others' sessions from being woken.
    let readable = rows.into_iter().filter_map(|(merchant, mode)| {
        match rows::tenant("the sessions", &merchant, &mode) {
            Ok(tenant) => Some(tenant),
            Err(error) => {
                tracing::error!(cause = %error, "due_tenant_unreadable");
                None
            }
        }
    });
    Ok(readable.collect())
}

/// The tenants with undecided payments, each with one of their sessions.
pub(super) async fn undecided(readers: SqlitePool) -> Result<Vec<UndecidedPayments>, StoreError> {
    let rows: Vec<(String, String, String, i64)> =
        sqlx::query_as(UNDECIDED).fetch_all(&readers).await.map_err(failed)?;
    let read = |(merchant, mode, session, count): (String, String, String, i64)| {
        let tenant = rows::tenant("an undecided payment", &merchant, &mode)?;
        let session = rows::id("an undecided payment", &session)?;
        Ok::<_, StoreError>(UndecidedPayments { tenant, session, count: count.unsigned_abs() })
    };
    // One unreadable row must not hold up the other merchants.
    let readable = rows.into_iter().map(read).filter_map(|found| {
        found.inspect_err(|error| tracing::error!(cause = %error, "undecided_payment_unreadable")).ok()
    });
    Ok(readable.collect())
}

/// A tenant's due sessions, the longest due first: fewer than the limit only if there are no more.
pub(super) async fn sessions(
    readers: SqlitePool,
    tenant: Tenant,
    query: DueQuery,
) -> Result<Vec<DueSession>, StoreError> {
    let what = || format!("a due session of {}", name(&tenant));
    let read = |(id, due_at): (String, i64)| -> Result<DueSession, StoreError> {
        Ok(DueSession { id: rows::id(&what(), &id)?, due_at: Timestamp::from_millis(due_at) })
    };
    let after = query.after.as_ref();
    let mut behind = after
        .map_or((i64::MIN, String::new()), |after| (after.due_at.as_millis(), after.id.as_str().to_owned()));
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    let mut due = Vec::new();
    while due.len() < limit {
        let wanted = limit - due.len();
        let page: Vec<(String, i64)> = sqlx::query_as(SESSIONS)
            .bind(rows::priority_number(query.priority))
            .tenant(&tenant)
            .bind(query.now.as_millis())
            .bind(behind.0)
            .bind(&behind.1)
            .bind(i64::try_from(wanted).unwrap_or(i64::MAX))
            .fetch_all(&readers)
            .await
            .map_err(failed)?;
        let was_last = page.len() < wanted;
        if let Some((id, due_at)) = page.last() {
            behind = (*due_at, id.clone());
        }
        // One unreadable id must not keep the sessions after it from being woken.
        due.extend(page.into_iter().map(read).filter_map(|due| {
            due.inspect_err(|error| tracing::error!(cause = %error, "due_session_unreadable")).ok()
        }));
        if was_last {
            break;
        }
    }
    Ok(due)
}

#[cfg(test)]
mod tests {
    use sqlx::Row as _;

    use super::super::open;
    use super::*;

    /// The database's plan for a query.
    async fn plan(readers: &SqlitePool, query: &'static str) -> String {
        let explained = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {query}"));
        let steps = sqlx::query(explained).fetch_all(readers).await.unwrap();
        steps.iter().map(|row| row.get::<String, _>("detail")).collect::<Vec<_>>().join("\n")
    }

    #[tokio::test]
    async fn due_sessions_are_found_by_index_without_looking_at_what_waits() {
        let folder = tempfile::tempdir().unwrap();
        let (_opened, readers) = open::open(&folder.path().join("gateway.db")).await.unwrap();
        let tenants = plan(&readers, TENANTS).await;
        assert!(!tenants.contains("SCAN sessions") && !tenants.contains("SCAN next"), "{tenants}");
        assert!(!tenants.contains("TEMP B-TREE"), "{tenants}");
        let sessions = plan(&readers, SESSIONS).await;
        let by_index = "SEARCH sessions USING COVERING INDEX sessions_due \
                        (due_priority=? AND tenant=? AND mode=? AND ";
        assert!(sessions.contains(by_index) && !sessions.contains("TEMP B-TREE"), "{sessions}");
        let undecided = plan(&readers, UNDECIDED).await;
        assert!(undecided.contains("USING INDEX attempts_one_undecided"), "{undecided}");
        assert!(!undecided.contains("TEMP B-TREE"), "{undecided}");
    }
}
