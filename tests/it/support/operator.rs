//! The admin API of a world, as an operator's script uses it.

use serde_json::Value;

use super::client::Speaks;
use super::test_gateway::{ADMIN_TOKEN, SHOP, TestGateway};

pub struct Operator<'a> {
    world: &'a TestGateway,
    pub http: reqwest::Client,
}

impl<'a> Operator<'a> {
    pub fn of(world: &'a TestGateway) -> Self {
        Self { world, http: world.client(Speaks::Modern).http }
    }

    pub async fn ask(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let url = format!("http://{}/admin/v1/{path}", self.world.admin_address());
        let mut request = self.http.request(method, url).bearer_auth(ADMIN_TOKEN);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.ask(reqwest::Method::GET, path, None).await
    }

    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.ask(reqwest::Method::POST, path, Some(body)).await
    }

    /// The same, under a key of its own.
    pub async fn post_once(&self, path: &str, key: &str, body: Value) -> (u16, Value) {
        self.send(reqwest::Method::POST, path, Some(key), body.to_string()).await
    }

    /// Any body, under a key where one is given.
    pub async fn send(
        &self,
        method: reqwest::Method,
        path: &str,
        key: Option<&str>,
        body: String,
    ) -> (u16, Value) {
        let url = format!("http://{}/admin/v1/{path}", self.world.admin_address());
        let mut request = self.http.request(method, url).bearer_auth(ADMIN_TOKEN);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let answer = request.body(body).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    }

    pub async fn decide(&self, session: &str, decision: Value) -> (u16, Value) {
        self.post(&format!("sessions/{session}/decide?tenant={SHOP}"), decision).await
    }
}
