//! The demo as a person uses it: a real Chromium on the emulated host's page, from a product to its receipt.
//!
//! The scripts in `tests/node/host` and `tests/node/hosted` click; what they tell is held against the emulated Stripe's
//! ledger here. Their pictures are kept in the folder that `TEST_SCREENSHOTS` names.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use merchant_gateway::ports::{Environment, SystemEnvironment};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::client::{Client, Speaks};
use crate::support::node;
use crate::support::samples::Sample;

/// A running demo with the sample merchants.
struct Demo {
    process: Child,
    page: String,
    ledger: String,
    /// The coffee shop's MCP endpoint.
    shop: String,
    folder: TempDir,
}

impl Demo {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let tenants = Path::new(env!("CARGO_MANIFEST_DIR")).join("tenants");
        let mut process = Command::new(env!("CARGO_BIN_EXE_merchant-gateway"))
            .args(["demo", "--port", "0", "--host-port", "0", "--admin-port", "0", "--tenants"])
            .arg(tenants)
            .current_dir(folder.path())
            .env_clear()
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines().map(Result::unwrap);
        let said: Vec<String> = lines.take_while(|line| !line.contains("demo --buy")).collect();
        let address = |name: &str| {
            let line = said.iter().find_map(|line| line.trim().strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name} in {said:?}")).trim().to_owned()
        };
        let endpoint = |line: &&String| line.contains("MCP endpoint") && line.contains("harbor-coffee");
        let shop =
            said.iter().find(endpoint).and_then(|line| line.split_whitespace().last()).unwrap().to_owned();
        Self { process, page: address("page "), ledger: address("ledger "), shop, folder }
    }

    /// Runs a script against the page; gives what it tells. `None` where there is no Node.js or no browser.
    fn run(&self, script: &str) -> Option<Vec<Value>> {
        let chromium = node::chromium()?;
        let pictures = self.pictures();
        let arguments = [&self.page, chromium.to_str().unwrap(), pictures.to_str().unwrap()];
        let said = node::said(&node::run(script, &arguments)?);
        Some(said.lines().map(|line| serde_json::from_str(line).unwrap()).collect())
    }

    /// Has a tool of the coffee shop make a checkout; gives the page that its text names.
    async fn checkout_page(&self) -> String {
        let client = Client::new(self.shop.clone(), Speaks::Modern);
        let items = json!([{ "id": "huila-washed-250-beans", "quantity": 2 }]);
        let made = client.call("checkout_session", json!({ "checkout_session": { "items": items } })).await;
        let text = made["content"][0]["text"].as_str().unwrap();
        text.split_whitespace()
            .find(|word| word.contains("/checkout/"))
            .expect("the page is named")
            .to_owned()
    }

    /// Runs a script against the page of a new checkout; gives what it tells. `None` as for [`Self::run`].
    async fn run_on_page(&self, script: &str) -> Option<Value> {
        let chromium = node::chromium()?;
        let (link, pictures) = (self.checkout_page().await, self.pictures());
        let arguments = [link.as_str(), chromium.to_str().unwrap(), pictures.to_str().unwrap()];
        Some(serde_json::from_str(&node::said(&node::run(script, &arguments)?)).unwrap())
    }

    fn pictures(&self) -> PathBuf {
        SystemEnvironment.var("TEST_SCREENSHOTS").map_or_else(|| self.folder.path().into(), PathBuf::from)
    }

    /// Whether Stripe's ledger has one payment for each receipt, of its amount, and nothing else.
    async fn check_ledger(&self, receipts: &[Value]) {
        let client = Client::new(String::new(), Speaks::Modern);
        let text = client.http.get(&self.ledger).send().await.unwrap().text().await.unwrap();
        let ledger: Vec<Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(ledger.len(), receipts.len(), "{text}");
        for receipt in receipts {
            let session = &receipt["session"].as_str().unwrap()[..36];
            let payments: Vec<&Value> =
                ledger.iter().filter(|entry| entry["metadata"].to_string().contains(session)).collect();
            assert_eq!(payments.len(), 1, "{receipt} in {text}");
            assert_eq!(payments[0]["amount_received"], receipt["amount"], "{receipt}");
            let currency = receipt["currency"].as_str().unwrap().to_lowercase();
            assert_eq!(payments[0]["currency"].as_str().unwrap(), currency, "{receipt}");
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn every_merchant_charges_each_browser_purchase_once() {
    let demo = Demo::start();
    let Some(receipts) = demo.run("host/buy.mjs") else { return };
    let merchants: BTreeSet<&str> =
        receipts.iter().map(|receipt| receipt["merchant"].as_str().unwrap()).collect();
    let files = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tenants")).unwrap();
    let tenants = files.filter(|file| {
        Path::new(&file.as_ref().unwrap().file_name()).extension().is_some_and(|kind| kind == "toml")
    });
    assert_eq!(merchants.len(), tenants.count(), "{merchants:?}");
    assert_eq!(receipts.len(), 3 * merchants.len(), "straight away, after a decline, after a cancellation");
    demo.check_ledger(&receipts).await;
}

#[tokio::test]
async fn a_widget_without_a_payment_sheet_pays_on_the_shop_page() {
    let demo = Demo::start();
    let Some(receipts) = demo.run("host/pay-elsewhere.mjs") else { return };
    assert_eq!(receipts.len(), Sample::all().len(), "one for each merchant");
    demo.check_ledger(&receipts).await;
}

#[tokio::test]
async fn a_wallet_on_the_hosts_page_pays_each_merchant_once() {
    let demo = Demo::start();
    let Some(receipts) = demo.run("host/wallet.mjs") else { return };
    assert_eq!(receipts.len(), Sample::all().len() + 1, "one for each merchant, and a gift card");
    let (paid, closed): (Vec<Value>, Vec<Value>) =
        receipts.into_iter().partition(|receipt| receipt["wallet"] == true);
    assert!(paid.len() > closed.len(), "{closed:?}");
    demo.check_ledger(&paid).await;
}

#[tokio::test]
async fn the_host_keeps_its_rules_and_shows_what_goes_wrong() {
    let demo = Demo::start();
    let Some(receipts) = demo.run("host/conduct.mjs") else { return };
    assert_eq!(receipts.len(), 1);
    demo.check_ledger(&receipts).await;
}

#[test]
fn the_pages_rules_hold_by_themselves() {
    let Some(ran) = node::run("host/rules.mjs", &[]) else { return };
    assert_eq!(node::said(&ran).trim(), "the rules hold");
}

#[tokio::test]
async fn a_browser_without_scripts_pays_on_the_shops_page_and_stripes() {
    let demo = Demo::start();
    let Some(receipt) = demo.run_on_page("hosted/without_scripts.mjs").await else { return };
    assert_eq!(receipt["amount"], 4567, "{receipt}");
    demo.check_ledger(&[receipt]).await;
}

#[tokio::test]
async fn the_shop_page_widget_charges_once_after_a_return_and_an_edit() {
    let demo = Demo::start();
    let Some(receipt) = demo.run_on_page("hosted/with_scripts.mjs").await else { return };
    demo.check_ledger(&[receipt]).await;
}

#[tokio::test]
async fn the_shop_page_keeps_forms_and_gives_a_new_order_its_own_page() {
    let demo = Demo::start();
    let Some(receipt) = demo.run_on_page("hosted/conduct.mjs").await else { return };
    demo.check_ledger(&[receipt]).await;
}
