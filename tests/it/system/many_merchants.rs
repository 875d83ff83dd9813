//! How long a gateway of many merchants takes to start and to apply a change, how much memory it needs, and that the
//! others' shoppers notice nothing of a change.
//!
//! In the suite this shows that the measurement works; `make bench-merchants` makes it large enough to mean something
//! (`BENCH_MERCHANTS`, and `BENCH_FILES` to check), on the optimised binary.

use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use merchant_gateway::ports::{Environment, SystemEnvironment};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::support::client::Speaks;
use crate::support::test_gateway::{TestGateway, account, put};

/// How many products each merchant has.
const PRODUCTS: usize = 20;

const KEY: &str = "sk_test_ofmany1";
const ACCOUNT: &str = "acct_ofmany";
const NETWORK: &str = "profile_test_ofmany";

fn sizes(name: &str, usual: &str) -> Vec<usize> {
    let sizes = SystemEnvironment.var(name).unwrap_or_else(|| usual.to_owned());
    sizes.split(',').map(|size| size.parse().unwrap()).collect()
}

fn id(number: usize) -> String {
    format!("shop-{number}")
}

fn file(number: usize, price: u32) -> String {
    let mut file = format!(
        r#"
name = "Shop {number}"
mode = "test"
hosts = ["shop-{number}.localhost"]
currency = "usd"
[limits]
requests_per_second = 10000
burst = 100000
[stripe]
network_id = "{NETWORK}"
shared_account = true
secret_key = "file:stripe-key"
[tax]
provider = "none"
"#
    );
    for product in 0..PRODUCTS {
        let _ = write!(
            file,
            r#"
[[products]]
id = "product-{product}"
title = "Product {product} of shop {number}"
description = "One of many things that this shop sells, with a description of an ordinary length."
price = {price}
shippable = false
"#
        );
    }
    file
}

/// A gateway that is not started yet, with so many merchants in one account.
fn with_merchants(count: usize) -> TestGateway {
    let mut world = TestGateway::closed(Vec::new());
    world.settings.push(("GATEWAY__LOG__FILTER", "info"));
    world.emulator.add_account(&account(ACCOUNT, KEY, true, NETWORK)).unwrap();
    let folder = world.folder.path();
    for number in 0..count {
        fs::write(folder.join("tenants").join(format!("{}.toml", id(number))), file(number, 1000)).unwrap();
        let secrets = folder.join("secrets").join(id(number));
        fs::create_dir_all(&secrets).unwrap();
        put(&secrets.join("stripe-key"), KEY);
    }
    world
}

/// How many calls are compared with those beside the changes.
fn calls() -> usize {
    sizes("BENCH_CALLS", "40")[0]
}

/// Searches at one merchant, one after the other, until the end is told; how long each took, before and beside the changes.
struct Traffic {
    changing: watch::Sender<bool>,
    counted: watch::Receiver<usize>,
    ended: tokio::task::JoinHandle<[Vec<Duration>; 2]>,
    stop: Arc<tokio::sync::Notify>,
}

impl Traffic {
    fn begin(world: &TestGateway, merchant: usize) -> Self {
        let client = world.client_of(&id(merchant), Speaks::Modern);
        let (changing, changes) = watch::channel(false);
        let (counts, counted) = watch::channel(0);
        let stop = Arc::new(tokio::sync::Notify::new());
        let stopped = Arc::clone(&stop);
        let ended = tokio::spawn(async move {
            let mut took = [Vec::new(), Vec::new()];
            let stopped = stopped.notified();
            tokio::pin!(stopped);
            loop {
                let begun = Instant::now();
                let found = client.works("search_products", serde_json::json!({}));
                tokio::select! {
                    found = found => assert_eq!(found["products"][0]["price"]["amount"], 1000, "{found}"),
                    () = &mut stopped => return took,
                }
                took[usize::from(*changes.borrow())].push(begun.elapsed());
                counts.send_replace(took.iter().map(Vec::len).sum());
            }
        });
        Self { changing, counted, ended, stop }
    }

    /// Waits until so many calls more were answered.
    async fn more(&mut self, calls: usize) {
        let until = *self.counted.borrow() + calls;
        self.counted.wait_for(|count| *count >= until).await.expect("every call is answered");
    }

    /// The slowest of a hundred calls beside the changes, divided by that before them.
    async fn ended(self) -> f64 {
        self.stop.notify_one();
        let [before, beside] = self.ended.await.expect("every call is answered").map(|mut took| {
            took.sort();
            took[(took.len() * 99 / 100).min(took.len() - 1)]
        });
        beside.as_secs_f64() / before.as_secs_f64()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_merchants_start_change_and_sell() {
    for count in sizes("BENCH_MERCHANTS", "4,20") {
        let mut world = with_merchants(count);
        let begun = Instant::now();
        world.start_until("\"tenant_opened\"", count);
        let started = begun.elapsed();

        let mut traffic = Traffic::begin(&world, 0);
        traffic.more(calls()).await;
        traffic.changing.send_replace(true);
        let last = count - 1;
        let begun = Instant::now();
        put(&world.tenant_file(&id(last)), &file(last, 1100));
        tokio::task::block_in_place(|| world.wait_for("\"tenant_changed\"", 1));
        let applied = begun.elapsed();
        put(&world.tenant_file(&id(last - 1)), "name = ");
        tokio::task::block_in_place(|| world.wait_for("\"keeps_on\":true", 1));
        fs::remove_file(world.tenant_file(&id(last - 2))).unwrap();
        tokio::task::block_in_place(|| world.wait_for("\"tenant_removed\"", 1));
        traffic.more(calls()).await;
        let slower = traffic.ended().await;
        let found =
            world.client_of(&id(last), Speaks::Modern).works("search_products", serde_json::json!({})).await;
        assert_eq!(found["products"][0]["price"]["amount"], 1100, "{found}");
        let memory = world.most_memory() / 1024 / 1024;
        println!(
            "{count:>6} merchants: start {:.2} s, from save to effect {:.2} s, at most {memory} MiB resident; another \
             merchant's p99 beside a change, a mistake and a removal is {slower:.2} of that before",
            started.as_secs_f64(),
            applied.as_secs_f64()
        );
        assert_eq!(world.terminate(), Some(0));
    }
    for count in sizes("BENCH_FILES", "20") {
        let world = with_merchants(count);
        let begun = Instant::now();
        let check = world.command("check").output().unwrap();
        println!("{count:>6} files: check {:.2} s", begun.elapsed().as_secs_f64());
        assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));
    }
}
