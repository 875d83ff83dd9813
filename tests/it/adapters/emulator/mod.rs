//! The Stripe emulator over plain HTTP. Every exchange of every test is held to Stripe's published schema.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up should stop")]

mod checkout_sessions;
mod disputes;
mod events;
mod faults;
mod holds;
mod hosted_page;
mod idempotency;
mod keys;
mod lists;
mod official;
mod payments;
mod receiver;
mod refunds;
mod requests;
mod schema_checks;
mod tokens;
mod webhook_endpoints;
mod webhooks;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use merchant_gateway::domain::time::Timestamp;
use merchant_gateway::ports::ManualClock;
use reqwest::Method;
use serde_json::Value;
use stripe_emulator::{AccountSeed, Emulator, EmulatorOptions, Exchange, KeySeed, MintToken};

use crate::support::stripe_clock::stripe_clock;
use crate::support::stripe_schema::StripeSchema;

const PREVIEW: &str = "2026-09-30.preview";
const START: i64 = 1_795_000_000;
const SHOP: &str = "acct_shop";
const SHOP_KEY: &str = "sk_test_shop_000000001111";
const SHOP_LIVE_KEY: &str = "rk_live_shop_000000002222";
const SHOP_NARROW_KEY: &str = "rk_test_shop_000000003333";
const OTHER: &str = "acct_other";
const OTHER_KEY: &str = "sk_test_other_00000004444";

/// An emulator with two accounts, and a plain HTTP client.
struct Stripe {
    emulator: Emulator,
    clock: Arc<ManualClock>,
    http: reqwest::Client,
    keys: AtomicU64,
}

/// An answer.
#[derive(Debug)]
struct Reply {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Value,
}

impl Reply {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    fn id(&self) -> &str {
        self.body["id"].as_str().unwrap_or_else(|| panic!("no id in {self:?}"))
    }

    /// Status, `error.type`, `error.code` and `error.param`.
    fn error(&self) -> (u16, &str, Option<&str>, Option<&str>) {
        let error = &self.body["error"];
        let kind = error["type"].as_str().unwrap_or_default();
        (self.status, kind, error["code"].as_str(), error["param"].as_str())
    }
}

/// A request on its way.
struct Call<'a> {
    stripe: &'a Stripe,
    request: reqwest::RequestBuilder,
}

impl Call<'_> {
    fn header(self, name: &str, value: &str) -> Self {
        Self { request: self.request.header(name, value), ..self }
    }

    fn key(self, key: &str) -> Self {
        self.header("Authorization", &format!("Bearer {key}"))
    }

    fn idempotency_key(self, key: &str) -> Self {
        self.header("Idempotency-Key", key)
    }

    async fn send(self) -> Reply {
        let request = self.stripe.complete(self.request.build().unwrap());
        let response = self.stripe.http.execute(request).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap();
        Reply {
            status,
            headers,
            body: serde_json::from_str(&text).unwrap_or_else(|_| panic!("not JSON: {text}")),
        }
    }
}

impl Stripe {
    fn start() -> Self {
        Self::start_at(Timestamp::from_seconds(START))
    }

    fn start_at(now: Timestamp) -> Self {
        let clock = Arc::new(ManualClock::new(now));
        let key = |key: &str, may_read_account| KeySeed { key: key.to_owned(), may_read_account };
        let accounts = vec![
            AccountSeed {
                account_id: SHOP.to_owned(),
                secret_keys: vec![key(SHOP_KEY, true), key(SHOP_LIVE_KEY, true), key(SHOP_NARROW_KEY, false)],
                network_id: "profile_test_shop".to_owned(),
            },
            AccountSeed {
                account_id: OTHER.to_owned(),
                secret_keys: vec![key(OTHER_KEY, true)],
                network_id: "profile_test_other".to_owned(),
            },
        ];
        let options = EmulatorOptions { accounts, ..EmulatorOptions::new(stripe_clock(clock.clone())) };
        let emulator = Emulator::start(options).unwrap();
        Self { emulator, clock, http: http(), keys: AtomicU64::new(0) }
    }

    fn call(&self, method: Method, path: &str) -> Call<'_> {
        let url = format!("{}{path}", self.emulator.base_url());
        Call { stripe: self, request: self.http.request(method, url) }
    }

    fn get(&self, path: &str) -> Call<'_> {
        self.call(Method::GET, path)
    }

    /// A form as `name=value&…`; brackets need no encoding here.
    fn post(&self, path: &str, form: &str) -> Call<'_> {
        let call = self.call(Method::POST, path);
        let request = call.request.body(form.to_owned());
        Call { request, ..call }.header("Content-Type", "application/x-www-form-urlencoded")
    }

    /// Adds the headers that a test did not care to set.
    fn complete(&self, mut request: reqwest::Request) -> reqwest::Request {
        let number = self.keys.fetch_add(1, Ordering::SeqCst);
        let defaults = [
            ("authorization", format!("Bearer {SHOP_KEY}")),
            ("stripe-version", PREVIEW.to_owned()),
            ("idempotency-key", format!("key-{number}")),
        ];
        let is_post = request.method() == Method::POST;
        let headers = request.headers_mut();
        for (name, value) in defaults {
            if !headers.contains_key(name) && (name != "idempotency-key" || is_post) {
                headers.insert(name, value.parse().unwrap());
            }
        }
        // `-` stands for a header that must not be sent.
        for name in ["authorization", "stripe-version", "idempotency-key"] {
            if headers.get(name).is_some_and(|value| value == "-") {
                headers.remove(name);
            }
        }
        request
    }

    /// A token of the shop's over 10 000 USD cents.
    fn token(&self, payment_method: &str) -> String {
        self.token_of(SHOP, payment_method, 10_000)
    }

    fn token_of(&self, account: &str, payment_method: &str, max_amount: i64) -> String {
        let token = MintToken {
            account_id: account.to_owned(),
            payment_method: payment_method.to_owned(),
            currency: "usd".to_owned(),
            max_amount,
            expires_at: None,
        };
        self.emulator.mint_token(&token).unwrap()
    }

    /// A confirmed payment of 10 000 cents by token.
    fn pay(&self, token: &str) -> Call<'_> {
        self.post("/v1/payment_intents", &payment(token, 10_000))
    }
}

/// The form of a confirmed payment in USD.
fn payment(token: &str, amount: i64) -> String {
    format!(
        "amount={amount}&currency=usd&confirm=true&error_on_requires_action=true\
         &payment_method_data[shared_payment_granted_token]={token}&metadata[session]=chk_1"
    )
}

impl Drop for Stripe {
    /// Whatever a test did: the answers are Stripe's, and so is each request that was taken.
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let Some(schema) = StripeSchema::load() else { return };
        let taken = |exchange: &Exchange| matches!(exchange.status, 200 | 402 | 500);
        let violations: Vec<String> = self
            .emulator
            .exchanges()
            .iter()
            .flat_map(|exchange| {
                if taken(exchange) { schema.check_exchange(exchange) } else { schema.check_answer(exchange) }
            })
            .collect();
        assert!(violations.is_empty(), "not as Stripe's schema has it:\n{}", violations.join("\n"));
    }
}

#[expect(clippy::disallowed_methods, reason = "the tests' own client, apart from the gateway's")]
fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}
