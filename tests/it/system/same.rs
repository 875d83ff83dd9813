//! What means the same is the same: ways to write an address of ours, a method, a field.

use reqwest::header::HeaderMap;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::support::client::{Client, Speaks, california, total};
use crate::support::operator::Operator;
use crate::support::test_gateway::{ADMIN_TOKEN, SHOP, TestGateway};

const LINKS: &str = "https://links.example";
const ALLOWED: &str = "https://chatgpt.com";
const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

/// A link of ours, at the address where this world's gateway really is.
fn here(world: &TestGateway, link: &Value) -> String {
    world.url(link.as_str().unwrap().strip_prefix(LINKS).unwrap())
}

/// The pages of a checkout that is paid: its own, and its order's.
async fn pages(world: &TestGateway, client: &Client) -> [String; 2] {
    let sheet = client.ready_checkout().await;
    let started = client.works("start_hosted_checkout", json!({ "checkout_session_id": sheet["id"] })).await;
    let paid = client.complete(&sheet["id"], &world.token("pm_card_visa", total(&sheet))).await;
    [&started["checkout_url"], &paid["structuredContent"]["order"]["permalink_url"]]
        .map(|link| here(world, link))
}

async fn ask(client: &Client, method: Method, url: &str) -> Response {
    client.http.request(method, url).bearer_auth(ADMIN_TOKEN).send().await.unwrap()
}

/// The addresses of the admin listener that tell something.
fn admin_addresses(world: &TestGateway) -> Vec<String> {
    let address = world.admin_address();
    ["livez", "readyz", "admin/v1/orders", "admin/v1/flags", "admin/v1/deliveries", "admin/v1/stripe-events"]
        .map(|path| {
            let query = if path.contains('/') { format!("?tenant={SHOP}") } else { String::new() };
            format!("http://{address}/{path}{query}")
        })
        .into()
}

#[tokio::test]
async fn one_slash_at_the_end_of_a_path_says_nothing() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Legacy);
    let slashed = Client::new(format!("{}/", client.url), Speaks::Legacy);
    let headers = [("content-type", "application/json"), ("mcp-protocol-version", "2025-11-25")];
    assert_eq!(slashed.send(&headers, PING).await.status, 200);
    let mut addresses = admin_addresses(&world);
    addresses.extend(pages(&world, &client).await);
    for url in addresses {
        let slashed = match url.split_once('?') {
            Some((path, query)) => format!("{path}/?{query}"),
            None => format!("{url}/"),
        };
        let (plain, slashed) =
            (ask(&client, Method::GET, &url).await, ask(&client, Method::GET, &slashed).await);
        assert_eq!((plain.status().as_u16(), slashed.status().as_u16()), (200, 200), "{url}");
    }
    let webhooks = world.url(&format!("/t/{SHOP}/webhooks/stripe"));
    let (plain, slashed) = (
        client.http.post(&webhooks).body("{}").send().await.unwrap(),
        client.http.post(format!("{webhooks}/")).body("{}").send().await.unwrap(),
    );
    assert_eq!(plain.status(), slashed.status());
    assert_eq!(ask(&client, Method::GET, &world.url("/")).await.status(), 404);
}

#[tokio::test]
async fn head_is_answered_as_get_is_without_the_body() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let mut addresses = admin_addresses(&world);
    addresses.extend(pages(&world, &client).await);
    for url in addresses {
        let (get, head) = (ask(&client, Method::GET, &url).await, ask(&client, Method::HEAD, &url).await);
        assert_eq!((get.status().as_u16(), head.status().as_u16()), (200, 200), "{url}");
        assert_eq!(get.headers()["content-type"], head.headers()["content-type"], "{url}");
        assert!(head.bytes().await.unwrap().is_empty(), "{url}");
    }
}

/// What an answer tells a browser about pages of other origins.
fn told(headers: &HeaderMap) -> Vec<(String, String)> {
    let cross = |(name, _): &(&reqwest::header::HeaderName, _)| name.as_str().starts_with("access-control-");
    let text = |value: &reqwest::header::HeaderValue| value.to_str().unwrap().to_owned();
    headers.iter().filter(cross).map(|(name, value)| (name.to_string(), text(value))).collect()
}

#[tokio::test]
async fn a_browsers_page_of_an_allowed_origin_may_call_and_read() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Legacy);
    let preflight = async |origin: &str, wanted: &str| {
        let request = client.http.request(Method::OPTIONS, &client.url).header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        request.header("access-control-request-headers", wanted).send().await.unwrap()
    };
    let wanted = "content-type,mcp-method,mcp-name,mcp-protocol-version";
    let answer = preflight(ALLOWED, wanted).await;
    assert_eq!(answer.status(), 204);
    let headers = answer.headers();
    assert_eq!(headers["access-control-allow-origin"], ALLOWED);
    assert_eq!(headers["access-control-allow-methods"], "POST");
    assert_eq!(headers["access-control-allow-headers"], wanted);
    assert!(headers["vary"].to_str().unwrap().contains("origin"));
    assert!(!headers.contains_key("access-control-allow-credentials"), "no cookies are asked for");
    let odd = preflight(ALLOWED, "x-a: b").await;
    assert!(odd.headers()["access-control-allow-headers"].to_str().unwrap().contains("mcp-protocol-version"));

    let sent = [HEADERS[0], HEADERS[1], ("origin", ALLOWED)];
    for body in [PING, "{", r#"{"jsonrpc":"2.0","id":1,"method":"no/such"}"#] {
        let answer = client.send(&sent, body).await;
        assert_eq!(answer.headers["access-control-allow-origin"], ALLOWED, "{body}");
        let read = answer.headers["access-control-expose-headers"].to_str().unwrap();
        assert!(read.contains("retry-after") && read.contains("mcp-session-id"), "{read}");
        assert!(answer.headers["vary"].to_str().unwrap().contains("origin"));
    }
    let got = client.http.get(&client.url).header("origin", ALLOWED).send().await.unwrap();
    assert_eq!(
        (got.status().as_u16(), &got.headers()["access-control-allow-origin"]),
        (405, &ALLOWED.parse().unwrap())
    );
}

const HEADERS: [(&str, &str); 2] =
    [("content-type", "application/json"), ("mcp-protocol-version", "2025-11-25")];

#[tokio::test]
async fn a_page_of_another_origin_is_told_nothing() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Legacy);
    for origin in ["https://evil.example", "null", "https://chatgpt.com.evil.example"] {
        let request = client.http.request(Method::OPTIONS, &client.url).header("origin", origin);
        let preflight = request.header("access-control-request-method", "POST").send().await.unwrap();
        assert_eq!((preflight.status().as_u16(), told(preflight.headers())), (403, Vec::new()), "{origin}");
        let answer = client.send(&[HEADERS[0], HEADERS[1], ("origin", origin)], PING).await;
        assert_eq!((answer.status, told(&answer.headers)), (403, Vec::new()), "{origin}");
    }
    let answer = client.send(&HEADERS, PING).await;
    assert_eq!(
        (answer.status, told(&answer.headers)),
        (200, Vec::new()),
        "who is no browser needs none of it"
    );
    for link in pages(&world, &client).await {
        let page = client.http.get(link).header("origin", ALLOWED).send().await.unwrap();
        assert!(told(page.headers()).is_empty(), "pages are nobody else's to read");
    }
}

#[tokio::test]
async fn blank_arguments_line_breaks_and_idn_hosts_are_normalized() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let mut address = california();
    address["line_one"] = json!("12 Mill Lane\r\nFlat\t4\n");
    for blank in ["line_two", "phone_number"] {
        address[blank] = json!(" ");
    }
    let arguments = json!({
        "items": [{ "id": "huila-washed-250-beans", "quantity": 1 }],
        "buyer": { "name": "", "first_name": "Ada", "last_name": "  ", "email": "ada@b\u{fc}cher.example", "phone_number": "" },
        "fulfillment_address": address, "fulfillment_option_id": "", "discount_codes": "",
    });
    let made = client.works("create_checkout", arguments).await;
    let sheet = &made["checkout_session"];
    assert_eq!(sheet["status"], "ready_for_payment", "{made}");
    assert_eq!(sheet["fulfillment_address"]["line_one"], "12 Mill Lane Flat 4");
    assert_eq!(sheet["buyer"]["email"], "ada@xn--bcher-kva.example");
    assert_eq!((&sheet["buyer"]["name"], &sheet["buyer"]["phone_number"]), (&json!("Ada"), &Value::Null));
    let found =
        client.works("search_products", json!({ "query": " ", "category": "", "max_price": "" })).await;
    assert!(found["total"].as_u64().unwrap() > 1, "{found}");
    let said = client.refuses("get_checkout", json!({ "checkout_session_id": " " })).await;
    assert!(said.starts_with("checkout_session_id is missing"), "{said}");
}

#[tokio::test]
async fn blank_fields_of_an_operators_body_are_absent_ones() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    client.complete(&sheet["id"], &world.token("pm_card_visa", total(&sheet))).await;
    let operator = Operator::of(&world);
    let sent = json!({ "items": "all", "carrier": "", "tracking_number": " ", "tracking_url": "" });
    let path = |what: &str| format!("orders/1001/{what}?tenant={SHOP}");
    let (status, told) = operator.post_once(&path("fulfillments"), "parcel", sent).await;
    assert_eq!(status, 200, "{told}");
    assert_eq!(told["fulfillments"][0]["carrier"], Value::Null, "{told}");
    let (status, told) =
        operator.post_once(&path("refunds"), "back", json!({ "amount": 1, "reason": "" })).await;
    assert_eq!(status, 200, "{told}");
    let (status, told) = operator.post_once(&path("refunds"), "all", json!({ "amount": "" })).await;
    assert_eq!(status, 400, "how much is never left to a blank: {told}");
}

#[tokio::test]
async fn an_order_is_called_by_its_number_wherever_a_shopper_reads_it() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let started = client.works("start_hosted_checkout", json!({ "checkout_session_id": sheet["id"] })).await;
    let paid = client.complete(&sheet["id"], &world.token("pm_card_visa", total(&sheet))).await;
    let said = paid["content"][0]["text"].as_str().unwrap();
    assert!(said.starts_with("Paid. Order 1001: https://"), "{said}");
    let read = client.call("get_checkout", json!({ "checkout_session_id": sheet["id"] })).await;
    assert_eq!(read["_meta"]["merchant-gateway/order_number"], "1001", "{read}");
    let page =
        client.http.get(here(&world, &started["checkout_url"])).send().await.unwrap().text().await.unwrap();
    assert!(page.contains("Order 1001</a>"), "{page}");
}
