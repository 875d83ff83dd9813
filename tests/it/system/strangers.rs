//! What a stranger who holds checkouts of its own can and cannot do to one who pays.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use crate::support::client::{Client, Speaks, payment, total};
use crate::support::test_gateway::{SHOP, TestGateway};

/// Sends a call of a tool; its status, whatever that is.
async fn sent(client: &Client, tool: &str, arguments: Value) -> u16 {
    client.request("tools/call", json!({ "name": tool, "arguments": arguments })).await.status
}

/// Every checkout of these is looked at, edited, opened and paid with made-up tokens, until told to stop; how the calls were
/// answered.
async fn flood(client: &Client, own: &[Value], stop: &AtomicBool) -> BTreeMap<u16, u32> {
    let sender = async |id: &Value| {
        let (mut told, mut number) = (Vec::new(), 0);
        while !stop.load(Ordering::Relaxed) {
            number += 1;
            let token = format!("spt_1RjMadeUp{number:06}");
            told.push(sent(client, "complete_checkout", payment(id, &token)).await);
            told.push(sent(client, "get_checkout", json!({ "checkout_session_id": id })).await);
        }
        told
    };
    let mut statuses = BTreeMap::new();
    for status in join_all(own.iter().map(sender)).await.concat() {
        *statuses.entry(status).or_default() += 1;
    }
    statuses
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_checkouts_from_one_client_blocks_no_shopper() {
    let world = TestGateway::start();
    let url = world.url(&format!("/t/{SHOP}/mcp"));
    let stranger = Client::at("203.0.113.7", url.clone(), Speaks::Modern);
    let shopper = Client::at("198.51.100.1", url, Speaks::Modern);
    let mut own = Vec::new();
    for _ in 0..40 {
        own.push(stranger.ready_checkout().await["id"].clone());
    }
    let cart = json!({ "items": [{ "id": "huila-washed-250-beans", "quantity": 1 }] });
    let mut begun = Vec::new();
    for _ in 0..100 {
        begun.push(sent(&stranger, "create_checkout", cart.clone()).await);
    }
    assert!(begun.contains(&429), "beginning checkouts without end is refused");
    let stop = AtomicBool::new(false);
    let shopping = async {
        for _ in 0..6 {
            let sheet = shopper.ready_checkout().await;
            for _ in 0..3 {
                shopper.works("get_checkout", json!({ "checkout_session_id": sheet["id"] })).await;
            }
            let paid = shopper.complete(&sheet["id"], &world.token("pm_card_visa", total(&sheet))).await;
            assert_eq!(paid["structuredContent"]["status"], "completed", "{paid}");
        }
        stop.store(true, Ordering::Relaxed);
    };
    let (statuses, ()) = join(flood(&stranger, &own, &stop), shopping).await;
    assert!(statuses.values().sum::<u32>() > 300, "{statuses:?} are no flood");
    assert_eq!(world.ledger().len(), 6);
}
