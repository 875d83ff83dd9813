//! Paying on a page at Stripe, in the real process: from a tool's text by the shop's own page to the receipt, and every
//! race with the payment sheet.

mod asked;
mod forms;
mod languages;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use stripe_emulator::{Fault, FaultPlan, HostedOutcome, RequestKind};

use crate::support::client::{Client, Speaks, payment, session_name, total};
use crate::support::operator::Operator;
use crate::support::test_gateway::{SHOP, SHOP_ACCOUNT, TestGateway};
use crate::system::accounts::logged;
use test_support::chance::Chance;

/// Where links of merchants begin in these worlds, as configured.
const LINKS: &str = "https://links.example";

/// A page as a browser gets it.
struct Observation {
    status: u16,
    location: Option<String>,
    /// The Content-Security-Policy; empty where there is none.
    policy: String,
    html: String,
}

impl Observation {
    /// The sources of one of the policy's rules.
    fn sources(&self, rule: &str) -> Option<&str> {
        self.policy.split("; ").find_map(|stated| stated.strip_prefix(rule)?.strip_prefix(' '))
    }

    /// The page's one script; it is the widget's, and the policy admits it alone. Every other page holds none.
    fn script(&self) -> Option<&str> {
        let Some(source) = self.sources("script-src") else {
            assert!(!self.html.contains("<script"), "{}", self.html);
            return None;
        };
        let scripts: Vec<&str> = self.html.split("<script").skip(1).collect();
        let [script] = scripts[..] else { panic!("{} scripts", scripts.len()) };
        let (script, _) = script.strip_prefix('>').unwrap().split_once("</script").unwrap();
        assert_eq!(source, format!("'sha256-{}'", STANDARD.encode(Sha256::digest(script))));
        assert!(
            include_str!("../../../widget/dist/buy.html").contains(&format!("<script>{script}</script>"))
        );
        Some(script)
    }
}

/// A shopper with a browser that follows no redirection by itself.
pub(super) struct Browser<'a> {
    world: &'a TestGateway,
    http: reqwest::Client,
}

impl<'a> Browser<'a> {
    #[expect(clippy::disallowed_methods, reason = "a test's own client")]
    pub(super) fn of(world: &'a TestGateway) -> Self {
        let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
        Self { world, http: http.build().unwrap() }
    }

    /// A link of ours, at the address where this world's gateway really is.
    fn here(&self, link: &str) -> String {
        let path = link.strip_prefix(LINKS).unwrap_or_else(|| panic!("not a link of ours: {link}"));
        self.world.url(path)
    }

    async fn seen(&self, request: reqwest::RequestBuilder) -> Observation {
        let answer = request.send().await.unwrap();
        let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        let (status, location) = (answer.status().as_u16(), header("location"));
        if status != 404 {
            assert_eq!(header("cache-control").as_deref(), Some("no-store"));
        }
        let policy = header("content-security-policy").unwrap_or_default();
        if status == 200 {
            assert!(policy.starts_with("default-src 'none'; "), "{policy}");
            assert_eq!(header("x-robots-tag").as_deref(), Some("noindex"));
        }
        let html = answer.text().await.unwrap();
        let seen = Observation { status, location, policy, html };
        seen.script();
        seen
    }

    async fn get(&self, link: &str) -> Observation {
        self.seen(self.http.get(self.here(link))).await
    }

    /// Posts one of a page's forms.
    async fn post(&self, link: &str, form: &str, fields: &str) -> Observation {
        let (path, query) = link.split_once('?').unwrap();
        let url = format!("{}?{query}", self.here(&format!("{path}/{form}")));
        let form = "application/x-www-form-urlencoded";
        self.seen(self.http.post(url).header("content-type", form).body(fields.to_owned())).await
    }

    /// Presses "Pay now" on the page of this revision; gives the id of Stripe's page.
    pub(super) async fn opens_page(&self, link: &str, revision: u32) -> String {
        let seen = self.post(link, "pay", &format!("revision={revision}")).await;
        let page = seen.location.unwrap_or_else(|| panic!("{}: {}", seen.status, seen.html));
        assert_eq!(seen.status, 303);
        // What follows the # is the browser's.
        page.split('#').next().unwrap().rsplit('/').next().unwrap().to_owned()
    }

    /// Comes back from Stripe's page once.
    pub(super) async fn comes_back(&self, back: &str) {
        self.get(back).await;
    }

    /// Comes back from Stripe's page, and looks until there is an order; gives its receipt's address.
    pub(super) async fn receipt(&self, back: &str) -> String {
        let looking = async {
            loop {
                let seen = self.get(back).await;
                if let Some(location) = seen.location.filter(|location| location.contains("/orders/")) {
                    return location;
                }
                assert!(seen.status == 200 && seen.html.contains("http-equiv=refresh"), "{}", seen.html);
                // The page looks again by itself, and no faster than this.
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        tokio::time::timeout(Duration::from_mins(1), looking).await.expect("an order")
    }
}

/// A checkout that can be paid: its sheet, and the address of its page.
async fn ready(client: &Client) -> (Value, String) {
    let sheet = client.ready_checkout().await;
    let session = json!({ "checkout_session_id": sheet["id"] });
    let started = client.works("start_hosted_checkout", session).await;
    assert_eq!(started["payment_methods_offered"], json!(["payment_sheet", "hosted", "wallet"]));
    (sheet, started["checkout_url"].as_str().expect("a page").to_owned())
}

pub(super) fn pays(world: &TestGateway, page: &str, card: &str) -> String {
    match world.emulator.pay_hosted(page, card).unwrap() {
        HostedOutcome::Completed { success_url } => success_url,
        other @ (HostedOutcome::Declined { .. } | HostedOutcome::NeedsAuthentication) => panic!("{other:?}"),
    }
}

fn page_status(world: &TestGateway) -> Vec<String> {
    let pages = world.emulator.checkout_sessions(SHOP_ACCOUNT);
    pages.iter().map(|page| page["status"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_purchase_without_a_widget_leads_from_tool_text_to_receipt() {
    let world = TestGateway::start();
    let (client, browser) = (world.client(Speaks::Modern), Browser::of(&world));
    let items = json!([{ "id": "huila-washed-250-beans", "quantity": 2 }]);
    let shown = client.call("checkout_session", json!({ "checkout_session": { "items": items } })).await;
    let text = shown["content"][0]["text"].as_str().unwrap();
    let link =
        text.split_whitespace().find(|word| word.starts_with(LINKS)).expect("the page is named in text");

    let page = browser.get(link).await;
    assert!(
        page.html.contains("A delivery address is needed") && !page.html.contains("Pay now"),
        "{}",
        page.html
    );
    let wrong = browser.post(link, "edit", "revision=1&name=Ada&line_one=12+Mill+Lane&country=US").await;
    assert!(
        wrong.status == 400
            && wrong.html.contains("Please fill this in: city.")
            && wrong.html.contains("12 Mill Lane"),
        "{}",
        wrong.html
    );
    let address = "revision=1&email=ada%40example.com&name=Ada+Lovelace&line_one=12+Mill+Lane&city=Los+Angeles\
                   &state=CA&country=US&postal_code=90001";
    let edited = browser.post(link, "edit", address).await;
    assert_eq!((edited.status, edited.location.as_deref()), (303, Some(link)));
    let page = browser.get(link).await;
    assert!(page.html.contains("Pay now") && page.html.contains("45.67"), "{}", page.html);

    let opened = browser.opens_page(link, 2).await;
    let again = browser.opens_page(link, 2).await;
    assert_eq!(opened, again, "one page, however often the button is pressed");
    let HostedOutcome::Declined { .. } =
        world.emulator.pay_hosted(&opened, "pm_card_chargeDeclined").unwrap()
    else {
        panic!("the card is declined on Stripe's page");
    };
    let back = pays(&world, &opened, "pm_card_visa");
    let receipt = browser.receipt(&back).await;
    let receipt = browser.get(&receipt).await;
    assert!(receipt.status == 200 && receipt.html.contains("45.67"), "{}", receipt.html);
    let ledger = world.ledger();
    assert_eq!((ledger.len(), ledger[0].amount_received), (1, 4567));
    assert_eq!(ledger[0].shared_payment_granted_token, None);
    let page = browser.get(link).await;
    assert!(page.html.contains("Paid.") && !page.html.contains("Pay now"), "{}", page.html);
}

#[tokio::test]
async fn a_made_up_token_closes_no_page() {
    let world = TestGateway::start();
    let (client, browser) = (world.client(Speaks::Modern), Browser::of(&world));
    let (sheet, link) = ready(&client).await;
    let page = browser.opens_page(&link, 1).await;
    let told = client.complete(&sheet["id"], "spt_1234567890").await;
    assert_eq!(told["structuredContent"]["messages"][0]["code"], "payment_declined", "{told}");
    assert_eq!(page_status(&world), ["open"]);
    pays(&world, &page, "pm_card_visa");
}

#[tokio::test]
async fn an_open_page_is_closed_before_the_sheet_pays() {
    let world = TestGateway::start();
    let (client, browser) = (world.client(Speaks::Modern), Browser::of(&world));
    let (sheet, link) = ready(&client).await;
    let page = browser.opens_page(&link, 1).await;
    let token = world.token("pm_card_visa", total(&sheet));
    let paid = client.complete(&sheet["id"], &token).await;
    assert_eq!(paid["structuredContent"]["status"], "completed", "{paid}");
    assert_eq!(page_status(&world), ["expired"]);
    assert!(world.emulator.pay_hosted(&page, "pm_card_visa").is_err(), "nobody can pay there any more");
    assert_eq!(world.ledger().len(), 1);
}

#[tokio::test]
async fn a_page_that_is_paid_is_the_order_whatever_the_sheet_brings() {
    let world = TestGateway::start();
    let (client, browser) = (world.client(Speaks::Modern), Browser::of(&world));
    let (sheet, link) = ready(&client).await;
    let page = browser.opens_page(&link, 1).await;
    pays(&world, &page, "pm_card_visa");
    let token = world.token("pm_card_visa", total(&sheet));
    let told = client.complete(&sheet["id"], &token).await;
    assert_eq!(told["structuredContent"]["status"], "completed", "{told}");
    let ledger = world.ledger();
    assert_eq!(ledger.len(), 1);
    assert_eq!(ledger[0].shared_payment_granted_token, None, "the token is untouched");
}

#[tokio::test]
async fn an_edit_or_a_cancel_closes_the_page_first() {
    let world = TestGateway::start();
    let (client, browser) = (world.client(Speaks::Modern), Browser::of(&world));
    let (sheet, link) = ready(&client).await;
    browser.opens_page(&link, 1).await;
    let items = json!([{ "id": "huila-washed-250-beans", "quantity": 1 }]);
    let edit = json!({ "checkout_session_id": sheet["id"], "items": items });
    let edited = client.works("update_checkout", edit).await;
    assert_eq!(edited["revision"], 2);
    assert_eq!(page_status(&world), ["expired"]);
    browser.opens_page(&link, 2).await;
    let session = json!({ "checkout_session_id": sheet["id"] });
    let canceled = client.works("cancel_checkout", session).await;
    assert_eq!(canceled["checkout_session"]["status"], "canceled");
    assert_eq!(page_status(&world), ["expired", "expired"]);
    assert!(world.ledger().is_empty());
}

#[tokio::test]
async fn paid_while_the_gateway_was_dead_it_is_found_by_reading() {
    let mut world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let (sheet, link) = ready(&client).await;
    let page = Browser::of(&world).opens_page(&link, 1).await;
    world.kill();
    pays(&world, &page, "pm_card_visa");
    world.start_gateway();
    world.wait_for("\"completed\"", 1);
    let client = world.client(Speaks::Modern);
    let session = json!({ "checkout_session_id": sheet["id"] });
    let found = client.works("get_checkout", session).await;
    assert_eq!(found["checkout_session"]["status"], "completed", "{found}");
    assert_eq!(world.ledger().len(), 1);
}

#[tokio::test]
async fn a_page_creation_without_a_response_is_retried_under_its_key() {
    let world = TestGateway::start();
    let (client, browser) = (world.client(Speaks::Modern), Browser::of(&world));
    let (_, link) = ready(&client).await;
    let plan = FaultPlan::none()
        .next(RequestKind::CreateSession, Fault::DropAfter, 1)
        .next(RequestKind::CreateSession, Fault::Truncate, 1)
        .next(RequestKind::CreateSession, Fault::RateLimited { should_retry: None, retry_after: None }, 1);
    world.emulator.set_faults(plan);
    let page = browser.opens_page(&link, 1).await;
    assert_eq!(page_status(&world), ["open"], "one page, though three answers were lost");
    let receipt = browser.receipt(&pays(&world, &page, "pm_card_visa")).await;
    assert!(receipt.contains("/orders/") && world.ledger().len() == 1);
}

#[tokio::test]
async fn a_failed_page_creation_logs_one_line_and_is_no_decline() {
    let world = TestGateway::start();
    let (client, browser) = (world.client(Speaks::Modern), Browser::of(&world));
    let (sheet, link) = ready(&client).await;
    let fails = Fault::ErrorBefore { should_retry: Some(false) };
    world.emulator.set_faults(FaultPlan::none().next(RequestKind::CreateSession, fails, 1));
    let seen = browser.post(&link, "pay", "revision=1").await;
    assert!(
        seen.status == 503 && seen.html.contains("could not be opened"),
        "{}: {}",
        seen.status,
        seen.html
    );
    let told = logged(&world, "stripe_checkout_not_opened");
    assert_eq!((&told["status"], &told["attempt"]), (&json!(500), &json!(1)), "{told}");
    assert!(told["cause"].as_str().is_some_and(|cause| cause.contains("500")), "{told}");

    let name = session_name(&sheet["id"]);
    let (_, told) = Operator::of(&world).get(&format!("sessions/{name}?tenant={SHOP}")).await;
    let ended = told["timeline"].as_array().unwrap().iter().find(|entry| entry["event"] == "attempt_ended");
    assert_eq!(ended.unwrap()["end"], "not_created", "{told}");
    assert!(!told.to_string().contains("declined"), "{told}");
}

#[tokio::test]
async fn a_shop_refuses_payment_methods_that_it_does_not_offer() {
    let file = |method: &'static str| {
        move |tenants: &std::path::Path| {
            let path = tenants.join("kiln-works.toml");
            let text = std::fs::read_to_string(&path).unwrap();
            std::fs::write(path, format!("{text}\n[checkout]\nmethod = \"{method}\"\n")).unwrap();
        }
    };
    let order = json!({
        "items": [{ "id": "bowl", "quantity": 1 }],
        "fulfillment_address": crate::support::client::california(),
    });
    let world = TestGateway::with_files(file("hosted"));
    let client = world.client_of("kiln-works", Speaks::Modern);
    let made = client.works("create_checkout", order.clone()).await;
    assert_eq!(made["payment_methods_offered"], json!(["hosted"]));
    let token = world.token_of("acct_kiln", "pm_card_visa", "usd", total(&made["checkout_session"]));
    let said = client.refuses("complete_checkout", payment(&made["checkout_session"]["id"], &token)).await;
    assert!(said.contains("Pay on the checkout page"), "{said}");
    drop(world);

    let world = TestGateway::with_files(file("payment_sheet"));
    let client = world.client_of("kiln-works", Speaks::Modern);
    let made = client.works("create_checkout", order).await;
    assert_eq!(
        (&made["payment_methods_offered"], &made["checkout_url"]),
        (&json!(["payment_sheet"]), &Value::Null)
    );
    let session = json!({ "checkout_session_id": made["checkout_session"]["id"] });
    let said = client.refuses("start_hosted_checkout", session).await;
    assert!(said.contains("payment sheet only"), "{said}");
}

#[tokio::test]
async fn both_ways_of_paying_raced_fifty_times_end_in_one_charge_each() {
    const RACES: usize = 50;
    let world = TestGateway::start();
    let mut chance = Chance::new(5);
    let (mut by_page, mut by_token) = (0, 0);
    for _ in 0..RACES {
        let (client, browser) = (world.client(Speaks::Modern), Browser::of(&world));
        let (sheet, link) = ready(&client).await;
        let page = browser.opens_page(&link, 1).await;
        let token = world.token("pm_card_visa", total(&sheet));
        let before = world.ledger().len();
        let asked = world.emulator.exchanges().len() + usize::try_from(chance.below(3)).unwrap();
        let on_page = async {
            // At once, or when the gateway has asked Stripe so often about the sheet's payment.
            while world.emulator.exchanges().len() < asked {
                tokio::task::yield_now().await;
            }
            // Closed already, or paid: both are a fair end of the race.
            world.emulator.pay_hosted(&page, "pm_card_visa").is_ok()
        };
        let sheet_pays = async {
            loop {
                let told = client.complete(&sheet["id"], &token).await;
                if told["structuredContent"]["status"] == "completed" {
                    return told;
                }
                tokio::task::yield_now().await;
            }
        };
        let (page_won, told) = futures_util::future::join(on_page, sheet_pays).await;
        let ledger = world.ledger();
        assert_eq!(ledger.len(), before + 1, "one charge: {told}");
        let by_sheet = ledger[before].shared_payment_granted_token.is_some();
        assert_ne!(page_won, by_sheet, "the page was used, or the token");
        if page_won { by_page += 1 } else { by_token += 1 }
    }
    assert!(by_page > 0 && by_token > 0, "{by_page} by page, {by_token} by token");
}
