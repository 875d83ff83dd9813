//! The admin API under one merchant with the id of another one's: answered as an id that nobody has.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use super::{Held, Tenant, all_held, open, registered, shops};
use crate::support::by_hand;
use crate::support::client::session_name;
use crate::support::operator::Operator;
use crate::support::receiver::{Does, OrderReceiver};
use crate::support::test_gateway::{SHOP, TestGateway, WEBHOOK_SECRET};
use crate::system::webhooks::{event, signature};

const EVENTS_VARIABLE: &str = "MERCHANT_HARBOR_COFFEE__WEBHOOK_SECRET";

/// A checkout that no shop has, for which the first one was paid all the same.
const GONE: &str = "chk_0123456789abcdef0123456789abcdef";

/// A request that names something of a merchant's.
struct Call {
    path: &'static str,
    /// How the ids begin that it takes.
    takes: &'static str,
    /// What is sent to do something; `None` only reads.
    body: Option<&'static str>,
}

const fn call(takes: &'static str, path: &'static str, body: Option<&'static str>) -> Call {
    Call { path, takes, body }
}

/// Every call, in an order in which each works for one order.
const CALLS: [Call; 12] = [
    call("chk", "sessions/{id}", None),
    call("chk", "sessions/{id}/decide", Some(r#"{"decision":"not_charged","override_unread":true}"#)),
    call("ord", "orders/{id}", None),
    call("ord", "orders/{id}/fulfillments", Some(r#"{"items":"all"}"#)),
    call("ord", "orders/{id}/refunds", Some(r#"{"amount":"all"}"#)),
    call("oev", "deliveries/{id}", None),
    call("oev", "deliveries/{id}/retry", Some("")),
    call("flg", "flags/{id}/resolve", Some(r#"{"resolution":"refunded in the dashboard"}"#)),
    call("ord", "orders/{id}/erase", Some("")),
    // As the place in a list, or a filter of it.
    call("ord", "deliveries?order={id}", None),
    call("oev", "deliveries?after={id}", None),
    call("flg", "flags?after={id}", None),
];

impl Call {
    /// The answer under a merchant, without the id.
    async fn answer(&self, operator: &Operator<'_>, tenant: &str, id: &str) -> (u16, String) {
        let path = self.path.replace("{id}", id);
        let path = format!("{path}{}tenant={tenant}", if path.contains('?') { '&' } else { '?' });
        let (status, body) = match self.body {
            None => operator.get(&path).await,
            Some(body) => operator.send(Method::POST, &path, Some("the-same-key"), body.to_owned()).await,
        };
        (status, body.to_string().replace(id, "…"))
    }
}

#[test]
fn every_admin_call_with_an_id_is_tried() {
    let paths = CALLS.iter().map(|call| format!("/{}", call.path)).filter(|path| !path.contains('?'));
    assert_eq!(registered("src/http/admin", &["{id}"]), paths.collect::<BTreeSet<_>>());
}

/// The ids that a merchant has.
async fn ids(operator: &Operator<'_>, tenant: &Tenant, held: &Held) -> Vec<String> {
    let mut ids = vec![held.session.clone(), session_name(&held.paid), held.order.clone()];
    for list in ["deliveries", "flags"] {
        let (status, listed) = operator.get(&format!("{list}?tenant={}", tenant.id)).await;
        assert_eq!(status, 200, "{listed}");
        let listed = listed[list].as_array().unwrap();
        ids.extend(listed.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
    }
    ids
}

/// All that operators see of what these ids name, each under its own merchant.
async fn seen(operator: &Operator<'_>, owned: &[(&Tenant, Vec<String>)]) -> Vec<Value> {
    let mut seen = Vec::new();
    for (tenant, ids) in owned {
        let lists = ["orders", "deliveries", "flags"].map(str::to_owned);
        let each = ids.iter().filter_map(|id| match id.split('_').next() {
            Some("chk") => Some(format!("sessions/{id}")),
            Some("ord") => Some(format!("orders/{id}")),
            _ => None,
        });
        for path in lists.into_iter().chain(each) {
            let (status, body) = operator.get(&format!("{path}?tenant={}", tenant.id)).await;
            assert_eq!(status, 200, "{path}: {body}");
            seen.push(body);
        }
    }
    seen
}

/// Has a payment flagged that fits no checkout of a shop.
async fn flagged(world: &TestGateway, shop: &Tenant) {
    let form = by_hand::payment(GONE, &world.token("pm_card_visa", 4361), 4361);
    let form = format!("{form}&metadata[merchant]={SHOP}");
    let payment = by_hand::post(world, "/v1/payment_intents", "by-hand", form).await;
    let body = event("evt_1", "payment_intent.succeeded", &payment).to_string();
    let url = shop.client.url.replace("/mcp", "/webhooks/stripe");
    let request =
        shop.client.http.post(url).header("stripe-signature", signature(shop.webhook_secret, &body, 0));
    assert_eq!(request.body(body).send().await.unwrap().status(), 200);
    world.wait_for("payments_flagged", 1);
}

#[tokio::test]
async fn an_operator_of_one_merchant_finds_nothing_of_another() {
    let receiver = OrderReceiver::start(Does::Takes);
    let mut shops = shops();
    let events = format!("\n[webhook]\nurl = \"{}\"\nsecret = \"env:{EVENTS_VARIABLE}\"\n", receiver.url());
    shops[0].file.push_str(&events);
    let settings = [(EVENTS_VARIABLE, WEBHOOK_SECRET), ("GATEWAY__ORDER_EVENTS__ALLOW_LOOPBACK", "true")];
    let (world, tenants) = open(shops, &settings);
    let held = all_held(&world, &tenants).await;
    receiver.received(1);
    world.wait_for("\"order_event_delivered\"", 1);
    flagged(&world, &tenants[0]).await;
    let operator = Operator::of(&world);
    let mut owned = Vec::new();
    for (tenant, held) in tenants.iter().zip(&held) {
        owned.push((tenant, ids(&operator, tenant, held).await));
    }
    let known: BTreeSet<&str> = owned[0].1.iter().filter_map(|id| id.split('_').next()).collect();
    assert_eq!(known, BTreeSet::from(["chk", "flg", "oev", "ord"]), "the first shop has one of each");
    let before = (seen(&operator, &owned).await, world.ledger());

    for call in &CALLS {
        let unknown = format!("{}_{}", call.takes, "0".repeat(32));
        for asked in &tenants {
            let expected = call.answer(&operator, asked.id, &unknown).await;
            let foreign = owned.iter().filter(|(owner, _)| owner.id != asked.id).flat_map(|(_, ids)| ids);
            for id in foreign.filter(|id| id.starts_with(call.takes)) {
                let answer = call.answer(&operator, asked.id, id).await;
                assert_eq!(answer, expected, "{} with {id} of another under {}", call.path, asked.id);
            }
            if !call.path.contains('?') {
                assert_eq!(expected.0, 404, "{} under {}: {}", call.path, asked.id, expected.1);
            }
        }
    }
    for asked in &tenants {
        let mut answers = BTreeSet::new();
        let accounts = tenants.iter().filter(|other| other.id != asked.id).map(|other| other.account);
        for account in accounts.chain(["acct_unknown1"]) {
            let path = format!("account/forget?tenant={}", asked.id);
            let (status, body) = operator.post(&path, json!({ "account": account })).await;
            answers.insert((status, body.to_string().replace(account, "…")));
        }
        assert_eq!(answers.len(), 1, "{answers:?}");
    }
    assert_eq!((seen(&operator, &owned).await, world.ledger()), before, "nothing has changed");
    assert!(tenants.iter().all(|tenant| world.emulator.refunds(tenant.account).is_empty()));

    // Each call does what it is for under its own merchant.
    for call in CALLS.iter().filter(|call| !call.path.ends_with("/decide")) {
        let id = owned[0].1.iter().find(|id| id.starts_with(call.takes)).expect("it has one of each");
        let (status, body) = call.answer(&operator, SHOP, id).await;
        assert_eq!(status, 200, "{}: {body}", call.path);
    }
}
