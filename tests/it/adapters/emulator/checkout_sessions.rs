//! Checkout Sessions over the API: opened, read, listed, expired.

use merchant_gateway::domain::time::Span;
use serde_json::json;

use super::{OTHER_KEY, Reply, SHOP, SHOP_LIVE_KEY, START, Stripe};

/// Two mugs and the post: 30 USD.
pub(super) const ORDER: &str = "mode=payment&line_items[0][price_data][currency]=usd\
    &line_items[0][price_data][unit_amount]=1250&line_items[0][price_data][product_data][name]=Mug\
    &line_items[0][price_data][product_data][description]=Holds+%3Ccoffee%3E\
    &line_items[0][price_data][product_data][images][0]=https://shop.example/mug.png\
    &line_items[0][price_data][product_data][metadata][sku]=mug-1&line_items[0][quantity]=2\
    &line_items[1][price_data][currency]=USD&line_items[1][price_data][unit_amount]=500\
    &line_items[1][price_data][product_data][name]=Post&line_items[1][quantity]=1\
    &client_reference_id=chk_1&metadata[session]=chk_1&payment_intent_data[metadata][attempt]=att_1\
    &payment_intent_data[description]=Order&adaptive_pricing[enabled]=false&locale=en&submit_type=pay\
    &success_url=https://shop.example/done?session={CHECKOUT_SESSION_ID}&cancel_url=https://shop.example/cart";

impl Stripe {
    /// An open session.
    pub(super) async fn session(&self) -> Reply {
        let opened = self.post("/v1/checkout/sessions", ORDER).send().await;
        assert_eq!(opened.status, 200, "{opened:?}");
        opened
    }

    /// A session as it is now.
    pub(super) async fn session_now(&self, id: &str) -> Reply {
        self.get(&format!("/v1/checkout/sessions/{id}?expand[]=payment_intent")).send().await
    }
}

#[tokio::test]
async fn an_opened_session_shows_its_page_its_total_and_no_payment_yet() {
    let stripe = Stripe::start();
    let opened = stripe.session().await;
    let body = &opened.body;
    assert!(opened.id().starts_with("cs_test_"));
    assert_eq!((&body["amount_total"], &body["currency"]), (&json!(3000), &json!("usd")));
    assert_eq!((&body["status"], &body["payment_status"]), (&json!("open"), &json!("unpaid")));
    assert_eq!((&body["payment_intent"], &body["client_reference_id"]), (&json!(null), &json!("chk_1")));
    assert_eq!(body["expires_at"], START + 24 * 60 * 60);
    assert_eq!(body["adaptive_pricing"], json!({"enabled": false}));
    let page = format!("{}/c/pay/{}#", stripe.emulator.base_url(), opened.id());
    assert!(body["url"].as_str().unwrap().starts_with(&page), "{body}");
    assert_eq!(stripe.session_now(opened.id()).await.body, *body);
    assert_eq!(stripe.emulator.checkout_sessions(SHOP), std::slice::from_ref(body));
    assert!(stripe.emulator.payment_intents(SHOP).is_empty());
}

#[tokio::test]
async fn the_lines_come_in_their_own_order_page_by_page() {
    let stripe = Stripe::start();
    let opened = stripe.session().await;
    let path = format!("/v1/checkout/sessions/{}/line_items", opened.id());
    let first = stripe.get(&format!("{path}?limit=1")).send().await;
    assert_eq!(first.body["has_more"], true);
    let mug = &first.body["data"][0];
    assert_eq!((&mug["description"], &mug["quantity"]), (&json!("Mug"), &json!(2)));
    assert_eq!((&mug["amount_total"], &mug["price"]["unit_amount"]), (&json!(2500), &json!(1250)));
    let after = format!("{path}?limit=1&starting_after={}", mug["id"].as_str().unwrap());
    let second = stripe.get(&after).send().await;
    assert_eq!(second.body["data"][0]["description"], "Post");
    assert_eq!(second.body["has_more"], false);
    let shown =
        stripe.get(&format!("/v1/checkout/sessions/{}?expand[]=line_items", opened.id())).send().await;
    assert_eq!(shown.body["line_items"]["data"][0], *mug);
}

#[tokio::test]
async fn a_session_expires_by_the_clock_and_shows_its_page_no_longer() {
    let stripe = Stripe::start();
    let form = format!("{ORDER}&expires_at={}", START + 31 * 60);
    let opened = stripe.post("/v1/checkout/sessions", &form).send().await;
    stripe.clock.advance(Span::millis(31 * 60 * 1000 - 1));
    assert_eq!(stripe.session_now(opened.id()).await.body["status"], "open");
    stripe.clock.advance(Span::millis(1));
    let expired = stripe.session_now(opened.id()).await.body;
    assert_eq!((&expired["status"], &expired["url"]), (&json!("expired"), &json!(null)));
    assert_eq!(expired["payment_status"], "unpaid");
}

#[tokio::test]
async fn an_expiry_out_of_range_is_refused_and_a_repeat_is_replayed() {
    let stripe = Stripe::start();
    for (seconds, status) in [(1799, 400), (1800, 200), (86_400, 200), (86_401, 400)] {
        let form = format!("{ORDER}&expires_at={}", START + seconds);
        let reply = stripe.post("/v1/checkout/sessions", &form).send().await;
        assert_eq!(reply.status, status, "{seconds}");
        if status == 400 {
            assert_eq!(reply.error(), (400, "invalid_request_error", None, Some("expires_at")));
        }
    }
    let form = format!("{ORDER}&expires_at={}", START + 31 * 60);
    let send = || stripe.post("/v1/checkout/sessions", &form).idempotency_key("k").send();
    let first = send().await;
    stripe.clock.advance(Span::minutes(10));
    let again = send().await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, Some("true")));
    assert_eq!(again.body, first.body);
}

#[tokio::test]
async fn only_an_open_session_can_be_expired() {
    let stripe = Stripe::start();
    let opened = stripe.session().await;
    let path = format!("/v1/checkout/sessions/{}/expire", opened.id());
    let expired = stripe.post(&path, "").send().await;
    assert_eq!((expired.status, &expired.body["status"]), (200, &json!("expired")));
    let again = stripe.post(&path, "").send().await;
    assert_eq!(again.error(), (400, "invalid_request_error", None, None));
    let paid = stripe.session().await;
    stripe.emulator.pay_hosted(paid.id(), "pm_card_visa").unwrap();
    let path = format!("/v1/checkout/sessions/{}/expire", paid.id());
    assert_eq!(stripe.post(&path, "").send().await.status, 400);
    assert_eq!(stripe.session_now(paid.id()).await.body["payment_status"], "paid");
    assert_eq!(stripe.post("/v1/checkout/sessions/cs_test_none/expire", "").send().await.status, 404);
}

#[tokio::test]
async fn checkout_sessions_list_newest_first_and_accept_filters() {
    let stripe = Stripe::start();
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(stripe.session().await.id().to_owned());
        stripe.clock.advance(Span::minutes(1));
    }
    stripe.emulator.pay_hosted(&all[1], "pm_card_visa").unwrap();
    stripe.post(&format!("/v1/checkout/sessions/{}/expire", all[0]), "").send().await;
    let payment = stripe.session_now(&all[1]).await.body["payment_intent"]["id"].clone();
    for (query, places) in [
        (String::new(), vec![2, 1, 0]),
        ("limit=2".to_owned(), vec![2, 1]),
        (format!("starting_after={}", all[1]), vec![0]),
        ("status=open".to_owned(), vec![2]),
        ("status=expired".to_owned(), vec![0]),
        (format!("payment_intent={}", payment.as_str().unwrap()), vec![1]),
        ("payment_intent=pi_none".to_owned(), vec![]),
        (format!("created[gte]={}", START + 60), vec![2, 1]),
    ] {
        let listed = stripe.get(&format!("/v1/checkout/sessions?{query}")).send().await;
        let data = listed.body["data"].as_array().unwrap();
        let found: Vec<&str> = data.iter().map(|session| session["id"].as_str().unwrap()).collect();
        let expected: Vec<&str> = places.iter().map(|place: &usize| all[*place].as_str()).collect();
        assert_eq!(found, expected, "{query}");
    }
}

#[tokio::test]
async fn another_account_and_the_other_mode_do_not_see_a_session() {
    let stripe = Stripe::start();
    let opened = stripe.session().await;
    for key in [OTHER_KEY, SHOP_LIVE_KEY] {
        let path = format!("/v1/checkout/sessions/{}", opened.id());
        let read = stripe.get(&path).key(key).send().await;
        assert_eq!(read.error(), (404, "invalid_request_error", Some("resource_missing"), Some("session")));
        assert_eq!(stripe.post(&format!("{path}/expire"), "").key(key).send().await.status, 404);
        let listed = stripe.get("/v1/checkout/sessions").key(key).send().await;
        assert_eq!(listed.body["data"], json!([]));
    }
    let live = stripe.post("/v1/checkout/sessions", ORDER).key(SHOP_LIVE_KEY).send().await;
    assert!(live.id().starts_with("cs_live_") && live.body["livemode"] == true);
    let plain = ORDER.replace("https://shop.example/done", "http://shop.example/done");
    let refused = stripe.post("/v1/checkout/sessions", &plain).key(SHOP_LIVE_KEY).send().await;
    assert_eq!(refused.error(), (400, "invalid_request_error", Some("url_invalid"), Some("success_url")));
}

#[tokio::test]
async fn wrong_parameters_of_a_session_are_named() {
    let stripe = Stripe::start();
    let with = |extra: &str| format!("{ORDER}&{extra}");
    let without = |part: &str| {
        assert!(ORDER.contains(part), "{part}");
        ORDER.replacen(part, "x=", 1).replace("&x=", "").replace("x=&", "")
    };
    let name = "line_items[1][price_data][product_data][name]";
    for (form, code, param) in [
        (without("mode=payment"), Some("parameter_missing"), "mode"),
        (
            without("success_url=https://shop.example/done?session={CHECKOUT_SESSION_ID}"),
            Some("parameter_missing"),
            "success_url",
        ),
        ("mode=payment&success_url=https://a.example".to_owned(), Some("parameter_missing"), "line_items"),
        (without("line_items[0][quantity]=2"), Some("parameter_missing"), "line_items[0][quantity]"),
        (
            without("line_items[1][price_data][currency]=USD"),
            Some("parameter_missing"),
            "line_items[1][price_data][currency]",
        ),
        (
            without("line_items[1][price_data][unit_amount]=500"),
            Some("parameter_missing"),
            "line_items[1][price_data][unit_amount]",
        ),
        (with(&format!("{name}=")), Some("parameter_invalid_empty"), name),
        (
            with("line_items[1][price_data][unit_amount]=-1"),
            Some("parameter_invalid_integer"),
            "line_items[1][price_data][unit_amount]",
        ),
        (with("line_items[0][quantity]=0"), Some("parameter_invalid_integer"), "line_items[0][quantity]"),
        (with("line_items[1][price_data][currency]=eur"), None, "line_items"),
        (with("line_items[1][price_data][currency]=zzz"), None, "line_items[1][price_data][currency]"),
        (with("line_items[1][colour]=red"), Some("parameter_unknown"), "line_items[1][colour]"),
        (with("line_items[0][price_data][unit_amount]=50000000"), Some("amount_too_large"), "line_items"),
        (
            with("line_items[0][price_data][unit_amount]=0&line_items[1][price_data][unit_amount]=49"),
            Some("amount_too_small"),
            "line_items",
        ),
        (with("success_url=shop"), Some("url_invalid"), "success_url"),
        (with("cancel_url=/cart"), Some("url_invalid"), "cancel_url"),
        (with("customer_email=nobody"), Some("email_invalid"), "customer_email"),
        (with(&format!("client_reference_id={}", "x".repeat(201))), None, "client_reference_id"),
        (with("locale=xx"), None, "locale"),
        (with("ui_mode=hosted"), None, "ui_mode"),
        (
            with("payment_method_types[]=card"),
            Some("payment_method_types_no_longer_supported"),
            "payment_method_types",
        ),
        (with("payment_intent_data[colour]=red"), Some("parameter_unknown"), "payment_intent_data[colour]"),
        (
            with("payment_intent_data[shipping][name]=A"),
            Some("parameter_missing"),
            "payment_intent_data[shipping][address]",
        ),
        (with("colour=red"), Some("parameter_unknown"), "colour"),
    ] {
        let reply = stripe.post("/v1/checkout/sessions", &form).send().await;
        assert_eq!(reply.error(), (400, "invalid_request_error", code, Some(param)), "{form}");
    }
    assert!(stripe.emulator.checkout_sessions(SHOP).is_empty());
}

#[tokio::test]
async fn what_only_stripe_can_do_for_a_session_is_refused_in_words() {
    let stripe = Stripe::start();
    for extra in [
        "mode=subscription",
        "ui_mode=elements",
        "allow_promotion_codes=true",
        "automatic_tax[enabled]=true",
        "billing_address_collection=required",
        "line_items[0][price]=price_1",
        "customer=cus_1",
        "payment_intent_data[capture_method]=manual",
        "allowed_payment_method_types[]=klarna",
    ] {
        let reply = stripe.post("/v1/checkout/sessions", &format!("{ORDER}&{extra}")).send().await;
        assert_eq!(reply.status, 400, "{extra}");
        let message = reply.body["error"]["message"].as_str().unwrap();
        assert!(message.starts_with("The emulator does not support"), "{message}");
    }
    let off = "allow_promotion_codes=false&automatic_tax[enabled]=false&billing_address_collection=auto";
    assert_eq!(stripe.post("/v1/checkout/sessions", &format!("{ORDER}&{off}")).send().await.status, 200);
}
