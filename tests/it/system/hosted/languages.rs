//! The checkout page in the browser's language: what it says, and what it never says.

use sqlx::{ConnectOptions as _, Connection as _, sqlite::SqliteConnectOptions};

use crate::support::client::Speaks;
use crate::support::node;
use crate::support::test_gateway::TestGateway;

use super::{Browser, ready};

/// A language as browsers ask for it, what its page says of expired prices, and the name of its button.
const LANGUAGES: [(&str, &str, &str, &str); 3] = [
    ("en-GB", "en", "The prices shown have expired. Please refresh them, and then pay.", "Update"),
    ("de-AT,de;q=0.9,en;q=0.5", "de", "Die angezeigten Preise sind abgelaufen.", "Übernehmen"),
    ("fr", "en", "The prices shown have expired. Please refresh them, and then pay.", "Update"),
];

/// Makes every quote of the gateway's database too old, while it does not run.
async fn expire_quotes(world: &mut TestGateway) {
    world.kill();
    let path = world.folder.path().join("merchant-gateway.sqlite3");
    let mut database = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    let statement =
        "UPDATE sessions SET body = json_set(body, '$.state.quote.expires', 1000) WHERE state = 'ready'";
    assert_eq!(sqlx::query(statement).execute(&mut database).await.unwrap().rows_affected(), 1);
    database.close().await.unwrap();
    world.start_gateway();
}

/// What a person reads of a page: its text, without what stands in tags, styles and scripts.
fn text_of(html: &str) -> String {
    let mut html = html.to_owned();
    for hidden in ["style", "script"] {
        while let Some(from) = html.find(&format!("<{hidden}")) {
            let end = format!("</{hidden}>");
            let to = from + html[from..].find(&end).expect("it is closed") + end.len();
            html.replace_range(from..to, " ");
        }
    }
    let texts = html.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
    texts.collect::<Vec<_>>().join(" ")
}

/// Neither a tool or a field, nor an id of ours or Stripe's.
fn names_nothing_of_ours(text: &str) {
    let technical = text.split(|letter: char| !(letter.is_alphanumeric() || letter == '_' || letter == '-'));
    let technical: Vec<&str> = technical.filter(|word| word.contains('_') || *word == "null").collect();
    assert!(technical.is_empty(), "{technical:?} in: {text}");
}

#[tokio::test]
async fn a_page_with_expired_prices_is_localized_and_names_no_tool() {
    let mut world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let (_, link) = ready(&client).await;
    expire_quotes(&mut world).await;
    let browser = Browser::of(&world);
    for (accepted, language, expired, update) in LANGUAGES {
        let request = browser.http.get(browser.here(&link)).header("accept-language", accepted);
        let page = browser.seen(request).await;
        let text = text_of(&page.html);
        assert!(page.html.contains(&format!("<html lang={language} ")), "{}", page.html);
        assert!(text.contains(expired) && text.contains(update), "{accepted}: {text}");
        names_nothing_of_ours(&text);
    }
    let Some(chromium) = node::chromium() else { return };
    let shown = node::run("hosted/expired.mjs", &[&browser.here(&link), chromium.to_str().unwrap()]);
    let Some(shown) = shown else { return };
    let shown: Vec<String> = serde_json::from_str(&node::said(&shown)).unwrap();
    assert_eq!(shown.len(), 2);
    for (text, (_, _, expired, update)) in shown.iter().zip(LANGUAGES) {
        assert!(text.contains(expired) && text.contains(update), "{text}");
        names_nothing_of_ours(text);
    }
}

#[tokio::test]
async fn what_is_refused_and_what_was_bought_is_told_in_german_too() {
    let world = TestGateway::start();
    let (client, browser) = (world.client(Speaks::Modern), Browser::of(&world));
    let (_, link) = ready(&client).await;
    let (path, query) = link.split_once('?').unwrap();
    let post = async |form: &str, fields: &'static str| {
        let request = browser.http.post(format!("{}?{query}", browser.here(&format!("{path}/{form}"))));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        browser.seen(request.header("accept-language", "de").body(fields)).await
    };
    let wrong = post("edit", "revision=1&name=Ada&line_one=12+Mill+Lane&country=US").await;
    assert!(wrong.html.contains("Bitte fülle dieses Feld aus: Ort."), "{}", wrong.html);
    assert!(wrong.html.contains(">Vereinigte Staaten</option>"), "{}", wrong.html);
    let stale = post("pay", "revision=7").await;
    assert!(stale.html.contains("Die Bestellung hat sich geändert"), "{}", stale.html);
    let page = browser.opens_page(&link, 1).await;
    let receipt = browser.receipt(&super::pays(&world, &page, "pm_card_visa")).await;
    let request = browser.http.get(browser.here(&receipt)).header("accept-language", "de-DE");
    let receipt = browser.seen(request).await;
    assert!(receipt.html.contains("Bestellung 1001, bezahlt am "), "{}", receipt.html);
    assert!(receipt.html.contains("<html lang=de>") && receipt.html.contains("Summe"), "{}", receipt.html);
}
