//! Shoppers who go on while the gateway is killed under them, and what came of what they bought.

use std::time::Duration;

use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::support::client::{payment, session_name, total};
use crate::support::orders::Order;
use crate::support::test_gateway::{ADMIN_TOKEN, TestGateway};
use crate::support::wallet::{authorization, challenge, credential};

/// How long one purchase may take, kills and all.
pub const DEADLINE: Duration = Duration::from_mins(5);

/// An HTTP client that follows no redirection by itself.
#[expect(clippy::disallowed_methods, reason = "a test's own client")]
pub fn patient() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

/// Where the gateway is now: its public and its admin listener.
#[derive(Clone)]
pub struct Place {
    base: String,
    admin: String,
}

impl Place {
    pub fn of(world: &TestGateway) -> Self {
        Self { base: world.url(""), admin: world.admin_address() }
    }
}

/// Where the gateway is now, and a client that takes a dead one as it comes.
#[derive(Clone)]
pub struct Shopper {
    pub http: reqwest::Client,
    pub place: watch::Receiver<Place>,
    pub until: Instant,
}

impl Shopper {
    /// Calls a tool until somebody answers.
    pub async fn call(&self, merchant: &str, tool: &str, arguments: &Value) -> Value {
        let mut moved = self.place.clone();
        loop {
            assert!(Instant::now() < self.until, "{tool} of {merchant} was never answered");
            let base = moved.borrow_and_update().base.clone();
            let params = json!({ "name": tool, "arguments": arguments });
            let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
            let request = self
                .http
                .post(format!("{base}/t/{merchant}/mcp"))
                .header("content-type", "application/json")
                .header("accept", "application/json, text/event-stream")
                .header("mcp-protocol-version", "2025-11-25")
                .body(message.to_string());
            let answered = async { request.send().await.ok()?.json::<Value>().await.ok() };
            match answered.await {
                Some(answer) if answer["result"].is_object() => return answer["result"].clone(),
                Some(_) => tokio::task::yield_now().await,
                // Killed: somewhere else it will be back.
                None => moved.changed().await.unwrap(),
            }
        }
    }

    /// Makes checkouts that nobody comes back to.
    pub async fn abandon(&self, order: &Order, carts: usize) {
        for _ in 0..carts {
            self.call(order.merchant, "create_checkout", &order.arguments()).await;
        }
    }

    /// Whether a checkout has given way to others: it is over, and perhaps nobody knows it any more.
    pub async fn gave_way(&self, merchant: &str, held: &Value) -> bool {
        let seen = self.call(merchant, "get_checkout", &json!({ "checkout_session_id": held })).await;
        is_forgotten(&seen) || seen["structuredContent"]["checkout_session"]["status"] == "canceled"
    }

    /// Pays on the page at Stripe, for which the shop's own page is the way; gives how it ended. The page's links may
    /// lead to a gateway that is dead by now: what came of the payment is asked where it lives.
    pub async fn buy_on_page(&self, order: &Order, card: &str) -> Bought {
        let sheet = loop {
            let made = self.call(order.merchant, "create_checkout", &order.arguments()).await;
            if made["isError"] != true {
                break made["structuredContent"].clone();
            }
        };
        let (link, sheet) = (sheet["checkout_url"].as_str().unwrap(), &sheet["checkout_session"]);
        let (path, query) = link.split_once('?').unwrap();
        let path = path.split_once("/t/").unwrap().1;
        let form = |fields: String| ("application/x-www-form-urlencoded", fields);
        let page = loop {
            assert!(Instant::now() < self.until, "no page at Stripe was opened");
            let base = self.place.borrow().base.clone();
            let (kind, fields) = form("revision=1".to_owned());
            let pay = self.http.post(format!("{base}/t/{path}/pay?{query}")).header("content-type", kind);
            let location = match pay.body(fields).send().await {
                Ok(answer) => answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned()),
                Err(_) => None,
            };
            match location {
                Some(page) => break page,
                None if self.gave_way(order.merchant, &sheet["id"]).await => {
                    return Bought::new(order, sheet, 0, None);
                }
                None => tokio::task::yield_now().await,
            }
        };
        let (kind, fields) = form(format!("payment_method={card}&email=ada%40example.com"));
        let used = self.http.post(&page).header("content-type", kind).body(fields).send().await.unwrap();
        let back = used.headers().get("location").map(|to| to.to_str().unwrap().to_owned());
        let declined = u32::from(back.is_none());
        let asked = json!({ "checkout_session_id": sheet["id"] });
        loop {
            if let Some((_, back)) = back.as_deref().and_then(|back| back.split_once("/t/")) {
                // Stripe's page leads back to the shop, which looks at Stripe then; if it is alive.
                let base = self.place.borrow().base.clone();
                let _ = self.http.get(format!("{base}/t/{back}")).send().await;
            }
            let seen = self.call(order.merchant, "get_checkout", &asked).await;
            let content = &seen["structuredContent"];
            if declined == 1 {
                return Bought::new(order, sheet, declined, None);
            }
            if content["checkout_session"]["status"] == "completed" {
                return Bought::new(order, sheet, 0, content["order"]["id"].as_str());
            }
            assert!(Instant::now() < self.until, "paid on the page, and never an order: {seen}");
            tokio::task::yield_now().await;
        }
    }

    /// Has money go back, until somebody says that it did or that Stripe will not; gives whether it did.
    pub async fn refund(&self, merchant: &str, order: &str, amount: Option<i64>) -> bool {
        let mut moved = self.place.clone();
        loop {
            assert!(Instant::now() < self.until, "a refund of {order} was never decided");
            let admin = moved.borrow_and_update().admin.clone();
            let url = format!("http://{admin}/admin/v1/orders/{order}/refunds?tenant={merchant}");
            let body = json!({ "amount": amount.map_or(json!("all"), Value::from) });
            let key = format!("kill-{}", amount.unwrap_or(0));
            let request = self.http.post(url).bearer_auth(ADMIN_TOKEN).header("idempotency-key", key);
            match request.body(body.to_string()).send().await {
                Ok(answer) if answer.status() == 200 => return true,
                Ok(answer) if answer.status() == 409 => {
                    let told: Value = answer.json().await.unwrap_or_default();
                    match told["code"].as_str() {
                        Some("refund_refused") => return false,
                        // Stripe, or the account, is not known yet after a start.
                        Some("conflict") | None => tokio::task::yield_now().await,
                        Some(other) => panic!("{other}: {told}"),
                    }
                }
                Ok(_) => tokio::task::yield_now().await,
                Err(_) => moved.changed().await.unwrap(),
            }
        }
    }

    /// Buys with a wallet, with one token after the other, each as often as it takes; gives how it ended.
    pub async fn buy_with_wallet(&self, order: &Order, tokens: &[String]) -> Bought {
        let made = loop {
            let made = self.call(order.merchant, "create_checkout", &order.arguments()).await;
            if made["isError"] != true {
                break made["structuredContent"].clone();
            }
        };
        let sheet = &made["checkout_session"];
        // After a start nothing can be paid until the account is known.
        let mut shown = made.clone();
        while shown["wallet_payment"].is_null() {
            if self.gave_way(order.merchant, &sheet["id"]).await {
                return Bought::new(order, sheet, 0, None);
            }
            let asked = json!({ "checkout_session_id": sheet["id"] });
            shown = self.call(order.merchant, "get_checkout", &asked).await["structuredContent"].clone();
        }
        let path = shown["wallet_payment"]["url"].as_str().unwrap().split_once("/t/").unwrap().1;
        let mut declined = 0;
        for token in tokens {
            loop {
                assert!(Instant::now() < self.until, "a wallet never heard what came of its token");
                let asked = self.wallet(path, None).await;
                let tried = match &asked {
                    (402, headers, _) => {
                        let sent = credential(&challenge(headers), token);
                        self.wallet(path, Some(authorization(&sent))).await
                    }
                    _ => asked,
                };
                match tried {
                    (200, _, paid) => {
                        return Bought::new(order, sheet, declined, paid["order"]["id"].as_str());
                    }
                    (402, _, told) if told["type"].as_str().unwrap().ends_with("/verification-failed") => {
                        declined += 1;
                        break;
                    }
                    (404 | 409 | 410, ..) if self.gave_way(order.merchant, &sheet["id"]).await => {
                        return Bought::new(order, sheet, declined, None);
                    }
                    // It is being decided, or nobody could look: the same again.
                    _ => tokio::task::yield_now().await,
                }
            }
        }
        Bought::new(order, sheet, declined, None)
    }

    /// Asks at a wallet's address, or pays there, until somebody answers.
    pub async fn wallet(&self, path: &str, authorization: Option<String>) -> (u16, HeaderMap, Value) {
        let mut moved = self.place.clone();
        loop {
            assert!(Instant::now() < self.until, "a wallet was never answered");
            let base = moved.borrow_and_update().base.clone();
            let mut request = self.http.post(format!("{base}/t/{path}"));
            if let Some(authorization) = &authorization {
                request = request.header("authorization", authorization);
            }
            let answered = async {
                let answer = request.send().await.ok()?;
                let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
                Some((status, headers, answer.json().await.unwrap_or_default()))
            };
            match answered.await {
                Some(answer) => return answer,
                None => moved.changed().await.unwrap(),
            }
        }
    }

    /// Buys with one token after the other, each as often as it takes; gives the session and how it ended.
    pub async fn buy(&self, order: &Order, tokens: &[String]) -> Bought {
        let sheet = loop {
            let made = self.call(order.merchant, "create_checkout", &order.arguments()).await;
            if made["isError"] != true {
                break made["structuredContent"]["checkout_session"].clone();
            }
        };
        assert_eq!(total(&sheet), order.total);
        let mut declined = 0;
        for token in tokens {
            loop {
                let paid =
                    self.call(order.merchant, "complete_checkout", &payment(&sheet["id"], token)).await;
                let content = &paid["structuredContent"];
                match content["status"].as_str() {
                    Some("completed") => {
                        return Bought::new(order, &sheet, declined, content["order"]["id"].as_str());
                    }
                    Some("ready_for_payment") => {
                        declined += 1;
                        break;
                    }
                    Some("in_progress") => tokio::task::yield_now().await,
                    Some(_) | None if self.gave_way(order.merchant, &sheet["id"]).await => {
                        return Bought::new(order, &sheet, declined, None);
                    }
                    // Nobody could look: the same again.
                    Some(_) | None => tokio::task::yield_now().await,
                }
                assert!(Instant::now() < self.until, "never decided: {paid}");
            }
        }
        Bought::new(order, &sheet, declined, None)
    }
}

/// Whether a shop says that it has no such checkout.
pub fn is_forgotten(answer: &Value) -> bool {
    let said = answer["content"][0]["text"].as_str().unwrap_or_default();
    answer["isError"] == true && said.contains("no such checkout in this shop")
}

/// A purchase that has come to its end.
pub struct Bought {
    pub merchant: &'static str,
    /// What opens its session.
    pub held: Value,
    pub session: String,
    pub total: i64,
    pub currency: &'static str,
    pub declined: u32,
    pub order: Option<String>,
    /// What went back.
    pub refunds: Vec<i64>,
}

impl Bought {
    fn new(order: &Order, sheet: &Value, declined: u32, placed: Option<&str>) -> Self {
        let session = session_name(&sheet["id"]);
        let (total, currency) = (order.total, order.currency);
        Self {
            merchant: order.merchant,
            held: sheet["id"].clone(),
            session,
            total,
            currency,
            declined,
            order: placed.map(str::to_owned),
            refunds: Vec::new(),
        }
    }
}
