//! Every tool that takes a `checkout_session_id`: it works for what the shop gave out, and refuses all else alike.

use serde_json::{Value, json};

use super::{Held, Reply, Tenant, Uniform, all_held, open, shops, standing};
use crate::support::client::{payment, total};
use crate::support::test_gateway::TestGateway;

const ID: &str = "checkout_session_id";

/// The tools that take the id of a checkout, by what the shop lists.
async fn tools(shop: &Tenant) -> Vec<String> {
    let listed = shop.client.request("tools/list", json!({})).await.json();
    let tools = listed["result"]["tools"].as_array().expect("a list").clone();
    let takes_one = tools.iter().filter(|tool| tool["inputSchema"].to_string().contains(ID));
    let tools: Vec<String> = takes_one.map(|tool| tool["name"].as_str().unwrap().to_owned()).collect();
    assert!(tools.len() >= 5, "{tools:?}");
    tools
}

/// What a tool is called with; a tool that is not known here is one that the matrix leaves out.
fn arguments(tool: &str, id: &str, item: &str, token: &str) -> Value {
    match tool {
        "get_checkout" | "start_hosted_checkout" | "cancel_checkout" => json!({ ID: id }),
        "update_checkout" => json!({ ID: id, "items": [{ "id": item, "quantity": 1 }] }),
        "complete_checkout" => payment(&json!(id), token),
        other => panic!("{other} takes a {ID}: say here what it is called with"),
    }
}

async fn called(shop: &Tenant, tool: &str, (id, token): (&str, &str)) -> Reply {
    let arguments = arguments(tool, id, shop.item, token);
    let answer = shop.client.request("tools/call", json!({ "name": tool, "arguments": arguments })).await;
    Reply::new(answer.status, &answer.headers, answer.text()).without(id)
}

/// Ids that open nothing at a shop, in groups of the same form.
fn foreign_ids(own: &Held, others: &[&Held]) -> Vec<Vec<String>> {
    let (unknown, zeros) = (format!("chk_{}", "0".repeat(32)), "0".repeat(own.mac.len()));
    let mut pairs = vec![(&unknown, &zeros), (&own.session, &zeros)];
    for other in others {
        pairs.push((&other.session, &other.mac));
    }
    pairs.push((&own.session, &others[0].mac));
    pairs.push((&others[0].session, &own.mac));
    let named = [&unknown, &own.session, &others[0].session, &others[1].session];
    vec![
        pairs.iter().map(|(session, mac)| format!("{session}_{mac}_r1")).collect(),
        pairs[..3].iter().map(|(session, mac)| format!("{session}_{mac}")).collect(),
        named.map(Clone::clone).to_vec(),
        named.map(|session| format!("{session}_r1")).to_vec(),
    ]
}

#[tokio::test]
async fn a_tool_refuses_all_that_the_shop_did_not_give_out_alike() {
    let (world, tenants) = open(shops(), &[]);
    let held = all_held(&world, &tenants).await;
    let before = standing(&world, &tenants, &held).await;
    for (at, shop) in tenants.iter().enumerate() {
        let others: Vec<&Held> =
            held.iter().enumerate().filter(|(number, _)| *number != at).map(|(_, held)| held).collect();
        // It would pay at this shop.
        let amount = total(&before.checkouts[at][0]["checkout_session"]);
        let token = shop.token(&world, shop, amount);
        for tool in tools(shop).await {
            for group in foreign_ids(&held[at], &others) {
                let mut refused = Uniform::default();
                for id in group {
                    let reply = called(shop, &tool, (&id, &token)).await;
                    assert_eq!(reply.status, 200, "{tool} at {}: {reply:?}", shop.id);
                    let answer: Value = serde_json::from_str(&reply.body).unwrap();
                    assert_eq!(answer["result"]["isError"], true, "{tool} of {id} at {}: {answer}", shop.id);
                    refused.is(&reply, &format!("{tool} of {id} at {}", shop.id));
                }
            }
        }
    }
    assert_eq!(standing(&world, &tenants, &held).await, before, "nothing has changed");
    for (shop, held) in tenants.iter().zip(&held) {
        for tool in tools(shop).await {
            works_for_its_holder(&world, shop, held, &tool).await;
        }
    }
    let orders = world.ledger().len() - before.ledger.len();
    assert_eq!(orders, tenants.len(), "each shop was paid once more");
}

/// The tool does what it is for, with the shop's own id.
async fn works_for_its_holder(world: &TestGateway, shop: &Tenant, held: &Held, tool: &str) {
    // What changes a checkout gets one of its own.
    let id = match tool {
        "get_checkout" | "start_hosted_checkout" => held.opening(),
        _ => shop.ready().await["id"].clone(),
    };
    let shown = shop.client.works("get_checkout", json!({ ID: id })).await;
    let amount = total(&shown["checkout_session"]);
    let (token, before) = (shop.token(world, shop, amount), world.ledger());
    let done = shop.client.works(tool, arguments(tool, id.as_str().unwrap(), shop.item, &token)).await;
    let new: Vec<(String, i64)> = world
        .ledger()
        .into_iter()
        .filter(|paid| !before.contains(paid))
        .map(|paid| (paid.account, paid.amount_received))
        .collect();
    if tool == "complete_checkout" {
        assert_eq!(done["status"], "completed", "{done}");
        assert_eq!(new, [(shop.account.to_owned(), amount)]);
    } else {
        assert_eq!(new, [], "{tool} charges nothing");
    }
}
