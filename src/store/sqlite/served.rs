//! The stored hosts and accounts of merchants that were served.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sqlx::{SqliteConnection, SqlitePool};

use super::bind::BindTenant as _;
use super::failure::Failure;
use super::reader::failed;
use super::rows;
use crate::domain::ids::{AccountId, MerchantId, Tenant};
use crate::domain::time::Timestamp;
use crate::store::{
    Forgetting, Holdings, KeptAccount, ServedConfig, ServedHost, ServedTenant, StoreError, VerifiedKey,
};

#[derive(sqlx::FromRow)]
struct AccountRecord {
    tenant: String,
    mode: String,
    account: String,
    key_fingerprint: Option<String>,
    verified_by_stripe: bool,
}

const HOSTS_HELD: &str = "SELECT host, tenant, mode, since FROM served_hosts ORDER BY host";

/// All hosts and accounts, from one moment or from moments close together.
pub(super) async fn holdings(readers: SqlitePool) -> Result<Holdings, StoreError> {
    let hosts: Vec<(String, String, String, i64)> =
        sqlx::query_as(HOSTS_HELD).fetch_all(&readers).await.map_err(failed)?;
    let accounts: Vec<AccountRecord> = sqlx::query_as(
        "SELECT tenant, mode, account, key_fingerprint, verified_by_stripe FROM accounts ORDER BY tenant, mode",
    )
    .fetch_all(&readers)
    .await
    .map_err(failed)?;
    let mut holdings = Holdings::default();
    for (host, merchant, mode, since) in hosts {
        let tenant = rows::tenant("a served host", &merchant, &mode)?;
        holdings.hosts.push(ServedHost { host, tenant, since: Timestamp::from_millis(since) });
    }
    for AccountRecord { tenant, mode, account, key_fingerprint, verified_by_stripe } in accounts {
        let tenant = rows::tenant("a learned account", &tenant, &mode)?;
        let key = key_fingerprint.map(|fingerprint| VerifiedKey { fingerprint, verified_by_stripe });
        let kept = KeptAccount { account: rows::id("a learned account", &account)?, key };
        holdings.accounts.push((tenant, kept));
    }
    Ok(holdings)
}

/// The configurations that a merchant was last served with, the latest one first.
pub(super) async fn configs(
    readers: SqlitePool,
    merchant: MerchantId,
) -> Result<Vec<ServedConfig>, StoreError> {
    let rows: Vec<(String, bool)> = sqlx::query_as(
        "SELECT config, removed FROM served_configs WHERE tenant = ?1 ORDER BY removed, since DESC, mode",
    )
    .bind(merchant.as_str())
    .fetch_all(&readers)
    .await
    .map_err(failed)?;
    Ok(rows.into_iter().map(|(config, removed)| ServedConfig { config, removed }).collect())
}

/// A change of which merchants are served.
#[derive(Debug)]
pub(super) enum ServedChange {
    /// These are served from now on.
    Serve(Vec<ServedTenant>, Timestamp),
    /// No merchant but these has a file any more.
    RemoveBut(Vec<MerchantId>),
}

/// Records a change.
pub(super) async fn change(
    connection: &mut SqliteConnection,
    change: &ServedChange,
) -> Result<(), Failure<StoreError>> {
    match change {
        ServedChange::Serve(served, now) => serve(connection, served, *now).await,
        ServedChange::RemoveBut(present) => remove_but(connection, present).await,
    }
}

/// Records that no merchant but these has a file any more. The others hold no host: one that comes back is new there.
async fn remove_but(
    connection: &mut SqliteConnection,
    present: &[MerchantId],
) -> Result<(), Failure<StoreError>> {
    let present: Vec<&str> = present.iter().map(MerchantId::as_str).collect();
    let present = Value::from(present).to_string();
    let statements = [
        "UPDATE served_configs SET removed = 1
          WHERE removed = 0 AND tenant NOT IN (SELECT value FROM json_each(?1))",
        "DELETE FROM served_hosts WHERE tenant NOT IN (SELECT value FROM json_each(?1))",
    ];
    for statement in statements {
        sqlx::query(statement).bind(&present).execute(&mut *connection).await?;
    }
    Ok(())
}

/// How many tenants one statement records, and how many bytes of their configurations, beyond the first of them.
const AT_ONCE: usize = 500;
const BYTES_AT_ONCE: usize = 4 * 1024 * 1024;

const CONFIGS: &str = "INSERT INTO served_configs (tenant, mode, config, since, removed)
     SELECT value ->> 'tenant', value ->> 'mode', value ->> 'config', ?2, 0 FROM json_each(?1) WHERE true
     ON CONFLICT (tenant, mode) DO UPDATE SET config = excluded.config, since = excluded.since, removed = 0";

const OTHER_MODES: &str = "UPDATE served_configs SET removed = 1 FROM json_each(?1) AS served
     WHERE served_configs.tenant = served.value ->> 'tenant' AND served_configs.mode <> served.value ->> 'mode'";

const KNOWN_HOSTS: &str = "SELECT host, served_hosts.tenant, served_hosts.mode
     FROM json_each(?1) AS served
     JOIN served_hosts ON served_hosts.tenant = served.value ->> 'tenant' AND served_hosts.mode = served.value ->> 'mode'";

const HOSTS: &str = "INSERT INTO served_hosts (host, tenant, mode, since)
     SELECT value ->> 'host', value ->> 'tenant', value ->> 'mode', ?2 FROM json_each(?1) WHERE true
     ON CONFLICT (host) DO UPDATE SET tenant = excluded.tenant, mode = excluded.mode, since = excluded.since";

/// Records that each tenant is served with its configuration from now on, on its hosts and on no other. A statement
/// records many tenants, since a gateway may start with thousands.
async fn serve(
    connection: &mut SqliteConnection,
    served: &[ServedTenant],
    now: Timestamp,
) -> Result<(), Failure<StoreError>> {
    let mut rest = served;
    while !rest.is_empty() {
        let (served, later) = rest.split_at(chunk(rest));
        rest = later;
        let key = |tenant: &Tenant| (tenant.merchant.as_str().to_owned(), tenant.mode.into_str());
        let tenants: Vec<Value> = served
            .iter()
            .map(|ServedTenant { tenant, config, .. }| {
                let (tenant, mode) = key(tenant);
                json!({ "tenant": tenant, "mode": mode, "config": config })
            })
            .collect();
        let tenants = Value::from(tenants).to_string();
        sqlx::query(CONFIGS).bind(&tenants).bind(now.as_millis()).execute(&mut *connection).await?;
        // Without the configurations, which SQLite would parse again for each statement.
        let keys = served.iter().map(|ServedTenant { tenant, .. }| {
            let (tenant, mode) = key(tenant);
            json!({ "tenant": tenant, "mode": mode })
        });
        let keys = Value::from(keys.collect::<Vec<_>>()).to_string();
        sqlx::query(OTHER_MODES).bind(&keys).execute(&mut *connection).await?;
        let known: Vec<(String, String, String)> =
            sqlx::query_as(KNOWN_HOSTS).bind(&keys).fetch_all(&mut *connection).await?;
        let wanted: BTreeMap<&str, (String, &str)> = served
            .iter()
            .flat_map(|ServedTenant { tenant, hosts, .. }| {
                hosts.iter().map(move |host| (host.as_str(), key(tenant)))
            })
            .collect();
        let is_kept = |(host, tenant, mode): &(String, String, String)| {
            wanted.get(host.as_str()).is_some_and(|(own, of)| own == tenant && of == mode)
        };
        for (gone, ..) in known.iter().filter(|known| !is_kept(known)) {
            sqlx::query("DELETE FROM served_hosts WHERE host = ?1")
                .bind(gone)
                .execute(&mut *connection)
                .await?;
        }
        let kept: BTreeSet<&str> =
            known.iter().filter(|known| is_kept(known)).map(|(host, ..)| host.as_str()).collect();
        let new = wanted.iter().filter(|(host, _)| !kept.contains(*host));
        let new: Vec<Value> = new
            .map(|(host, (tenant, mode))| json!({ "host": host, "tenant": tenant, "mode": mode }))
            .collect();
        let new = Value::from(new).to_string();
        sqlx::query(HOSTS).bind(&new).bind(now.as_millis()).execute(&mut *connection).await?;
    }
    Ok(())
}

/// How many of these tenants one statement records; at least one.
fn chunk(tenants: &[ServedTenant]) -> usize {
    let mut bytes = 0;
    let fits = tenants.iter().take(AT_ONCE).take_while(|tenant| {
        bytes += tenant.config.len();
        bytes <= BYTES_AT_ONCE
    });
    fits.count().max(1)
}

/// The session of an undecided payment or refund on an account, or of a payment that is still to be read. In the last
/// case a session without an attempt counts for every account, since the account of its payment is not known.
const UNDECIDED: &str = "SELECT session FROM (
         SELECT session FROM attempts
          WHERE tenant = ?1 AND mode = ?2 AND account = ?3 AND ended IS NULL
         UNION
         SELECT session FROM refunds
          WHERE tenant = ?1 AND mode = ?2 AND account = ?3 AND body <> ''
         UNION
         SELECT id FROM sessions
          WHERE tenant = ?1 AND mode = ?2 AND unaccounted = 1
            AND NOT EXISTS (SELECT 1 FROM attempts
                             WHERE attempts.tenant = ?1 AND attempts.mode = ?2
                               AND attempts.session = sessions.id AND attempts.account <> ?3)
     ) ORDER BY session LIMIT 1";

/// The first event of Stripe that was not processed.
const WAITING: &str = "SELECT id FROM stripe_events
    WHERE tenant = ?1 AND mode = ?2 AND state = 'waiting' ORDER BY received, id LIMIT 1";

/// Forgets a tenant's account, unless something on it is undecided or may still have to be read.
pub(super) async fn forget_account(
    connection: &mut SqliteConnection,
    (tenant, account): &(Tenant, AccountId),
) -> Result<Forgetting, Failure<StoreError>> {
    let kept: Option<String> =
        sqlx::query_scalar("SELECT account FROM accounts WHERE tenant = ?1 AND mode = ?2")
            .tenant(tenant)
            .fetch_optional(&mut *connection)
            .await?;
    if kept.as_deref() != Some(account.as_str()) {
        let kept = kept.map(|kept| rows::id("a learned account", &kept)).transpose()?;
        return Ok(Forgetting::NotKept(kept));
    }
    let undecided: Option<String> = sqlx::query_scalar(UNDECIDED)
        .tenant(tenant)
        .bind(account.as_str())
        .fetch_optional(&mut *connection)
        .await?;
    if let Some(session) = undecided {
        return Ok(Forgetting::Undecided(rows::id("an attempt or refund", &session)?));
    }
    let waiting: Option<String> =
        sqlx::query_scalar(WAITING).tenant(tenant).fetch_optional(&mut *connection).await?;
    if let Some(event) = waiting {
        return Ok(Forgetting::EventsWait(rows::id("a Stripe event", &event)?));
    }
    sqlx::query("DELETE FROM accounts WHERE tenant = ?1 AND mode = ?2")
        .tenant(tenant)
        .execute(&mut *connection)
        .await?;
    Ok(Forgetting::Forgotten)
}
