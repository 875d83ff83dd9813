//! What must be so before a restored shop is paid, and what its checkouts do until then.

use merchant_gateway::ports::{Clock as _, SystemClock};
use serde_json::{Value, json};
use sqlx::Connection;
use stripe_emulator::{Fault, FaultPlan, HoldPoint, RequestKind};

use super::{Checkout, backed_up, begin, behind, database, restored, run, works, world};
use crate::support::client::{Speaks, total};
use crate::support::orders::ORDERS;
use crate::support::test_gateway::{OTHER_ACCOUNT, OTHER_SHOP, TestGateway};

async fn state(world: &TestGateway, checkout: &Checkout) -> Value {
    checkout.stands(world).await.1["state"].clone()
}

fn intents(world: &TestGateway, checkout: &Checkout) -> Vec<Value> {
    world.emulator.payment_intents(&checkout.account(world))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_session_does_not_end_before_its_payment_is_found() {
    let mut world = world();
    let (paid, unpaid) = (begin(&world, &ORDERS[1]).await, begin(&world, &ORDERS[1]).await);
    let target = backed_up(&world, "copy.sqlite3");
    paid.paid(&world).await;
    assert_eq!(world.terminate(), Some(0));
    // Two hours and more have passed.
    let mut copy = behind(&target).await;
    for statement in [
        "UPDATE sessions SET due_at = 1, body = json_set(body, '$.expires', 1)",
        "UPDATE backups SET taken = taken - 7200000",
    ] {
        sqlx::query(statement).execute(&mut copy).await.unwrap();
    }
    copy.close().await.unwrap();
    works(&run(&world, "restore", &["--from", &target]));
    world.emulator.set_faults(FaultPlan::none().next(RequestKind::ListIntents, Fault::DropBefore, 100_000));
    // Each has failed several times before that is told, and several sweeps have passed.
    world.start_until("restore_not_reconciled", world.shops.len());
    for checkout in [&paid, &unpaid] {
        assert_eq!(state(&world, checkout).await, "ready");
        let client = checkout.client(&world);
        let shown = client.works("get_checkout", json!({ "checkout_session_id": checkout.id })).await;
        assert_eq!(shown["checkout_session"]["id"], checkout.id);
        for (tool, arguments) in [
            ("update_checkout", json!({ "checkout_session_id": checkout.id })),
            ("cancel_checkout", json!({ "checkout_session_id": checkout.id })),
        ] {
            let said = client.refuses(tool, arguments).await;
            assert!(said.contains("takes no orders just now, and takes them again in"), "{said}");
        }
    }
    world.emulator.set_faults(FaultPlan::none());
    world.wait_for("stripe_account_known", world.shops.len());
    assert_eq!(state(&world, &paid).await, "completed");
    let told = unpaid.pay(&world).await;
    assert_eq!(told["isError"], true, "{told}");
    assert_eq!(state(&world, &unpaid).await, "expired", "its time counts again");
    assert_eq!(world.ledger().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_that_may_not_read_its_account_accounts_for_nothing() {
    let mut world = TestGateway::with_settings(&[("GATEWAY__RESTORE__DRAIN_SECONDS", "0")]);
    let client = world.client_of(OTHER_SHOP, Speaks::Legacy);
    let made =
        client.works("create_checkout", json!({ "items": [{ "id": "gift-note", "quantity": 1 }] })).await;
    let sheet = made["checkout_session"].clone();
    let target = backed_up(&world, "copy.sqlite3");
    let token = |world: &TestGateway| world.token_of(OTHER_ACCOUNT, "pm_card_visa", "usd", total(&sheet));
    let told = client.complete(&sheet["id"], &token(&world)).await;
    assert_eq!(told["structuredContent"]["status"], "completed", "{told}");
    assert_eq!(world.terminate(), Some(0));
    works(&run(&world, "restore", &["--from", &target]));
    world.start_until("stripe_account_known", 1);
    world.wait_for("the key may read /v1/account", 1);
    let client = world.client_of(OTHER_SHOP, Speaks::Legacy);
    let told = client.complete(&sheet["id"], &token(&world)).await;
    assert!(told["isError"] == true && told.to_string().contains("try again"), "{told}");
    assert_eq!(world.ledger().len(), 1);

    // A shop of which nothing is kept from before has nothing that looks payable.
    let mut world = TestGateway::with_settings(&[("GATEWAY__RESTORE__DRAIN_SECONDS", "0")]);
    let target = backed_up(&world, "copy.sqlite3");
    assert_eq!(world.terminate(), Some(0));
    restored(&mut world, &target);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_late_charge_after_a_restore_is_found_before_a_new_payment() {
    let mut world = world();
    let checkout = begin(&world, &ORDERS[1]).await;
    let target = backed_up(&world, "copy.sqlite3");
    let hold = world.emulator.hold_next_payment(HoldPoint::BeforeEffect);
    let token = world.token_at(
        checkout.order.merchant,
        "pm_card_visa",
        checkout.order.currency,
        checkout.order.total,
    );
    let client = checkout.client(&world);
    let (unheard, ()) = tokio::join!(client.pay_unheard(&checkout.id, &token), async {
        hold.reached().await;
        world.kill();
    });
    unheard.unwrap_err();
    world.settings.push(("GATEWAY__RESTORE__DRAIN_SECONDS", "8"));
    works(&run(&world, "restore", &["--from", &target]));
    world.start_until("may still arrive at Stripe", world.shops.len());
    assert!(
        world.ledger().is_empty() && !world.log_so_far().contains("stripe_account_known"),
        "{}",
        world.log()
    );
    hold.release();
    world.wait_for("stripe_account_known", world.shops.len());
    assert_eq!(state(&world, &checkout).await, "completed");
    let told = checkout.pay(&world).await;
    assert_eq!(told["structuredContent"]["status"], "completed", "{told}");
    assert_eq!(world.ledger().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_declined_payment_unknown_to_the_backup_is_canceled() {
    let mut world = world();
    let checkout = begin(&world, &ORDERS[1]).await;
    let target = backed_up(&world, "copy.sqlite3");
    let order = checkout.order;
    let token = world.token_at(order.merchant, "pm_card_chargeDeclined", order.currency, order.total);
    checkout.client(&world).complete(&checkout.id, &token).await;
    let page = begin(&world, &ORDERS[1]).await;
    let declined = page.open_stripe_checkout(&world).await;
    world.emulator.pay_hosted(&declined, "pm_card_chargeDeclined").unwrap();
    let statuses = |world: &TestGateway| -> Vec<String> {
        intents(world, &checkout).iter().map(|intent| intent["status"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(statuses(&world), ["requires_payment_method"; 2]);
    assert_eq!(world.terminate(), Some(0));
    restored(&mut world, &target);
    assert_eq!(statuses(&world), ["canceled"; 2]);
    checkout.paid(&world).await;
    assert_eq!(world.ledger().len(), 1);
    let attempts = checkout.stands(&world).await.1["attempts"].clone();
    assert_eq!(attempts, 2, "the first one's number is not given again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restore_expires_a_stripe_checkout_opening_at_the_backup() {
    let mut world = world();
    let checkout = begin(&world, &ORDERS[1]).await;
    // The answers get lost until the backup is taken; then the address is given out.
    world.emulator.set_faults(FaultPlan::none().next(RequestKind::CreateSession, Fault::DropAfter, 100_000));
    let opened = async { checkout.open_stripe_checkout(&world).await };
    let copied = async {
        while world.emulator.checkout_sessions(&checkout.account(&world)).is_empty() {
            tokio::task::yield_now().await;
        }
        let mut command = world.command("backup");
        let target = world.folder.path().join("copy.sqlite3").to_str().unwrap().to_owned();
        command.args(["--to", &target]);
        works(&tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap());
        world.emulator.set_faults(FaultPlan::none());
        target
    };
    let (page, target) = tokio::join!(opened, copied);
    assert_eq!(super::states(&target).await.get("opening_stripe_checkout"), Some(&1));
    assert_eq!(world.terminate(), Some(0));
    restored(&mut world, &target);
    let pages = world.emulator.checkout_sessions(&checkout.account(&world));
    assert_eq!(pages.iter().map(|page| &page["status"]).collect::<Vec<_>>(), ["expired"]);
    world.emulator.pay_hosted(&page, "pm_card_visa").unwrap_err();
    // Its opening is repeated, reads that it is closed, and the checkout can be paid.
    world.wait_for("session_committed", 2);
    checkout.paid(&world).await;
    assert_eq!(world.ledger().len(), 1);
}

/// Waits until the clock shows another second than any before.
async fn another_second() {
    let now = || SystemClock.now().as_seconds();
    let began = now();
    while now() < began + 2 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stripe_checkout_paid_after_the_listed_time_is_an_order() {
    let mut world = world();
    let checkout = begin(&world, &ORDERS[1]).await;
    let target = backed_up(&world, "copy.sqlite3");
    let page = checkout.open_stripe_checkout(&world).await;
    let opened = SystemClock.now().as_seconds();
    assert_eq!(world.terminate(), Some(0));
    another_second().await;
    world.emulator.pay_hosted(&page, "pm_card_visa").unwrap();
    works(&run(&world, "restore", &["--from", &target]));
    // As if it had been restored ten minutes before the page was paid, and nobody could read Stripe until now.
    let file = database(&world, ".restores");
    let mut restores: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    restores[0]["restored"] = json!((opened + 1) * 1000 - 600_000);
    std::fs::write(&file, restores.to_string()).unwrap();
    world.start_gateway();
    world.wait_for("restore_reconciled", 1);
    let paid = world.emulator.payment_intents(&checkout.account(&world));
    assert_eq!(paid.len(), 1);
    assert_eq!(checkout.order(&world).await["payment_intent"], paid[0]["id"]);
    checkout.paid(&world).await;
    assert_eq!(world.ledger().len(), 1, "whoever pays again hears of the order");
}
