//! The emulated host's servers, asked by a program: who may ask, what is forwarded, what a widget may reach, who pays.

mod wallet;

use std::net::TcpListener;
use std::sync::Arc;

use merchant_gateway::ports::{Ids as _, SeededIds};
use reqwest::Method;
use serde_json::{Value, json};
use stripe_emulator::{Host, HostMerchant, HostOptions, RandomId};

use crate::support::client::california;
use crate::support::node;
use crate::support::test_gateway::{SHOP, TestGateway};

/// The same random numbers every time.
fn random_ids() -> RandomId {
    let ids = SeededIds::new(7);
    Arc::new(move || ids.random_id())
}

/// A host of one world's shop, of a merchant that nobody serves, and of one that is no MCP server.
struct HostPage {
    host: Host,
    world: TestGateway,
    http: reqwest::Client,
}

/// An answer.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: reqwest::header::HeaderMap,
    text: String,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_else(|| panic!("no error: {}", self.text)).to_owned()
    }
}

impl HostPage {
    fn open() -> Self {
        let world = TestGateway::start();
        let merchant = |id: &str, name: &str, mcp_url: String| HostMerchant {
            id: id.to_owned(),
            name: name.to_owned(),
            mcp_url,
        };
        let merchants = vec![
            merchant(SHOP, "Harbor Coffee Roasters", world.url(&format!("/t/{SHOP}/mcp"))),
            merchant("gone", "Gone Fishing", unused_address()),
            merchant("mute", "Mute Swan", world.url("/nowhere")),
        ];
        let options = HostOptions {
            page: TcpListener::bind("127.0.0.1:0").unwrap(),
            merchants,
            random_id: random_ids(),
        };
        let host = Host::start(options, &world.emulator).unwrap();
        Self { host, world, http: http() }
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, text: response.text().await.unwrap() }
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(self.http.get(format!("{}{path}", self.host.url()))).await
    }

    fn post(&self, path: &str, body: &Value) -> reqwest::RequestBuilder {
        let url = format!("{}/api/merchants/{path}", self.host.url());
        self.http.post(url).header("content-type", "application/json").body(body.to_string())
    }

    async fn posted(&self, path: &str, body: &Value) -> Answer {
        self.send(self.post(path, body)).await
    }

    /// Calls a tool through the host; gives its result.
    async fn call(&self, tool: &str, arguments: &Value) -> Value {
        let message = json!({ "method": "tools/call", "params": { "name": tool, "arguments": arguments } });
        let answer = self.posted(&format!("{SHOP}/messages"), &message).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()["answer"]["result"].clone()
    }

    /// What the shopper approves on the sheet of a checkout, with a card.
    async fn approval(&self, card: &str) -> Value {
        let items = json!([{ "id": "huila-washed-250-beans", "quantity": 2 }]);
        let arguments = json!({ "items": items, "fulfillment_address": california() });
        let result = self.call("create_checkout", &arguments).await;
        let session = &result["structuredContent"]["checkout_session"];
        let total = session["totals"].as_array().unwrap().iter().find(|row| row["type"] == "total").unwrap();
        json!({
            "checkout_session_id": session["id"],
            "provider": session["payment_provider"]["provider"],
            "merchant_id": session["payment_provider"]["merchant_id"],
            "currency": session["currency"],
            "total": total["amount"],
            "card": card,
            "buyer": { "name": "Ada Lovelace", "email": "ada@example.com", "phone_number": null },
            "billing_address": california(),
        })
    }

    async fn pay(&self, approval: &Value) -> Answer {
        self.posted(&format!("{SHOP}/payments"), approval).await
    }

    /// The wallet's address of a new checkout that can be paid, on the origin of the shop's endpoint, and its total.
    async fn wallet_offer(&self) -> (String, i64) {
        let items = json!([{ "id": "huila-washed-250-beans", "quantity": 2 }]);
        let arguments = json!({ "items": items, "fulfillment_address": california() });
        let result = self.call("create_checkout", &arguments).await;
        let offer = &result["structuredContent"]["wallet_payment"];
        let path = offer["url"].as_str().and_then(|url| url.strip_prefix("https://links.example"));
        (self.world.url(path.expect("it can be paid")), offer["amount"].as_i64().unwrap())
    }

    /// The challenge at an address.
    async fn challenge(&self, url: &str) -> Value {
        let answer = self.posted(&format!("{SHOP}/wallet/challenges"), &json!({ "url": url })).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    /// Pays what a challenge asks for, as the wallet's owner approved it.
    async fn pay_with_wallet(&self, url: &str, card: &str, approved: &Value) -> Answer {
        let approval = json!({ "url": url, "card": card, "approved": approved });
        self.posted(&format!("{SHOP}/wallet/payments"), &approval).await
    }

    async fn widget(&self, globals: &Value) -> Value {
        let wanted = json!({ "uri": "ui://widget/buy-v1.html", "globals": globals, "payment_sheet": true });
        let answer = self.posted(&format!("{SHOP}/widgets"), &wanted).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }
}

/// An address where nobody listens.
fn unused_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}/mcp", listener.local_addr().unwrap())
}

#[expect(clippy::disallowed_methods, reason = "a test's own client")]
fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

#[tokio::test]
async fn the_page_runs_its_own_code_and_frames_the_sandbox_alone() {
    let page_host = HostPage::open();
    let page = page_host.get("/").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let known = page_host.get("/api/host").await.json();
    let sandbox = known["sandbox"]["origin"].as_str().unwrap();
    assert_eq!(
        page.header("content-security-policy"),
        format!(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
             frame-src {sandbox}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
    );
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    let scripts: Vec<&str> =
        page.text.split(" src=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(scripts, ["/main.js"]);
    let code = page_host.get("/main.js").await;
    assert_eq!((code.status, code.header("content-type")), (200, "text/javascript; charset=utf-8"));
    for module in code.text.split("from \"./").skip(1).map(|rest| rest.split('"').next().unwrap()) {
        assert_eq!(page_host.get(&format!("/{module}")).await.status, 200, "{module}");
    }
    assert_eq!(known["merchants"][0]["id"], SHOP);
    assert_eq!(known["cards"].as_array().unwrap().len(), 6);
    assert_eq!(page_host.get("/widget-bridge.js").await.status, 404, "it is no part of the page");
}

#[tokio::test]
async fn a_request_under_another_name_or_from_another_page_is_refused() {
    let page_host = HostPage::open();
    let port = page_host.host.url().rsplit(':').next().unwrap().to_owned();
    let sandbox = page_host.get("/api/host").await.json()["sandbox"]["origin"].as_str().unwrap().to_owned();
    for (url, own) in [
        (page_host.host.url(), &port),
        (sandbox.clone(), &sandbox[sandbox.rfind(':').unwrap() + 1..].to_owned()),
    ] {
        for wrong in ["evil.example", "127.0.0.1", "127.0.0.1.evil.example", "127.0.0.1:1", "0.0.0.0"] {
            let answer = page_host.send(page_host.http.get(&url).header("host", wrong)).await;
            assert_eq!(answer.status, 421, "{url} {wrong}");
        }
        for right in ["127.0.0.1", "localhost", "LOCALHOST"] {
            let answer =
                page_host.send(page_host.http.get(&url).header("host", format!("{right}:{own}"))).await;
            assert_ne!(answer.status, 421, "{url} {right}");
        }
    }
    let list = json!({ "method": "tools/list" });
    let messages = format!("{SHOP}/messages");
    for foreign in ["https://evil.example", "null", sandbox.as_str(), "http://localhost:1"] {
        let answer = page_host.send(page_host.post(&messages, &list).header("origin", foreign)).await;
        assert_eq!(answer.status, 403, "{foreign}");
        assert!(answer.error().contains("own page"), "{}", answer.text);
    }
    let own = page_host.send(page_host.post(&messages, &list).header("origin", page_host.host.url())).await;
    assert_eq!(own.status, 200, "{}", own.text);
    let form = page_host.http.post(format!("{}/api/merchants/{messages}", page_host.host.url()));
    let answer = page_host.send(form.header("content-type", "text/plain").body(list.to_string())).await;
    assert_eq!(answer.status, 400, "a form of another site could have sent it");
}

#[tokio::test]
async fn a_message_goes_to_its_merchant_as_a_host_sends_it() {
    let page_host = HostPage::open();
    let message = json!({ "id": 5, "method": "tools/call", "params": {
        "name": "search_products", "arguments": { "query": "huila" }, "_meta": { "openai/subject": "me" },
    } });
    let request =
        page_host.post(&format!("{SHOP}/messages"), &message).header("accept-language", "de-CH,de;q=0.9");
    let answer = page_host.send(request).await.json();
    assert_eq!((&answer["status"], &answer["answer"]["id"]), (&json!(200), &json!(5)));
    assert_eq!(answer["answer"]["result"]["structuredContent"]["products"][0]["id"], "huila-washed");
    let meta = &answer["sent"]["params"]["_meta"];
    assert_eq!(meta["io.modelcontextprotocol/protocolVersion"], "2026-07-28");
    assert_eq!(
        meta["io.modelcontextprotocol/clientCapabilities"]["extensions"]["io.modelcontextprotocol/ui"]["mimeTypes"],
        json!(["text/html;profile=mcp-app"])
    );
    assert_eq!(meta["openai/locale"], "de-CH");
    assert!(meta["openai/subject"].as_str().unwrap().starts_with("emulated/"), "{meta}");
    page_host.world.wait_for("merchant-gateway-emulated-host", 1);
    let odd = json!({ "method": "tools/call", "params": { "name": "ünknown", "arguments": {} } });
    let refused = page_host.posted(&format!("{SHOP}/messages"), &odd).await.json();
    assert_eq!(refused["answer"]["error"]["code"], -32602, "the name came through its header: {refused}");
}

#[tokio::test]
async fn nothing_is_forwarded_but_a_hosts_methods_to_known_merchants() {
    let page_host = HostPage::open();
    let list = json!({ "method": "tools/list" });
    for stranger in ["nobody", "..%2F..%2Fadmin", "http:%2F%2F127.0.0.1"] {
        let answer = page_host.posted(&format!("{stranger}/messages"), &list).await;
        assert_eq!(answer.status, 404, "{stranger}");
        assert!(answer.error().contains("knows no merchant"), "{}", answer.text);
    }
    for method in ["initialize", "notifications/initialized", "", "prompts/list"] {
        let answer = page_host.posted(&format!("{SHOP}/messages"), &json!({ "method": method })).await;
        assert_eq!(answer.status, 400, "{method}");
        assert!(answer.error().contains("a host sends server/discover"), "{}", answer.text);
    }
    for broken in [json!([]), json!({}), json!({ "method": "tools/list", "params": [] })] {
        assert_eq!(page_host.posted(&format!("{SHOP}/messages"), &broken).await.status, 400, "{broken}");
    }
    let huge = json!({ "method": "tools/list", "params": { "x": "y".repeat(5_000_000) } });
    assert_eq!(page_host.posted(&format!("{SHOP}/messages"), &huge).await.status, 400);
    for (method, path) in
        [(Method::GET, "/api/merchants"), (Method::PUT, "/"), (Method::GET, "/../Cargo.toml")]
    {
        let request = page_host.http.request(method.clone(), format!("{}{path}", page_host.host.url()));
        let status = page_host.send(request).await.status;
        assert!([404, 405].contains(&status), "{method} {path}: {status}");
    }
}

#[tokio::test]
async fn a_merchant_that_does_not_answer_is_told_in_words() {
    let page_host = HostPage::open();
    let list = json!({ "method": "tools/list" });
    let gone = page_host.posted("gone/messages", &list).await;
    assert_eq!(gone.status, 502);
    assert!(gone.error().starts_with("Gone Fishing does not answer at http://127.0.0.1:"), "{}", gone.text);
    let mute = page_host.posted("mute/messages", &list).await;
    assert_eq!(mute.status, 502);
    assert_eq!(mute.error(), "Mute Swan answered HTTP 404 with something that is no JSON-RPC message");
    let unknown = json!({ "uri": "ui://widget/other.html", "globals": {}, "payment_sheet": true });
    let widget = page_host.posted(&format!("{SHOP}/widgets"), &unknown).await;
    assert_eq!(widget.status, 422);
    assert!(widget.error().starts_with("the widget cannot be shown: Harbor"), "{}", widget.text);
}

#[test]
fn the_page_tells_that_the_gateway_is_down() {
    let world = TestGateway::start();
    let merchant = HostMerchant { id: "gone".into(), name: "Gone Fishing".into(), mcp_url: unused_address() };
    let options = HostOptions {
        page: TcpListener::bind("127.0.0.1:0").unwrap(),
        merchants: vec![merchant],
        random_id: random_ids(),
    };
    let host = Host::start(options, &world.emulator).unwrap();
    let Some(chromium) = node::chromium() else { return };
    let (url, folder) = (host.url(), world.folder.path().to_str().unwrap());
    let Some(ran) = node::run("host/unreachable.mjs", &[&url, chromium.to_str().unwrap(), folder]) else {
        return;
    };
    node::said(&ran);
}

#[tokio::test]
async fn a_widget_is_served_on_its_own_origin_under_its_own_policy() {
    let page_host = HostPage::open();
    let prepared = page_host.widget(&json!({ "toolOutput": { "title": "</script>" } })).await;
    let url = prepared["url"].as_str().unwrap();
    assert!(url.starts_with("http://localhost:"), "{url}");
    let port = |url: &str| url.split('/').nth(2).unwrap().split(':').nth(1).unwrap().to_owned();
    assert_ne!(port(url), port(&page_host.host.url()));
    let here = url.replace("localhost", "127.0.0.1");
    let document = page_host.send(page_host.http.get(&here)).await;
    assert_eq!((document.status, document.header("content-type")), (200, "text/html; charset=utf-8"));
    let policy = document.header("content-security-policy");
    for part in [
        "default-src 'none'",
        "img-src data: https://harbor-coffee.example;",
        "connect-src 'none'",
        "frame-src 'none'",
        "sandbox allow-scripts allow-forms",
    ] {
        assert!(policy.contains(part), "{part}: {policy}");
    }
    assert!(!policy.contains("allow-same-origin"), "{policy}");
    let frames = format!("frame-ancestors {}", page_host.host.url());
    assert!(policy.contains(&frames), "{frames}: {policy}");
    assert!(document.text.contains("window.openai") || document.text.contains("\"openai\""));
    assert!(!document.text.contains("\"title\":\"</script>"), "data ends the script");
    let elsewhere = page_host.get(&url[url.find("/widgets").unwrap()..]).await;
    assert_eq!(elsewhere.status, 404, "the page's origin does not serve widgets");
    let origin = here.split("/widgets").next().unwrap();
    let guessed = page_host.send(page_host.http.get(format!("{origin}/widgets/{:032x}", 1))).await;
    assert_eq!(guessed.status, 404, "only what was prepared is served");
    assert_eq!(prepared["read"]["answer"]["result"]["contents"][0]["uri"], "ui://widget/buy-v1.html");
}

#[tokio::test]
async fn an_approved_payment_charges_once_and_its_token_stays_private() {
    let page_host = HostPage::open();
    let approval = page_host.approval("succeeds").await;
    let paid = page_host.pay(&approval).await;
    assert_eq!(paid.status, 200, "{}", paid.text);
    assert_eq!(paid.json()["answer"]["result"]["structuredContent"]["status"], "completed");
    let ledger = page_host.world.ledger();
    assert_eq!(ledger.len(), 1);
    assert_eq!(json!(ledger[0].amount_received), approval["total"]);
    let token = ledger[0].shared_payment_granted_token.as_deref().unwrap();
    assert!(!paid.text.contains(token) && paid.text.contains("spt_…"), "{}", paid.text);
    let again = page_host.pay(&approval).await.json();
    assert_eq!(
        again["answer"]["result"]["structuredContent"],
        paid.json()["answer"]["result"]["structuredContent"]
    );
    assert_eq!(page_host.world.ledger().len(), 1);
}

#[tokio::test]
async fn each_card_comes_to_what_it_says() {
    let page_host = HostPage::open();
    for (card, code) in [
        ("declined", "payment_declined"),
        ("insufficient_funds", "payment_declined"),
        ("requires_3ds", "requires_3ds"),
        ("expired_token", "payment_declined"),
    ] {
        let answer = page_host.pay(&page_host.approval(card).await).await.json();
        let content = &answer["answer"]["result"]["structuredContent"];
        assert_eq!(content["status"], "ready_for_payment", "{card}: {content}");
        assert_eq!(content["messages"][0]["code"], code, "{card}: {content}");
    }
    assert!(page_host.world.ledger().is_empty());
}

#[tokio::test]
async fn an_approval_that_cannot_be_carried_out_is_told_in_words() {
    let page_host = HostPage::open();
    let mut unknown_card = page_host.approval("succeeds").await;
    unknown_card["card"] = json!("pm_card_visa");
    let mut unknown_profile = page_host.approval("succeeds").await;
    unknown_profile["merchant_id"] = json!("profile_test_nobody");
    let mut nothing = page_host.approval("succeeds").await;
    nothing["total"] = json!(0);
    for (approval, status, said) in [
        (&unknown_card, 400, "there is no test card pm_card_visa"),
        (&unknown_profile, 422, "knows no merchant with the profile \"profile_test_nobody\""),
        (&nothing, 422, "no payment token: the token cannot be granted"),
        (&json!({ "card": "succeeds" }), 400, "missing field"),
    ] {
        let answer = page_host.pay(approval).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        assert!(answer.error().contains(said), "{}", answer.text);
    }
    assert_eq!(page_host.world.charge_requests(), 0);
}
