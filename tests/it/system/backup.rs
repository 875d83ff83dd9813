//! Backups taken while the real gateway serves, and what a restored one does before it takes a payment.

mod accounting;
mod files;
mod orders;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Output;

use serde_json::{Value, json};
use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use stripe_emulator::{Fault, FaultPlan, HoldPoint, HostedOutcome, RequestKind};

use crate::support::client::{Client, Speaks, session_name};
use crate::support::operator::Operator;
use crate::support::orders::{ORDERS, Order};
use crate::support::samples::Sample;
use crate::support::test_gateway::TestGateway;

/// How many purchases are made between the backup and the restore.
const MORE: usize = 50;

/// A world whose gateway, once restored, waits for nothing that a process before it may have sent.
fn world() -> TestGateway {
    let mut world = TestGateway::closed(Sample::all().iter().map(Sample::shop).collect());
    world.settings.push(("GATEWAY__RESTORE__DRAIN_SECONDS", "0"));
    world.start_gateway();
    world
}

fn database(world: &TestGateway, ending: &str) -> PathBuf {
    world.folder.path().join(format!("merchant-gateway.sqlite3{ending}"))
}

fn run(world: &TestGateway, command: &str, arguments: &[&str]) -> Output {
    world.command(command).args(arguments).output().unwrap()
}

fn works(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What a command says when it refuses.
fn refusal(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Backs up into a new file of the world's folder; its path.
fn backed_up(world: &TestGateway, name: &str) -> String {
    let target = world.folder.path().join(name).to_str().unwrap().to_owned();
    works(&run(world, "backup", &["--to", &target]));
    target
}

/// Restores a file that lies anywhere, and starts the gateway on it.
fn restored(world: &mut TestGateway, from: &str) {
    works(&run(world, "restore", &["--from", from]));
    world.start_gateway();
}

/// A connection to a database that nobody serves from.
async fn behind(path: &str) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).connect().await.unwrap()
}

/// A checkout and how it may be paid.
#[derive(Clone)]
struct Checkout {
    order: &'static Order,
    id: Value,
    page: String,
}

async fn begin(world: &TestGateway, order: &'static Order) -> Checkout {
    let client = world.client_of(order.merchant, Speaks::Legacy);
    let made = client.works("create_checkout", order.arguments()).await;
    let page =
        made["checkout_url"].as_str().unwrap().strip_prefix("https://links.example").unwrap().to_owned();
    Checkout { order, id: made["checkout_session"]["id"].clone(), page }
}

impl Checkout {
    fn client(&self, world: &TestGateway) -> Client {
        world.client_of(self.order.merchant, Speaks::Legacy)
    }

    /// What the tool answers to a payment with a token that is good.
    async fn pay(&self, world: &TestGateway) -> Value {
        let token =
            world.token_at(self.order.merchant, "pm_card_visa", self.order.currency, self.order.total);
        self.client(world).complete(&self.id, &token).await
    }

    async fn paid(&self, world: &TestGateway) {
        let told = self.pay(world).await;
        assert_eq!(told["structuredContent"]["status"], "completed", "{told}");
    }

    /// Opens a page at Stripe; gives its id.
    async fn open_stripe_checkout(&self, world: &TestGateway) -> String {
        #[expect(clippy::disallowed_methods, reason = "a test's own client")]
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        let (path, query) = self.page.split_once('?').unwrap();
        let asked = http.post(world.url(&format!("{path}/pay?{query}")));
        let asked = asked.header("content-type", "application/x-www-form-urlencoded").body("revision=1");
        let to = asked.send().await.unwrap().headers()["location"].to_str().unwrap().to_owned();
        to.rsplit('/').next().unwrap().split('#').next().unwrap().to_owned()
    }

    fn session(&self) -> String {
        session_name(&self.id)
    }

    /// Its order, as the shop's people see it.
    async fn order(&self, world: &TestGateway) -> Value {
        let operator = Operator::of(world);
        let (_, listed) = operator.get(&format!("orders?tenant={}&limit=100", self.order.merchant)).await;
        let orders = listed["orders"].as_array().unwrap();
        let own = orders.iter().find(|order| order["session"] == self.session().as_str());
        let id = own.unwrap_or_else(|| panic!("{listed}"))["id"].as_str().unwrap();
        operator.get(&format!("orders/{id}?tenant={}", self.order.merchant)).await.1
    }

    /// Gives money of its order back, under a reference.
    async fn refund(&self, world: &TestGateway, reference: &str, amount: i64) -> (u16, Value) {
        let order = self.order(world).await;
        let path = format!("orders/{}/refunds?tenant={}", order["id"].as_str().unwrap(), self.order.merchant);
        Operator::of(world).post_once(&path, reference, json!({ "amount": amount })).await
    }

    fn account(&self, world: &TestGateway) -> String {
        let shop = world.shops.iter().find(|shop| shop.id == self.order.merchant).unwrap();
        shop.account.account_id.clone()
    }

    async fn stands(&self, world: &TestGateway) -> (u16, Value) {
        let operator = Operator::of(world);
        operator.get(&format!("sessions/{}?tenant={}", self.session(), self.order.merchant)).await
    }
}

/// Takes a backup while shoppers pay, one of whom is being charged and one of whom has a page open. Who paid meanwhile.
async fn backup_of_mid_traffic(world: &TestGateway, charged: &Checkout, target: &str) -> Vec<Checkout> {
    let order = |number: usize| &ORDERS[number % ORDERS.len()];
    let hold = world.emulator.hold_next_payment(HoldPoint::BeforeEffect);
    let traffic = async {
        hold.reached().await;
        let mut paid = Vec::new();
        for number in 0..3 {
            paid.push(begin(world, order(number)).await);
            paid[number].paid(world).await;
        }
        let mut command = world.command("backup");
        command.args(["--to", target]);
        let copying = tokio::task::spawn_blocking(move || command.output().unwrap());
        while !copying.is_finished() {
            let checkout = begin(world, order(paid.len())).await;
            checkout.paid(world).await;
            paid.push(checkout);
        }
        works(&copying.await.unwrap());
        hold.release();
        paid
    };
    let (told, paid) = tokio::join!(charged.pay(world), traffic);
    assert_ne!(told["isError"], true, "{told}");
    paid
}

/// How many sessions of a database are in each state.
async fn states(path: &str) -> BTreeMap<String, i64> {
    let mut copy = behind(path).await;
    let states: Vec<(String, i64)> = sqlx::query_as("SELECT state, count(*) FROM sessions GROUP BY state")
        .fetch_all(&mut copy)
        .await
        .unwrap();
    copy.close().await.unwrap();
    states.into_iter().collect()
}

fn pay_page(world: &TestGateway, page: &str) {
    let outcome = world.emulator.pay_hosted(page, "pm_card_visa").unwrap();
    assert!(matches!(outcome, HostedOutcome::Completed { .. }));
}

/// Every payment that is flagged, by its session.
async fn flagged(world: &TestGateway) -> BTreeSet<String> {
    let operator = Operator::of(world);
    let mut flagged = BTreeSet::new();
    for shop in &world.shops {
        let (_, flags) = operator.get(&format!("flags?tenant={}", shop.id)).await;
        for flag in flags["flags"].as_array().unwrap() {
            assert_eq!(flag["reason"], "lost_by_restore", "{flag}");
            flagged.insert(flag["session"].as_str().unwrap().to_owned());
        }
    }
    flagged
}

fn charged(world: &TestGateway) -> BTreeSet<String> {
    world.ledger().into_iter().map(|entry| entry.payment_intent).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_mid_traffic_backup_charges_no_shopper_twice() {
    let mut world = world();
    let order = |number: usize| &ORDERS[number % ORDERS.len()];
    let mut known = Vec::new();
    for number in 0..MORE {
        known.push(begin(&world, order(number)).await);
    }
    let backup = world.folder.path().join("copy.sqlite3");
    let target = backup.to_str().unwrap();
    let (held, awaited) = (known.remove(0), known.remove(0));
    let page = awaited.open_stripe_checkout(&world).await;
    let mut purchases = backup_of_mid_traffic(&world, &held, target).await;
    let copied = states(target).await;
    assert!(copied.get("charging").is_some_and(|count| *count >= 1), "{copied:?}");
    assert!(copied.get("awaiting_stripe_checkout").is_some_and(|count| *count >= 1), "{copied:?}");
    pay_page(&world, &page);
    purchases.extend([held, awaited]);
    let before = purchases.len();

    // Those that the copy knows, by sheet and by page; and those that it does not.
    for (number, checkout) in known.iter().take(25).enumerate() {
        if number % 3 == 0 {
            let page = checkout.open_stripe_checkout(&world).await;
            pay_page(&world, &page);
        } else {
            checkout.paid(&world).await;
        }
        purchases.push(checkout.clone());
    }
    for number in 25..MORE {
        let checkout = begin(&world, order(number)).await;
        checkout.paid(&world).await;
        purchases.push(checkout);
    }
    let open = known[30].clone();
    let left_open = open.open_stripe_checkout(&world).await;
    let charges = charged(&world);
    assert_eq!(charges.len(), purchases.len());

    assert_eq!(world.terminate(), Some(0));
    let exchanges = world.emulator.exchanges().len();
    restored(&mut world, target);

    let flagged = flagged(&world).await;
    let mut lost = 0;
    for (number, checkout) in purchases.iter().enumerate() {
        let (status, session) = checkout.stands(&world).await;
        if status == 404 {
            let id = checkout.session();
            assert!(flagged.contains(&id), "{id} is neither attached nor flagged");
            assert!((3..before - 2).contains(&number) || number >= before + 25, "{number} was in the copy");
            lost += 1;
        } else {
            assert_eq!(session["state"], "completed", "{session}");
            assert!(charges.contains(session["payment_intent"].as_str().unwrap()));
        }
    }
    assert_eq!(flagged.len(), lost);
    assert!(lost >= MORE - 25);
    let since: Vec<_> = world.emulator.exchanges().split_off(exchanges);
    assert!(
        since.iter().all(|seen| seen.method == "GET" || seen.path.ends_with("/expire")),
        "nothing is charged before"
    );
    let page = world.emulator.checkout_sessions(&open.account(&world));
    let page = page.into_iter().find(|page| page["id"] == left_open).unwrap();
    assert_eq!(page["status"], "expired", "a page that the copy does not know is closed");

    // Every shopper comes again with a new token.
    for checkout in &purchases {
        let told = checkout.pay(&world).await;
        let completed = told["structuredContent"]["status"] == "completed";
        assert!(completed || told["isError"] == true, "{told}");
    }
    assert_eq!(charged(&world), charges, "nobody was charged twice");
    open.paid(&world).await;
    for checkout in &known[31..33] {
        checkout.paid(&world).await;
    }
    assert_eq!(world.ledger().len(), charges.len() + 3, "the shop goes on");

    // What is accounted for stays so.
    assert_eq!(world.terminate(), Some(0));
    world.start_gateway();
    assert!(!world.log_so_far().contains("restore_reconciled"), "{}", world.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_shop_takes_no_payment_until_stripe_can_be_read() {
    let mut world = world();
    let checkout = begin(&world, &ORDERS[1]).await;
    let target = backed_up(&world, "copy.sqlite3");
    checkout.paid(&world).await;
    assert_eq!(world.terminate(), Some(0));
    works(&run(&world, "restore", &["--from", &target]));
    world.emulator.set_faults(FaultPlan::none().next(RequestKind::ListIntents, Fault::DropBefore, 100_000));
    world.start_until("restore_not_reconciled", world.shops.len());
    let client = checkout.client(&world);
    let found = client.works("search_products", json!({ "query": "coffee" })).await;
    assert!(!found["products"].as_array().unwrap().is_empty());
    let told = checkout.pay(&world).await;
    assert!(told["isError"] == true && told.to_string().contains("try again"), "{told}");
    assert_eq!(world.ledger().len(), 1);
    world.emulator.set_faults(FaultPlan::none());
    world.wait_for("stripe_account_known", world.shops.len());
    let told = checkout.pay(&world).await;
    assert_eq!(told["structuredContent"]["status"], "completed");
    assert_eq!(world.ledger().len(), 1, "it was paid before");
}

#[tokio::test]
async fn a_restore_awaiting_late_requests_logs_its_next_try_once() {
    let mut world = TestGateway::start();
    let target = backed_up(&world, "copy.sqlite3");
    assert_eq!(world.terminate(), Some(0));
    works(&run(&world, "restore", &["--from", &target]));
    world.start_until("restore_not_reconciled", world.shops.len());
    let log = world.log_so_far();
    for line in log.lines().filter(|line| line.contains("restore_not_reconciled")) {
        let line: Value = serde_json::from_str(line).unwrap();
        let next_try = line["next_try_ms"].as_u64().unwrap();
        assert!((100_000..=150_000).contains(&next_try), "not before requests can be late: {line}");
        let told = format!("it is read again in {} s", next_try / 1000);
        assert!(line["cause"].as_str().unwrap().ends_with(&told), "{line}");
    }
}

#[test]
fn a_backup_that_is_not_there_is_told_once_and_by_its_own_name() {
    let world = TestGateway::closed(crate::support::test_gateway::usual_shops());
    let refused = run(&world, "restore", &["--from", "none.sqlite3"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(
        said,
        "error: there is no backup none.sqlite3; --from names a file that the backup command wrote\n"
    );
    let refused = run(&world, "backup", &["--to", "copy.sqlite3"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("store.url says where it is") && !said.contains("os error"), "{said}");
}
