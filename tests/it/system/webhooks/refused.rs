//! Webhooks that are not Stripe's, or not for this merchant now: refused before anything is stored.

use futures_util::StreamExt as _;
use futures_util::stream;
use serde_json::{Value, json};

use super::{address, event, listen, open, post, seen, signature, stands};
use crate::support::client::{Speaks, total};
use crate::support::test_gateway::{OLD_WEBHOOK_SECRET, OTHER_SHOP, SHOP, WEBHOOK_SECRET};

fn body(change: impl FnOnce(&mut Value)) -> String {
    let object = json!({ "id": "pi_1", "object": "payment_intent" });
    let mut event = event("evt_1", "payment_intent.succeeded", &object);
    change(&mut event);
    event.to_string()
}

#[tokio::test]
async fn an_invalid_webhook_is_refused_and_not_stored() {
    let world = open();
    let url = address(&world, SHOP);
    let good = body(|_| ());
    let tampered = good.replace("pi_1", "pi_2");
    let signed = |body: &str| signature(WEBHOOK_SECRET, body, 0);
    let of_live = body(|event| event["livemode"] = true.into());
    let connected = body(|event| event["account"] = "acct_kiln".into());
    let thin = body(|event| event["data"] = Value::Null);
    let large = format!("{good}{}", " ".repeat(256 * 1024));
    let deep = "[".repeat(20_000);
    let zeros = "0".repeat(64);
    let cases = [
        (None, good.clone(), 400, "unsigned"),
        (Some("v1".to_owned()), good.clone(), 400, "unsigned"),
        (Some(format!("t=soon,v1={zeros}")), good.clone(), 400, "unsigned"),
        (Some(signed(&good).replace("v1=", "v0=")), good.clone(), 400, "unsigned"),
        (
            Some(format!("{}{}", signed(&good), format!(",v1={zeros}").repeat(20))),
            good.clone(),
            400,
            "unsigned",
        ),
        (Some(signature(OLD_WEBHOOK_SECRET, &good, 0)), good.clone(), 400, "forged"),
        (Some(signature("", &good, 0)), good.clone(), 400, "forged"),
        (Some(signed(&good)), tampered, 400, "forged"),
        (Some(signature(WEBHOOK_SECRET, &good, -330)), good.clone(), 400, "stale"),
        (Some(signature(WEBHOOK_SECRET, &good, 330)), good.clone(), 400, "stale"),
        (Some(signed(&of_live)), of_live, 400, "wrong_mode"),
        (Some(signed(&connected)), connected, 400, "foreign_account"),
        (Some(signed(&thin)), thin, 400, "unreadable"),
        (Some(signed(&deep)), deep, 400, "unreadable"),
        (Some(signed(&large)), large, 413, "too_large"),
    ];
    let mut expected = json!({
        "unsigned": 0, "stale": 0, "too_large": 0, "forged": 0, "unreadable": 0, "wrong_mode": 0,
        "foreign_account": 0,
    });
    for (signature, body, status, reason) in cases {
        let (answered, said) = post(&url, signature.as_deref(), body).await;
        assert_eq!(answered, status, "{reason}: {said}");
        assert!(said.starts_with("Refused: ") && !said.contains("pi_"), "{said}");
        expected[reason] = (expected[reason].as_u64().unwrap() + 1).into();
    }
    let seen = seen(&world, SHOP).await;
    assert_eq!((&seen["events"], &seen["refused"]), (&json!([]), &expected));
    let log = world.log_so_far();
    for reason in expected.as_object().unwrap().keys() {
        assert!(log.contains(&format!("\"reason\":\"{reason}\"")), "{reason}: {log}");
    }

    let signature = signed(&good);
    assert_eq!(post(&url, Some(&signature), good).await.0, 200, "the same body, rightly signed");
}

#[tokio::test]
async fn a_merchant_takes_webhooks_only_under_its_own_secret() {
    let world = open();
    let good = body(|_| ());
    let signature = signature(WEBHOOK_SECRET, &good, 0);
    let none = address(&world, OTHER_SHOP);
    for url in [&none, &address(&world, "nobody"), &world.url("/webhooks/stripe")] {
        let answer = post(url, Some(&signature), good.clone()).await;
        assert_eq!(answer, (404, "Not found\n".to_owned()), "{url}");
    }
    let http = world.client(Speaks::Modern).http;
    assert_eq!(http.get(address(&world, SHOP)).send().await.unwrap().status(), 405);
    let own_host = http
        .post(world.url("/webhooks/stripe"))
        .header("host", "coffee.localhost")
        .header("stripe-signature", &signature)
        .body(good);
    assert_eq!(own_host.send().await.unwrap().status(), 200);
    assert_eq!(seen(&world, OTHER_SHOP).await["takes_webhooks"], false);
}

#[tokio::test]
async fn a_flood_of_forged_webhooks_is_not_stored_and_blocks_no_sale() {
    const FLOOD: u64 = 2000;
    let world = open();
    listen(&world, WEBHOOK_SECRET);
    let (url, good) = (address(&world, SHOP), body(|_| ()));
    let forged = signature(OLD_WEBHOOK_SECRET, &good, 0);
    let http = world.client(Speaks::Modern).http;
    let flood = stream::iter(0..FLOOD).for_each_concurrent(32, |_| async {
        let request = http.post(&url).header("stripe-signature", &forged).body(good.clone());
        assert!([400, 429].contains(&request.send().await.unwrap().status().as_u16()));
    });
    let buying = async {
        let client = world.client(Speaks::Modern);
        let sheet = client.ready_checkout().await;
        let told = client.complete(&sheet["id"], &world.token("pm_card_visa", total(&sheet))).await;
        assert_eq!(told["structuredContent"]["status"], "completed", "{told}");
        world.emulator.webhooks_settled().await;
    };
    futures_util::future::join(flood, buying).await;
    assert_eq!(stands(&world).await.len(), 3, "Stripe's own, and no other");
    assert_eq!(seen(&world, SHOP).await["refused"]["forged"], FLOOD);
    let told = world.log_so_far().matches("stripe_webhook_refused").count();
    assert!(told <= 11, "a line for the first, the second, the fourth: {told}");
}

#[tokio::test]
async fn forged_webhooks_are_limited_and_every_signed_one_is_accepted() {
    let world = open();
    let url = address(&world, SHOP);
    let http = world.client(Speaks::Modern).http;
    let (mut told, mut closed) = (Vec::new(), 0);
    for number in 0..200 {
        let body =
            event(&format!("evt_{number}"), "payment_intent.succeeded", &json!({ "id": "pi_1" })).to_string();
        let forged = signature(OLD_WEBHOOK_SECRET, &body, 0);
        let request = http.post(&url).header("stripe-signature", forged).body(body.clone());
        let answer = request.send().await.unwrap();
        closed += u32::from(answer.headers().get("connection").is_some_and(|value| value == "close"));
        told.push(answer.status().as_u16());
        if number % 20 == 19 {
            let signature = signature(WEBHOOK_SECRET, &body, 0);
            assert_eq!(post(&url, Some(&signature), body).await.0, 200, "after {number}");
        }
    }
    let turned_away = told.iter().filter(|status| **status == 429).count();
    assert_eq!(&told[..60], [400; 60], "what is told to a few, such as a shop with the wrong secret");
    assert!(turned_away >= 100, "{told:?}");
    assert_eq!(usize::try_from(closed).unwrap(), turned_away, "each costs a new connection");
    assert_eq!(stands(&world).await.len(), 10);
    assert_eq!(seen(&world, SHOP).await["refused"]["forged"], 200);
}
