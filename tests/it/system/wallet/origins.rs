//! Where orders come from: the door, the host and the agent, as a merchant reads them and decides by them.

use serde_json::{Value, json};

use crate::support::client::{Client, Speaks, california, total};
use crate::support::operator::Operator;
use crate::support::receiver::{Does, OrderReceiver};
use crate::support::test_gateway::{SHOP, TestGateway, WEBHOOK_SECRET, usual_shops};
use crate::support::wallet::{Wallet, payable};
use crate::system::hosted::{Browser, pays};

/// A shop with a receiver of order events, whose file is changed further.
fn world(receiver: &OrderReceiver, change: impl Fn(&str) -> String) -> TestGateway {
    let mut shops = usual_shops();
    let file = &mut shops[0].file;
    *file = change(file);
    let webhook = format!("\n[webhook]\nurl = \"{}\"\nsecret = \"file:events\"\n", receiver.url());
    file.push_str(&webhook);
    let mut world = TestGateway::closed(shops);
    world.put_secret(SHOP, "events", WEBHOOK_SECRET);
    world.settings.push(("GATEWAY__ORDER_EVENTS__ALLOW_LOOPBACK", "true"));
    world.start_gateway();
    world
}

/// A client whose requests name their program.
#[expect(clippy::disallowed_methods, reason = "a test's own client")]
fn named(world: &TestGateway, user_agent: &str) -> Client {
    let http = reqwest::Client::builder().no_proxy().user_agent(user_agent).build().unwrap();
    Client { http, ..world.client(Speaks::Modern) }
}

/// The profile that the emulated Stripe shows of whoever granted a token.
const PROFILE: &str = "profile_test_emulatoragent";

/// Where an order comes from, as a listing or an event tells it.
fn origin(order: &Value) -> Value {
    json!([order["door"], order["host"], order["agent"]])
}

/// What was told, in an order that does not depend on time.
fn sorted(mut told: Vec<Value>) -> Vec<Value> {
    told.sort_by_key(ToString::to_string);
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_of_all_doors_tell_door_host_and_agent() {
    let receiver = OrderReceiver::start(Does::Takes);
    let world = world(&receiver, str::to_owned);
    let chatgpt = named(&world, "openai-mcp/1.0.0 (ChatGPT)");

    let sheet = chatgpt.ready_checkout().await;
    let paid = chatgpt.complete(&sheet["id"], &world.token("pm_card_visa", total(&sheet))).await;
    assert_eq!(paid["structuredContent"]["status"], "completed", "{paid}");

    let claude = named(&world, "claude-code/2.1");
    let (_, offered) = payable(&claude).await;
    let wallet = Wallet::of(&world, &offered).named("link-cli/0.15.1");
    assert_eq!(wallet.pays(&wallet.asks().await.challenge(), "pm_card_visa").await.status, 200);

    // A client that names itself in its messages, and no program in its headers.
    let arguments = json!({ "items": [{ "id": "huila-washed-250-beans", "quantity": 1 }],
                            "fulfillment_address": california() });
    let of_itself = json!({ "io.modelcontextprotocol/clientInfo": { "name": "Inspector", "version": "3" } });
    let call = json!({ "name": "create_checkout", "arguments": arguments, "_meta": of_itself });
    let nameless = world.client(Speaks::Modern);
    let begun = nameless.request("tools/call", call).await.json()["result"]["structuredContent"].clone();
    let id = &begun["checkout_session"]["id"];
    let started = nameless.works("start_hosted_checkout", json!({ "checkout_session_id": id })).await;
    let browser = Browser::of(&world);
    let page = browser.opens_page(started["checkout_url"].as_str().unwrap(), 1).await;
    browser.receipt(&pays(&world, &page, "pm_card_visa")).await;

    let expected = sorted(vec![
        json!(["sheet", { "name": "openai-mcp", "version": "1.0.0" },
               { "user_agent": "openai-mcp/1.0.0 (ChatGPT)", "profile": PROFILE }]),
        json!(["wallet", { "name": "claude-code", "version": "2.1" },
               { "user_agent": "link-cli/0.15.1", "profile": PROFILE }]),
        json!(["page", { "name": "Inspector", "version": "3" }, null]),
    ]);
    let operator = Operator::of(&world);
    let (status, listed) = operator.get(&format!("orders?tenant={SHOP}")).await;
    assert_eq!(status, 200, "{listed}");
    let orders = listed["orders"].as_array().unwrap();
    assert_eq!(sorted(orders.iter().map(origin).collect()), expected, "listed");
    let (_, one) = operator.get(&format!("orders/{}?tenant={SHOP}", orders[0]["number"])).await;
    assert_eq!(origin(&one), origin(&orders[0]), "shown alone");
    let events = receiver.received(3);
    let told = events.iter().map(|event| serde_json::from_str::<Value>(&event.body).unwrap());
    assert_eq!(sorted(told.map(|event| origin(&event["data"]["order"])).collect()), expected, "in events");
    let lines = world.log();
    let logged = lines.lines().filter(|line| line.contains("\"order_placed\""));
    let logged = logged.map(|line| {
        let line: Value = serde_json::from_str(line).unwrap();
        let of = |name: &str| line[name].clone();
        let host = json!({ "name": of("client"), "version": of("client_version") });
        let agent = json!({ "user_agent": of("user_agent"), "profile": of("agent_profile") });
        json!([of("door"), host, if agent["profile"].is_null() { Value::Null } else { agent }])
    });
    assert_eq!(sorted(logged.collect()), expected, "in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_refuses_agents_by_program_and_by_profile() {
    let receiver = OrderReceiver::start(Does::Takes);
    for (rules, refused_at_once, takes_sheet) in [
        ("refuse = [\"link-cli\"]".to_owned(), true, true),
        ("allow = [\"some-agent\"]".to_owned(), true, false),
        (format!("refuse = [\"{PROFILE}\"]"), false, false),
        ("allow = [\"profile_of_another\"]".to_owned(), false, false),
    ] {
        let world = world(&receiver, |file| {
            file.replace("wallet = true", &format!("wallet = true\nagents = {{ {rules} }}"))
        });
        let client = world.client(Speaks::Modern);
        let (sheet, offered) = payable(&client).await;
        let wallet = Wallet::of(&world, &offered).named("link-cli/0.15.1");
        let asked = wallet.asks().await;
        let told = if refused_at_once {
            assert!(asked.header("www-authenticate").is_none(), "nobody approves in vain: {asked:?}");
            asked
        } else {
            wallet.pays(&asked.challenge(), "pm_card_visa").await
        };
        assert_eq!(told.status, 403, "{rules}: {told:?}");
        let said = told.body["detail"].as_str().unwrap();
        assert!(said.contains("agent") && said.contains("Nothing was charged"), "{said}");
        let paid = client.complete(&sheet["id"], &world.token("pm_card_visa", total(&sheet))).await;
        assert_eq!(paid["isError"] != json!(true), takes_sheet, "{rules}: {paid}");
        assert_eq!(world.ledger().len(), usize::from(takes_sheet), "{rules}");
        if !takes_sheet {
            let session = json!({ "checkout_session_id": sheet["id"] });
            let page = client.works("start_hosted_checkout", session).await;
            assert!(page["checkout_url"].is_string(), "the shopper can still pay: {page}");
        }
    }
}
