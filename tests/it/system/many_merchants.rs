//! How long a gateway of many merchants takes to start and to apply a change, and how much memory it needs.
//!
//! In the suite this shows that the measurement works; `make bench-merchants` makes it large enough to mean something
//! (`BENCH_MERCHANTS`, and `BENCH_FILES` to check), on the optimised binary.

use std::fmt::Write as _;
use std::fs;

use merchant_gateway::ports::{Environment, SystemEnvironment};
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

#[tokio::test]
async fn many_merchants_start_change_and_sell() {
    for count in sizes("BENCH_MERCHANTS", "1,20") {
        let mut world = with_merchants(count);
        let begun = Instant::now();
        world.start_until("\"tenant_opened\"", count);
        let started = begun.elapsed();

        let last = count - 1;
        let begun = Instant::now();
        put(&world.folder.path().join("tenants").join(format!("{}.toml", id(last))), &file(last, 1100));
        world.wait_for("\"tenant_changed\"", 1);
        let applied = begun.elapsed();
        let found =
            world.client_of(&id(last), Speaks::Modern).works("search_products", serde_json::json!({})).await;
        assert_eq!(found["products"][0]["price"]["amount"], 1100, "{found}");
        let memory = world.most_memory() / 1024 / 1024;
        println!(
            "{count:>6} merchants: start {:.2} s, from save to effect {:.2} s, at most {memory} MiB resident",
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
