//! Whatever is sent, the answer says what is wrong, nothing is charged and nothing is lost.

use std::fs;

use merchant_gateway::domain::time::{Span, Timestamp};
use merchant_gateway::ports::{Clock, SystemClock};
use serde_json::{Value, json};
use stripe_emulator::MintToken;

use crate::support::client::{Client, Speaks, california, payment, total};
use crate::support::test_gateway::{OTHER_ACCOUNT, OTHER_SHOP, SHOP, SHOP_ACCOUNT, TestGateway, usual_shops};

const HEADERS: [(&str, &str); 3] = [
    ("content-type", "application/json"),
    ("accept", "application/json, text/event-stream"),
    ("mcp-protocol-version", "2025-11-25"),
];

/// The session can still be paid, by a good token, exactly once.
async fn still_payable(world: &TestGateway, client: &Client, sheet: &Value) {
    assert!(world.ledger().is_empty(), "nothing was charged");
    let paid = client.complete(&sheet["id"], &world.token("pm_card_visa", total(sheet))).await;
    assert_eq!(paid["structuredContent"]["status"], "completed", "nothing was lost: {paid}");
    assert_eq!(world.ledger().len(), 1);
}

#[tokio::test]
async fn bodies_that_are_no_message_are_told_so() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Legacy);
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"get_checkout","arguments":{}1{}}}}}"#,
        "[".repeat(5000),
        "]".repeat(5000)
    );
    for (name, body, status, code) in [
        ("malformed JSON", "{\"jsonrpc\":".to_owned(), 400, -32700),
        ("half a surrogate pair", r#"{"jsonrpc":"2.0","id":1,"method":"\ud800"}"#.to_owned(), 400, -32600),
        ("batch", "[]".to_owned(), 400, -32600),
        ("wrong version", r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#.to_owned(), 400, -32600),
        ("null id", r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#.to_owned(), 400, -32600),
        ("deep", deep, 400, -32600),
    ] {
        let answer = client.send(&HEADERS, body).await;
        assert_eq!(answer.status, status, "{name}");
        assert_eq!(answer.json()["error"]["code"], code, "{name}: {}", answer.text());
    }
    let huge = client.send(&HEADERS, vec![b' '; 128 * 1024 + 1]).await;
    assert_eq!(huge.status, 413);
    let unknown = client.request("tools/call", json!({ "name": "buy_everything", "arguments": {} })).await;
    assert_eq!(unknown.json()["error"]["code"], -32602);
    for shape in [json!([1]), json!("x"), json!(7)] {
        let answer =
            client.request("tools/call", json!({ "name": "get_checkout", "arguments": shape })).await;
        assert_eq!(answer.json()["error"]["code"], -32602);
    }
}

#[tokio::test]
async fn wrong_arguments_are_named_with_what_to_send() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let item = |quantity: Value| json!({ "items": [{ "id": "stoneware-mug", "quantity": quantity }] });
    let number = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    for (tool, arguments, says) in [
        ("create_checkout", json!({}), "items"),
        ("create_checkout", json!({ "items": [] }), "at least one"),
        ("create_checkout", item(json!(-1)), "quantity"),
        ("create_checkout", item(json!(0)), "quantity"),
        ("create_checkout", item(json!(1000)), "999"),
        ("create_checkout", item(number("99999999999999999999")), "quantity"),
        ("create_checkout", item(json!(1.5)), "quantity"),
        ("create_checkout", item(json!("2")), "quantity"),
        ("create_checkout", json!({ "items": [{ "id": "teapot", "quantity": 1 }] }), "teapot"),
        ("create_checkout", json!({ "items": [{ "id": "huila-washed", "quantity": 1 }] }), "huila-washed"),
        (
            "create_checkout",
            json!({ "items": [{ "id": "stoneware-mug", "quantity": 1 }], "total": 1 }),
            "total",
        ),
        ("create_checkout", json!({ "items": [{ "id": "a b", "quantity": 1 }] }), "items[0].id"),
        ("search_products", json!({ "cursor": "x" }), "cursor"),
        ("complete_checkout", json!({ "checkout_session_id": "chk_x" }), "checkout_session_id"),
        (
            "complete_checkout",
            json!({ "checkout_session_id": format!("chk_{0}_{0}_r1", "0".repeat(32)) }),
            "payment_data",
        ),
    ] {
        let said = client.refuses(tool, arguments.clone()).await;
        assert!(said.to_lowercase().contains(says), "{arguments}: {said}");
    }
    let product = json!({ "items": [{ "id": "huila-washed", "quantity": 1 }] });
    let said = client.refuses("create_checkout", product).await;
    assert!(
        said.contains("with the id of one instead: huila-washed-250-beans (250 g, Whole bean), "),
        "{said}"
    );
    assert!(world.ledger().is_empty());
}

#[tokio::test]
async fn a_foreign_or_unknown_session_is_not_found() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let token = world.token("pm_card_visa", total(&sheet));
    let unknown = json!(format!("chk_{0}_{0}_r1", "0".repeat(32)));
    let seeds = json!("price_1QabcdEfgh::3f2c1d1e-0000-4000-8000-000000000000");

    let said = client.refuses("complete_checkout", payment(&unknown, &token)).await;
    assert!(said.contains("create_checkout"), "{said}");
    let said = client.refuses("complete_checkout", payment(&seeds, &token)).await;
    assert!(said.contains("checkout_session_id"), "{said}");
    let said = client.refuses("get_checkout", json!({ "checkout_session_id": unknown })).await;
    assert!(said.contains("no such checkout"), "{said}");

    let other = world.client_of(OTHER_SHOP, Speaks::Modern);
    for (tool, arguments) in [
        ("complete_checkout", payment(&sheet["id"], &token)),
        ("get_checkout", json!({ "checkout_session_id": sheet["id"] })),
        ("update_checkout", json!({ "checkout_session_id": sheet["id"] })),
        ("cancel_checkout", json!({ "checkout_session_id": sheet["id"] })),
    ] {
        let said = other.refuses(tool, arguments).await;
        assert!(said.contains("no such checkout"), "{tool}: {said}");
    }
    still_payable(&world, &client, &sheet).await;
}

#[tokio::test]
async fn a_stale_revision_is_never_charged() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let shown = client.ready_checkout().await;
    let update =
        json!({ "checkout_session_id": shown["id"], "items": [{ "id": "pour-over-kit", "quantity": 1 }] });
    let newer = client.works("update_checkout", update).await["checkout_session"].clone();
    assert_ne!(shown["id"], newer["id"]);

    let said = client
        .refuses("complete_checkout", payment(&shown["id"], &world.token("pm_card_visa", total(&shown))))
        .await;
    assert!(said.contains("changed since it was shown"), "{said}");
    let plain = json!(newer["id"].as_str().unwrap().split("_r").next().unwrap());
    let said = client
        .refuses("complete_checkout", payment(&plain, &world.token("pm_card_visa", total(&newer))))
        .await;
    assert!(said.contains("must name the revision"), "{said}");
    let said = client.refuses("update_checkout", json!({ "checkout_session_id": shown["id"] })).await;
    assert!(said.contains("changed since it was shown"), "{said}");
    still_payable(&world, &client, &newer).await;
}

#[tokio::test]
async fn tokens_that_cannot_pay_are_told_apart_and_cost_nothing() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let amount = total(&sheet);
    let revoked = world.token("pm_card_visa", amount);
    world.revoke(&client.http, &revoked).await;
    let live = MintToken {
        account_id: SHOP_ACCOUNT.to_owned(),
        payment_method: "pm_card_visa".to_owned(),
        currency: "usd".to_owned(),
        max_amount: amount,
        expires_at: None,
    };
    let end = Timestamp::from_seconds(SystemClock.now().as_seconds()) + Span::seconds(1);
    let expired =
        world.emulator.mint_token(&MintToken { expires_at: Some(end.as_seconds()), ..live.clone() }).unwrap();
    while SystemClock.now() <= end {
        tokio::task::yield_now().await;
    }
    for (name, token, says) in [
        (
            "another account's",
            world.token_of(OTHER_ACCOUNT, "pm_card_visa", "usd", amount),
            "cannot use the payment",
        ),
        ("another currency", world.token_of(SHOP_ACCOUNT, "pm_card_visa", "eur", amount), "EUR"),
        ("too small", world.token("pm_card_visa", amount - 1), "approved for"),
        ("too large", world.token("pm_card_visa", amount + 1), "approved for"),
        ("another mode", world.emulator.mint_live_token(&live).unwrap(), "cannot use the payment"),
        ("expired", expired, "expired"),
        ("revoked", revoked, "taken back"),
        ("made up", "spt_neverGranted01".to_owned(), "cannot use the payment"),
    ] {
        let told = client.complete(&sheet["id"], &token).await;
        let content = &told["structuredContent"];
        assert_eq!(content["status"], "ready_for_payment", "{name}: {told}");
        let said = content["messages"][0]["content"].as_str().unwrap();
        assert!(said.contains(says) && said.contains("Nothing was charged. Please "), "{name}: {said}");
        assert!(!said.contains("token"), "{name}, in no words of a shopper's: {said}");
        let page = content["messages"][1]["content"].as_str().unwrap();
        assert!(page.starts_with("It can also be paid on the shop’s own page: http"), "{name}: {page}");
    }
    let said = client.refuses("complete_checkout", payment(&sheet["id"], "tok_visa")).await;
    let begins =
        "This payment could not be taken, and nothing was charged. Please pay on the shop's own page instead";
    assert!(said.starts_with(begins) && said.contains("spt_"), "{said}");
    assert_eq!(world.charge_requests(), 0, "no charge was even asked for");
    still_payable(&world, &client, &sheet).await;
}

#[tokio::test]
async fn a_token_that_started_one_checkout_is_refused_on_another() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let (first, second) = (client.ready_checkout().await, client.ready_checkout().await);
    let token = world.token("pm_card_chargeDeclined", total(&first));
    client.complete(&first["id"], &token).await;
    let said = client.refuses("complete_checkout", payment(&second["id"], &token)).await;
    assert!(said.contains("already used for another checkout"), "{said}");
    still_payable(&world, &client, &second).await;
}

#[tokio::test]
async fn a_product_that_goes_between_quote_and_payment_is_not_charged() {
    let mut world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    world.terminate();
    let file = world.folder.path().join("tenants/harbor-coffee.toml");
    let text = fs::read_to_string(&file).unwrap();
    let item = "id = \"huila-washed-250-beans\"";
    assert!(text.contains(item));
    fs::write(&file, text.replace(item, &format!("{item}\navailable = false"))).unwrap();
    world.start_gateway();

    let client = world.client(Speaks::Modern);
    let told = client.complete(&sheet["id"], &world.token("pm_card_visa", total(&sheet))).await;
    let content = &told["structuredContent"];
    assert_eq!(content["status"], "not_ready_for_payment", "{told}");
    assert_eq!(content["messages"][0]["code"], "out_of_stock");
    assert_eq!(world.charge_requests(), 0);
    let update = json!({ "checkout_session_id": sheet["id"].as_str().unwrap().split("_r").next().unwrap(),
        "items": [{ "id": "stoneware-mug", "quantity": 1 }], "fulfillment_address": california() });
    let mended = client.works("update_checkout", update).await["checkout_session"].clone();
    still_payable(&world, &client, &mended).await;
}

#[tokio::test]
async fn strangers_hosts_and_origins_are_turned_away() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Legacy);
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let status = async |headers: &[(&str, &str)]| {
        let headers: Vec<_> = HEADERS.iter().chain(headers).copied().collect();
        client.send(&headers, ping).await.status
    };
    assert_eq!(status(&[]).await, 200);
    assert_eq!(status(&[("origin", "https://chatgpt.com")]).await, 200);
    assert_eq!(status(&[("origin", &world.url(""))]).await, 200);
    assert_eq!(status(&[("origin", "https://evil.example")]).await, 403);
    assert_eq!(status(&[("host", "evil.example")]).await, 404);
    assert_eq!(status(&[("host", "evil.example"), ("origin", "https://evil.example")]).await, 404);
    assert_eq!(status(&[("host", "coffee.localhost")]).await, 404, "a merchant's own host serves no /t/");

    let own = Client::new(world.url("/mcp"), Speaks::Legacy);
    let host = |host: &'static str| [HEADERS[0], HEADERS[1], HEADERS[2], ("host", host)];
    assert_eq!(own.send(&host("coffee.localhost"), ping).await.status, 200);
    assert_eq!(own.send(&host("COFFEE.localhost.:1234"), ping).await.status, 200);
    assert_eq!(own.send(&host("127.0.0.1"), ping).await.status, 404);
    for path in [format!("/t/{SHOP}x/mcp"), "/t/..%2f/mcp".to_owned(), "/".to_owned(), "/admin/".to_owned()] {
        assert_eq!(
            Client::new(world.url(&path), Speaks::Legacy).send(&HEADERS, ping).await.status,
            404,
            "{path}"
        );
    }
    let get = client.http.get(&client.url).send().await.unwrap();
    assert_eq!((get.status().as_u16(), get.headers()["allow"].to_str().unwrap()), (405, "POST"));
}

#[tokio::test]
async fn any_state_name_is_taxed_alike_and_an_unknown_one_is_refused() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let order = |state: &str| {
        let mut address = crate::support::client::california();
        address["state"] = json!(state);
        json!({ "items": [{ "id": "huila-washed-250-beans", "quantity": 2 }], "fulfillment_address": address })
    };
    let tax = async |state: &str| {
        let made = client.works("create_checkout", order(state)).await;
        let totals = made["checkout_session"]["totals"].as_array().unwrap().clone();
        totals.iter().find(|row| row["type"] == "tax").unwrap()["amount"].as_i64().unwrap()
    };
    let expected = tax("CA").await;
    assert!(expected > 0);
    for state in ["ca", "California", "CALIFORNIA", "Calif.", "US-CA"] {
        assert_eq!(tax(state).await, expected, "{state}");
    }
    for state in ["Ontario", "Nowhere"] {
        let said = client.refuses("create_checkout", order(state)).await;
        assert!(said.contains("fulfillment_address.state is no state of United States"), "{state}: {said}");
        assert!(said.contains("CA (California)") && said.contains("PR (Puerto Rico)"), "{state}: {said}");
    }
    let said = client.refuses("create_checkout", order("")).await;
    assert!(said.contains("fulfillment_address.state is missing. Send a state: AL (Alabama), "), "{said}");
    for (postal_code, problem) in
        [("", "is missing"), ("ABC", "is no ZIP code"), ("10001", "is not in California")]
    {
        let mut wrong = order("CA");
        wrong["fulfillment_address"]["postal_code"] = json!(postal_code);
        let said = client.refuses("create_checkout", wrong).await;
        assert!(said.contains(&format!("fulfillment_address.postal_code {problem}")), "{said}");
    }
}

#[tokio::test]
async fn too_many_calls_are_told_when_to_come_again_and_paying_goes_on() {
    let mut shops = usual_shops();
    shops[0].limit("requests_per_second = 1\nburst = 3");
    let world = TestGateway::of_shops(shops);
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let list = json!({ "name": "search_products", "arguments": {} });
    let mut refused = None;
    for _ in 0..10 {
        let answer = client.request("tools/call", list.clone()).await;
        if answer.status == 429 {
            refused = Some(answer);
        }
    }
    let refused = refused.expect("a bucket of three is empty after ten calls");
    assert!(refused.headers["retry-after"].to_str().unwrap().parse::<u32>().unwrap() >= 1);
    assert_eq!(refused.json()["id"], 7, "the id is echoed");
    still_payable(&world, &client, &sheet).await;
}

#[tokio::test]
async fn a_bad_tenant_file_is_left_out_and_the_others_serve() {
    let world = TestGateway::with_files(|tenants| {
        fs::write(tenants.join("broken.toml"), "name = \"Broken\"\nmode = \"production\"\n").unwrap();
        fs::write(tenants.join("nonsense.toml"), "name = ").unwrap();
    });
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    still_payable(&world, &client, &sheet).await;
    let log = world.log_so_far();
    assert!(log.contains("tenant_rejected") && log.contains("does not know"), "{log}");

    let check = world.command("check").output().unwrap();
    assert!(!check.status.success());
    let said = String::from_utf8_lossy(&check.stdout).into_owned();
    for expected in ["broken.toml:2:", "nonsense.toml:1:", "does not know \"production\""] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let good = world.command("check").arg("tenants/harbor-coffee.toml").output().unwrap();
    assert!(good.status.success(), "{}", String::from_utf8_lossy(&good.stdout));
}
