//! Webhooks about payments whose checkout is not in the database.

use serde_json::{Value, json};

use super::{address, event, followed, open, post, signature};
use crate::support::by_hand;
use crate::support::operator::Operator;
use crate::support::test_gateway::{SHOP, TestGateway, WEBHOOK_SECRET};

/// A checkout that the database does not have.
pub(super) const GONE: &str = "chk_0123456789abcdef0123456789abcdef";

/// Has a payment made at the usual shop's account as if by the gateway of a merchant, for a checkout; gives it as Stripe has it.
pub(super) async fn paid_for(world: &TestGateway, merchant: &str, checkout: &str) -> Value {
    let form = by_hand::payment(checkout, &world.token("pm_card_visa", 4361), 4361);
    let form = format!("{form}&metadata[merchant]={merchant}");
    let payment = by_hand::post(world, "/v1/payment_intents", &format!("by-hand-{merchant}"), form).await;
    assert_eq!(payment["status"], "succeeded", "{payment}");
    payment
}

/// Sends an event of Stripe's about an object to the usual shop.
async fn send(world: &TestGateway, id: &str, kind: &str, object: &Value) {
    let body = event(id, kind, object).to_string();
    let signature = signature(WEBHOOK_SECRET, &body, 0);
    assert_eq!(post(&address(world, SHOP), Some(&signature), body).await, (200, String::new()));
}

async fn flags(world: &TestGateway) -> Value {
    Operator::of(world).get(&format!("flags?tenant={SHOP}")).await.1["flags"].clone()
}

#[tokio::test]
async fn our_payment_without_a_checkout_is_flagged_once_and_no_other() {
    let world = open();
    let ours = paid_for(&world, SHOP, GONE).await;
    let page = json!({
        "id": "cs_test_gone", "object": "checkout.session", "client_reference_id": GONE, "payment_intent": ours["id"],
    });
    send(&world, "evt_1", "payment_intent.succeeded", &ours).await;
    followed(&world).await;
    send(&world, "evt_2", "checkout.session.completed", &page).await;
    let theirs = paid_for(&world, "kiln-works", GONE).await;
    send(&world, "evt_3", "payment_intent.succeeded", &theirs).await;
    let states: Vec<_> = followed(&world).await.into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, ["followed", "followed", "ignored"]);
    let flags = flags(&world).await;
    let [flag] = &flags.as_array().unwrap()[..] else { panic!("{flags}") };
    assert_eq!(
        (&flag["payment_intent"], &flag["session"], &flag["reason"]),
        (&ours["id"], &json!(GONE), &json!("no_checkout")),
        "{flag}"
    );
    let log = world.log_so_far();
    let told: Vec<_> = log.lines().filter(|line| line.contains("payments_flagged")).collect();
    assert!(told.len() == 1 && told[0].contains("ERROR") && told[0].contains(GONE), "{log}");
}

#[tokio::test]
async fn an_unreadable_payments_event_waits_and_is_retried_on_restart() {
    let mut world = open();
    let ours = paid_for(&world, SHOP, GONE).await;
    // The account that the key opens does not have this one.
    let missing = json!({ "id": "pi_missing", "object": "payment_intent", "metadata": ours["metadata"] });
    send(&world, "evt_1", "payment_intent.succeeded", &missing).await;
    world.wait_for("stripe_event_not_followed", 1);
    assert_eq!(flags(&world).await, json!([]));
    world.kill();
    world.start_gateway();
    world.wait_for("stripe_event_not_followed", 1);
    send(&world, "evt_2", "payment_intent.succeeded", &ours).await;
    world.wait_for("payments_flagged", 1);
    let states: Vec<_> = super::stands(&world).await.into_iter().map(|(_, state)| state).collect();
    assert_eq!(states[0], "waiting");
}
