//! Purchases that go on while Stripe and the shops' receivers have a bad day, carts are abandoned faster than they may stand
//! about, and the process is killed again and again: afterwards, orders, ledger and what merchants were told agree, and nothing is left unexplained.
//!
//! `CRASH_PURCHASES` and `CRASH_KILLS` make it longer (`make crash-test`), `CRASH_SEED` repeats its choices.

mod races;
mod reckoning;
mod shopper;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use merchant_gateway::ports::{Environment, SystemEnvironment};
use stripe_emulator::{Exchange, WebhookPlan};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::orders::{ORDERS, Order};
use crate::support::receiver::{Does, OrderReceiver};
use crate::support::samples::Sample;
use crate::support::stripe_process::StripeProcess;
use crate::support::test_gateway::{Shop, TestGateway, WEBHOOK_SECRET};
use reckoning::{
    Abandoned, all_are_followed, all_is_explained, disagreements, events_agree, refunds_agree,
    the_database_agrees_with_itself,
};
use shopper::{DEADLINE, Place, Shopper, patient};
use test_support::chance::Chance;

/// How many shoppers buy at once.
const SHOPPERS: usize = 6;

/// The longest that a process is left alone once it is its turn to be killed.
const LONGEST_LIFE: u64 = 400;

/// How many carts each shopper abandons before a purchase.
const CARTS: usize = 4;

/// So few checkouts may be open of one merchant, and so few are kept that ended unpaid: carts give way all the time.
const LIMITS: [(&str, &str); 2] = [
    ("GATEWAY__RETENTION__OPEN_CHECKOUTS_PER_MERCHANT", "5"),
    ("GATEWAY__RETENTION__UNPAID_SESSIONS_PER_MERCHANT", "5"),
];

fn setting(name: &str, usual: u64) -> u64 {
    SystemEnvironment.var(name).and_then(|text| text.parse().ok()).unwrap_or(usual)
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
enum PaymentSource {
    /// On the sheet, with one token after the other.
    Tokens(Vec<String>),
    /// With a wallet over HTTP 402, with one token after the other.
    Wallet(Vec<String>),
    /// On a page at Stripe, with this card.
    StripeCheckout(&'static str),
}

/// A purchase to come, and what goes back of it: a third and then perhaps the rest, or all.
struct Errand {
    order: &'static Order,
    means: PaymentSource,
    back: Vec<Option<i64>>,
}

async fn errands(
    world: &mut TestGateway,
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
            let means = PaymentSource::StripeCheckout(chance.pick::<&str>(&PAGE_CARDS));
            errands.push(Errand { order, means, back });
            continue;
        }
        let mut tokens = Vec::new();
        for card in *chance.pick(&CARDS) {
            tokens.push(stripe.mint(shop.key(), card, (order.currency, order.total)).await);
        }
        world.canaries.extend_from_slice(&tokens);
        let is_of_wallet = chance.below(2) == 0;
        let means = if is_of_wallet { PaymentSource::Wallet(tokens) } else { PaymentSource::Tokens(tokens) };
        errands.push(Errand { order, means, back });
    }
    errands
}

/// A receiver that mostly takes what it is sent, and now and then refuses it, takes it unheard, or hangs.
fn moody(seed: u64) -> OrderReceiver {
    let mut chance = Chance::new(seed);
    OrderReceiver::choosing(move || match chance.below(40) {
        0 => Does::Hangs,
        1..=3 => Does::Answers("503 Later"),
        4 | 5 => Does::Answers("422 No"),
        6..=9 => Does::TakesUnheard,
        _ => Does::Takes,
    })
}

/// How many events were sent more than once, and how many of what was sent was refused.
fn faulty(receiver: &OrderReceiver) -> (usize, usize) {
    let mut times: BTreeMap<String, u32> = BTreeMap::new();
    let letters = receiver.received(0);
    for letter in &letters {
        *times.entry(letter.headers["webhook-id"].clone()).or_default() += 1;
    }
    let again = times.values().filter(|times| **times > 1).count();
    (again, letters.iter().filter(|letter| !letter.taken).count())
}

/// The sample shops, each told of its orders by this receiver.
fn told_world(receiver: &OrderReceiver) -> TestGateway {
    let mut shops: Vec<Shop> = Sample::all().iter().map(Sample::shop).collect();
    let mut settings = vec![("GATEWAY__ORDER_EVENTS__ALLOW_LOOPBACK", "true")];
    settings.extend(LIMITS);
    for shop in &mut shops {
        let prefix = shop.variable.strip_suffix("_STRIPE_KEY").expect("the samples' keys are named so");
        let variable: &str = format!("{prefix}_WEBHOOK_SECRET").leak();
        let webhook = format!("\n[webhook]\nurl = \"{}\"\nsecret = \"env:{variable}\"\n", receiver.url());
        shop.file.push_str(&webhook);
        // Wallets pay sellers in any country here.
        shop.file = shop.file.replace("country = \"JP\"", "");
        settings.push((variable, WEBHOOK_SECRET));
    }
    let mut world = TestGateway::closed(shops);
    world.settings.extend(settings);
    world
}

/// Has Stripe send every shop's events to the process that lives now.
async fn send_webhooks(world: &TestGateway, stripe: &StripeProcess) {
    for shop in &world.shops {
        let url = world.url(&format!("/t/{}/webhooks/stripe", shop.id));
        stripe.send_webhooks(shop, &url).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purchase_is_charged_at_most_once_despite_repeated_kills() {
    let (purchases, kills) = (setting("CRASH_PURCHASES", 48), setting("CRASH_KILLS", 8));
    let seed = setting("CRASH_SEED", 1);
    println!("CRASH_PURCHASES={purchases} CRASH_KILLS={kills} CRASH_SEED={seed}");
    let mut chance = Chance::new(seed);
    let receiver = moody(seed);
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
                shopper.abandon(order, CARTS).await;
                let mut one = match means {
                    PaymentSource::Tokens(tokens) => shopper.buy(order, &tokens).await,
                    PaymentSource::Wallet(tokens) => shopper.buy_with_wallet(order, &tokens).await,
                    PaymentSource::StripeCheckout(card) => shopper.buy_on_page(order, card).await,
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
    let gave_way = all_is_explained(&shopper, &world, &bought).await;
    refunds_agree(&world, &stripe, &bought).await;
    let events = events_agree(&world, &receiver, &bought).await;
    let (again, unwelcome) = faulty(&receiver);
    let refunded: usize = bought.iter().map(|bought| bought.refunds.len()).sum();
    let webhooks = all_are_followed(&world).await;
    let paid = bought.iter().filter(|bought| bought.order.is_some()).count();
    let declined: u32 = bought.iter().map(|bought| bought.declined).sum();
    let charge = |seen: &Exchange| seen.method == "POST" && seen.path == "/v1/payment_intents";
    let sent = stripe.exchanges().await.into_iter().filter(charge).count();
    let page = |seen: &Exchange| seen.method == "POST" && seen.path == "/v1/checkout/sessions";
    let pages = stripe.exchanges().await.into_iter().filter(page).count();
    let carts = Abandoned::of(&world);
    println!(
        "{} carts expired early and {} were removed, by {} processes; {gave_way} purchases gave way with them",
        carts.expired, carts.removed, carts.processes
    );
    println!(
        "{} purchases, {paid} paid, {declined} declines, {refunded} refunds, {events} events told, {again} of them \
         again, {unwelcome} refused, {kills} kills, \
         {sent} requests to charge, {pages} for pages, {webhooks} webhooks, faults: {}",
        bought.len(),
        stripe.faults_hit().await
    );
    assert_eq!(bought.len(), usize::try_from(purchases).unwrap());
    assert!(paid > 0 && declined > 0 && pages > 0 && refunded > 0, "something of each was met");
    assert!(webhooks > 0 && again > 0 && unwelcome > 0, "something of each was met");
    assert!(carts.expired > 0 && carts.removed > 0, "carts gave way and were removed");
    assert!(carts.processes > 1, "carts gave way in processes that were killed");
    assert!(
        sent + pages > paid + usize::try_from(declined).unwrap(),
        "payments were under way when something went wrong"
    );
    assert_eq!(world.terminate(), Some(0));
    the_database_agrees_with_itself(&world).await;
}
