//! The emulated Stripe in a process of its own, asked as one asks Stripe, or by its own endpoints.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use serde::de::DeserializeOwned;
use serde_json::Value;
use stripe_emulator::{Exchange, LedgerEntry, WebhookEndpoint, WebhookPlan};

use super::stripe_schema::StripeSchema;
use super::test_gateway::{Shop, TestGateway, WEBHOOK_SECRET};

pub struct StripeProcess {
    process: Child,
    base: String,
    http: reqwest::Client,
    minted: AtomicU32,
}

impl StripeProcess {
    /// Starts it for the shops of a world, which serves against it from now on; with a bad day by this seed.
    #[expect(clippy::disallowed_methods, reason = "a test's own client")]
    pub fn beside(world: &mut TestGateway, faults: u64) -> Self {
        let mut process = world
            .command("emulator")
            .args(["--port", "0", "--faults", &faults.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let said = lines.next().expect("the emulator says where it is").unwrap();
        let base = said.strip_prefix("listening on ").expect("an address").to_owned();
        world.settings.push(("GATEWAY__STRIPE__API_BASE", base.clone().leak()));
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { process, base, http, minted: AtomicU32::new(0) }
    }

    /// A token of the shop whose key this is, for as much as `amount` minor units.
    pub async fn mint(&self, key: &str, payment_method: &str, (currency, amount): (&str, i64)) -> String {
        let form = format!(
            "payment_method={payment_method}&usage_limits[currency]={currency}&usage_limits[max_amount]={amount}"
        );
        let request = self
            .http
            .post(format!("{}/v1/test_helpers/shared_payment/granted_tokens", self.base))
            .bearer_auth(key)
            .header("stripe-version", "2026-09-30.preview")
            .header("idempotency-key", format!("mint-{}", self.minted.fetch_add(1, Ordering::Relaxed)))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(form);
        let granted: Value = request.send().await.unwrap().json().await.unwrap();
        granted["id"].as_str().unwrap_or_else(|| panic!("no token: {granted}")).to_owned()
    }

    /// Delivers webhooks by this plan from now on.
    pub async fn set_webhook_plan(&self, plan: &WebhookPlan) {
        self.control("webhooks/plan", &serde_json::to_value(plan).unwrap()).await;
    }

    /// Has a shop's events sent to an address, signed with [`WEBHOOK_SECRET`]; earlier addresses stay.
    pub async fn send_webhooks(&self, shop: &Shop, url: &str) {
        let endpoint = WebhookEndpoint::new(&self.account(shop.key()).await, url, WEBHOOK_SECRET);
        self.control("webhooks", &serde_json::to_value(endpoint).unwrap()).await;
    }

    /// The account that a key opens, asked until a bad day lets the answer through.
    async fn account(&self, key: &str) -> String {
        for _ in 0..100 {
            let request = self.http.get(format!("{}/v1/account", self.base)).bearer_auth(key);
            let request = request.header("stripe-version", "2026-09-30.preview");
            let answer = async { request.send().await.ok()?.json::<Value>().await.ok() };
            if let Some(id) = answer.await.as_ref().and_then(|account| account["id"].as_str()) {
                return id.to_owned();
            }
        }
        panic!("Stripe never says which account it is");
    }

    async fn control(&self, path: &str, body: &Value) {
        let request = self.http.post(format!("{}/_emulator/{path}", self.base)).body(body.to_string());
        assert_eq!(request.send().await.unwrap().status(), 200, "{path}");
    }

    async fn told<T: DeserializeOwned>(&self, what: &str) -> T {
        let request = self.http.get(format!("{}/_emulator/{what}", self.base));
        request.send().await.unwrap().json().await.unwrap()
    }

    pub async fn ledger(&self) -> Vec<LedgerEntry> {
        self.told("ledger").await
    }

    /// Every refund of the account whose key this is, read as anybody reads it, through all faults.
    pub async fn refunds(&self, key: &str) -> Vec<Value> {
        let mut found: Vec<Value> = Vec::new();
        loop {
            let after = found.last().map(|last| format!("&starting_after={}", last["id"].as_str().unwrap()));
            let url = format!("{}/v1/refunds?limit=100{}", self.base, after.unwrap_or_default());
            let request = self.http.get(url).bearer_auth(key).header("stripe-version", "2026-09-30.preview");
            let Ok(answer) = request.send().await else { continue };
            let Ok(page) = answer.json::<Value>().await else { continue };
            let Some(data) = page["data"].as_array() else { continue };
            found.extend(data.iter().cloned());
            if page["has_more"] == false {
                return found;
            }
        }
    }

    /// What came of the faults so far.
    pub async fn faults_hit(&self) -> Value {
        self.told::<Value>("faults").await["hit"].take()
    }

    /// Every exchange, each as Stripe's schema has it.
    pub async fn exchanges(&self) -> Vec<Exchange> {
        let exchanges: Vec<Exchange> = self.told("exchanges").await;
        if let Some(schema) = StripeSchema::load() {
            let wrong: Vec<_> =
                exchanges.iter().flat_map(|exchange| schema.check_exchange(exchange)).collect();
            assert!(wrong.is_empty(), "not as Stripe's schema has it:\n{}", wrong.join("\n"));
        }
        exchanges
    }
}

impl Drop for StripeProcess {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
