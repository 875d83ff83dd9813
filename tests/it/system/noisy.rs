//! One merchant is called far above its limits while nothing that it asks Stripe is answered, and its neighbour sells on.
//!
//! With `BENCH_NOISY` calls of each kind, as `make bench-noisy` sets it, this also measures on the optimised binary how
//! much longer the neighbour's slowest calls take beside the flood than alone.

use std::time::Duration;

use futures_util::future::{join, join_all};
use merchant_gateway::ports::{Environment, SystemEnvironment};
use serde_json::{Value, json};
use stripe_emulator::{Hold, HoldPoint, LedgerEntry};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::webhooks::until;
use crate::support::client::{Client, Speaks, california, payment, session_name, total};
use crate::support::operator::Operator;
use crate::support::relay::HangingWire;
use crate::support::test_gateway::{
    OTHER_ACCOUNT, OTHER_SHOP, SHOP, SHOP_ACCOUNT, SHOP_KEY, TestGateway, usual_shops,
};

/// How many payments of the noisy shop Stripe has begun, as many as one shop may have there at once, and how many it has
/// not yet been told of.
const BEGUN: usize = 16;
const UNTOLD: usize = 8;

/// How many purchases its neighbour makes meanwhile.
const PURCHASES: usize = 20;

/// How many callers at once browse, and how many begin checkouts.
const BROWSING: usize = 6;
const BEGINNING: usize = 4;

/// The first shop with small limits, the other one with these, and a wire on which the first one's requests can hang.
fn world(neighbours_limits: Option<&str>) -> (TestGateway, HangingWire) {
    let mut shops = usual_shops();
    shops[0].limit("requests_per_second = 2\nburst = 4\ncheckouts_per_minute = 60\npayments_per_minute = 60");
    if let Some(limits) = neighbours_limits {
        shops[1].limit(limits);
    }
    let mut world = TestGateway::closed(shops);
    let wire = HangingWire::to(&world.emulator.base_url(), SHOP_KEY);
    world.settings.push(("GATEWAY__STRIPE__API_BASE", wire.base_url().leak()));
    world.start_gateway();
    (world, wire)
}

/// A checkout of the noisy shop that somebody is paying.
struct Paying {
    sheet: Value,
    answer: JoinHandle<Result<(), reqwest::Error>>,
}

impl Paying {
    fn begin(world: &TestGateway, sheet: Value) -> Self {
        let (client, id) = (world.client(Speaks::Modern), sheet["id"].clone());
        let token = world.token("pm_card_visa", total(&sheet));
        Self { sheet, answer: tokio::spawn(async move { client.pay_unheard(&id, &token).await }) }
    }

    fn name(&self) -> String {
        session_name(&self.sheet["id"])
    }
}

/// The noisy shop's payments, all of which wait for Stripe.
struct Waiting {
    begun: Vec<(Paying, Hold)>,
    untold: Vec<Paying>,
}

impl Waiting {
    async fn begin(world: &TestGateway, wire: &HangingWire) -> Self {
        let client = world.client(Speaks::Modern);
        let (mut begun, mut untold) = (Vec::new(), Vec::new());
        for _ in 0..BEGUN {
            let hold = world.emulator.hold_next_payment(HoldPoint::BeforeEffect);
            let paying = Paying::begin(world, client.ready_checkout().await);
            hold.reached().await;
            begun.push((paying, hold));
        }
        wire.hang(true);
        for number in 0..UNTOLD {
            untold.push(Paying::begin(world, client.ready_checkout().await));
            until(async || (wire.kept_back() > number).then_some(())).await;
        }
        Self { begun, untold }
    }

    /// What opens the checkouts that Stripe has begun to charge.
    fn openings(&self) -> Vec<Value> {
        self.begun.iter().map(|(paying, _)| paying.sheet["id"].clone()).collect()
    }
}

/// A call as a host makes it that trusts the shop: the answer is not held against a schema.
async fn called(client: &Client, tool: &str, arguments: &Value) -> (u16, Option<String>) {
    let params = json!({ "name": tool, "arguments": arguments });
    let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
    let request = client.http.post(&client.url).header("content-type", "application/json");
    let request = request.header("accept", "application/json, text/event-stream");
    let request = request.header("mcp-protocol-version", "2025-11-25").body(message.to_string());
    let answer = request.send().await.unwrap();
    let again = answer.headers().get("retry-after").map(|value| value.to_str().unwrap().to_owned());
    let status = answer.status().as_u16();
    answer.bytes().await.unwrap();
    (status, again)
}

fn cart(item: &str) -> Value {
    json!({ "items": [{ "id": item, "quantity": 1 }], "fulfillment_address": california() })
}

/// Calls a shop without a pause until told to stop, and then hangs up; how each call was answered.
async fn flood(
    client: &Client,
    openings: &[Value],
    stopped: &watch::Receiver<bool>,
) -> Vec<(u16, Option<String>)> {
    let mut calls = vec![("search_products", json!({})); BROWSING];
    calls.extend(vec![("create_checkout", cart("huila-washed-250-beans")); BEGINNING]);
    for id in openings {
        calls.push(("complete_checkout", payment(id, "spt_1RjMadeUp00000")));
        calls.push(("get_checkout", json!({ "checkout_session_id": id })));
    }
    let calling = calls.iter().map(async |(tool, arguments)| {
        let (mut told, mut stopped) = (Vec::new(), stopped.clone());
        loop {
            tokio::select! {
                biased;
                _ = stopped.wait_for(|stopped| *stopped) => return told,
                answer = called(client, tool, arguments) => told.push(answer),
            }
        }
    });
    join_all(calling).await.concat()
}

/// A purchase at the neighbour's, in which nothing is refused; its total as it was shown.
async fn buys(world: &TestGateway, client: &Client) -> i64 {
    client.works("search_products", json!({})).await;
    let made = client.works("create_checkout", cart("bowl")).await;
    let sheet = &made["checkout_session"];
    client.works("get_checkout", json!({ "checkout_session_id": sheet["id"] })).await;
    let token = world.token_of(OTHER_ACCOUNT, "pm_card_visa", "usd", total(sheet));
    let paid = client.complete(&sheet["id"], &token).await;
    assert_eq!(paid["structuredContent"]["status"], "completed", "{paid}");
    total(sheet)
}

fn charged(world: &TestGateway, account: &str) -> Vec<LedgerEntry> {
    world.ledger().into_iter().filter(|paid| paid.account == account).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flooded_merchant_costs_its_neighbour_nothing() {
    let (world, wire) = world(None);
    let waiting = Waiting::begin(&world, &wire).await;
    let (noisy, quiet) = (world.client(Speaks::Modern), world.client_of(OTHER_SHOP, Speaks::Modern));
    let (stop, stopped) = watch::channel(false);
    let shopping = async {
        let mut shown = Vec::new();
        for _ in 0..PURCHASES {
            shown.push(buys(&world, &quiet).await);
        }
        stop.send_replace(true);
        shown
    };
    let openings = waiting.openings();
    let (told, shown) = join(flood(&noisy, &openings, &stopped), shopping).await;

    let amounts: Vec<i64> = charged(&world, OTHER_ACCOUNT).iter().map(|paid| paid.amount_received).collect();
    assert_eq!(amounts, shown, "each purchase is charged once, at the amount that was shown");
    assert_eq!(charged(&world, SHOP_ACCOUNT), [], "nothing of the noisy shop's has been answered");

    let (refused, served): (Vec<_>, Vec<_>) = told.into_iter().partition(|(status, _)| *status == 429);
    assert!(refused.len() > 200, "{} refused calls are no flood", refused.len());
    for (_, again) in refused {
        let seconds: u32 = again.expect("it is said when to come again").parse().unwrap();
        assert!(seconds >= 1);
    }
    assert!(served.iter().all(|(status, _)| *status == 200), "{served:?}");

    // Stripe answers again.
    wire.hang(false);
    let operator = Operator::of(&world);
    let state = async |name: &str| {
        let (status, session) = operator.get(&format!("sessions/{name}?tenant={SHOP}")).await;
        assert_eq!(status, 200, "{session}");
        session["state"].as_str().unwrap().to_owned()
    };
    let mut expected = Vec::new();
    for (paying, hold) in waiting.begun {
        hold.release();
        let name = paying.name();
        paying.answer.await.unwrap().unwrap();
        until(async || (state(&name).await == "completed").then_some(())).await;
        expected.push((name, total(&paying.sheet)));
    }
    for paying in waiting.untold {
        let name = paying.name();
        paying.answer.await.unwrap().unwrap();
        // A payment that waited for longer than its caller may not have begun.
        let ended = until(async || Some(state(&name).await).filter(|state| state != "charging")).await;
        match ended.as_str() {
            "completed" => expected.push((name, total(&paying.sheet))),
            other => assert_eq!(other, "ready"),
        }
    }
    let mut paid: Vec<(String, i64)> = charged(&world, SHOP_ACCOUNT)
        .into_iter()
        .map(|paid| (paid.metadata["checkout_session"].clone(), paid.amount_received))
        .collect();
    paid.sort();
    expected.sort();
    assert_eq!(paid, expected, "each payment that waited is made once");
    assert_eq!(charged(&world, OTHER_ACCOUNT).len(), PURCHASES);
}

/// How long the slowest in a hundred of so many calls take.
async fn p99(client: &Client, calls: usize, (tool, arguments): (&str, &Value)) -> Duration {
    let mut times = Vec::new();
    for _ in 0..calls {
        let begun = Instant::now();
        let (status, _) = called(client, tool, arguments).await;
        times.push(begun.elapsed());
        assert_eq!(status, 200, "{tool} is refused");
    }
    times.sort();
    times[(calls * 99).div_ceil(100) - 1]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_slowest_calls_beside_a_flood_are_compared_with_those_alone() {
    let Some(calls) = SystemEnvironment.var("BENCH_NOISY") else { return };
    let calls: usize = calls.parse().unwrap();
    let (world, wire) =
        world(Some("requests_per_second = 10000\nburst = 10000\ncheckouts_per_minute = 10000"));
    let quiet = world.client_of(OTHER_SHOP, Speaks::Modern);
    let measured = [("search_products", json!({})), ("create_checkout", cart("bowl"))];
    let measure = async || {
        let mut slowest = Vec::new();
        for (tool, arguments) in &measured {
            slowest.push(p99(&quiet, calls, (tool, arguments)).await.as_secs_f64() * 1000.0);
        }
        slowest
    };
    let alone = measure().await;
    let waiting = Waiting::begin(&world, &wire).await;
    let (openings, noisy) = (waiting.openings(), world.client(Speaks::Modern));
    let (stop, stopped) = watch::channel(false);
    let measuring = async {
        let beside = measure().await;
        stop.send_replace(true);
        beside
    };
    let (told, beside) = join(flood(&noisy, &openings, &stopped), measuring).await;
    println!("{calls} calls of each kind, beside a flood of {} calls:", told.len());
    for (((tool, _), alone), beside) in measured.iter().zip(&alone).zip(&beside) {
        println!(
            "{tool:<16} p99 alone {alone:>7.2} ms   beside the flood {beside:>7.2} ms   ratio {:>5.2}",
            beside / alone
        );
    }
    wire.hang(false);
}
