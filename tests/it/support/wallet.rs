//! An agent's wallet: what it reads and sends over HTTP 402.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::client::{Client, Speaks};
use super::test_gateway::TestGateway;

/// The challenge of an answer with status 402.
pub fn challenge(headers: &HeaderMap) -> Value {
    let header = headers["www-authenticate"].to_str().unwrap();
    let parameters = header.strip_prefix("Payment ").unwrap().split(", ");
    let pairs = parameters.map(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap();
        (name.to_owned(), Value::from(value.trim_matches('"')))
    });
    Value::Object(pairs.collect())
}

/// What answers a challenge with a token.
pub fn credential(challenge: &Value, token: &str) -> Value {
    json!({ "challenge": challenge, "payload": { "spt": token } })
}

/// A credential as the value of `Authorization`.
pub fn authorization(credential: &Value) -> String {
    format!("Payment {}", URL_SAFE_NO_PAD.encode(credential.to_string()))
}

/// JSON in base64url, as challenges and receipts hold it.
pub fn of_base64(text: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
}

/// An answer to a wallet.
#[derive(Debug)]
pub struct Told {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Told {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The code of the problem.
    pub fn code(&self) -> &str {
        self.body["type"].as_str().unwrap_or_default().rsplit('/').next().unwrap()
    }

    pub fn challenge(&self) -> Value {
        challenge(&self.headers)
    }

    pub fn receipt(&self) -> Option<Value> {
        self.header("payment-receipt").map(of_base64)
    }
}

pub struct Wallet<'a> {
    pub world: &'a TestGateway,
    pub http: reqwest::Client,
    pub url: String,
}

impl<'a> Wallet<'a> {
    /// A wallet that was told of a payment. Links lead to another host in tests.
    pub fn of(world: &'a TestGateway, wallet_payment: &Value) -> Self {
        let url = wallet_payment["url"].as_str().expect("it can be paid");
        Self::at(world, world.url(url.strip_prefix("https://links.example").unwrap()))
    }

    /// The same wallet, whose requests name their program.
    #[expect(clippy::disallowed_methods, reason = "a test's own client")]
    pub fn named(self, user_agent: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().user_agent(user_agent);
        Self { http: http.resolve("links.example", self.world.socket()).build().unwrap(), ..self }
    }

    /// It follows no redirect.
    pub fn at(world: &'a TestGateway, url: String) -> Self {
        let http = world.client_on("links.example", Speaks::Modern).http;
        Self { world, http, url }
    }

    pub async fn told(&self, request: reqwest::RequestBuilder) -> Told {
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let body = answer.text().await.unwrap();
        Told { status, headers, body: serde_json::from_str(&body).unwrap_or(Value::String(body)) }
    }

    pub async fn asks(&self) -> Told {
        let told = self.told(self.http.get(&self.url)).await;
        assert!(told.header("cache-control").is_none_or(|cached| cached.contains("no-store")), "{told:?}");
        told
    }

    pub async fn sends(&self, credential: &Value) -> Told {
        self.told(self.http.post(&self.url).header("authorization", authorization(credential))).await
    }

    /// Answers a challenge with a token for its amount.
    pub async fn pays(&self, challenge: &Value, card: &str) -> Told {
        let request: Value = of_base64(challenge["request"].as_str().unwrap());
        let amount = request["amount"].as_str().unwrap().parse().unwrap();
        self.sends(&credential(challenge, &self.world.token(card, amount))).await
    }
}

/// A checkout that a wallet can pay: its sheet, and what tools tell of the wallet.
pub async fn payable(client: &Client) -> (Value, Value) {
    let sheet = client.ready_checkout().await;
    let shown = client.works("get_checkout", json!({ "checkout_session_id": sheet["id"] })).await;
    (sheet, shown["wallet_payment"].clone())
}
