//! The sheet, the page at Stripe and a wallet race for one checkout, in a process that is killed now and then.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::shopper::{DEADLINE, Place, Shopper, patient};
use crate::support::client::{payment, total};
use crate::support::orders::ORDERS;
use crate::support::test_gateway::{SHOP, TestGateway, usual_shops};
use crate::support::wallet::{authorization, challenge, credential};
use test_support::chance::Chance;

const RACES: u64 = 100;

/// Every so many races, the process is killed once.
const KILLED: u64 = 5;

/// The longest that the others wait for who begins, and that the process lives on, in milliseconds.
const APART: u64 = 40;

/// A checkout with a token for the sheet and one for the wallet, and a page that was opened at Stripe.
#[derive(Clone)]
struct Checkout {
    sheet: Value,
    tokens: [String; 2],
    /// What of the wallet's address follows `/t/`.
    wallet: String,
    page: String,
}

impl Shopper {
    /// Pays in the sheet until there is an order.
    async fn wins_or_loses_in_the_sheet(&self, checkout: &Checkout) -> String {
        let arguments = payment(&checkout.sheet["id"], &checkout.tokens[0]);
        loop {
            let told = self.call(SHOP, "complete_checkout", &arguments).await;
            let content = &told["structuredContent"];
            if content["status"] == "completed" {
                return content["order"]["id"].as_str().unwrap().to_owned();
            }
            assert!(Instant::now() < self.until, "the sheet never heard of the order: {told}");
            tokio::task::yield_now().await;
        }
    }

    /// Pays with the wallet until there is an order.
    async fn wins_or_loses_with_the_wallet(&self, checkout: &Checkout) -> String {
        loop {
            let asked = self.wallet(&checkout.wallet, None).await;
            let told = match &asked {
                (402, headers, _) => {
                    let sent = credential(&challenge(headers), &checkout.tokens[1]);
                    self.wallet(&checkout.wallet, Some(authorization(&sent))).await
                }
                _ => asked,
            };
            if let (200, _, paid) = &told {
                return paid["order"]["id"].as_str().unwrap().to_owned();
            }
            assert!(Instant::now() < self.until, "the wallet never heard of the order: {told:?}");
            tokio::task::yield_now().await;
        }
    }

    /// Pays on the page, if it is still open, and looks until there is an order.
    async fn wins_or_loses_on_the_page(&self, checkout: &Checkout) -> String {
        let form = "payment_method=pm_card_visa&email=ada%40example.com";
        let pay = self.http.post(&checkout.page).header("content-type", "application/x-www-form-urlencoded");
        pay.body(form).send().await.unwrap();
        let asked = json!({ "checkout_session_id": checkout.sheet["id"] });
        loop {
            let seen = self.call(SHOP, "get_checkout", &asked).await;
            if let Some(order) = seen["structuredContent"]["order"]["id"].as_str() {
                return order.to_owned();
            }
            assert!(Instant::now() < self.until, "the page's shopper never heard of the order: {seen}");
            tokio::task::yield_now().await;
        }
    }

    /// A checkout that every way can pay.
    async fn ready(&self, world: &TestGateway) -> Checkout {
        let made =
            self.call(SHOP, "create_checkout", &ORDERS[1].arguments()).await["structuredContent"].clone();
        let sheet = made["checkout_session"].clone();
        let mut shown = made.clone();
        while shown["wallet_payment"].is_null() {
            let asked = json!({ "checkout_session_id": sheet["id"] });
            shown = self.call(SHOP, "get_checkout", &asked).await["structuredContent"].clone();
        }
        let address = shown["wallet_payment"]["url"].as_str().unwrap();
        let (path, query) = made["checkout_url"].as_str().unwrap().split_once('?').unwrap();
        let path = path.split_once("/t/").unwrap().1;
        let pay = self.http.post(world.url(&format!("/t/{path}/pay?{query}")));
        let pay = pay.header("content-type", "application/x-www-form-urlencoded").body("revision=1");
        let led = pay.send().await.unwrap();
        let page = led.headers().get("location").map(|to| to.to_str().unwrap().to_owned());
        let token = || world.token("pm_card_visa", total(&sheet));
        Checkout {
            tokens: [token(), token()],
            wallet: address.split_once("/t/").unwrap().1.to_owned(),
            page: page.expect("a page at Stripe"),
            sheet,
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_ways_of_paying_raced_a_hundred_times_despite_kills_charge_once() {
    let mut shops = usual_shops();
    shops[0].limit("payments_per_minute = 10000\ncheckouts_per_minute = 10000\nrequests_per_second = 10000");
    let mut world = TestGateway::of_shops(shops);
    let (moves, place) = watch::channel(Place::of(&world));
    let shopper = Shopper { http: patient(), place, until: Instant::now() + DEADLINE };
    let mut chance = Chance::new(17);
    let mut won: BTreeMap<&str, usize> = BTreeMap::new();
    for race in 0..RACES {
        let checkout = shopper.ready(&world).await;
        let before = world.ledger().len();
        let mut ways = JoinSet::new();
        let begin = |ways: &mut JoinSet<String>, way: u64, after: Duration| {
            let (shopper, checkout) = (shopper.clone(), checkout.clone());
            ways.spawn(async move {
                tokio::time::sleep(after).await;
                match way {
                    0 => shopper.wins_or_loses_in_the_sheet(&checkout).await,
                    1 => shopper.wins_or_loses_with_the_wallet(&checkout).await,
                    _ => shopper.wins_or_loses_on_the_page(&checkout).await,
                }
            });
        };
        // They take turns in beginning; the others follow once the shop has asked Stripe so often for the first.
        let first = race % 3;
        let head_start = world.emulator.exchanges().len() + usize::try_from(chance.below(4)).unwrap();
        begin(&mut ways, first, Duration::ZERO);
        while first != 2 && world.emulator.exchanges().len() < head_start && world.ledger().len() == before {
            tokio::task::yield_now().await;
        }
        // Not waits for anything: how far apart they go on is the chance that is taken.
        let mut after = || Duration::from_millis(chance.below(APART));
        for way in (0..3).filter(|way| *way != first) {
            begin(&mut ways, way, after());
        }
        if race % KILLED == 0 {
            tokio::time::sleep(after()).await;
            world.kill();
            world.start_gateway();
            moves.send_replace(Place::of(&world));
        }
        let told = ways.join_all().await;
        assert!(
            told.iter().all(|order| *order == told[0]),
            "race {race}: told of different orders: {told:?}"
        );
        let ledger = world.ledger();
        assert_eq!(ledger.len(), before + 1, "race {race}: {:?}", &ledger[before..]);
        let [by_sheet, by_wallet] = &checkout.tokens;
        let winner = match ledger[before].shared_payment_granted_token.as_ref() {
            Some(token) if token == by_sheet => "sheet",
            Some(token) if token == by_wallet => "wallet",
            Some(other) => panic!("race {race}: a token of nobody's: {other}"),
            None => "page",
        };
        *won.entry(winner).or_default() += 1;
    }
    println!("won, of {RACES} races: {won:?}");
    assert_eq!(won.len(), 3, "every way wins some races: {won:?}");
}
