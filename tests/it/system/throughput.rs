//! How many purchases a second become orders, beside how fast SQLite alone writes what they wrote.
//!
//! In the suite this shows that the measurement works; `make bench` makes it long enough to mean something
//! (`BENCH_ROUNDS`, `BENCH_PURCHASES`, `BENCH_SHOPPERS`), on the optimised binary, and fails below three tenths of SQLite's
//! pace. Shoppers, gateway and emulated Stripe share the processors, while SQLite alone waits for the disk only: on two
//! processors the ratio is about four tenths.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use merchant_gateway::ports::{Environment, SystemEnvironment};
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection as _, SqliteConnection};
use tokio::time::Instant;

use crate::support::client::{Speaks, payment};
use crate::support::orders::ORDERS;
use crate::support::samples::Sample;
use crate::support::test_gateway::TestGateway;

/// How many commits one purchase takes from the quote to the order: the attempt, and its end.
const COMMITS: u32 = 2;

/// A checkout that only has to be paid.
struct Ready {
    merchant: &'static str,
    sheet: Value,
    token: String,
}

async fn prepared(world: &TestGateway, purchases: u32) -> Vec<Ready> {
    let mut ready = Vec::new();
    for order in ORDERS.iter().cycle().take(usize::try_from(purchases).unwrap()) {
        let client = world.client_of(order.merchant, Speaks::Legacy);
        let made = client.works("create_checkout", order.arguments()).await;
        let token = world.token_at(order.merchant, "pm_card_visa", order.currency, order.total);
        ready.push(Ready { merchant: order.merchant, sheet: made["checkout_session"].clone(), token });
    }
    ready
}

/// Pays as a host does that trusts the shop: the answer is looked at, and not held against a schema.
async fn pay(http: &reqwest::Client, url: &str, ready: &Ready) {
    let params =
        json!({ "name": "complete_checkout", "arguments": payment(&ready.sheet["id"], &ready.token) });
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    let request = http
        .post(url)
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .body(message.to_string());
    let paid: Value = request.send().await.unwrap().json().await.unwrap();
    assert_eq!(paid["result"]["structuredContent"]["status"], "completed", "{paid}");
}

/// So many shoppers pay what there is to pay, each one checkout after the other; how long that takes.
async fn paid(world: &TestGateway, ready: Vec<Ready>, shoppers: u32) -> Duration {
    let ready = Arc::new(Mutex::new(ready));
    let (base, http) = (world.url(""), world.client(Speaks::Legacy).http);
    let begun = Instant::now();
    let mut paying = tokio::task::JoinSet::new();
    for _ in 0..shoppers {
        let (ready, base, http) = (Arc::clone(&ready), base.clone(), http.clone());
        paying.spawn(async move {
            loop {
                let next = ready.lock().unwrap().pop();
                let Some(next) = next else { return };
                pay(&http, &format!("{base}/t/{}/mcp", next.merchant), &next).await;
            }
        });
    }
    while let Some(done) = paying.join_next().await {
        done.unwrap();
    }
    begun.elapsed()
}

async fn connection(options: SqliteConnectOptions) -> SqliteConnection {
    let durable = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    SqliteConnection::connect_with(&durable.pragma("secure_delete", "ON")).await.unwrap()
}

/// Writes the rows of these purchases once more into another file, in as many transactions, one after the other, with
/// nothing in between; how long that takes.
async fn written_alone(gateway: &Path, folder: &Path) -> Duration {
    let path = folder.join("alone.db");
    let mut source = connection(SqliteConnectOptions::new().filename(gateway)).await;
    sqlx::query("VACUUM INTO ?").bind(path.to_str()).execute(&mut source).await.unwrap();
    let committed: Vec<(String, String, i64, i64)> = sqlx::query_as(
        "SELECT sessions.id, sessions.tenant, sessions.version, count(*) FROM sessions JOIN timeline \
         ON timeline.tenant = sessions.tenant AND timeline.mode = sessions.mode AND timeline.session = sessions.id \
         GROUP BY sessions.tenant, sessions.mode, sessions.id",
    )
    .fetch_all(&mut source)
    .await
    .unwrap();
    source.close().await.unwrap();
    let mut alone = connection(SqliteConnectOptions::new().filename(&path)).await;
    sqlx::query("ATTACH ? AS gateway").bind(gateway.to_str()).execute(&mut alone).await.unwrap();
    for table in ["outbox", "timeline", "orders", "attempts"] {
        let emptied = match table {
            // What came with the creation of the checkout stays.
            "timeline" => "DELETE FROM main.timeline WHERE number > 1".to_owned(),
            _ => format!("DELETE FROM main.{table}"),
        };
        sqlx::query(sqlx::AssertSqlSafe(emptied)).execute(&mut alone).await.unwrap();
    }
    let begun = Instant::now();
    for (session, tenant, version, entries) in &committed {
        assert_eq!(*version, i64::from(1 + COMMITS), "a purchase takes so many commits");
        let attempt = [
            "UPDATE main.sessions SET state = 'charging', body = (SELECT body FROM gateway.sessions \
             WHERE tenant = ?3 AND mode = 'test' AND id = ?1) WHERE tenant = ?3 AND mode = 'test' AND id = ?1",
            "INSERT INTO main.attempts SELECT tenant, mode, session, number, spt_hash, expected, idempotency_key, body, \
             hex(randomblob(80)), stripe_version, account, started, repeat_until, NULL \
             FROM gateway.attempts WHERE tenant = ?3 AND mode = 'test' AND session = ?1",
            "INSERT INTO main.timeline SELECT * FROM gateway.timeline \
             WHERE tenant = ?3 AND mode = 'test' AND session = ?1 AND number > 1 AND number < ?2",
        ];
        let end = [
            "UPDATE main.sessions SET state = 'completed', body = (SELECT body FROM gateway.sessions \
             WHERE tenant = ?3 AND mode = 'test' AND id = ?1) WHERE tenant = ?3 AND mode = 'test' AND id = ?1",
            "UPDATE main.attempts SET sealed_token = NULL, ended = (SELECT ended FROM gateway.attempts \
             WHERE tenant = ?3 AND mode = 'test' AND session = ?1) \
             WHERE tenant = ?3 AND mode = 'test' AND session = ?1",
            "INSERT INTO main.orders SELECT * FROM gateway.orders \
             WHERE tenant = ?3 AND mode = 'test' AND session = ?1",
            "INSERT INTO main.outbox SELECT * FROM gateway.outbox WHERE tenant = ?3 AND mode = 'test' AND \"order\" = \
             (SELECT id FROM gateway.orders WHERE tenant = ?3 AND mode = 'test' AND session = ?1)",
            "INSERT INTO main.timeline SELECT * FROM gateway.timeline \
             WHERE tenant = ?3 AND mode = 'test' AND session = ?1 AND number = ?2",
        ];
        for statements in [&attempt[..], &end[..]] {
            let mut transaction = alone.begin_with("BEGIN IMMEDIATE").await.unwrap();
            for statement in statements {
                let query = sqlx::query(*statement).bind(session).bind(entries).bind(tenant);
                query.execute(&mut *transaction).await.unwrap();
            }
            transaction.commit().await.unwrap();
        }
    }
    let elapsed = begun.elapsed();
    for table in ["orders", "attempts", "timeline", "outbox"] {
        let count = |schema: &str| format!("SELECT count(*) FROM {schema}.{table}");
        let written: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(count("main"))).fetch_one(&mut alone).await.unwrap();
        let expected: i64 =
            sqlx::query_scalar(sqlx::AssertSqlSafe(count("gateway"))).fetch_one(&mut alone).await.unwrap();
        assert_eq!(written, expected, "the same rows in {table}");
    }
    elapsed
}

/// Purchases per second by the gateway, and by SQLite alone.
async fn round(purchases: u32, shoppers: u32) -> (f64, f64) {
    let mut world = TestGateway::closed(Sample::all().iter().map(Sample::shop).collect());
    world.settings.push(("GATEWAY__LOG__FILTER", "info"));
    world.start_gateway();
    let ready = prepared(&world, purchases).await;
    let elapsed = paid(&world, ready, shoppers).await;
    assert_eq!(world.ledger().len(), usize::try_from(purchases).unwrap());
    assert_eq!(world.terminate(), Some(0));
    let alone =
        written_alone(&world.folder.path().join("merchant-gateway.sqlite3"), world.folder.path()).await;
    let pace = |elapsed: Duration| f64::from(purchases) / elapsed.as_secs_f64();
    (pace(elapsed), pace(alone))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_throughput_of_purchases_is_compared_with_sqlite_commits() {
    let setting = |name: &str| SystemEnvironment.var(name).and_then(|text| text.parse::<u32>().ok());
    let purchases = setting("BENCH_PURCHASES").unwrap_or(24);
    let shoppers = setting("BENCH_SHOPPERS").unwrap_or(8);
    println!(
        "{purchases} purchases by {shoppers} shoppers at once, each {COMMITS} durable commits, per second"
    );
    // What else the machine does falls on one round more than on another, so the round in the middle counts.
    let mut ratios = Vec::new();
    for _ in 0..setting("BENCH_ROUNDS").unwrap_or(1) {
        let (gateway, alone) = round(purchases, shoppers).await;
        println!("gateway {gateway:>6.0}   SQLite alone {alone:>6.0}   ratio {:>5.2}", gateway / alone);
        ratios.push(gateway / alone);
    }
    ratios.sort_by(f64::total_cmp);
    let median = ratios[ratios.len() / 2];
    println!("median ratio {median:.2}");
    if let Some(least) = SystemEnvironment.var("BENCH_LEAST").and_then(|text| text.parse::<f64>().ok()) {
        assert!(median >= least, "less than {least} of what SQLite alone does");
    }
}
