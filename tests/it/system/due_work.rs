//! What becomes due at once after a night of downtime: it ends, and nobody waits for it.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use merchant_gateway::domain::ids::{Mode, SessionId, Tenant};
use merchant_gateway::ports::ManualClock;
use merchant_gateway::runtime::{DueSessions, sweep};
use merchant_gateway::store::{Commit, Store as _};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use test_support::memory_store::MemoryStore;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::adapters::store::values::{NOW, charging, create, tenant};
use crate::support::client::Speaks;
use crate::support::orders::{ORDERS, Order};
use crate::support::samples::Sample;
use crate::support::test_gateway::TestGateway;

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
async fn purchase(world: &TestGateway, order: &Order) -> Duration {
    let client = world.client_of(order.merchant, Speaks::Legacy);
    let made = client.works("create_checkout", order.arguments()).await;
    let token = world.token_at(order.merchant, "pm_card_visa", order.currency, order.total);
    let started = Instant::now();
    let paid = client.complete(&made["checkout_session"]["id"], &token).await;
    assert_eq!(paid["structuredContent"]["status"], "completed", "{paid}");
    started.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_thousand_overdue_carts_delay_no_other_merchant() {
    let mut world = TestGateway::of_samples(&Sample::all());
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

/// Who serves two merchants, one of whom has a Stripe that hangs.
struct OneHangs {
    hanging: Tenant,
    woken: Mutex<Vec<(Tenant, SessionId, Instant)>>,
    awake: AtomicUsize,
    most_awake: AtomicUsize,
}

#[async_trait]
impl DueSessions for OneHangs {
    fn can_go_on(&self, tenant: &Tenant) -> bool {
        tenant.merchant.as_str() != "gone"
    }

    async fn wake(&self, tenant: &Tenant, id: &SessionId) {
        self.woken.lock().unwrap().push((tenant.clone(), id.clone(), Instant::now()));
        if *tenant == self.hanging {
            let awake = self.awake.fetch_add(1, Ordering::Relaxed) + 1;
            self.most_awake.fetch_max(awake, Ordering::Relaxed);
            tokio::time::sleep(Duration::from_mins(1)).await;
            self.awake.fetch_sub(1, Ordering::Relaxed);
        }
    }

    async fn expire_carts(&self, _: &Tenant, carts: Vec<SessionId>) -> usize {
        carts.len()
    }
}

#[tokio::test(start_paused = true)]
async fn a_merchant_with_a_hung_stripe_starves_no_due_payment() {
    let store = Arc::new(MemoryStore::new());
    let (hanging, quick, gone) =
        (tenant("hanging", Mode::Test), tenant("quick", Mode::Test), tenant("gone", Mode::Test));
    for (owner, count) in [(&hanging, 40), (&quick, 200), (&gone, 40)] {
        for number in 1..=count {
            let commit = Commit { due_at: Some(NOW), ..create(owner, charging(number)) };
            store.commit(commit).await.unwrap();
        }
    }
    let sessions = Arc::new(OneHangs {
        hanging: hanging.clone(),
        woken: Mutex::default(),
        awake: AtomicUsize::new(0),
        most_awake: AtomicUsize::new(0),
    });
    let (stop, stopped) = watch::channel(false);
    let clock = Arc::new(ManualClock::new(NOW));
    let began = Instant::now();
    let sweeping = tokio::spawn(sweep(store, clock, Arc::clone(&sessions) as _, stopped));
    tokio::time::sleep(Duration::from_mins(8)).await;
    stop.send(true).unwrap();
    sweeping.await.unwrap();

    let woken = sessions.woken.lock().unwrap().clone();
    let of = |owner: &Tenant| woken.iter().filter(|(tenant, ..)| tenant == owner).collect::<Vec<_>>();
    let names = |owner: &Tenant| of(owner).iter().map(|(_, id, _)| id.clone()).collect::<BTreeSet<_>>();
    assert_eq!(sessions.most_awake.load(Ordering::Relaxed), 6, "so many payments of one merchant at most");
    assert_eq!((names(&hanging).len(), names(&quick).len(), names(&gone).len()), (40, 200, 0));
    // A page of the other's is woken at a time, whatever hangs beside it.
    let first_two_hundred = of(&quick)[199].2 - began;
    assert!(first_two_hundred < Duration::from_secs(30), "{first_two_hundred:?}");
}
