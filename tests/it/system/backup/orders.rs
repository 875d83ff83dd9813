//! Orders that a restore makes again, and those whose money went back since the backup.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stripe_emulator::{Exchange, Fault, FaultPlan, RequestKind};

use super::{Checkout, backed_up, begin, restored, world};
use crate::support::operator::Operator;
use crate::support::orders::ORDERS;
use crate::support::samples::Sample;
use crate::support::test_gateway::TestGateway;

fn gone_back(world: &TestGateway, checkout: &Checkout) -> i64 {
    let refunds = world.emulator.refunds(&checkout.account(world));
    refunds.iter().map(|refund| refund["amount"].as_i64().unwrap()).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_a_restore_made_again_can_be_refunded() {
    let mut world = world();
    let checkout = begin(&world, &ORDERS[1]).await;
    let target = backed_up(&world, "copy.sqlite3");
    checkout.paid(&world).await;
    assert_eq!(world.terminate(), Some(0));
    restored(&mut world, &target);
    let (status, told) = checkout.refund(&world, "too-cold", 1000).await;
    assert_eq!((status, &told["refund"]["status"]), (200, &json!("succeeded")), "{told}");
    assert_eq!(gone_back(&world, &checkout), 1000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_reads_refunds_and_disputes_before_any_new_refund() {
    let mut world = world();
    let [old, new, disputed] = [0, 1, 2].map(|number| &ORDERS[number]);
    let (old, new, disputed) =
        (begin(&world, old).await, begin(&world, new).await, begin(&world, disputed).await);
    old.paid(&world).await;
    disputed.paid(&world).await;
    let target = backed_up(&world, "copy.sqlite3");
    new.paid(&world).await;
    for checkout in [&old, &new] {
        let (status, told) = checkout.refund(&world, "first", 500).await;
        assert_eq!(status, 200, "{told}");
    }
    let by_hand = disputed.order(&world).await["payment_intent"].as_str().unwrap().to_owned();
    world.emulator.dispute(&by_hand).unwrap();
    assert_eq!(world.terminate(), Some(0));
    let before = world.emulator.exchanges().len();
    restored(&mut world, &target);

    assert_eq!(disputed.order(&world).await["disputes"].as_array().unwrap().len(), 1);
    for checkout in [&old, &new] {
        assert_eq!(checkout.order(&world).await["refunded_total"], 500);
        // Stripe would have forgotten its key after a day: what is known here is what keeps it from being made again.
        let (status, told) = checkout.refund(&world, "first", 500).await;
        assert_eq!((status, &told["refund"]["amount"]), (200, &json!(500)), "{told}");
        assert_eq!(gone_back(&world, checkout), 500);
    }
    let asked = |seen: &Exchange| seen.method == "POST" && seen.path == "/v1/refunds";
    assert!(!world.emulator.exchanges()[before..].iter().any(asked));

    let operator = Operator::of(&world);
    let (_, told) = operator.get(&format!("deliveries?tenant={}&limit=100", new.order.merchant)).await;
    let id = new.order(&world).await["id"].clone();
    let told: BTreeMap<i64, &str> = told["deliveries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|delivery| delivery["order"] == id)
        .map(|delivery| (delivery["sequence"].as_i64().unwrap(), delivery["type"].as_str().unwrap()))
        .collect();
    assert_eq!(told.into_iter().collect::<Vec<_>>(), [(1, "order.created"), (2, "order.refunded")]);
}

/// Every order of a merchant: its number, by its payment.
async fn numbers(world: &TestGateway, merchant: &str) -> BTreeMap<String, i64> {
    let (_, listed) = Operator::of(world).get(&format!("orders?tenant={merchant}&limit=100")).await;
    let told = |order: &Value| {
        (order["payment_intent"].as_str().unwrap().to_owned(), order["number"].as_i64().unwrap())
    };
    listed["orders"].as_array().unwrap().iter().map(told).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_number_is_never_reused_across_repeated_restores() {
    let mut world = world();
    let order = &ORDERS[1];
    begin(&world, order).await.paid(&world).await;
    let again = begin(&world, order).await;
    let target = backed_up(&world, "copy.sqlite3");
    let mut given: BTreeMap<i64, String> = BTreeMap::new();
    again.paid(&world).await;
    for _ in 0..3 {
        for _ in 0..3 {
            begin(&world, order).await.paid(&world).await;
        }
        for (payment, number) in numbers(&world, order.merchant).await {
            let known = given.insert(number, payment.clone());
            assert!(known.is_none_or(|known| known == payment), "{number} is given twice");
        }
        assert_eq!(world.terminate(), Some(0));
        restored(&mut world, &target);
    }
    assert!(given.len() >= 11, "{given:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_read_is_retried_without_repeating_earlier_reads() {
    let order = &ORDERS[1];
    let samples = Sample::all();
    let shops = samples.iter().map(Sample::shop).filter(|shop| shop.id == order.merchant);
    let mut world = TestGateway::closed(shops.collect());
    world.settings.push(("GATEWAY__RESTORE__DRAIN_SECONDS", "0"));
    world.start_gateway();
    let mut checkouts = Vec::new();
    for _ in 0..4 {
        let checkout = begin(&world, order).await;
        checkout.paid(&world).await;
        checkouts.push(checkout);
    }
    let target = backed_up(&world, "copy.sqlite3");
    for checkout in &checkouts {
        assert_eq!(checkout.refund(&world, "first", 500).await.0, 200);
    }
    assert_eq!(world.terminate(), Some(0));
    let before = world.emulator.exchanges().len();

    // The listing of all payments fails at first. That of all refunds and the second order are read at once; the first order,
    // and the third, fail.
    let (works, fails) = (Fault::DelayBefore { millis: 0 }, Fault::LockTimeout);
    let plan = [works, fails, works, fails, works, fails].into_iter();
    let payments = FaultPlan::none().next(RequestKind::ListIntents, fails, 1);
    world
        .emulator
        .set_faults(plan.fold(payments, |plan, fault| plan.next(RequestKind::ListRefunds, fault, 1)));
    restored(&mut world, &target);
    assert!(!world.log().contains("restore_not_reconciled"), "{}", world.log());
    let exchanges = world.emulator.exchanges();
    let asked = |path: &str| exchanges[before..].iter().filter(|seen| seen.path == path).count();
    assert_eq!(
        asked("/v1/payment_intents"),
        2,
        "the one that failed is made again, and nothing is begun anew"
    );
    assert_eq!(world.emulator.faults_hit()["lock_timeout"], 4);
    for checkout in &checkouts {
        assert_eq!(checkout.order(&world).await["refunded_total"], 500);
    }
}
