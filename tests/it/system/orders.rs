//! What becomes of a paid order, in the real process: money that goes back, who is told, and in `sending` the goods.

mod sending;

use serde_json::{Value, json};
use stripe_emulator::{Exchange, Fault, FaultPlan, RequestKind};

use crate::support::by_hand;
use crate::support::client::{Client, Speaks, california, total};
use crate::support::operator::Operator;
use crate::support::python;
use crate::support::test_gateway::{ADMIN_TOKEN, OTHER_SHOP, SHOP, SHOP_ACCOUNT, SHOP_KEY, TestGateway};

/// An order that was just paid: its id, its page's path, and what it came to.
struct Bought {
    id: String,
    /// What opens its checkout.
    checkout: Value,
    page: String,
    total: i64,
}

async fn buy(world: &TestGateway) -> Bought {
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let total = total(&sheet);
    let paid = client.complete(&sheet["id"], &world.token("pm_card_visa", total)).await;
    of(&paid["structuredContent"]["order"], total)
}

fn of(order: &Value, total: i64) -> Bought {
    let page = order["permalink_url"].as_str().unwrap().strip_prefix("https://links.example").unwrap();
    let checkout = order["checkout_session_id"].clone();
    Bought { id: order["id"].as_str().unwrap().to_owned(), checkout, page: page.to_owned(), total }
}

impl Bought {
    fn path(&self, rest: &str) -> String {
        format!("orders/{}{rest}?tenant={SHOP}", self.id)
    }

    async fn refund(&self, operator: &Operator<'_>, key: &str, body: Value) -> (u16, Value) {
        operator.post_once(&self.path("/refunds"), key, body).await
    }

    async fn fulfill(&self, operator: &Operator<'_>, key: &str, body: Value) -> (u16, Value) {
        operator.post_once(&self.path("/fulfillments"), key, body).await
    }

    async fn shown(&self, operator: &Operator<'_>) -> Value {
        let (status, shown) = operator.get(&self.path("")).await;
        assert_eq!(status, 200, "{shown}");
        shown
    }

    async fn page(&self, world: &TestGateway, client: &Client) -> String {
        client.http.get(world.url(&self.page)).send().await.unwrap().text().await.unwrap()
    }
}

/// How much went back at Stripe.
fn gone_back(world: &TestGateway) -> Vec<i64> {
    let refunds = world.emulator.refunds(SHOP_ACCOUNT);
    let stands = |refund: &&Value| refund["status"] != "failed";
    refunds.iter().filter(stands).map(|refund| refund["amount"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn orders_are_numbered_and_found_by_number_and_page() {
    let world = TestGateway::start();
    let mut bought = Vec::new();
    for _ in 0..3 {
        bought.push(buy(&world).await);
    }
    let operator = Operator::of(&world);
    let (_, first) = operator.get(&format!("orders?tenant={SHOP}&limit=2")).await;
    let numbers = |page: &Value| -> Vec<i64> {
        page["orders"].as_array().unwrap().iter().map(|order| order["number"].as_i64().unwrap()).collect()
    };
    assert_eq!((numbers(&first), &first["next"]), (vec![1003, 1002], &json!(1002)));
    let (_, rest) = operator.get(&format!("orders?tenant={SHOP}&limit=2&before=1002")).await;
    assert_eq!((numbers(&rest), &rest["next"]), (vec![1001], &Value::Null));
    let (_, by_number) = operator.get(&format!("orders/1002?tenant={SHOP}")).await;
    assert_eq!(by_number, bought[1].shown(&operator).await);
    assert_eq!((&by_number["id"], &by_number["total"]), (&json!(bought[1].id), &json!(bought[1].total)));
    assert!(!first.to_string().contains("Lovelace"), "a list tells nothing of the shopper: {first}");

    let page = bought[1].page(&world, &world.client(Speaks::Modern)).await;
    assert!(page.contains("<strong>Order 1002, paid on ") && !page.contains("<script"), "{page}");
    for (path, status) in [
        (format!("orders/1004?tenant={SHOP}"), 404),
        (format!("orders/1001?tenant={OTHER_SHOP}"), 404),
        (format!("orders/{}?tenant={OTHER_SHOP}", bought[0].id), 404),
        (format!("orders/ord_1?tenant={SHOP}"), 404),
        (format!("orders?tenant={SHOP}&limit=0"), 400),
        (format!("orders?tenant={SHOP}&before=x"), 400),
        ("orders".to_owned(), 400),
    ] {
        assert_eq!(operator.get(&path).await.0, status, "{path}");
    }
}

#[tokio::test]
async fn partial_refunds_happen_once_each_and_never_exceed_the_total() {
    let world = TestGateway::start();
    let bought = buy(&world).await;
    let operator = Operator::of(&world);
    let part = json!({ "amount": 1000, "reason": "requested_by_customer" });
    let (status, first) = bought.refund(&operator, "part-1", part.clone()).await;
    assert_eq!((status, &first["refund"]["status"]), (200, &json!("succeeded")), "{first}");
    assert_eq!(first["refund"]["reference"], "part-1");
    let (status, again) = bought.refund(&operator, "part-1", part).await;
    assert_eq!((status, &again["refund"]), (200, &first["refund"]), "the same key is the same refund");
    let (status, other) = bought.refund(&operator, "part-1", json!({ "amount": 1001 })).await;
    assert_eq!((status, &other["code"]), (409, &json!("reference_taken")), "{other}");

    let too_much = json!({ "amount": bought.total - 999 });
    let (status, refused) = bought.refund(&operator, "part-2", too_much).await;
    assert_eq!((status, &refused["code"]), (409, &json!("refund_too_large")), "{refused}");
    let left = bought.total - 1000;
    let said = refused["detail"].as_str().unwrap();
    let range = format!("a refund is at least 1 and at most {left} in minor units of usd, ");
    assert!(said.starts_with(&range), "{said}");

    let (status, rest) = bought.refund(&operator, "rest", json!({ "amount": "all" })).await;
    assert_eq!((status, &rest["refund"]["amount"]), (200, &json!(left)), "{rest}");
    let (status, other) = bought
        .refund(&operator, "part-1", json!({ "amount": "all", "reason": "requested_by_customer" }))
        .await;
    assert_eq!((status, &other["code"]), (409, &json!("reference_taken")), "all is not a part: {other}");
    assert_eq!(bought.refund(&operator, "more", json!({ "amount": "all" })).await.0, 409);
    assert_eq!(gone_back(&world), [1000, left]);

    let shown = bought.shown(&operator).await;
    assert_eq!(
        (&shown["refunded_total"], shown["refunds"].as_array().unwrap().len()),
        (&json!(bought.total), 2)
    );
    let page = bought.page(&world, &world.client(Speaks::Modern)).await;
    assert!(page.contains("−10.00 USD") && page.contains("sent back"), "{page}");
    let (_, session) =
        operator.get(&format!("sessions/{}?tenant={SHOP}", shown["session"].as_str().unwrap())).await;
    let told: Vec<&str> = session["timeline"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["event"] == "refund")
        .map(|entry| entry["status"].as_str().unwrap())
        .collect();
    assert_eq!(told, ["requested", "succeeded", "requested", "succeeded"], "{session}");
}

#[tokio::test]
async fn a_refund_that_cannot_be_asked_for_is_told_what_to_send() {
    let world = TestGateway::start();
    let bought = buy(&world).await;
    let operator = Operator::of(&world);
    let (status, nameless) = operator.post(&bought.path("/refunds"), json!({})).await;
    assert_eq!(status, 400);
    assert!(nameless["detail"].as_str().unwrap().contains("Idempotency-Key"), "{nameless}");
    for body in [
        json!({ "amount": "10" }),
        json!({ "amount": 10.5 }),
        json!({ "amount": 0 }),
        json!({ "amount": -5 }),
        json!({ "amount": u64::MAX }),
        json!({ "amount": 1e30 }),
        json!({ "amount": null }),
        json!({ "amount": "everything" }),
        json!({ "reason": "requested_by_customer" }),
        json!({ "ammount": 10 }),
        json!({}),
        json!([]),
    ] {
        let (status, problem) = bought.refund(&operator, "r", body.clone()).await;
        assert_eq!((status, &problem["code"]), (400, &json!("invalid_request")), "{body}: {problem}");
    }
    for (body, words) in [
        (
            json!({ "amount": "10" }),
            "amount: \"10\" stands where a whole number of minor units from 1, or \"all\" is expected; ",
        ),
        (
            json!({ "amount": 10, "reason": "because" }),
            "reason: `because` is not known here, expected one of `duplicate`",
        ),
        (json!({ "ammount": 10 }), "ammount: this field is not known here, expected `amount` or `reason`; "),
        (json!({ "amount": 0 }), "amount: 0 stands where a whole number of minor units from 1, or "),
        (json!([]), "the body is not a JSON object; send JSON such as {\"amount\": 1200"),
        (json!({}), "the body: `amount` is missing; "),
    ] {
        let (_, problem) = bought.refund(&operator, "r", body.clone()).await;
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.starts_with(words), "{body}: {detail}");
    }
    assert_eq!(gone_back(&world), [0_i64; 0]);
    let url = format!("http://{}/admin/v1/{}", world.admin_address(), bought.path("/refunds"));
    assert_eq!(operator.http.post(&url).send().await.unwrap().status(), 401);
    // A body that was lost on the way gives nothing back, and sends nothing.
    for url in [url.clone(), url.replace("/refunds", "/fulfillments")] {
        let empty = operator.http.post(&url).bearer_auth(ADMIN_TOKEN).header("idempotency-key", "empty");
        let empty = empty.send().await.unwrap();
        assert_eq!(empty.status(), 400, "{url}");
        let told = empty.text().await.unwrap();
        assert!(
            told.contains("the body is empty; send JSON such as") && told.contains("all that is left"),
            "{told}"
        );
    }
    assert_eq!(gone_back(&world), [0_i64; 0]);
    assert_eq!(bought.shown(&operator).await["fulfillments"], json!([]));
}

#[tokio::test]
async fn no_route_takes_a_query_parameter_that_it_does_not_know() {
    let world = TestGateway::start();
    let operator = Operator::of(&world);
    for path in [
        "orders",
        "orders/1001",
        "sessions/chk_1",
        "flags",
        "deliveries",
        "deliveries/oev_1",
        "stripe-events",
    ] {
        for extra in ["stat=paid", "tenant=kiln-works"] {
            let (status, told) = operator.get(&format!("{path}?tenant={SHOP}&{extra}")).await;
            assert_eq!((status, &told["code"]), (400, &json!("invalid_request")), "{path} {extra}: {told}");
        }
    }
    let posts = [
        "orders/1001/refunds",
        "orders/1001/fulfillments",
        "sessions/chk_1/decide",
        "flags/flg_1/resolve",
        "deliveries/oev_1/retry",
    ];
    for path in posts {
        let (status, told) =
            operator.post_once(&format!("{path}?tenant={SHOP}&dry_run=true"), "k", json!({})).await;
        let detail = told["detail"].as_str().unwrap();
        assert!(
            status == 400 && detail.starts_with("\"dry_run\" is no query parameter here"),
            "{path}: {told}"
        );
    }
    let (status, told) = operator.get("").await;
    let detail = told["detail"].as_str().unwrap();
    assert!(
        status == 404 && detail.contains("orders, sessions, flags, deliveries, stripe-events and account"),
        "{told}"
    );
}

#[tokio::test]
async fn a_refund_that_stripe_refuses_is_told_and_counts_for_nothing() {
    let world = TestGateway::start();
    let bought = buy(&world).await;
    let operator = Operator::of(&world);
    let payment = bought.shown(&operator).await["payment_intent"].as_str().unwrap().to_owned();
    world.emulator.dispute(&payment).unwrap();
    let (status, refused) = bought.refund(&operator, "r", json!({ "amount": 500 })).await;
    assert_eq!((status, &refused["code"]), (409, &json!("refund_refused")), "{refused}");
    let shown = bought.shown(&operator).await;
    assert_eq!((&shown["refunded_total"], &shown["refunds"][0]["status"]), (&json!(0), &json!("refused")));
    assert_eq!(gone_back(&world), [0_i64; 0]);
}

#[tokio::test]
async fn after_a_refused_refund_what_went_back_by_other_hands_is_found() {
    let world = TestGateway::start();
    let bought = buy(&world).await;
    let operator = Operator::of(&world);
    let payment = bought.shown(&operator).await["payment_intent"].as_str().unwrap().to_owned();
    // Somebody refunds a part in Stripe's dashboard, and no webhook tells.
    let part = format!("payment_intent={payment}&amount=1000");
    assert_eq!(by_hand::post(&world, "/v1/refunds", "by-hand", part).await["object"], "refund");
    let (status, refused) = bought.refund(&operator, "all", json!({ "amount": "all" })).await;
    assert_eq!((status, &refused["code"]), (409, &json!("refund_refused")), "{refused}");
    let found = async {
        while bought.shown(&operator).await["refunded_total"] != json!(1000) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_mins(1), found).await.expect("it is looked for at once");
    let (status, rest) = bought.refund(&operator, "the-rest", json!({ "amount": "all" })).await;
    assert_eq!((status, &rest["refund"]["amount"]), (200, &json!(bought.total - 1000)), "{rest}");
}

#[tokio::test]
async fn a_shopper_and_the_model_hear_what_went_back() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let token = world.token("pm_card_visa", total(&sheet));
    let paid = client.complete(&sheet["id"], &token).await;
    let bought = of(&paid["structuredContent"]["order"], total(&sheet));
    let session = json!({ "checkout_session_id": sheet["id"] });
    let before = client.works("get_checkout", session.clone()).await;
    assert_eq!(before["order"], paid["structuredContent"]["order"], "nothing has gone back");

    let operator = Operator::of(&world);
    bought.refund(&operator, "part", json!({ "amount": 700 })).await;
    let told = client.call("get_checkout", session).await;
    let refunds = &told["structuredContent"]["order"]["refunds"];
    assert_eq!(refunds, &json!([{ "type": "original_payment", "amount": 700 }]));
    let text = told["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("Order 1001") && text.contains("gone back"), "{text}");
    let again = client.complete(&sheet["id"], &token).await;
    assert_eq!(again["structuredContent"], paid["structuredContent"], "what was answered stays as it was");
}

#[tokio::test]
async fn a_refund_whose_answer_is_lost_is_asked_for_again_under_its_key() {
    let world = TestGateway::start();
    let bought = buy(&world).await;
    let operator = Operator::of(&world);
    let plan = FaultPlan::none()
        .next(RequestKind::CreateRefund, Fault::DropAfter, 1)
        .next(RequestKind::CreateRefund, Fault::Truncate, 1)
        .next(RequestKind::CreateRefund, Fault::DropBefore, 1);
    world.emulator.set_faults(plan);
    let (status, made) = bought.refund(&operator, "r", json!({ "amount": 700 })).await;
    assert_eq!((status, &made["refund"]["status"]), (200, &json!("succeeded")), "{made}");
    assert_eq!(gone_back(&world), [700]);
    let asked = |seen: &Exchange| seen.path == "/v1/refunds" && seen.method == "POST";
    let asked: Vec<_> = world.emulator.exchanges().into_iter().filter(asked).collect();
    let same = |two: &[Exchange]| {
        two[0].body_pairs == two[1].body_pairs
            && two[0].headers.idempotency_key == two[1].headers.idempotency_key
    };
    assert!(asked.len() >= 2 && asked.windows(2).all(same), "{asked:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_that_was_under_way_when_the_process_died_is_made_once() {
    for fault in [Fault::DropBefore, Fault::DropAfter] {
        let mut world = TestGateway::start();
        let bought = buy(&world).await;
        world.emulator.set_faults(FaultPlan::none().next(RequestKind::CreateRefund, fault, 1000));
        let asking = {
            let url = format!("http://{}/admin/v1/{}", world.admin_address(), bought.path("/refunds"));
            let request = Operator::of(&world).http.post(url).bearer_auth(ADMIN_TOKEN);
            tokio::spawn(request.header("idempotency-key", "r").body("{\"amount\": 900}").send())
        };
        world.wait_for("refund_unknown", 2);
        world.kill();
        assert!(asking.await.unwrap().is_err(), "nobody is left to answer");
        world.emulator.set_faults(FaultPlan::none());
        world.start_gateway();
        let operator = Operator::of(&world);
        let (status, made) = bought.refund(&operator, "r", json!({ "amount": 900 })).await;
        assert_eq!((status, &made["refund"]["status"]), (200, &json!("succeeded")), "{made}");
        assert_eq!(gone_back(&world), [900], "{fault:?}");
    }
}

#[tokio::test]
async fn the_stripe_package_reads_back_our_sessions_and_refunds() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let items = json!([{ "id": "huila-washed-250-beans", "quantity": 2 }]);
    let wanted = json!({ "items": items, "fulfillment_address": california() });
    let made = client.works("create_checkout", wanted).await;
    let (path, query) = made["checkout_url"]
        .as_str()
        .unwrap()
        .strip_prefix("https://links.example")
        .unwrap()
        .split_once('?')
        .unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test's own client")]
    let http =
        reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let pay = http
        .post(world.url(&format!("{path}/pay?{query}")))
        .header("content-type", "application/x-www-form-urlencoded");
    let to = pay.body("revision=1").send().await.unwrap().headers()["location"].to_str().unwrap().to_owned();
    let page = to.rsplit('/').next().unwrap().split('#').next().unwrap();
    world.emulator.pay_hosted(page, "pm_card_visa").unwrap();
    let asked = json!({ "checkout_session_id": made["checkout_session"]["id"] });
    let order = loop {
        http.get(world.url(&format!("{path}/return?{query}"))).send().await.unwrap();
        let seen = client.works("get_checkout", asked.clone()).await;
        if seen["order"].is_object() {
            break seen["order"].clone();
        }
    };
    let bought = of(&order, total(&made["checkout_session"]));
    let operator = Operator::of(&world);
    let body = json!({ "amount": 1234, "reason": "duplicate" });
    assert_eq!(bought.refund(&operator, "r", body).await.0, 200);
    let shown = bought.shown(&operator).await;

    let Some(output) = python::run("stripe_reads_back.py", &[&world.emulator.base_url(), SHOP_KEY]) else {
        return;
    };
    let read: Value = serde_json::from_str(&python::said(&output)).unwrap();
    let session = &read["sessions"][0];
    assert_eq!((&session["status"], &session["payment_status"]), (&json!("complete"), &json!("paid")));
    assert_eq!((&session["amount_total"], &session["lines"]), (&json!(bought.total), &json!(bought.total)));
    assert_eq!(session["payment_intent"], shown["payment_intent"]);
    let refund = json!({
        "id": shown["refunds"][0]["id"], "amount": 1234, "status": "succeeded", "reason": "duplicate",
        "payment_intent": shown["payment_intent"], "checkout_session": shown["session"], "checkout_refund": "1",
    });
    assert_eq!(read["refunds"], json!([refund]));
}

#[tokio::test]
async fn a_buyer_is_erased_on_demand_once_and_the_order_stays() {
    let world = TestGateway::start();
    let client = world.client(Speaks::Modern);
    let bought = buy(&world).await;
    let operator = Operator::of(&world);
    let before = bought.shown(&operator).await;
    assert!(bought.page(&world, &client).await.contains("Lovelace"), "there is something to erase");
    let path = bought.path("/erase");
    let (status, refused) = operator.post(&path, json!({ "dry_run": true })).await;
    assert_eq!((status, &refused["code"]), (400, &json!("invalid_request")), "{refused}");
    assert_eq!(bought.shown(&operator).await, before, "a body that asks for something else erases nothing");
    let (status, erased) = operator.post(&path, json!({})).await;
    assert_eq!((status, &erased["erased"]), (200, &json!(true)), "{erased}");
    let (status, again) = operator.post(&path, json!({})).await;
    assert_eq!((status, &again["erased"]), (200, &json!(false)), "{again}");
    let mut expected = before.clone();
    expected["buyer"] = json!({});
    expected["address"] = Value::Null;
    assert_eq!(bought.shown(&operator).await, expected, "amounts, lines and Stripe's ids stay");
    assert!(!bought.page(&world, &client).await.contains("Lovelace"));
    let session = before["session"].as_str().unwrap();
    let (_, seen) = operator.get(&format!("sessions/{session}?tenant={SHOP}")).await;
    assert_eq!(
        seen["timeline"].as_array().unwrap().last().unwrap()["event"],
        "personal_data_erased",
        "{seen}"
    );
    let told = client.works("get_checkout", json!({ "checkout_session_id": bought.checkout })).await;
    assert!(!told.to_string().contains("Lovelace"), "{told}");
    let other = format!("orders/{}/erase?tenant={OTHER_SHOP}", bought.id);
    assert_eq!(operator.post(&other, json!({})).await.0, 404);
}
