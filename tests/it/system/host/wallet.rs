//! The wallet of the emulated host, asked by a program.

use serde_json::{Value, json};

use super::HostPage;
use crate::support::client::california;
use crate::support::test_gateway::SHOP;
use crate::support::wallet::{authorization, challenge, credential};

#[tokio::test]
async fn the_wallet_shows_a_challenge_before_its_owner_approves() {
    let page_host = HostPage::open();
    let (url, amount) = page_host.wallet_offer().await;
    let told = page_host.challenge(&url).await;
    let exchange = &told["exchange"];
    assert_eq!((&exchange["status"], &exchange["sent"]["url"]), (&json!(402), &json!(url)));
    let program = exchange["sent"]["headers"]["user-agent"].as_str().unwrap();
    assert!(program.starts_with("merchant-gateway-emulated-wallet/"), "{program}");
    assert!(exchange["answer"]["headers"]["www-authenticate"].as_str().unwrap().starts_with("Payment id="));
    let due = &told["challenge"];
    assert_eq!((&due["amount"], &due["currency"]), (&json!(amount), &json!("usd")));
    assert_eq!(due["realm"], "links.example");
    assert!(due["network_id"].as_str().unwrap().starts_with("profile_"), "{due}");
    assert!(due["expires"].is_string() && due["description"].is_string(), "{due}");
    assert_eq!(page_host.world.charge_requests(), 0);
}

#[tokio::test]
async fn an_approved_wallet_payment_charges_once_and_hides_its_token() {
    let page_host = HostPage::open();
    let (url, amount) = page_host.wallet_offer().await;
    let approved = page_host.challenge(&url).await["challenge"].clone();
    let answer = page_host.pay_with_wallet(&url, "succeeds", &approved).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let paid = answer.json();
    assert_eq!((&paid["status"], &paid["order"]["status"]), (&json!(200), &json!("completed")));
    assert_eq!((&paid["problem"], &paid["grant"]["amount"]), (&Value::Null, &json!(amount)));
    let statuses: Vec<&Value> =
        paid["exchanges"].as_array().unwrap().iter().map(|exchange| &exchange["status"]).collect();
    assert_eq!(statuses, [402, 200], "asked once more after the approval, then paid");
    let ledger = page_host.world.ledger();
    assert_eq!((ledger.len(), ledger[0].amount_received), (1, amount));
    assert_eq!(paid["receipt"]["reference"], ledger[0].payment_intent.as_str());

    let token = ledger[0].shared_payment_granted_token.as_deref().unwrap();
    assert!(!answer.text.contains(token) && answer.text.contains("spt_…"), "{}", answer.text);
    let mut headers = reqwest::header::HeaderMap::new();
    let sent = &paid["exchanges"][0]["answer"]["headers"]["www-authenticate"];
    headers.insert("www-authenticate", sent.as_str().unwrap().parse().unwrap());
    let header = authorization(&credential(&challenge(&headers), token));
    assert!(!answer.text.contains(&header[..100]), "the credential holds the token");

    let again = page_host.pay_with_wallet(&url, "succeeds", &approved).await.json();
    assert_eq!((&again["order"], &again["receipt"]), (&paid["order"], &Value::Null));
    assert_eq!(page_host.world.ledger().len(), 1, "a wallet pays only after a 402");
}

#[tokio::test]
async fn a_wallets_declined_card_leaves_the_checkout_to_another() {
    let page_host = HostPage::open();
    let (url, _) = page_host.wallet_offer().await;
    let approved = page_host.challenge(&url).await["challenge"].clone();
    for (card, code) in [("declined", "verification-failed"), ("requires_3ds", "payment-action-required")] {
        let told = page_host.pay_with_wallet(&url, card, &approved).await.json();
        assert_eq!((&told["status"], &told["order"]), (&json!(402), &Value::Null), "{told}");
        let problem = told["problem"]["type"].as_str().unwrap();
        assert!(problem.ends_with(code) && told["problem"]["detail"].is_string(), "{told}");
    }
    assert!(page_host.world.ledger().is_empty());
    let paid = page_host.pay_with_wallet(&url, "succeeds", &approved).await.json();
    assert_eq!(paid["order"]["status"], "completed", "{paid}");
}

#[tokio::test]
async fn a_wallet_pays_nothing_but_what_its_owner_approved() {
    let page_host = HostPage::open();
    let items = json!([{ "id": "huila-washed-250-beans", "quantity": 1 }]);
    let arguments = json!({ "items": items, "fulfillment_address": california() });
    let made = page_host.call("create_checkout", &arguments).await;
    let path = made["structuredContent"]["wallet_payment"]["url"].as_str().unwrap();
    let url = page_host.world.url(path.strip_prefix("https://links.example").unwrap());
    let approved = page_host.challenge(&url).await["challenge"].clone();
    let more = json!([{ "id": "huila-washed-250-beans", "quantity": 3 }]);
    let id = &made["structuredContent"]["checkout_session"]["id"];
    page_host.call("update_checkout", &json!({ "checkout_session_id": id, "items": more })).await;
    let told = page_host.pay_with_wallet(&url, "succeeds", &approved).await.json();
    assert!(told["problem"]["detail"].as_str().unwrap().contains("changed after the approval"), "{told}");
    assert_eq!((&told["grant"], &told["order"]), (&Value::Null, &Value::Null));
    let present = page_host.challenge(&url).await["challenge"].clone();
    let unknown = page_host.pay_with_wallet(&url, "pm_card_visa", &present).await;
    assert!(unknown.error().contains("there is no test card pm_card_visa"), "{}", unknown.text);
    assert_eq!(page_host.world.charge_requests(), 0);
}

#[tokio::test]
async fn a_wallets_slow_payment_is_neither_paid_nor_refused_at_first() {
    let page_host = HostPage::open();
    let (url, _) = page_host.wallet_offer().await;
    let approved = page_host.challenge(&url).await["challenge"].clone();
    let told = page_host.pay_with_wallet(&url, "slow", &approved).await.json();
    assert_eq!(told["status"], 202, "{told}");
    for empty in ["order", "problem", "receipt"] {
        assert_eq!(told[empty], Value::Null, "{empty}: {told}");
    }
    let asked = page_host.challenge(&url).await;
    assert_eq!(asked["challenge"], Value::Null, "nothing asks for a second payment: {asked}");
}

#[tokio::test]
async fn a_wallet_asks_no_address_but_its_merchants() {
    let page_host = HostPage::open();
    let (url, _) = page_host.wallet_offer().await;
    let approved = page_host.challenge(&url).await["challenge"].clone();
    let admin = page_host.world.admin_address();
    for foreign in [
        url.replace("127.0.0.1", "localhost"),
        url.replace("http://", "https://"),
        url.replace("http://", "http://user@"),
        format!("http://{admin}/"),
        "https://links.example/checkout".to_owned(),
        "file:///etc/passwd".to_owned(),
        "wallet".to_owned(),
    ] {
        let asked = page_host.posted(&format!("{SHOP}/wallet/challenges"), &json!({ "url": foreign })).await;
        assert_eq!(asked.status, 400, "{foreign}: {}", asked.text);
        assert!(asked.error().contains("no address of Harbor Coffee Roasters"), "{}", asked.text);
        let paid = page_host.pay_with_wallet(&foreign, "succeeds", &approved).await;
        assert_eq!(paid.status, 400, "{foreign}: {}", paid.text);
    }
    let wrong = page_host.challenge(&page_host.world.url("/nowhere")).await;
    assert_eq!((&wrong["exchange"]["status"], &wrong["challenge"]), (&json!(404), &Value::Null));
}
