//! What becomes due at once after a night of downtime: it ends, and nobody waits for it.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use tokio::time::Instant;

use crate::support::client::Speaks;
use crate::support::orders::{ORDERS, Order};
use crate::support::samples::Sample;
use crate::support::world::World;

/// How many carts nobody has paid, and whose time was over while nothing ran.
const CARTS: i64 = 50_000;

/// How many carts wait of merchants whose files are gone.
const UNSERVED: i64 = 10_000;
const GONE: &str = "a-shop-that-is-gone";

async fn database(folder: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(folder.join("merchant-gateway.sqlite3"));
    SqliteConnection::connect_with(&options).await.unwrap()
}

/// Copies of the one cart that there is, each with a name of its own; their time is over since 1970.
async fn abandon_carts(folder: &Path, owner: &str, count: i64) {
    let mut database = database(folder).await;
    let columns = "tenant, mode, id, version, schema, state, due_at, due_priority, created, body";
    let copies = format!(
        "WITH RECURSIVE numbers (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < ?1),
              copies (name) AS (SELECT printf('chk_%032x', number) FROM numbers)
         INSERT INTO sessions ({columns})
         SELECT ?2, mode, name, version, schema, state, 1, due_priority, created,
                json_set(body, '$.id', name, '$.expires', 1)
           FROM copies, (SELECT * FROM sessions WHERE state = 'ready' AND due_at > 1 LIMIT 1)"
    );
    let written =
        sqlx::query(sqlx::AssertSqlSafe(copies)).bind(count).bind(owner).execute(&mut database).await;
    assert_eq!(written.unwrap().rows_affected(), u64::try_from(count).unwrap());
    database.close().await.unwrap();
}

async fn due_carts(folder: &Path, owner: &str) -> i64 {
    let mut database = database(folder).await;
    let due = sqlx::query_scalar("SELECT count(*) FROM sessions WHERE tenant = ?1 AND due_at = 1")
        .bind(owner)
        .fetch_one(&mut database)
        .await
        .unwrap();
    database.close().await.unwrap();
    due
}

/// A purchase at a shop, and how long its payment took.
async fn purchase(world: &World, order: &Order) -> Duration {
    let client = world.client_of(order.merchant, Speaks::Legacy);
    let made = client.works("create_checkout", order.arguments()).await;
    let token = world.token_at(order.merchant, "pm_card_visa", order.currency, order.total);
    let started = Instant::now();
    let paid = client.complete(&made["checkout_session"]["id"], &token).await;
    assert_eq!(paid["structuredContent"]["status"], "completed", "{paid}");
    started.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_thousand_overdue_carts_of_one_merchant_keep_nobody_at_another_waiting() {
    let mut world = World::of_samples(&Sample::all());
    let [other, crowded, _] = &ORDERS;
    let alone = purchase(&world, other).await;
    world.client_of(crowded.merchant, Speaks::Legacy).works("create_checkout", crowded.arguments()).await;
    assert_eq!(world.terminate(), Some(0));
    abandon_carts(world.folder.path(), crowded.merchant, CARTS).await;
    abandon_carts(world.folder.path(), GONE, UNSERVED).await;

    world.start_gateway();
    let beside = purchase(&world, other).await;
    let waiting = due_carts(world.folder.path(), crowded.merchant).await;
    assert!(waiting > 0, "the payment was not beside them");
    assert!(beside < alone + Duration::from_secs(2), "{beside:?} beside them, {alone:?} alone");

    world.wait_for("carts_expired", 1);
    assert_eq!(due_carts(world.folder.path(), crowded.merchant).await, 0, "every cart is ended");
    assert_eq!(
        due_carts(world.folder.path(), GONE).await,
        UNSERVED,
        "a cart of a merchant without a file waits"
    );
    let most = world.most_memory();
    assert!(most < 200 << 20, "{} MiB were resident", most >> 20);
    purchase(&world, crowded).await;
}
