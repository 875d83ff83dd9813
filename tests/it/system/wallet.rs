//! An agent's wallet pays a checkout over HTTP 402, and what it hears when it cannot.

mod clients;
mod crowds;
mod origins;
mod states;
mod wire;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use merchant_gateway::ports::{Clock as _, SystemClock};
use serde_json::{Value, json};
use stripe_emulator::HoldPoint;

use crate::support::client::{Speaks, california, total};
use crate::support::test_gateway::{OTHER_ACCOUNT, OTHER_SHOP, SHOP, SHOP_ACCOUNT, TestGateway, usual_shops};
use crate::support::wallet::{Wallet, authorization, credential, of_base64, payable};

#[tokio::test]
async fn a_wallet_pays_once_and_hears_the_order_again() {
    let world = TestGateway::start();
    let (sheet, offered) = payable(&world.client(Speaks::Modern)).await;
    assert_eq!(offered["amount"], total(&sheet));
    assert_eq!((&offered["currency"], &offered["test"]), (&json!("usd"), &json!(true)));
    assert!(offered["purchase_context"].as_str().unwrap().len() > 100, "{offered}");
    let wallet = Wallet::of(&world, &offered);

    let asked = wallet.asks().await;
    assert_eq!((asked.status, asked.code()), (402, "payment-required"), "{asked:?}");
    let challenge = asked.challenge();
    assert_eq!(challenge["realm"], "links.example");
    assert_eq!(asked.body["challengeId"], challenge["id"]);
    let request: Value = of_base64(challenge["request"].as_str().unwrap());
    assert_eq!(request["amount"], total(&sheet).to_string());
    assert_eq!(request["methodDetails"]["networkId"], offered["network_id"]);
    assert_eq!(wallet.asks().await.challenge(), challenge, "asking again changes nothing");

    let token = world.token("pm_card_visa", total(&sheet));
    let paid = wallet.sends(&credential(&challenge, &token)).await;
    assert_eq!((paid.status, &paid.body["status"]), (200, &json!("completed")), "{paid:?}");
    let receipt = paid.receipt().expect("a receipt");
    assert_eq!((&receipt["method"], &receipt["status"]), (&json!("stripe"), &json!("success")));
    assert_eq!(receipt["reference"], world.ledger()[0].payment_intent.as_str());
    assert_eq!(paid.header("cache-control"), Some("private, no-store"));
    let marked = &world.ledger()[0].metadata;
    assert_eq!((marked["machine_payment"].as_str(), marked["mpp_intent"].as_str()), ("true", "charge"));
    assert_eq!(marked["mpp_challenge_id"], challenge["id"].as_str().unwrap());

    // The same command again, and somebody who only asks.
    let again = wallet.sends(&credential(&challenge, &token)).await;
    assert_eq!((again.status, &again.body, again.receipt()), (200, &paid.body, Some(receipt)));
    let asked = wallet.asks().await;
    assert_eq!((asked.status, &asked.body, asked.receipt()), (200, &paid.body, None));
    assert_eq!(world.ledger().len(), 1);

    let log = world.log_so_far();
    let key = wallet.url.rsplit('/').next().unwrap();
    assert!(log.contains("\"wallet_answered\"") && log.contains("\"outcome\":\"paid\""), "{log}");
    let sent = authorization(&credential(&challenge, &token)).replace("Payment ", "");
    let receipt = paid.header("payment-receipt").unwrap();
    for secret in [key, challenge["id"].as_str().unwrap(), &token, &sent, receipt] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
}

#[tokio::test]
async fn a_declined_token_is_answered_with_another_challenge() {
    let world = TestGateway::start();
    let (_, offered) = payable(&world.client(Speaks::Modern)).await;
    let wallet = Wallet::of(&world, &offered);
    let challenge = wallet.asks().await.challenge();
    let declined = wallet.pays(&challenge, "pm_card_chargeDeclined").await;
    assert_eq!((declined.status, declined.code()), (402, "verification-failed"), "{declined:?}");
    let confirmed = wallet.pays(&declined.challenge(), "pm_card_authenticationRequired").await;
    assert_eq!((confirmed.status, confirmed.code()), (402, "payment-action-required"), "{confirmed:?}");
    assert_eq!(confirmed.receipt(), None);
    let paid = wallet.pays(&confirmed.challenge(), "pm_card_visa").await;
    assert_eq!(paid.status, 200, "{paid:?}");
    assert_eq!(world.ledger().len(), 1);
}

#[tokio::test]
async fn a_token_that_does_not_fit_charges_nothing() {
    let world = TestGateway::start();
    let (sheet, offered) = payable(&world.client(Speaks::Modern)).await;
    let wallet = Wallet::of(&world, &offered);
    let challenge = wallet.asks().await.challenge();
    let due = total(&sheet);
    for (token, code) in [
        (world.token("pm_card_visa", due - 1), "payment-insufficient"),
        (world.token("pm_card_visa", due + 1), "verification-failed"),
        (world.token_of(OTHER_ACCOUNT, "pm_card_visa", "usd", due), "verification-failed"),
        (world.token_of(SHOP_ACCOUNT, "pm_card_visa", "eur", due), "verification-failed"),
    ] {
        let told = wallet.sends(&credential(&challenge, &token)).await;
        assert_eq!((told.status, told.code()), (402, code), "{told:?}");
        assert_eq!(told.challenge(), challenge);
    }
    assert!(world.ledger().is_empty());
}

#[tokio::test]
async fn a_credential_for_something_else_charges_nothing() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let (sheet, offered) = payable(&client).await;
    let (_, of_other) = payable(&client).await;
    let (wallet, other) = (Wallet::of(&world, &offered), Wallet::of(&world, &of_other));
    let challenge = wallet.asks().await.challenge();
    let token = world.token("pm_card_visa", total(&sheet));
    let with = |name: &str, value: &str| {
        let mut changed = challenge.clone();
        changed[name] = value.into();
        credential(&changed, &token)
    };
    let cheap = URL_SAFE_NO_PAD.encode(json!({ "amount": "1", "currency": "usd" }).to_string());
    for (wallet, sent, code) in [
        (&other, credential(&challenge, &token), "invalid-challenge"),
        (&wallet, with("id", "forged"), "invalid-challenge"),
        (&wallet, with("realm", "elsewhere.example"), "invalid-challenge"),
        (&wallet, with("request", &cheap), "invalid-challenge"),
        (&wallet, with("opaque", &cheap), "invalid-challenge"),
        (&wallet, with("expires", "2099-01-01T00:00:00Z"), "invalid-challenge"),
        (&wallet, with("method", "tempo"), "method-unsupported"),
        (&wallet, json!({ "challenge": challenge, "payload": {} }), "invalid-payload"),
        (&wallet, json!({ "payload": { "spt": token } }), "malformed-credential"),
    ] {
        let told = wallet.sends(&sent).await;
        assert_eq!(told.code(), code, "{told:?}");
        assert_eq!(told.header("www-authenticate").is_some(), told.status == 402, "{told:?}");
    }
    let one = authorization(&credential(&challenge, &token));
    let two = wallet.http.get(&wallet.url).header("authorization", format!("{one}, {one}"));
    let told = wallet.told(two).await;
    assert_eq!((told.status, told.code()), (400, "bad-request"), "{told:?}");
    assert!(world.ledger().is_empty());
}

#[tokio::test]
async fn a_changed_checkout_is_told_and_an_equal_quote_is_not_changed() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let (sheet, offered) = payable(&client).await;
    let wallet = Wallet::of(&world, &offered);
    let challenge = wallet.asks().await.challenge();
    // An edit that changes nothing makes a new revision with an equal quote.
    let same = json!({ "checkout_session_id": sheet["id"] });
    let edited = client.works("update_checkout", same).await;
    let requoted = wallet.asks().await.challenge();
    for name in ["realm", "request", "opaque", "method", "intent"] {
        assert_eq!(requoted[name], challenge[name], "{name}");
    }
    let items = json!([{ "id": sheet["line_items"][0]["item"]["id"], "quantity": 1 }]);
    let fewer = json!({ "checkout_session_id": edited["checkout_session"]["id"], "items": items });
    client.works("update_checkout", fewer).await;
    let told = wallet.pays(&challenge, "pm_card_visa").await;
    assert_eq!((told.status, told.code()), (402, "invalid-challenge"), "{told:?}");
    assert!(told.body["detail"].as_str().unwrap().contains("Nothing was charged"), "{told:?}");
    assert!(world.ledger().is_empty());
    let paid = wallet.pays(&told.challenge(), "pm_card_visa").await;
    assert_eq!(paid.status, 200, "{paid:?}");
}

#[tokio::test]
async fn an_undecided_charge_is_never_challenged_again() {
    let world = TestGateway::start();
    let (sheet, offered) = payable(&world.client(Speaks::Modern)).await;
    let wallet = Wallet::of(&world, &offered);
    let challenge = wallet.asks().await.challenge();
    let token = world.token("pm_card_visa", total(&sheet));
    let hold = world.emulator.hold_next_payment(HoldPoint::AfterEffect);
    let sent = credential(&challenge, &token);
    let meanwhile = async {
        hold.reached().await;
        let asked = wallet.asks().await;
        assert_eq!((asked.status, &asked.body), (202, &json!({ "status": "in_progress" })));
        assert!(asked.header("www-authenticate").is_none() && asked.header("retry-after").is_some());
        // Another token, with a challenge that nobody issued.
        let mut forged = challenge.clone();
        forged["id"] = "forged".into();
        let other = world.token("pm_card_visa", total(&sheet));
        let told = wallet.sends(&credential(&forged, &other)).await;
        assert_eq!((told.status, told.header("www-authenticate")), (202, None), "{told:?}");
        hold.release();
    };
    let (paid, ()) = futures_util::future::join(wallet.sends(&sent), meanwhile).await;
    assert_eq!(paid.status, 200, "{paid:?}");
    assert_eq!(world.ledger().len(), 1);
}

#[tokio::test]
async fn who_has_no_right_key_or_no_such_shop_gets_nothing() {
    let world = TestGateway::start();
    let (sheet, offered) = payable(&world.client(Speaks::Modern)).await;
    let wallet = Wallet::of(&world, &offered);
    let wrong = Wallet::at(&world, wallet.url[..wallet.url.len() - 4].to_owned() + "AAAA");
    assert_eq!(wrong.asks().await.status, 404);
    let elsewhere = Wallet::at(&world, wallet.url.replace(SHOP, OTHER_SHOP));
    assert_eq!(elsewhere.asks().await.status, 404);
    let page = sheet_page_key(&world, &sheet).await;
    let with_pages_key = wallet.url.rsplit_once('/').unwrap().0.to_owned() + "/" + &page;
    assert_eq!(Wallet::at(&world, with_pages_key).asks().await.status, 404);

    // A browser is led to the page for people, and a body of megabytes is not read.
    let led = wallet.http.get(&wallet.url).header("accept", "text/html,*/*").send().await.unwrap();
    assert_eq!(led.status().as_u16(), 303);
    assert!(led.headers()["location"].to_str().unwrap().contains("/checkout/chk_"));
    let large = wallet.http.post(&wallet.url).body(vec![b'x'; 3_000_000]);
    let refused = large.timeout(Duration::from_secs(30)).send().await;
    assert!(refused.map_or(true, |refused| refused.status().as_u16() == 413), "it is not read");

    // A shop that takes no such payments tells nothing of them.
    let mut shops = usual_shops();
    shops[1].file.push_str("\n[checkout]\nwallet = false\n");
    let world = TestGateway::of_shops(shops);
    let other = world.client_of(OTHER_SHOP, Speaks::Modern);
    let cart = json!({ "items": [{ "id": "bowl", "quantity": 1 }], "fulfillment_address": california() });
    let shown = other.works("create_checkout", cart).await;
    assert_eq!(shown["wallet_payment"], Value::Null);
}

/// The key of a checkout's page.
async fn sheet_page_key(world: &TestGateway, sheet: &Value) -> String {
    let client = world.client(Speaks::Modern);
    let shown = client.works("get_checkout", json!({ "checkout_session_id": sheet["id"] })).await;
    let url = shown["checkout_url"].as_str().unwrap().to_owned();
    url.rsplit_once("key=").unwrap().1.to_owned()
}

#[tokio::test]
async fn a_quote_for_a_wallet_lives_for_three_quarters_of_an_hour() {
    let world = TestGateway::start();
    let (_, offered) = payable(&world.client(Speaks::Modern)).await;
    let challenge = Wallet::of(&world, &offered).asks().await.challenge();
    let now = SystemClock.now().to_string();
    let expires = challenge["expires"].as_str().unwrap();
    let minutes = |text: &str| {
        let part = |at: usize| text[at..at + 2].parse::<i64>().unwrap();
        part(11) * 60 + part(14)
    };
    let lasts = (minutes(expires) - minutes(&now)).rem_euclid(24 * 60);
    assert!((44..=45).contains(&lasts), "{now} {expires}");
}

#[tokio::test]
async fn nobody_is_asked_to_approve_what_cannot_be_paid() {
    let mut shops = usual_shops();
    let file = &mut shops[0].file;
    file.push_str("\n[[products]]\nid = \"gift-note\"\ntitle = \"Note\"\nprice = 1000\nshippable = false\n");
    let world = TestGateway::of_shops(shops);
    let client = world.client(Speaks::Modern);
    let of = |item: &str| json!([{ "id": item, "quantity": 1 }]);
    let cart = json!({ "items": of("huila-washed-250-beans"), "fulfillment_address": california() });
    let made = client.works("create_checkout", cart).await;
    let wallet = Wallet::of(&world, &made["wallet_payment"]);
    // What is not sent needs an address for the mail.
    let id = &made["checkout_session"]["id"];
    let note = json!({ "checkout_session_id": id, "items": of("gift-note") });
    let made = client.works("update_checkout", note).await;
    assert_eq!(made["wallet_payment"], Value::Null, "no address is told that cannot be paid");
    let asked = wallet.asks().await;
    assert_eq!(asked.status, 409, "{asked:?}");
    assert!(
        asked.header("www-authenticate").is_none() && asked.body.to_string().contains("mail"),
        "{asked:?}"
    );
    let id = &made["checkout_session"]["id"];
    let buyer = json!({ "checkout_session_id": id, "buyer": { "email": "ada@example.com" } });
    client.works("update_checkout", buyer).await;
    let asked = wallet.asks().await;
    assert_eq!(asked.status, 402, "{asked:?}");

    let suspended = world.shops[0].file.replace("status = \"active\"", "status = \"suspended\"");
    world.put_tenant(SHOP, &suspended);
    world.wait_for("\"tenant_changed\"", 1);
    let suspended = wallet.pays(&asked.challenge(), "pm_card_visa").await;
    assert_eq!(suspended.status, 503, "{suspended:?}");
    assert!(suspended.header("www-authenticate").is_none() && suspended.header("retry-after").is_some());
    assert!(world.ledger().is_empty());
}
