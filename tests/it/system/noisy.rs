//! One merchant is called far above its limits while nothing that it asks Stripe is answered, and its neighbour sells on.
//!
//! With `BENCH_NOISY` calls of each kind, as `make bench-noisy` sets it, this also measures on the optimised binary how
//! much longer the neighbour's slowest calls take while the noisy merchant is called at ten times its limit.

use std::time::Duration;

use futures_util::future::{join, join_all};
use merchant_gateway::ports::{Environment, SystemEnvironment};
use serde_json::{Value, json};
use stripe_emulator::{Hold, HoldPoint, LedgerEntry};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval_at};

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

/// How many calls a second the noisy shop takes when its neighbour's times are measured: what a file says that says nothing.
const LIMIT: u32 = 50;

/// The usual shops with these limits, and a wire on which the first one's requests can hang.
fn world(limits: [&str; 2]) -> (TestGateway, HangingWire) {
    let mut shops = usual_shops();
    for (shop, limits) in shops.iter_mut().zip(limits) {
        shop.limit(limits);
    }
    let mut world = TestGateway::closed(shops);
    world.settings.push(("GATEWAY__LOG__FILTER", "info"));
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

/// Calls a shop so many times a second, or without a pause, until told to stop, and then hangs up; how each call was
/// answered.
async fn flood(
    client: &Client,
    openings: &[Value],
    per_second: Option<u32>,
    stopped: &watch::Receiver<bool>,
) -> Vec<(u16, Option<String>)> {
    let mut calls = vec![("search_products", json!({})); BROWSING];
    calls.extend(vec![("create_checkout", cart("huila-washed-250-beans")); BEGINNING]);
    for id in openings {
        calls.push(("complete_checkout", payment(id, "spt_1RjMadeUp00000")));
        calls.push(("get_checkout", json!({ "checkout_session_id": id })));
    }
    // The callers take turns.
    let turn = per_second.map(|calls| Duration::from_secs(1) / calls);
    let callers = u32::try_from(calls.len()).unwrap();
    let calling = calls.iter().zip(0..).map(async |((tool, arguments), caller)| {
        let (mut told, mut stopped) = (Vec::new(), stopped.clone());
        let mut turns = turn.map(|turn| interval_at(Instant::now() + turn * caller, turn * callers));
        let mut call = async || {
            if let Some(turns) = &mut turns {
                turns.tick().await;
            }
            called(client, tool, arguments).await
        };
        loop {
            tokio::select! {
                biased;
                _ = stopped.wait_for(|stopped| *stopped) => return told,
                answer = call() => told.push(answer),
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
    let noisy = "requests_per_second = 2\nburst = 4\ncheckouts_per_minute = 60\npayments_per_minute = 60";
    let (world, wire) = world([noisy, ""]);
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
    let (told, shown) = join(flood(&noisy, &openings, None, &stopped), shopping).await;

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

/// How long the neighbour's slowest calls of each kind take, in milliseconds.
struct Slowest<'a> {
    neighbour: &'a Client,
    calls: usize,
}

impl Slowest<'_> {
    async fn alone(&self) -> [f64; 2] {
        let mut slowest = [0.0; 2];
        let measured = [("search_products", json!({})), ("create_checkout", cart("bowl"))];
        for ((tool, arguments), slowest) in measured.iter().zip(&mut slowest) {
            *slowest = p99(self.neighbour, self.calls, (tool, arguments)).await.as_secs_f64() * 1000.0;
        }
        slowest
    }

    /// The same while the noisy shop of a gateway is called at ten times its limit.
    async fn beside_a_flood_of(&self, world: &TestGateway, wire: &HangingWire) -> [f64; 2] {
        let waiting = Waiting::begin(world, wire).await;
        let (openings, noisy) = (waiting.openings(), world.client(Speaks::Modern));
        let (stop, stopped) = watch::channel(false);
        let measuring = async {
            let slowest = self.alone().await;
            stop.send_replace(true);
            slowest
        };
        let (told, slowest) = join(flood(&noisy, &openings, Some(10 * LIMIT), &stopped), measuring).await;
        let refused = told.iter().filter(|(status, _)| *status == 429).count();
        assert!(refused > 0, "{} calls are no flood", told.len());
        wire.hang(false);
        slowest
    }
}

/// What two gateways share is the machine alone, so a flood of another one shows what the machine makes of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_slowest_calls_beside_a_flood_are_compared_with_those_alone() {
    let Some(calls) = SystemEnvironment.var("BENCH_NOISY") else { return };
    let unlimited = "requests_per_second = 10000\nburst = 10000\ncheckouts_per_minute = 10000";
    let limits = [&*format!("requests_per_second = {LIMIT}"), unlimited];
    let [(world, wire), (elsewhere, other_wire)] = [world(limits), world(limits)];
    let neighbour = &world.client_of(OTHER_SHOP, Speaks::Modern);
    let slowest = Slowest { neighbour, calls: calls.parse().unwrap() };
    let alone = slowest.alone().await;
    let apart = slowest.beside_a_flood_of(&elsewhere, &other_wire).await;
    drop(elsewhere);
    let beside = slowest.beside_a_flood_of(&world, &wire).await;
    println!("the slowest of a hundred calls, {calls} of each kind; beside {} calls a second:", 10 * LIMIT);
    for (index, tool) in ["search_products", "create_checkout"].into_iter().enumerate() {
        let [alone, apart, beside] = [alone, apart, beside].map(|slowest| slowest[index]);
        println!(
            "{tool:<16} alone {alone:.2} ms; beside a flood of another gateway {apart:.2} ms, ratio {:.2}; of its own \
             gateway {beside:.2} ms, ratio {:.2}",
            apart / alone,
            beside / alone
        );
    }
}
