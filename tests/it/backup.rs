//! Backups taken while the real gateway serves, and what a restored one does before it takes a payment.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Output;

use merchant_gateway::emulator::{Fault, FaultPlan, HostedOutcome, RequestKind};
use serde_json::{Value, json};

use crate::support::client::{Client, Speaks};
use crate::support::operator::Operator;
use crate::support::orders::{ORDERS, Order};
use crate::support::samples::Sample;
use crate::support::world::World;

/// How many purchases are made between the backup and the restore.
const MORE: usize = 50;

fn world() -> World {
    let mut world = World::closed(Sample::all().iter().map(Sample::shop).collect());
    world.start_gateway();
    world
}

fn database(world: &World, ending: &str) -> PathBuf {
    world.folder.path().join(format!("merchant-gateway.sqlite3{ending}"))
}

fn run(world: &World, command: &str, arguments: &[&str]) -> Output {
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

/// A checkout and how it may be paid.
#[derive(Clone)]
struct Checkout {
    order: &'static Order,
    id: Value,
    page: String,
}

async fn begin(world: &World, order: &'static Order) -> Checkout {
    let client = world.client_of(order.merchant, Speaks::Legacy);
    let made = client.works("create_checkout", order.arguments()).await;
    let page =
        made["checkout_url"].as_str().unwrap().strip_prefix("https://links.example").unwrap().to_owned();
    Checkout { order, id: made["checkout_session"]["id"].clone(), page }
}

impl Checkout {
    fn client(&self, world: &World) -> Client {
        world.client_of(self.order.merchant, Speaks::Legacy)
    }

    /// What the tool answers to a payment with a token that is good.
    async fn pay(&self, world: &World) -> Value {
        let token =
            world.token_at(self.order.merchant, "pm_card_visa", self.order.currency, self.order.total);
        self.client(world).complete(&self.id, &token).await
    }

    async fn paid(&self, world: &World) {
        let told = self.pay(world).await;
        assert_eq!(told["structuredContent"]["status"], "completed", "{told}");
    }

    /// Opens a page at Stripe; gives its id.
    async fn open_page(&self, world: &World) -> String {
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
        self.id.as_str().unwrap().split_once("_r").unwrap().0.to_owned()
    }

    async fn stands(&self, world: &World) -> (u16, Value) {
        let operator = Operator::of(world);
        operator.get(&format!("sessions/{}?tenant={}", self.session(), self.order.merchant)).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_of_mid_traffic_restored_after_fifty_more_purchases_charges_nobody_twice() {
    let mut world = world();
    let order = |number: usize| &ORDERS[number % ORDERS.len()];
    let mut known = Vec::new();
    for number in 0..MORE {
        known.push(begin(&world, order(number)).await);
    }
    let backup = world.folder.path().join("copy.sqlite3");
    let target = backup.to_str().unwrap();
    // In the middle of payments: some are in the copy, some are not.
    let during: Vec<Checkout> = known.drain(..10).collect();
    let (copied, ()) = tokio::join!(
        async { tokio::task::block_in_place(|| run(&world, "backup", &["--to", target])) },
        async {
            for checkout in &during {
                checkout.paid(&world).await;
            }
        },
    );
    works(&copied);

    // Those that the copy knows, by sheet and by page; and those that it does not.
    let mut later = Vec::new();
    for (number, checkout) in known.iter().take(25).enumerate() {
        if number % 3 == 0 {
            let page = checkout.open_page(&world).await;
            let outcome = world.emulator.pay_hosted(&page, "pm_card_visa").unwrap();
            assert!(matches!(outcome, HostedOutcome::Completed { .. }));
        } else {
            checkout.paid(&world).await;
        }
        later.push(checkout.clone());
    }
    for number in later.len()..MORE {
        let checkout = begin(&world, order(number)).await;
        checkout.paid(&world).await;
        later.push(checkout);
    }
    let open = known[30].clone();
    let left_open = open.open_page(&world).await;
    let charged: BTreeSet<String> = world.ledger().into_iter().map(|entry| entry.payment_intent).collect();
    assert_eq!(charged.len(), during.len() + MORE);

    assert_eq!(world.terminate(), Some(0));
    let before = world.emulator.exchanges().len();
    works(&run(&world, "restore", &["--from", target]));
    world.start_gateway();

    let operator = Operator::of(&world);
    let mut flagged = BTreeSet::new();
    for shop in &world.shops {
        let (_, flags) = operator.get(&format!("flags?tenant={}", shop.id)).await;
        for flag in flags["flags"].as_array().unwrap() {
            assert_eq!(flag["reason"], "lost_by_restore", "{flag}");
            flagged.insert(flag["session"].as_str().unwrap().to_owned());
        }
    }
    let (mut attached, mut lost) = (0, 0);
    for checkout in during.iter().chain(&later) {
        let (status, session) = checkout.stands(&world).await;
        if status == 404 {
            assert!(
                flagged.contains(&checkout.session()),
                "{} is neither attached nor flagged",
                checkout.session()
            );
            lost += 1;
        } else {
            assert_eq!(session["state"], "completed", "{session}");
            assert!(charged.contains(session["payment_intent"].as_str().unwrap()));
            attached += 1;
        }
    }
    assert_eq!((attached, lost), (during.len() + 25, 25));
    let since: Vec<_> = world.emulator.exchanges().split_off(before);
    assert!(
        since.iter().all(|seen| seen.method == "GET" || seen.path.ends_with("/expire")),
        "nothing is charged before"
    );
    let page = world.emulator.checkout_sessions(&shop_account(&world, &open));
    let page = page.into_iter().find(|page| page["id"] == left_open).unwrap();
    assert_eq!(page["status"], "expired", "a page that the copy does not know is closed");

    // Every shopper comes again with a new token.
    for checkout in during.iter().chain(&later) {
        let told = checkout.pay(&world).await;
        let completed = told["structuredContent"]["status"] == "completed";
        assert!(completed || told["isError"] == true, "{told}");
    }
    let again: BTreeSet<String> = world.ledger().into_iter().map(|entry| entry.payment_intent).collect();
    assert_eq!(again, charged, "nobody was charged twice");
    open.paid(&world).await;
    for checkout in &known[31..33] {
        checkout.paid(&world).await;
    }
    assert_eq!(world.ledger().len(), charged.len() + 3, "the shop goes on");

    // What is accounted for stays so.
    assert_eq!(world.terminate(), Some(0));
    world.start_gateway();
    assert!(!world.log().contains("restore_reconciled"), "{}", world.log());
}

fn shop_account(world: &World, checkout: &Checkout) -> String {
    let shop = world.shops.iter().find(|shop| shop.id == checkout.order.merchant).unwrap();
    shop.account.account_id.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_stripe_cannot_be_read_a_restored_shop_shows_its_goods_and_takes_no_payment() {
    let mut world = world();
    let checkout = begin(&world, &ORDERS[1]).await;
    let target = world.folder.path().join("copy.sqlite3");
    let target = target.to_str().unwrap();
    works(&run(&world, "backup", &["--to", target]));
    checkout.paid(&world).await;
    assert_eq!(world.terminate(), Some(0));
    works(&run(&world, "restore", &["--from", target]));
    world.emulator.set_faults(FaultPlan::none().next(RequestKind::ListIntents, Fault::DropBefore, 100_000));
    world.start_until("stripe_account_unknown", world.shops.len());
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_backed_up_or_restored_is_told_and_left_as_it_is() {
    let mut world = world();
    begin(&world, &ORDERS[0]).await.paid(&world).await;
    let target = world.folder.path().join("copy.sqlite3");
    let target = target.to_str().unwrap();
    works(&run(&world, "backup", &["--to", target]));
    let said = refusal(&run(&world, "backup", &["--to", target]));
    assert!(said.contains("exists already"), "{said}");
    let said = refusal(&run(&world, "restore", &["--from", target]));
    assert!(said.contains("stop it first"), "{said}");
    assert_eq!(world.terminate(), Some(0));

    let live = database(&world, "");
    let whole = std::fs::read(&live).unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = world.folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let mut torn = std::fs::read(target).unwrap();
    let middle = torn.len() / 2;
    torn[middle..].fill(0x5a);
    for (from, remedy) in [
        (file("nothing.sqlite3", b"what is this"), "is not a database of this program"),
        (file("unmarked.sqlite3", &whole), "use a file that the backup command wrote"),
        (file("torn.sqlite3", &torn), "damaged"),
        (world.folder.path().join("absent").to_str().unwrap().to_owned(), "there is no database"),
    ] {
        let said = refusal(&run(&world, "restore", &["--from", &from]));
        assert!(said.contains(remedy), "{from}: {said}");
        assert_eq!(std::fs::read(&live).unwrap(), whole, "{from}");
    }
    assert!(!database(&world, ".restores").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_that_was_broken_off_is_not_served_from_until_it_is_done_again() {
    let mut world = world();
    let checkout = begin(&world, &ORDERS[0]).await;
    let target = world.folder.path().join("copy.sqlite3");
    let target = target.to_str().unwrap();
    works(&run(&world, "backup", &["--to", target]));
    checkout.paid(&world).await;
    assert_eq!(world.terminate(), Some(0));
    // As it lies after a power cut between the old database's move and the new one's.
    std::fs::copy(target, database(&world, ".restoring")).unwrap();
    std::fs::rename(database(&world, ""), database(&world, ".before")).unwrap();
    let said = refusal(&run(&world, "serve", &[]));
    assert!(said.contains("was broken off; run it again"), "{said}");
    works(&run(&world, "restore", &["--from", target]));
    world.start_gateway();
    let told = checkout.pay(&world).await;
    assert_eq!(told["structuredContent"]["status"], "completed", "{told}");
    assert_eq!(world.ledger().len(), 1);
}
