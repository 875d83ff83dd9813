//! What must be true once everybody has bought and nobody is killed any more: orders, ledger, refunds and events agree.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection as _, SqliteConnection};
use stripe_emulator::LedgerEntry;
use tokio::time::Instant;

use super::shopper::{Bought, DEADLINE, Shopper, is_forgotten};
use crate::support::operator::Operator;
use crate::support::receiver::OrderReceiver;
use crate::support::stripe_process::StripeProcess;
use crate::support::test_gateway::TestGateway;

/// Where orders and ledger do not agree.
pub fn disagreements(bought: &[Bought], ledger: &[LedgerEntry]) -> Vec<String> {
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

/// Nobody is left waiting: each session has its order, or can be paid, or gave way to others, and no payment lies about
/// that fits no order. What somebody tried to pay is remembered. Gives how many gave way.
pub async fn all_is_explained(shopper: &Shopper, world: &TestGateway, bought: &[Bought]) -> usize {
    let mut gave_way = 0;
    for Bought { merchant, held, order, declined, .. } in bought {
        let asked = json!({ "checkout_session_id": held });
        let session = shopper.call(merchant, "get_checkout", &asked).await;
        let status = session["structuredContent"]["checkout_session"]["status"].as_str();
        let explained = match (order, status) {
            (Some(_), Some("completed")) | (None, Some("ready_for_payment")) => true,
            (None, Some("canceled")) => {
                gave_way += 1;
                true
            }
            (None, None) if *declined == 0 && is_forgotten(&session) => {
                gave_way += 1;
                true
            }
            _ => false,
        };
        assert!(explained, "{order:?}: {session}");
    }
    let operator = Operator::of(world);
    for shop in &world.shops {
        let (_, flags) = operator.get(&format!("flags?tenant={}", shop.id)).await;
        assert_eq!(flags["flags"], json!([]), "{}", shop.id);
    }
    gave_way
}

/// What became of the carts that nobody came back to.
#[derive(Default)]
pub struct Abandoned {
    /// How many expired before their time, as the processes have told.
    pub expired: u64,
    /// How many of those were removed before their time, as the processes have told.
    pub removed: u64,
    /// How many of the processes held their number down.
    pub processes: usize,
}

impl Abandoned {
    /// As the logs of all processes have it.
    pub fn of(world: &TestGateway) -> Self {
        let mut found = Self::default();
        for log in world.logs() {
            let sum = |event: &str, field: &str| -> u64 {
                let lines = log.lines().filter(|line| line.contains(event));
                // A process that was killed may have written half a line.
                let lines = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
                lines.filter_map(|line| line["fields"][field].as_u64().or(line[field].as_u64())).sum()
            };
            let (expired, removed) =
                (sum("open_checkouts_gave_way", "expired"), sum("unpaid_checkouts_removed_early", "removed"));
            found.expired += expired;
            found.removed += removed;
            found.processes += usize::from(expired + removed > 0);
        }
        found
    }
}

/// The database of a gateway that has ended counts what is in it, and holds nothing of a checkout that is gone.
pub async fn the_database_agrees_with_itself(world: &TestGateway) {
    let file = world.folder.path().join("merchant-gateway.sqlite3");
    let mut database =
        SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(file)).await.unwrap();
    for (what, query) in [
        (
            "unpaid checkouts that are counted otherwise",
            "SELECT count(*) FROM unpaid_sessions AS counted WHERE (still_open, ended) <>
                (SELECT coalesce(sum(state IN ('open', 'ready')), 0), coalesce(sum(state NOT IN ('open', 'ready')), 0)
                   FROM sessions WHERE unpaid_end IS NOT NULL AND tenant = counted.tenant AND mode = counted.mode)",
        ),
        ("attempts without a checkout", "SELECT count(*) FROM attempts WHERE session NOT IN (SELECT id FROM sessions)"),
        ("timelines without a checkout", "SELECT count(*) FROM timeline WHERE session NOT IN (SELECT id FROM sessions)"),
        ("orders without a checkout", "SELECT count(*) FROM orders WHERE session NOT IN (SELECT id FROM sessions)"),
    ] {
        let found: i64 = sqlx::query_scalar(query).fetch_one(&mut database).await.unwrap();
        assert_eq!(found, 0, "{what}");
    }
    database.close().await.unwrap();
}

/// What went back at Stripe is what somebody was told went back, each once, and the orders' books say the same.
pub async fn refunds_agree(world: &TestGateway, stripe: &StripeProcess, bought: &[Bought]) {
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
pub async fn events_agree(world: &TestGateway, receiver: &OrderReceiver, bought: &[Bought]) -> usize {
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
    for letter in receiver.received(0).into_iter().filter(|letter| letter.taken) {
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

/// No event that was taken is left behind, and none was refused; gives how many were followed.
pub async fn all_are_followed(world: &TestGateway) -> usize {
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

#[test]
fn the_reckoning_notices_every_disagreement() {
    let bought = |session: &str, order: Option<&str>| Bought {
        merchant: "anyone",
        held: json!(session),
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
