//! Purchases that go on while Stripe has a bad day and the process is killed again and again: afterwards, orders and
//! ledger agree, and nothing is left unexplained.
//!
//! `CRASH_PURCHASES` and `CRASH_KILLS` make it longer (`make crash-test`), `CRASH_SEED` repeats its choices.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use merchant_gateway::emulator::{Exchange, LedgerEntry, WebhookPlan};
use merchant_gateway::ports::{Environment, SystemEnvironment};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::chance::Chance;
use crate::support::client::{payment, total};
use crate::support::operator::Operator;
use crate::support::orders::{ORDERS, Order};
use crate::support::receiver::{Does, OrderReceiver};
use crate::support::samples::Sample;
use crate::support::stripe_process::StripeProcess;
use crate::support::world::{ADMIN_TOKEN, Shop, WEBHOOK_SECRET, World};

/// How long one purchase may take, kills and all.
const DEADLINE: Duration = Duration::from_mins(5);

/// How many shoppers buy at once.
const SHOPPERS: usize = 6;

/// The longest that a process is left alone once it is its turn to be killed.
const LONGEST_LIFE: u64 = 400;

/// An HTTP client that follows no redirection by itself.
#[expect(clippy::disallowed_methods, reason = "a test's own client")]
fn patient() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

fn setting(name: &str, usual: u64) -> u64 {
    SystemEnvironment.var(name).and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Where the gateway is now: its public and its admin listener.
#[derive(Clone)]
struct Place {
    base: String,
    admin: String,
}

impl Place {
    fn of(world: &World) -> Self {
        Self { base: world.url(""), admin: world.admin_address() }
    }
}

/// Where the gateway is now, and a client that takes a dead one as it comes.
#[derive(Clone)]
struct Shopper {
    http: reqwest::Client,
    place: watch::Receiver<Place>,
    until: Instant,
}

impl Shopper {
    /// Calls a tool until somebody answers.
    async fn call(&self, merchant: &str, tool: &str, arguments: &Value) -> Value {
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

    /// Pays on the page at Stripe, for which the shop's own page is the way; gives how it ended. The page's links may
    /// lead to a gateway that is dead by now: what came of the payment is asked where it lives.
    async fn buy_on_page(&self, order: &Order, card: &str) -> Bought {
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
    async fn refund(&self, merchant: &str, order: &str, amount: Option<i64>) -> bool {
        let mut moved = self.place.clone();
        loop {
            assert!(Instant::now() < self.until, "a refund of {order} was never decided");
            let admin = moved.borrow_and_update().admin.clone();
            let url = format!("http://{admin}/admin/v1/orders/{order}/refunds?tenant={merchant}");
            let body = amount.map_or_else(|| json!({}), |amount| json!({ "amount": amount }));
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

    /// Buys with one token after the other, each as often as it takes; gives the session and how it ended.
    async fn buy(&self, order: &Order, tokens: &[String]) -> Bought {
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
                    // Under way, or nobody could look: the same again.
                    Some(_) | None => tokio::task::yield_now().await,
                }
                assert!(Instant::now() < self.until, "never decided: {paid}");
            }
        }
        Bought::new(order, &sheet, declined, None)
    }
}

/// A purchase that has come to its end.
struct Bought {
    merchant: &'static str,
    session: String,
    total: i64,
    currency: &'static str,
    declined: u32,
    order: Option<String>,
    /// What went back.
    refunds: Vec<i64>,
}

impl Bought {
    fn new(order: &Order, sheet: &Value, declined: u32, placed: Option<&str>) -> Self {
        let session = sheet["id"].as_str().unwrap().split_once("_r").unwrap().0.to_owned();
        let (total, currency) = (order.total, order.currency);
        Self {
            merchant: order.merchant,
            session,
            total,
            currency,
            declined,
            order: placed.map(str::to_owned),
            refunds: Vec::new(),
        }
    }
}

/// Where orders and ledger do not agree.
fn disagreements(bought: &[Bought], ledger: &[LedgerEntry]) -> Vec<String> {
    let mut by_session: BTreeMap<&str, Vec<&LedgerEntry>> = BTreeMap::new();
    for entry in ledger {
        let session = entry.metadata.get("checkout_session").map_or("nobody's", String::as_str);
        by_session.entry(session).or_default().push(entry);
    }
    let mut wrong = Vec::new();
    let orders: BTreeSet<&String> = bought.iter().filter_map(|bought| bought.order.as_ref()).collect();
    if orders.len() != bought.iter().filter(|bought| bought.order.is_some()).count() {
        wrong.push("two purchases share an order".to_owned());
    }
    for Bought { session, total, currency, order, .. } in bought {
        let charges = by_session.remove(session.as_str()).unwrap_or_default();
        match (order, &charges[..]) {
            (None, []) => {}
            (Some(_), [charge]) if charge.amount_received == *total && charge.currency == *currency => {}
            (Some(_), [charge]) => wrong.push(format!("{session}: {} was charged", charge.amount_received)),
            (Some(_), []) => wrong.push(format!("{session}: an order without a charge")),
            (None, charges) => wrong.push(format!("{session}: {} charges without an order", charges.len())),
            (Some(_), charges) => wrong.push(format!("{session}: {} charges", charges.len())),
        }
    }
    wrong.extend(by_session.into_keys().map(|session| format!("{session}: charged, and nobody's purchase")));
    wrong
}

/// What each purchase is paid with: a card that pays, or one or two that do not, and then perhaps one that does.
const CARDS: [&[&str]; 4] = [
    &["pm_card_visa"],
    &["pm_card_visa"],
    &["pm_card_chargeDeclined", "pm_card_visa"],
    &["pm_card_authenticationRequired", "pm_card_chargeDeclinedInsufficientFunds"],
];

/// What a page at Stripe is paid with.
const PAGE_CARDS: [&str; 3] = ["pm_card_visa", "pm_card_visa", "pm_card_chargeDeclined"];

/// How a purchase to come will be paid.
enum Means {
    /// On the sheet, with one token after the other.
    Tokens(Vec<String>),
    /// On a page at Stripe, with this card.
    Page(&'static str),
}

/// A purchase to come, and what goes back of it: a third and then perhaps the rest, or all.
struct Errand {
    order: &'static Order,
    means: Means,
    back: Vec<Option<i64>>,
}

async fn errands(
    world: &mut World,
    stripe: &StripeProcess,
    purchases: u64,
    chance: &mut Chance,
) -> Vec<Errand> {
    let mut errands = Vec::new();
    for number in 0..usize::try_from(purchases).unwrap() {
        let order = &ORDERS[number % ORDERS.len()];
        let shop = world.shops.iter().find(|shop| shop.id == order.merchant).unwrap();
        let back = match chance.below(6) {
            0 => vec![None],
            1 => vec![Some(order.total / 3)],
            2 => vec![Some(order.total / 3), None],
            _ => Vec::new(),
        };
        if chance.below(3) == 0 {
            let means = Means::Page(chance.pick::<&str>(&PAGE_CARDS));
            errands.push(Errand { order, means, back });
            continue;
        }
        let mut tokens = Vec::new();
        for card in *chance.pick(&CARDS) {
            tokens.push(stripe.mint(shop.key(), card, (order.currency, order.total)).await);
        }
        world.canaries.extend_from_slice(&tokens);
        errands.push(Errand { order, means: Means::Tokens(tokens), back });
    }
    errands
}

/// Nobody is left waiting: each session has its order, or can be paid, and no payment lies about that fits no order.
async fn all_is_explained(shopper: &Shopper, world: &World, bought: &[Bought]) {
    for Bought { merchant, session, order, .. } in bought {
        let asked = json!({ "checkout_session_id": session });
        let session = shopper.call(merchant, "get_checkout", &asked).await;
        let status = &session["structuredContent"]["checkout_session"]["status"];
        assert_eq!(status, if order.is_some() { "completed" } else { "ready_for_payment" }, "{session}");
    }
    let operator = Operator::of(world);
    for shop in &world.shops {
        let (_, flags) = operator.get(&format!("flags?tenant={}", shop.id)).await;
        assert_eq!(flags["flags"], json!([]), "{}", shop.id);
    }
}

/// The sample shops, each told of its orders by this receiver.
fn told_world(receiver: &OrderReceiver) -> World {
    let mut shops: Vec<Shop> = Sample::all().iter().map(Sample::shop).collect();
    let mut settings = vec![("GATEWAY__ORDER_EVENTS__ALLOW_LOOPBACK", "true")];
    for shop in &mut shops {
        let prefix = shop.variable.strip_suffix("_STRIPE_KEY").expect("the samples' keys are named so");
        let variable: &str = format!("{prefix}_WEBHOOK_SECRET").leak();
        let webhook = format!("\n[webhook]\nurl = \"{}\"\nsecret = \"env:{variable}\"\n", receiver.url());
        shop.file.push_str(&webhook);
        settings.push((variable, WEBHOOK_SECRET));
    }
    let mut world = World::closed(shops);
    world.settings.extend(settings);
    world
}

/// What went back at Stripe is what somebody was told went back, each once, and the orders' books say the same.
async fn refunds_agree(world: &World, stripe: &StripeProcess, bought: &[Bought]) {
    let mut at_stripe: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for shop in &world.shops {
        for refund in stripe.refunds(shop.key()).await {
            let session = refund["metadata"]["checkout_session"].as_str().unwrap().to_owned();
            at_stripe.entry(session).or_default().push(refund["amount"].as_i64().unwrap());
        }
    }
    let operator = Operator::of(world);
    for Bought { merchant, session, order, refunds, .. } in bought {
        let mut made = at_stripe.remove(session).unwrap_or_default();
        let mut told = refunds.clone();
        made.sort_unstable();
        told.sort_unstable();
        assert_eq!(made, told, "{session} of {merchant}");
        if let Some(order) = order {
            let (_, shown) = operator.get(&format!("orders/{order}?tenant={merchant}")).await;
            assert_eq!(shown["refunded_total"], told.iter().sum::<i64>(), "{shown}");
        }
    }
    assert!(at_stripe.is_empty(), "refunds of nobody's purchase: {at_stripe:?}");
}

/// Every order was told of, and every refund, in the order of their numbers; gives how many events there were.
async fn events_agree(world: &World, receiver: &OrderReceiver, bought: &[Bought]) -> usize {
    let operator = Operator::of(world);
    for shop in &world.shops {
        let until = Instant::now() + DEADLINE;
        loop {
            let (_, pending) = operator.get(&format!("deliveries?tenant={}&state=pending", shop.id)).await;
            if pending["deliveries"] == json!([]) {
                break;
            }
            assert!(Instant::now() < until, "never told: {pending}");
            tokio::task::yield_now().await;
        }
    }
    let mut told: BTreeMap<String, Vec<(i64, String)>> = BTreeMap::new();
    for letter in receiver.received(0) {
        let event: Value = serde_json::from_str(&letter.body).unwrap();
        let data = &event["data"];
        let of_order = told.entry(data["order"]["id"].as_str().unwrap().to_owned()).or_default();
        let sequence = data["sequence"].as_i64().unwrap();
        // Again and again it may come, but never for the first time before the one that precedes it.
        if of_order.iter().all(|(known, _)| *known != sequence) {
            of_order.push((sequence, event["type"].as_str().unwrap().to_owned()));
        }
    }
    let mut events = 0;
    for Bought { order, refunds, .. } in bought {
        let Some(order) = order else { continue };
        let of_order = told.remove(order).unwrap_or_else(|| panic!("nobody was told of {order}"));
        let sequences: Vec<i64> = of_order.iter().map(|(sequence, _)| *sequence).collect();
        assert!(sequences.iter().zip(1..).all(|(sequence, expected)| *sequence == expected), "{of_order:?}");
        assert_eq!(of_order[0].1, "order.created");
        assert!(of_order.len() > refunds.len(), "{of_order:?}, and {refunds:?} went back");
        events += of_order.len();
    }
    assert!(told.is_empty(), "told of orders that nobody has: {told:?}");
    events
}

/// Has Stripe send every shop's events to the process that lives now.
async fn send_webhooks(world: &World, stripe: &StripeProcess) {
    for shop in &world.shops {
        let url = world.url(&format!("/t/{}/webhooks/stripe", shop.id));
        stripe.send_webhooks(shop, &url).await;
    }
}

/// No event that was taken is left behind, and none was refused; gives how many were followed.
async fn all_are_followed(world: &World) -> usize {
    let operator = Operator::of(world);
    let mut followed = 0;
    for shop in &world.shops {
        loop {
            let (_, seen) = operator.get(&format!("stripe-events?tenant={}&limit=200", shop.id)).await;
            let refused = seen["refused"].as_object().unwrap();
            assert!(refused.values().all(|times| times == 0), "{seen}");
            let states = seen["events"].as_array().unwrap().iter().map(|event| &event["state"]);
            if states.clone().all(|state| state != "waiting") {
                followed += states.filter(|state| *state == "followed").count();
                break;
            }
            tokio::task::yield_now().await;
        }
    }
    followed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_often_it_is_killed_every_purchase_is_charged_once_or_not_at_all() {
    let (purchases, kills) = (setting("CRASH_PURCHASES", 48), setting("CRASH_KILLS", 8));
    let seed = setting("CRASH_SEED", 1);
    println!("CRASH_PURCHASES={purchases} CRASH_KILLS={kills} CRASH_SEED={seed}");
    let mut chance = Chance::new(seed);
    let receiver = OrderReceiver::start(Does::Takes);
    let mut world = told_world(&receiver);
    let stripe = StripeProcess::beside(&mut world, seed);
    let plan = WebhookPlan { retry_millis: vec![50, 200], ..WebhookPlan::bad_day(seed) };
    stripe.set_webhook_plan(&plan).await;
    world.start_gateway();
    send_webhooks(&world, &stripe).await;
    let queue = Arc::new(Mutex::new(errands(&mut world, &stripe, purchases, &mut chance).await));
    let (moves, place) = watch::channel(Place::of(&world));
    let http = patient();
    let shopper = Shopper { http, place, until: Instant::now() + DEADLINE };
    let (ending, mut ended) = watch::channel(0);
    let mut shoppers = JoinSet::new();
    for _ in 0..SHOPPERS {
        let (shopper, queue, ending) = (shopper.clone(), Arc::clone(&queue), ending.clone());
        shoppers.spawn(async move {
            let mut bought = Vec::new();
            loop {
                let next = queue.lock().unwrap().pop();
                let Some(Errand { order, means, back }) = next else { return bought };
                let mut one = match means {
                    Means::Tokens(tokens) => shopper.buy(order, &tokens).await,
                    Means::Page(card) => shopper.buy_on_page(order, card).await,
                };
                if let Some(placed) = one.order.clone() {
                    for amount in back {
                        let left = one.total - one.refunds.iter().sum::<i64>();
                        if shopper.refund(one.merchant, &placed, amount).await {
                            one.refunds.push(amount.unwrap_or(left));
                        }
                    }
                }
                bought.push(one);
                ending.send_modify(|ended| *ended += 1);
            }
        });
    }

    for number in 0..kills {
        ended.wait_for(|ended| *ended >= number * purchases / kills).await.unwrap();
        // Not a wait for anything: when it is killed is the chance that is taken.
        tokio::time::sleep(Duration::from_millis(chance.below(LONGEST_LIFE))).await;
        world.kill();
        world.start_gateway();
        send_webhooks(&world, &stripe).await;
        moves.send_replace(Place::of(&world));
    }
    let mut bought = Vec::new();
    while let Some(of_one) = shoppers.join_next().await {
        bought.extend(of_one.unwrap());
    }
    let wrong = disagreements(&bought, &stripe.ledger().await);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    all_is_explained(&shopper, &world, &bought).await;
    refunds_agree(&world, &stripe, &bought).await;
    let events = events_agree(&world, &receiver, &bought).await;
    let refunded: usize = bought.iter().map(|bought| bought.refunds.len()).sum();
    let webhooks = all_are_followed(&world).await;
    let paid = bought.iter().filter(|bought| bought.order.is_some()).count();
    let declined: u32 = bought.iter().map(|bought| bought.declined).sum();
    let charge = |seen: &Exchange| seen.method == "POST" && seen.path == "/v1/payment_intents";
    let sent = stripe.exchanges().await.into_iter().filter(charge).count();
    let page = |seen: &Exchange| seen.method == "POST" && seen.path == "/v1/checkout/sessions";
    let pages = stripe.exchanges().await.into_iter().filter(page).count();
    println!(
        "{} purchases, {paid} paid, {declined} declines, {refunded} refunds, {events} events told, {kills} kills, \
         {sent} requests to charge, {pages} for pages, {webhooks} webhooks, faults: {}",
        bought.len(),
        stripe.faults_hit().await
    );
    assert_eq!(bought.len(), usize::try_from(purchases).unwrap());
    assert!(paid > 0 && declined > 0 && pages > 0 && refunded > 0, "something of each was met");
    assert!(webhooks > 0, "something of each was met");
    assert!(
        sent + pages > paid + usize::try_from(declined).unwrap(),
        "payments were under way when something went wrong"
    );
}

#[test]
fn the_reckoning_notices_every_disagreement() {
    let bought = |session: &str, order: Option<&str>| Bought {
        merchant: "anyone",
        session: session.to_owned(),
        total: 100,
        currency: "usd",
        declined: 0,
        order: order.map(str::to_owned),
        refunds: Vec::new(),
    };
    let entry = |session: &str, amount| LedgerEntry {
        account: "acct_1".to_owned(),
        payment_intent: format!("pi_{session}_{amount}"),
        amount,
        currency: "usd".to_owned(),
        livemode: false,
        shared_payment_granted_token: None,
        metadata: [("checkout_session".to_owned(), session.to_owned())].into(),
        created: 0,
        status: "succeeded".to_owned(),
        amount_received: amount,
    };
    assert!(disagreements(&[bought("a", Some("1")), bought("b", None)], &[entry("a", 100)]).is_empty());
    for (bought, ledger) in [
        (vec![bought("a", Some("1"))], vec![]),
        (vec![bought("a", None)], vec![entry("a", 100)]),
        (vec![bought("a", Some("1"))], vec![entry("a", 99)]),
        (vec![bought("a", Some("1"))], vec![entry("a", 100), entry("a", 100)]),
        (vec![], vec![entry("a", 100)]),
        (vec![bought("a", Some("1")), bought("b", Some("1"))], vec![entry("a", 100), entry("b", 100)]),
    ] {
        assert_eq!(disagreements(&bought, &ledger).len(), 1);
    }
}
