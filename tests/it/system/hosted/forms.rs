//! The checkout page itself: who may see it and send its forms, and what runs on it.

use serde_json::json;
use sqlx::{ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};
use stripe_emulator::HoldPoint;

use crate::support::abroad::abroad;
use crate::support::client::{Speaks, total};
use crate::support::test_gateway::TestGateway;

use super::{Browser, page_status, pays, ready};

#[tokio::test]
async fn who_does_not_hold_the_link_sees_nothing() {
    let world = TestGateway::start();
    let (client, browser) = (world.client(Speaks::Modern), Browser::of(&world));
    let (_, link) = ready(&client).await;
    let (_, other) = ready(&client).await;
    let key = other.split_once("key=").unwrap().1;
    let (path, _) = link.split_once('?').unwrap();
    for wrong in
        [path.to_owned(), format!("{path}?key="), format!("{path}?key=x"), format!("{path}?key={key}")]
    {
        assert_eq!(browser.get(&wrong).await.status, 404, "{wrong}");
        let wrong = if wrong.contains('?') { wrong } else { format!("{wrong}?") };
        assert_eq!(browser.post(&wrong, "pay", "revision=1").await.status, 404, "{wrong}");
    }
    assert!(page_status(&world).is_empty(), "nothing was opened");
    let stale = browser.post(&link, "pay", "revision=7").await;
    assert!(stale.status == 409 && stale.html.contains("The order has changed"), "{}", stale.html);
    let unread = browser.post(&link, "pay", "revision=next").await;
    assert!(unread.status == 400 && unread.html.contains("could not be read"), "{}", unread.html);
}

#[tokio::test]
async fn a_form_of_another_site_does_nothing() {
    let world = TestGateway::start();
    let (client, browser) = (world.client(Speaks::Modern), Browser::of(&world));
    let (_, link) = ready(&client).await;
    let (path, query) = link.split_once('?').unwrap();
    let own = world.url("").trim_end_matches('/').to_owned();
    for (name, value, status) in [
        // One that may call the tools may not send the shop's forms.
        ("origin", "https://chatgpt.com", 404),
        ("origin", "https://evil.example", 404),
        ("origin", "null", 404),
        ("sec-fetch-site", "cross-site", 404),
        ("sec-fetch-site", "same-site", 404),
        ("origin", own.as_str(), 303),
        ("sec-fetch-site", "same-origin", 303),
    ] {
        let url = format!("{}?{query}", browser.here(&format!("{path}/pay")));
        let request = browser.http.post(url).header("content-type", "application/x-www-form-urlencoded");
        let seen = browser.seen(request.header(name, value).body("revision=1")).await;
        assert_eq!(seen.status, status, "{name}: {value}");
    }
    assert_eq!(page_status(&world).len(), 1, "opened by its own form alone");
}

#[tokio::test]
async fn the_form_keeps_the_phone_and_drops_another_countrys_option() {
    let world = TestGateway::start();
    let (client, browser) = (world.client(Speaks::Modern), Browser::of(&world));
    let (sheet, link) = ready(&client).await;
    let page = browser.get(&link).await;
    assert!(page.html.contains("name=options_of value=\"US\""), "{}", page.html);
    let fields = "revision=1&name=Ada&line_one=1+Main+St&city=Portland&state=OR&country=US&postal_code=97201\
                  &phone_number=%2B15035550100&option=no-such-option&options_of=CA";
    let edited = browser.post(&link, "edit", fields).await;
    assert_eq!(edited.status, 303, "{}", edited.html);
    let read = client.call("get_checkout", json!({ "checkout_session_id": sheet["id"] })).await;
    let whole = &read["_meta"]["merchant-gateway/checkout_session"];
    assert_eq!(whole["fulfillment_address"]["phone_number"], "+15035550100", "{whole}");
    assert_eq!(whole["status"], "ready_for_payment", "{whole}");
}

#[tokio::test]
async fn the_form_lists_a_territory_and_keeps_the_chosen_option() {
    let world = TestGateway::of_shops(vec![abroad()]);
    let (client, browser) = (world.client_of("abroad", Speaks::Modern), Browser::of(&world));
    let wished = json!({
        "items": [{ "id": "hat", "quantity": 1 }],
        "fulfillment_address": {
            "name": "Ada", "line_one": "1 Calle Fortaleza", "city": "San Juan", "country": "PR", "postal_code": "00901",
        },
    });
    let sheet = client.works("create_checkout", wished).await["checkout_session"].clone();
    let session = json!({ "checkout_session_id": sheet["id"] });
    let started = client.works("start_hosted_checkout", session.clone()).await;
    let link = started["checkout_url"].as_str().expect("a page");
    let page = browser.get(link).await;
    assert!(page.html.contains("<option value=\"PR\" selected>"), "{}", page.html);
    let options_of = page.html.split_once("name=options_of value=\"").unwrap().1;
    let options_of = options_of.split_once('"').unwrap().0;
    let fields = format!(
        "revision=1&name=Ada&line_one=1+Calle+Fortaleza&city=San+Juan&state=PR&country=PR&postal_code=00901\
         &option=express&options_of={options_of}"
    );
    let edited = browser.post(link, "edit", &fields).await;
    assert_eq!(edited.status, 303, "{}", edited.html);
    let read = client.call("get_checkout", session).await;
    let whole = &read["_meta"]["merchant-gateway/checkout_session"];
    assert_eq!(whole["fulfillment_option_id"], "express", "{whole}");
}

#[tokio::test]
async fn only_the_checkout_page_runs_a_script() {
    let world = TestGateway::start();
    let (client, browser) = (world.client(Speaks::Modern), Browser::of(&world));
    let (_, link) = ready(&client).await;
    let page = browser.get(&link).await;
    assert!(page.script().is_some() && page.html.contains("<html lang=en data-host=checkout>"));
    assert_eq!(page.sources("connect-src"), Some("'self'"));
    assert_eq!(page.sources("img-src"), Some("https://harbor-coffee.example"));
    for rule in ["frame-ancestors", "base-uri", "default-src"] {
        assert_eq!(page.sources(rule), Some("'none'"), "{rule}");
    }
    assert!(page.html.contains("<div id=plain>") && page.html.contains("Pay now"), "the forms are there");

    let answers = [browser.post(&link, "pay", "revision=7").await, browser.post(&link, "edit", "x=1").await];
    for answer in &answers {
        assert!(answer.html.contains("class=said") && answer.html.contains("Pay now"), "{}", answer.html);
        assert_eq!(answer.script(), None, "what a form came to is told beside the form");
    }
    let at_stripe = browser.opens_page(&link, 1).await;
    let (path, query) = link.split_once('?').unwrap();
    let waiting = browser.get(&format!("{path}/return?{query}")).await;
    assert_eq!((waiting.status, waiting.script(), waiting.sources("connect-src")), (200, None, None));
    let receipt = browser.receipt(&pays(&world, &at_stripe, "pm_card_visa")).await;
    let receipt = browser.get(&receipt).await;
    assert_eq!(
        (receipt.status, receipt.script(), receipt.sources("form-action")),
        (200, None, Some("'none'"))
    );
}

#[tokio::test]
async fn a_page_that_waits_looks_again_by_itself_where_no_widget_does() {
    let world = TestGateway::start();
    let (client, browser) = (world.client(Speaks::Modern), Browser::of(&world));
    let (sheet, link) = ready(&client).await;
    let token = world.token("pm_card_visa", total(&sheet));
    let hold = world.emulator.hold_next_payment(HoldPoint::BeforeEffect);
    let looks = async {
        hold.reached().await;
        let look_again = format!("<meta http-equiv=refresh content=\"2;url={link}\">");
        let page = browser.get(&link).await;
        assert!(page.html.contains(&format!("<noscript>{look_again}</noscript>")), "{}", page.html);
        let refused = browser.post(&link, "edit", "x=1").await;
        assert!(refused.script().is_none() && refused.html.contains(&look_again), "{}", refused.html);
        hold.release();
    };
    let (paid, ()) = futures_util::future::join(client.complete(&sheet["id"], &token), looks).await;
    assert_eq!(paid["structuredContent"]["status"], "completed", "{paid}");
}

/// Lets what is kept of every order and ended checkout be of long ago, while nothing runs.
async fn age(world: &TestGateway) {
    let file = world.folder.path().join("merchant-gateway.sqlite3");
    let mut database = SqliteConnectOptions::new().filename(file).connect().await.unwrap();
    for statement in [
        "UPDATE orders SET body = json_set(body, '$.created', 1000)",
        "UPDATE sessions SET body = json_set(body, '$.ended', 1000) WHERE state = 'canceled'",
    ] {
        assert_eq!(sqlx::query(statement).execute(&mut database).await.unwrap().rows_affected(), 1);
    }
    database.close().await.unwrap();
}

#[tokio::test]
async fn a_checkout_page_hides_personal_data_a_day_after_its_end() {
    let mut world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let (sheet, link) = ready(&client).await;
    let paid = client.complete(&sheet["id"], &world.token("pm_card_visa", total(&sheet))).await;
    let permalink = paid["structuredContent"]["order"]["permalink_url"].as_str().unwrap().to_owned();
    let (canceled, other) = ready(&client).await;
    client.works("cancel_checkout", json!({ "checkout_session_id": canceled["id"] })).await;
    let open = Browser::of(&world).get(&link).await;
    assert!(open.html.contains("/orders/"), "{}", open.html);

    assert_eq!(world.terminate(), Some(0));
    age(&world).await;
    world.start_gateway();
    let browser = Browser::of(&world);
    let key = permalink.split_once("key=").unwrap().1;
    for link in [&link, &other] {
        let closed = browser.get(link).await;
        assert_eq!(closed.status, 200, "{}", closed.html);
        for told in ["/orders/", key, "Ada", "Mill Lane", "ada@example.com", "<form"] {
            assert!(!closed.html.contains(told), "{told}: {}", closed.html);
        }
    }
    assert!(browser.get(&link).await.html.contains("Paid. Order "));
    let (path, query) = link.split_once('?').unwrap();
    let back = browser.get(&format!("{path}/return?{query}")).await;
    assert!(!back.location.unwrap_or_default().contains("/orders/"), "who comes back late is not led to it");
    let receipt = browser.get(&permalink).await;
    assert!(receipt.status == 200 && receipt.html.contains("Mill Lane"), "its own link still opens it");
}
