//! The real process is killed where it hurts most, and started again.

use serde_json::json;
use stripe_emulator::{HoldPoint, KeySeed};

use crate::support::client::{Speaks, total};
use crate::support::test_gateway::{SHOP_KEY, TestGateway};

/// Another key of the other shop's account.
const MIXED_UP: &str = "sk_test_canaryMixedUp";

/// The process dies while Stripe has the request, before or after the money has moved; nobody asks again.
async fn killed_at(point: HoldPoint) {
    let mut world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let token = world.token("pm_card_visa", total(&sheet));
    let hold = world.emulator.hold_next_payment(point);
    let lost = client.pay_unheard(&sheet["id"], &token);
    let ((), lost) = futures_util::future::join(
        async {
            hold.reached().await;
            world.kill();
            hold.release();
        },
        lost,
    )
    .await;
    assert!(lost.is_err(), "the caller hears nothing");

    world.start_gateway();
    let client = world.client(Speaks::Modern);
    // Nobody asks: the gateway finishes what it began by itself.
    world.wait_for(r#""state":"completed""#, 1);
    let seen = client.works("get_checkout", json!({ "checkout_session_id": sheet["id"] })).await;
    assert_eq!(seen["checkout_session"]["status"], "completed", "{seen}");
    let again = client.complete(&sheet["id"], &token).await;
    assert_eq!(again["structuredContent"]["order"], seen["order"], "one order");
    let ledger = world.ledger();
    assert_eq!(ledger.len(), 1, "one charge");
    assert_eq!(ledger[0].amount_received, total(&sheet));
}

#[tokio::test]
async fn killed_before_stripe_acts_the_restarted_gateway_charges_once() {
    killed_at(HoldPoint::BeforeEffect).await;
}

#[tokio::test]
async fn a_restart_finds_the_one_charge_made_before_the_kill() {
    killed_at(HoldPoint::AfterEffect).await;
}

#[tokio::test]
async fn a_term_signal_finishes_what_is_open_and_exits_well() {
    let mut world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    assert_eq!(world.terminate(), Some(0));
    world.start_gateway();
    let client = world.client(Speaks::Modern);
    let paid = client.complete(&sheet["id"], &world.token("pm_card_visa", total(&sheet))).await;
    assert_eq!(paid["structuredContent"]["status"], "completed", "the checkout outlived the process");
}

#[tokio::test]
async fn a_payment_in_progress_completes_after_a_term_signal() {
    let mut world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let token = world.token("pm_card_visa", total(&sheet));
    let hold = world.emulator.hold_next_payment(HoldPoint::AfterEffect);
    let stopping = async {
        hold.reached().await;
        world.ask_to_stop();
        world.wait_for("\"stopping\"", 1);
        hold.release();
    };
    let (paid, ()) = futures_util::future::join(client.complete(&sheet["id"], &token), stopping).await;
    assert_eq!(paid["structuredContent"]["status"], "completed", "{paid}");
    assert_eq!(world.ended(), Some(0));
    world.start_gateway();
    let again = world.client(Speaks::Modern).complete(&sheet["id"], &token).await;
    assert_eq!(again["structuredContent"]["order"], paid["structuredContent"]["order"]);
    assert_eq!(world.ledger().len(), 1);
}

#[tokio::test]
async fn two_processes_never_share_one_database() {
    let world = TestGateway::start();
    let second = world.command("serve").output().unwrap();
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("already"), "{said}");
}

#[tokio::test]
async fn a_key_of_another_account_never_decides_a_payments_outcome() {
    let mut world = TestGateway::start();
    let client = world.client(Speaks::Legacy);
    let sheet = client.ready_checkout().await;
    let token = world.token("pm_card_visa", total(&sheet));
    let hold = world.emulator.hold_next_payment(HoldPoint::AfterEffect);
    let ((), lost) = futures_util::future::join(
        async {
            hold.reached().await;
            world.kill();
            hold.release();
        },
        client.pay_unheard(&sheet["id"], &token),
    )
    .await;
    assert!(lost.is_err());

    // Someone mixed up the keys: this one opens the other shop's account.
    let mut keys = world.shops[1].account.clone();
    keys.secret_keys.push(KeySeed { key: MIXED_UP.to_owned(), may_read_account: true });
    world.emulator.add_account(&keys).unwrap();
    world.settings.push(("MERCHANT_HARBOR_COFFEE__STRIPE_KEY", MIXED_UP));
    world.start_until("Stripe account is not known yet", 3);
    let client = world.client(Speaks::Modern);
    let seen = client.works("get_checkout", json!({ "checkout_session_id": sheet["id"] })).await;
    assert_eq!(seen["checkout_session"]["status"], "in_progress", "{seen}");
    let other = client.complete(&sheet["id"], &world.token("pm_card_visa", total(&sheet))).await;
    assert_eq!(other["structuredContent"]["status"], "in_progress", "{other}");
    world.kill();

    world.settings.push(("MERCHANT_HARBOR_COFFEE__STRIPE_KEY", SHOP_KEY));
    world.start_gateway();
    let paid = world.client(Speaks::Modern).complete(&sheet["id"], &token).await;
    assert_eq!(paid["structuredContent"]["status"], "completed", "{paid}");
    assert_eq!(world.ledger().len(), 1);
}

#[tokio::test]
async fn a_token_revoked_mid_payment_is_declined_and_never_logged() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let token = world.token("pm_card_visa", total(&sheet));
    let hold = world.emulator.hold_next_payment(HoldPoint::BeforeEffect);
    let revoking = async {
        hold.reached().await;
        world.revoke(&client.http, &token).await;
        hold.release();
    };
    let (told, ()) = futures_util::future::join(client.complete(&sheet["id"], &token), revoking).await;
    assert_eq!(told["structuredContent"]["status"], "ready_for_payment", "{told}");
    assert_eq!(told["structuredContent"]["messages"][0]["code"], "payment_declined");
    assert!(world.log_so_far().contains("payment_token_refused"));
    assert!(world.ledger().is_empty());
}
