//! The real process is killed where it hurts most, and started again.

use merchant_gateway::emulator::HoldPoint;
use serde_json::json;

use crate::support::client::{Speaks, total};
use crate::support::world::World;

/// The process dies while Stripe has the request, before or after the money has moved; nobody asks again.
async fn killed_at(point: HoldPoint) {
    let mut world = World::start();
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let token = world.token("pm_card_visa", total(&sheet));
    let arguments = crate::support::client::payment(&sheet["id"], &token);
    let hold = world.emulator.hold_next_payment(point);
    let lost = client
        .http
        .post(&client.url)
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .header("mcp-protocol-version", "2025-11-25")
        .body(
            json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call",
                    "params": { "name": "complete_checkout", "arguments": arguments } })
            .to_string(),
        )
        .send();
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
    // The shopper's host only looks: the gateway finishes what it began by itself.
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_mins(1);
    let seen = loop {
        let seen = client.works("get_checkout", json!({ "checkout_session_id": sheet["id"] })).await;
        if seen["checkout_session"]["status"] != "in_progress" {
            break seen;
        }
        assert!(tokio::time::Instant::now() < deadline, "still undecided: {seen}");
    };
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
async fn killed_after_stripe_acted_the_restarted_gateway_finds_the_one_charge() {
    killed_at(HoldPoint::AfterEffect).await;
}

#[tokio::test]
async fn a_term_signal_finishes_what_is_open_and_exits_well() {
    let mut world = World::start();
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    assert_eq!(world.terminate(), Some(0));
    world.start_gateway();
    let client = world.client(Speaks::Modern);
    let paid = client.complete(&sheet["id"], &world.token("pm_card_visa", total(&sheet))).await;
    assert_eq!(paid["structuredContent"]["status"], "completed", "the checkout outlived the process");
}

#[tokio::test]
async fn two_processes_never_share_one_database() {
    let world = World::start();
    let second = world.command("serve").output().unwrap();
    assert!(!second.status.success());
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(said.contains("already"), "{said}");
}
