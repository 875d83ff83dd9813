//! The hosted page, as a browser without scripts sees it, and as a test drives it.

use merchant_gateway::domain::time::Span;
use reqwest::redirect::Policy;
use serde_json::{Value, json};
use stripe_emulator::{HostedOutcome, Refusal};

use super::checkout_sessions::ORDER;
use super::{Call, SHOP, Stripe};

/// An answer of the page: its status, its headers and its HTML.
struct PageAnswer {
    status: u16,
    headers: reqwest::header::HeaderMap,
    html: String,
}

impl PageAnswer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// A browser that follows no redirect.
#[expect(clippy::disallowed_methods, reason = "the tests' own browser")]
fn browser() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().unwrap()
}

async fn shown(request: reqwest::RequestBuilder) -> PageAnswer {
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    PageAnswer { status, headers, html: response.text().await.unwrap() }
}

async fn visit(url: &str) -> PageAnswer {
    shown(browser().get(url)).await
}

async fn submit(url: &str, form: &str) -> PageAnswer {
    let request = browser().post(url).header("Content-Type", "application/x-www-form-urlencoded");
    shown(request.body(form.to_owned())).await
}

/// An open session's id and address.
async fn opened(stripe: &Stripe, form: &str) -> (String, String) {
    let opened = stripe.post("/v1/checkout/sessions", form).send().await;
    assert_eq!(opened.status, 200, "{opened:?}");
    (opened.id().to_owned(), opened.body["url"].as_str().unwrap().to_owned())
}

fn completed(outcome: &HostedOutcome) -> bool {
    matches!(outcome, HostedOutcome::Completed { .. })
}

#[tokio::test]
async fn the_page_shows_what_is_bought_and_needs_no_script() {
    let stripe = Stripe::start();
    let (_, url) = opened(&stripe, ORDER).await;
    let page = visit(&url).await;
    assert_eq!(page.status, 200);
    for text in [
        "2 × Mug",
        "Holds &lt;coffee&gt;",
        "USD 25.00",
        "USD 30.00",
        SHOP,
        "pm_card_visa",
        "pm_card_chargeDeclined",
        "pm_card_authenticationRequired",
        "pm_emulator_bank_debit",
        "href=\"https://shop.example/cart\"",
        "Test mode",
        "<meta name=robots content=noindex>",
    ] {
        assert!(page.html.contains(text), "{text} is not in {}", page.html);
    }
    assert!(!page.html.contains("<script") && !page.html.contains("style="));
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
    assert!(policy.ends_with("form-action 'self' https://shop.example"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!((page.header("x-robots-tag"), page.header("cache-control")), ("noindex", "no-store"));
    assert_eq!(visit(&url.replace("cs_test_", "cs_test_x")).await.status, 404);
}

#[tokio::test]
async fn whoever_pays_is_sent_back_to_the_shop_with_the_sessions_name() {
    let stripe = Stripe::start();
    let (id, url) = opened(&stripe, ORDER).await;
    let paid = submit(&url, "payment_method=pm_card_visa&email=ada%40example.com").await;
    let success = format!("https://shop.example/done?session={id}");
    assert_eq!((paid.status, paid.header("location")), (303, success.as_str()));
    let session = stripe.session_now(&id).await.body;
    assert_eq!((&session["status"], &session["payment_status"]), (&json!("complete"), &json!("paid")));
    assert_eq!(session["customer_details"]["email"], "ada@example.com");
    let intent = &session["payment_intent"];
    assert_eq!((&intent["status"], &intent["amount_received"]), (&json!("succeeded"), &json!(3000)));
    assert_eq!(intent["metadata"], json!({"attempt": "att_1"}));
    assert_eq!(intent["description"], "Order");
    let ledger = stripe.emulator.ledger();
    assert_eq!((ledger.len(), ledger[0].shared_payment_granted_token.as_deref()), (1, None));

    let twice = submit(&url, "payment_method=pm_card_visa").await;
    assert_eq!((twice.status, twice.header("location")), (303, success.as_str()));
    assert_eq!(stripe.emulator.ledger().len(), 1);
    let done = visit(&url).await;
    assert!(done.html.contains("this checkout is complete") && !done.html.contains("<form"), "{}", done.html);
}

#[tokio::test]
async fn the_next_card_after_a_decline_pays_the_same_payment() {
    let stripe = Stripe::start();
    let (id, url) = opened(&stripe, ORDER).await;
    let declined = submit(&url, "payment_method=pm_card_chargeDeclinedInsufficientFunds").await;
    assert_eq!(declined.status, 402);
    assert!(declined.html.contains("Your card has insufficient funds.") && declined.html.contains("<form"));
    let session = stripe.session_now(&id).await.body;
    assert_eq!(session["status"], "open");
    let intent = session["payment_intent"].clone();
    assert_eq!(intent["status"], "requires_payment_method");
    assert_eq!(intent["last_payment_error"]["decline_code"], "insufficient_funds");
    assert_eq!(submit(&url, "payment_method=pm_card_visa").await.status, 303);
    let paid = stripe.session_now(&id).await.body["payment_intent"].clone();
    assert_eq!((&paid["id"], &paid["status"]), (&intent["id"], &json!("succeeded")));
    assert!(paid["last_payment_error"].is_null());
    assert_eq!(stripe.emulator.payment_intents(SHOP).len(), 1);
}

#[tokio::test]
async fn a_card_that_asks_to_authenticate_pays_only_once_that_is_done() {
    let stripe = Stripe::start();
    let (id, url) = opened(&stripe, ORDER).await;
    let (page, _) = url.split_once('#').unwrap();
    let asked = submit(&url, "payment_method=pm_card_authenticationRequired").await;
    assert!(asked.status == 200 && asked.html.contains("/authenticate"), "{}", asked.html);
    assert_eq!(stripe.session_now(&id).await.body["payment_intent"]["status"], "requires_action");
    let failed = submit(&format!("{page}/authenticate"), "answer=fail").await;
    assert!(failed.status == 402 && failed.html.contains("unable to authenticate"), "{}", failed.html);
    assert!(stripe.emulator.ledger().is_empty());
    submit(&url, "payment_method=pm_card_authenticationRequired").await;
    assert_eq!(submit(&format!("{page}/authenticate"), "answer=complete").await.status, 303);
    assert_eq!(stripe.session_now(&id).await.body["payment_status"], "paid");
    let late = stripe.emulator.authenticate_hosted(&id, true);
    assert_eq!(late, Err(Refusal::NotAuthenticating { session: id }));
}

#[tokio::test]
async fn a_bank_debit_completes_the_session_unpaid_until_it_is_settled() {
    let stripe = Stripe::start();
    for succeeds in [true, false] {
        let (id, _) = opened(&stripe, ORDER).await;
        assert!(completed(&stripe.emulator.pay_hosted(&id, "pm_emulator_bank_debit").unwrap()));
        let session = stripe.session_now(&id).await.body;
        assert_eq!((&session["status"], &session["payment_status"]), (&json!("complete"), &json!("unpaid")));
        assert_eq!(session["payment_intent"]["status"], "processing");
        let payment = session["payment_intent"]["id"].as_str().unwrap();
        // By itself, for the schema check of answers.
        let read = || stripe.get(&format!("/v1/payment_intents/{payment}?expand[]=latest_charge")).send();
        assert_eq!(read().await.body["payment_method_types"], json!(["card", "us_bank_account"]));
        if succeeds {
            stripe.emulator.finish_processing(payment).unwrap();
        } else {
            stripe.emulator.decline_processing(payment).unwrap();
        }
        assert_eq!(read().await.body["latest_charge"]["payment_method_details"]["type"], "us_bank_account");
        let (status, money) =
            if succeeds { ("succeeded", "paid") } else { ("requires_payment_method", "unpaid") };
        let session = stripe.session_now(&id).await.body;
        assert_eq!((&session["status"], &session["payment_status"]), (&json!("complete"), &json!(money)));
        assert_eq!(session["payment_intent"]["status"], status);
    }
    assert_eq!(stripe.emulator.ledger().len(), 1);
}

#[tokio::test]
async fn the_page_offers_only_methods_the_seller_and_currency_allow() {
    let stripe = Stripe::start();
    let cards = format!("{ORDER}&allowed_payment_method_types[]=card");
    let yen = ORDER.replace("=usd", "=jpy").replace("=USD", "=jpy");
    for form in [cards, yen] {
        let (id, url) = opened(&stripe, &form).await;
        let page = visit(&url).await;
        assert!(page.html.contains("pm_card_visa") && !page.html.contains("bank_debit"), "{}", page.html);
        let refused = stripe.emulator.pay_hosted(&id, "pm_emulator_bank_debit");
        assert!(matches!(refused, Err(Refusal::NotOffered { .. })));
        assert_eq!(submit(&url, "payment_method=pm_emulator_bank_debit").await.status, 402);
    }
    assert!(stripe.emulator.payment_intents(SHOP).is_empty());
}

#[tokio::test]
async fn an_expired_page_says_so_and_what_was_begun_there_is_given_up() {
    let stripe = Stripe::start();
    let (id, url) = opened(&stripe, ORDER).await;
    submit(&url, "payment_method=pm_card_chargeDeclined").await;
    stripe.clock.advance(Span::hours(24));
    let gone = visit(&url).await;
    assert!(gone.status == 410 && gone.html.contains("has expired") && !gone.html.contains("<form"));
    assert_eq!(submit(&url, "payment_method=pm_card_visa").await.status, 410);
    let session = stripe.session_now(&id).await.body;
    assert_eq!(session["payment_intent"]["status"], "canceled");
    let refused = stripe.emulator.pay_hosted(&id, "pm_card_visa");
    assert_eq!(refused, Err(Refusal::SessionNotOpen { session: id, status: "expired" }));
    assert!(stripe.emulator.ledger().is_empty());
}

#[tokio::test]
async fn the_payment_of_an_open_session_cannot_be_canceled_by_itself() {
    let stripe = Stripe::start();
    let (id, url) = opened(&stripe, ORDER).await;
    submit(&url, "payment_method=pm_card_chargeDeclined").await;
    let payment = stripe.session_now(&id).await.body["payment_intent"]["id"].clone();
    let path = format!("/v1/payment_intents/{}/cancel", payment.as_str().unwrap());
    let refused = stripe.post(&path, "").send().await;
    assert_eq!(refused.error().2, Some("payment_intent_unexpected_state"), "{refused:?}");
    assert_eq!(submit(&url, "payment_method=pm_card_visa").await.status, 303);
}

#[tokio::test]
async fn a_form_of_another_site_is_refused() {
    let stripe = Stripe::start();
    let (_, url) = opened(&stripe, ORDER).await;
    let request = browser().post(&url).header("Origin", "https://evil.example");
    let form = request.header("Content-Type", "application/x-www-form-urlencoded");
    assert_eq!(shown(form.body("payment_method=pm_card_visa")).await.status, 403);
    assert!(stripe.emulator.ledger().is_empty());
}

#[tokio::test]
async fn another_process_pays_declines_authenticates_and_walks_away() {
    let stripe = Stripe::start();
    let control = async |path: &str, body: Value| {
        let call = stripe.call(reqwest::Method::POST, &format!("/_emulator/hosted/{path}"));
        let request = call.request.body(body.to_string());
        Call { request, ..call }.send().await
    };
    let (id, _) = opened(&stripe, ORDER).await;
    let left = control("abandon", json!({"session": id})).await;
    assert_eq!(left.body, json!({"cancel_url": "https://shop.example/cart"}));
    let pay = |card: &str| json!({"session": id, "payment_method": card});
    let declined = control("pay", pay("pm_card_chargeDeclined")).await;
    assert_eq!(declined.body, json!({"outcome": "declined", "message": "Your card was declined."}));
    let asked = control("pay", pay("pm_card_authenticationRequired")).await;
    assert_eq!(asked.body, json!({"outcome": "needs_authentication"}));
    let done = control("authenticate", json!({"session": id, "succeeds": true})).await;
    let success = format!("https://shop.example/done?session={id}");
    assert_eq!(done.body, json!({"outcome": "completed", "success_url": success}));
    assert_eq!(control("pay", pay("pm_card_visa")).await.status, 400);
    assert_eq!(control("pay", json!({"session": "cs_test_none", "payment_method": "x"})).await.status, 400);
}
