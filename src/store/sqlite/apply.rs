//! One commit as SQL, inside the savepoint that the writer made for it.
//!
//! The order decides which error a caller gets: the version first, then the token, then contradictions. There is one
//! writer, so a checked row cannot change before it is written; the schema's constraints repeat every check all the
//! same.

use sqlx::SqliteConnection;

use super::bind::BindTenant as _;
use super::failure::Failure;
use super::rows::{self, Encoded, SESSION_SCHEMA};
use super::{journal, outbox};
use crate::domain::checkout::due::priority;
use crate::domain::checkout::model::{AttemptEnd, NewOrder, Version};
use crate::domain::ids::{AccountId, AttemptNumber, OrderNumber, SessionId, SptHash, Tenant};
use crate::domain::time::Timestamp;
use crate::store::{
    AttemptChange, AttemptRow, Commit, CommitError, KeptAccount, RefundRow, StoreError, name,
};

pub(super) type Applied<T = ()> = Result<T, Failure<CommitError>>;

/// Writes one commit.
pub(super) async fn commit(connection: &mut SqliteConnection, encoded: &Encoded) -> Applied<Version> {
    let commit = &encoded.commit;
    let version = match commit.expected {
        None => insert_session(connection, encoded).await?,
        Some(expected) => update_session(connection, encoded, expected).await?,
    };
    match &commit.attempt {
        Some(AttemptChange::Start(row)) => {
            start(connection, &commit.tenant, row, encoded.expected.as_deref()).await?;
        }
        Some(AttemptChange::Update { number, end, erase_token }) => {
            let target = Target { tenant: &commit.tenant, session: &commit.session.id, number: *number };
            if let Some(end) = end {
                decide(connection, target, end, encoded.end.as_deref()).await?;
            } else {
                erase_token_of(connection, target, *erase_token).await?;
            }
        }
        None => {}
    }
    if let Some(placed) = &commit.order {
        insert_order(connection, &commit.tenant, placed, encoded.order.as_deref()).await?;
    }
    if let Some(row) = &commit.refund {
        insert_refund(connection, &commit.tenant, row).await?;
    }
    if !commit.session.activity.refunds.is_empty() {
        empty_refunds(connection, commit).await?;
    }
    for flag in &commit.flags {
        journal::insert_flag(connection, &commit.tenant, flag).await?;
    }
    for entry in &encoded.timeline {
        journal::insert_timeline_entry(connection, (&commit.tenant, &commit.session.id), entry).await?;
    }
    outbox::insert_order_events(connection, &commit.tenant, &commit.session.id, &commit.events).await?;
    Ok(version)
}

async fn insert_session(connection: &mut SqliteConnection, encoded: &Encoded) -> Applied<Version> {
    let commit = &encoded.commit;
    let written = sqlx::query(
        "INSERT INTO sessions (tenant, mode, id, version, schema, state, due_at, due_priority, created, body,
                               unpaid_end, personal, tried, unaccounted)
         VALUES (?1, ?2, ?3, 1, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         ON CONFLICT (tenant, mode, id) DO NOTHING",
    )
    .tenant(&commit.tenant)
    .bind(commit.session.id.as_str())
    .bind(SESSION_SCHEMA)
    .bind(commit.session.state.into_str())
    .bind(commit.due_at.map(Timestamp::as_millis))
    .bind(rows::priority_number(priority(&commit.session)))
    .bind(commit.session.created.as_millis())
    .bind(encoded.session.as_str())
    .bind(commit.unpaid_end().map(Timestamp::as_millis))
    .bind(commit.session.holds_personal_data())
    .bind(commit.tries())
    .bind(!commit.session.is_accounted_for())
    .execute(connection)
    .await?;
    if written.rows_affected() == 0 {
        return Err(Failure::Refused(CommitError::Conflict));
    }
    Ok(Version(1))
}

async fn update_session(
    connection: &mut SqliteConnection,
    encoded: &Encoded,
    expected: Version,
) -> Applied<Version> {
    let commit = &encoded.commit;
    let written = sqlx::query(
        "UPDATE sessions SET version = version + 1, schema = ?5, state = ?6, due_at = ?7, due_priority = ?8,
                body = ?9, unpaid_end = ?10, personal = ?11, tried = tried OR ?12, unaccounted = ?13
         WHERE tenant = ?1 AND mode = ?2 AND id = ?3 AND version = ?4",
    )
    .tenant(&commit.tenant)
    .bind(commit.session.id.as_str())
    .bind(expected.0)
    .bind(SESSION_SCHEMA)
    .bind(commit.session.state.into_str())
    .bind(commit.due_at.map(Timestamp::as_millis))
    .bind(rows::priority_number(priority(&commit.session)))
    .bind(encoded.session.as_str())
    .bind(commit.unpaid_end().map(Timestamp::as_millis))
    .bind(commit.session.holds_personal_data())
    .bind(commit.tries())
    .bind(!commit.session.is_accounted_for())
    .execute(connection)
    .await?;
    if written.rows_affected() == 0 {
        return Err(Failure::Refused(CommitError::Conflict));
    }
    Ok(Version(expected.0 + 1))
}

async fn start(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    row: &AttemptRow,
    expected: Option<&str>,
) -> Applied {
    let used: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM attempts WHERE tenant = ?1 AND mode = ?2 AND spt_hash = ?3)
             OR EXISTS (SELECT 1 FROM spent_tokens WHERE tenant = ?1 AND mode = ?2 AND spt_hash = ?3)",
    )
    .tenant(tenant)
    .bind(row.spt_hash.as_ref().map(SptHash::as_str))
    .fetch_one(&mut *connection)
    .await?;
    if used {
        return Err(Failure::Refused(CommitError::TokenUsed));
    }
    sqlx::query(
        "INSERT INTO attempts (tenant, mode, session, number, spt_hash, expected, idempotency_key, body,
                               sealed_token, stripe_version, account, started, repeat_until, ended)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, NULL)",
    )
    .tenant(tenant)
    .bind(row.session.as_str())
    .bind(row.number.0)
    .bind(row.spt_hash.as_ref().map(SptHash::as_str))
    .bind(expected)
    .bind(row.idempotency_key.as_str())
    .bind(row.body.as_str())
    .bind(row.sealed_token.as_deref())
    .bind(row.stripe_version.as_str())
    .bind(row.account.as_str())
    .bind(row.started.as_millis())
    .bind(row.repeat_until.as_millis())
    .execute(connection)
    .await?;
    Ok(())
}

/// An attempt to change.
#[derive(Clone, Copy)]
struct Target<'a> {
    tenant: &'a Tenant,
    session: &'a SessionId,
    number: AttemptNumber,
}

impl Target<'_> {
    fn refuse(self, why: &str) -> Failure<CommitError> {
        let what = format!("attempt {} of {} of {}", self.number.0, self.session, name(self.tenant));
        StoreError::Corrupt { what, why: why.to_owned() }.into()
    }
}

/// Stores how an attempt ended, and of its token only the hash. Its request is never sent again, and may name the
/// buyer, so it is erased too.
async fn decide(
    connection: &mut SqliteConnection,
    target: Target<'_>,
    end: &AttemptEnd,
    json: Option<&str>,
) -> Applied {
    let known: Option<Option<String>> = sqlx::query_scalar(
        "SELECT ended FROM attempts WHERE tenant = ?1 AND mode = ?2 AND session = ?3 AND number = ?4",
    )
    .tenant(target.tenant)
    .bind(target.session.as_str())
    .bind(target.number.0)
    .fetch_optional(&mut *connection)
    .await?;
    match known {
        None => return Err(target.refuse("there is no such attempt")),
        Some(Some(known)) if rows::json::<AttemptEnd>("an attempt's end", &known)? != *end => {
            return Err(target.refuse("it has ended differently before"));
        }
        Some(_) => {}
    }
    sqlx::query(
        "UPDATE attempts SET ended = ?5, sealed_token = NULL, body = ''
         WHERE tenant = ?1 AND mode = ?2 AND session = ?3 AND number = ?4",
    )
    .tenant(target.tenant)
    .bind(target.session.as_str())
    .bind(target.number.0)
    .bind(json)
    .execute(connection)
    .await?;
    Ok(())
}

/// Leaves an attempt's end as it is, and may erase its token, with the request that can no longer be sent.
async fn erase_token_of(connection: &mut SqliteConnection, target: Target<'_>, erase_token: bool) -> Applied {
    let written = sqlx::query(
        "UPDATE attempts SET sealed_token = CASE WHEN ?5 THEN NULL ELSE sealed_token END,
                             body = CASE WHEN ?5 THEN '' ELSE body END
         WHERE tenant = ?1 AND mode = ?2 AND session = ?3 AND number = ?4",
    )
    .tenant(target.tenant)
    .bind(target.session.as_str())
    .bind(target.number.0)
    .bind(erase_token)
    .execute(connection)
    .await?;
    if written.rows_affected() == 0 {
        return Err(target.refuse("there is no such attempt"));
    }
    Ok(())
}

async fn insert_order(
    connection: &mut SqliteConnection,
    tenant: &Tenant,
    placed: &NewOrder,
    json: Option<&str>,
) -> Applied {
    sqlx::query(
        // There is one writer: no other order gets the same number.
        "INSERT INTO orders (tenant, mode, id, session, payment_intent, created, body, permalink, completion, number)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,
                 max((SELECT coalesce(max(number) + 1, ?10) FROM orders WHERE tenant = ?1 AND mode = ?2),
                     (SELECT coalesce(max(base + count) + 1, 0) FROM given_numbers
                      WHERE tenant = ?1 AND mode = ?2)))",
    )
    .tenant(tenant)
    .bind(placed.order.id.as_str())
    .bind(placed.order.session.as_str())
    .bind(placed.order.payment_intent.as_str())
    .bind(placed.order.created.as_millis())
    .bind(json)
    .bind(placed.permalink.as_str())
    .bind(placed.completion.as_str())
    .bind(OrderNumber::FIRST.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores the request for a refund.
async fn insert_refund(connection: &mut SqliteConnection, tenant: &Tenant, row: &RefundRow) -> Applied {
    sqlx::query(
        "INSERT INTO refunds (tenant, mode, session, number, amount, currency, idempotency_key, body, stripe_version,
                              account, started, repeat_until)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )
    .tenant(tenant)
    .bind(row.session.as_str())
    .bind(row.number.0)
    .bind(row.amount.minor)
    .bind(row.amount.currency.code())
    .bind(row.idempotency_key.as_str())
    .bind(row.body.as_str())
    .bind(row.stripe_version.as_str())
    .bind(row.account.as_str())
    .bind(row.started.as_millis())
    .bind(row.repeat_until.as_millis())
    .execute(connection)
    .await?;
    Ok(())
}

/// Empties the requests for refunds whose end is known; they are never sent again.
async fn empty_refunds(connection: &mut SqliteConnection, commit: &Commit) -> Applied {
    let undecided = commit.session.activity.refund_attempt().map(|(number, _)| number.0);
    sqlx::query(
        "UPDATE refunds SET body = '' WHERE tenant = ?1 AND mode = ?2 AND session = ?3 AND number IS NOT ?4 AND body <> ''",
    )
    .tenant(&commit.tenant)
    .bind(commit.session.id.as_str())
    .bind(undecided)
    .execute(connection)
    .await?;
    Ok(())
}

/// Stores an account and the key that it was verified with, and returns the stored account.
pub(super) async fn account(
    connection: &mut SqliteConnection,
    (tenant, known): &(Tenant, KeptAccount),
) -> Result<AccountId, Failure<StoreError>> {
    sqlx::query(
        "INSERT INTO accounts (tenant, mode, account, key_fingerprint, verified_by_stripe) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (tenant, mode) DO UPDATE
             SET key_fingerprint = excluded.key_fingerprint, verified_by_stripe = excluded.verified_by_stripe
             WHERE account = excluded.account",
    )
    .tenant(tenant)
    .bind(known.account.as_str())
    .bind(known.key.as_ref().map(|key| key.fingerprint.as_str()))
    .bind(known.key.as_ref().is_some_and(|key| key.verified_by_stripe))
    .execute(&mut *connection)
    .await?;
    let kept: String = sqlx::query_scalar("SELECT account FROM accounts WHERE tenant = ?1 AND mode = ?2")
        .tenant(tenant)
        .fetch_one(connection)
        .await?;
    Ok(rows::id("a learned account", &kept)?)
}
