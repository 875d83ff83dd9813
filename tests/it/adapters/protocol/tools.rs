//! Each tool's arguments and answers, payment apart.

use merchant_gateway::domain::address::Buyer;
use merchant_gateway::domain::catalog::VariantNeeded;
use merchant_gateway::domain::checkout::model::{
    Answer, CancelReason, Command, HostRejection, Notice, Patch, Rejection, ShopRejection, ShopperRejection,
    State,
};
use merchant_gateway::domain::ids::Revision;
use merchant_gateway::domain::pricing::PricingProblem;
use merchant_gateway::domain::time::Span;
use merchant_gateway::protocol::mcp::{CallOutcome, Target};
use serde_json::{Value, json};

use super::host::Host;
use super::shop;
use crate::support::samples::Sample;

fn products(arguments: &Value) -> Value {
    Host::tool("search_products", arguments).send().result()["structuredContent"].clone()
}

fn ids(found: &Value) -> Vec<&str> {
    found["products"].as_array().unwrap().iter().map(|product| product["id"].as_str().unwrap()).collect()
}

fn created(arguments: &Value) -> Patch {
    let command = Host::tool("create_checkout", arguments).session_call().command;
    let Command::Create { patch, .. } = command else { panic!("another command") };
    patch
}

fn refused(tool: &str, arguments: &Value) -> String {
    let reply = Host::tool(tool, arguments).send();
    assert!(reply.is_error(), "{arguments}");
    reply.text().to_owned()
}

#[test]
fn search_filters_by_words_category_price_and_stock() {
    assert_eq!(ids(&products(&json!({}))), ["huila", "mug", "gift-card", "kettle"]);
    assert_eq!(ids(&products(&json!({ "query": "HUILA" }))), ["huila"]);
    assert_eq!(ids(&products(&json!({ "query": "  " }))).len(), 4);
    assert_eq!(ids(&products(&json!({ "category": "gifts" }))), ["gift-card"]);
    assert_eq!(ids(&products(&json!({ "max_price": 2400 }))), ["huila", "mug"]);
    assert_eq!(ids(&products(&json!({ "available_only": true }))).len(), 3);
    let none = Host::tool("search_products", &json!({ "query": "zebra" })).send();
    assert!(!none.is_error() && none.text().contains("No product"));
    let huila = &products(&json!({ "query": "huila" }))["products"][0];
    assert_eq!(huila["price"], json!({ "amount": 1800, "currency": "USD", "display": "18.00 USD" }));
    assert_eq!((&huila["price_varies"], &huila["variants"][1]["id"]), (&json!(true), &json!("huila-1kg")));
}

#[test]
fn search_matches_plurals_word_forms_and_most_of_many_words() {
    let samples = Sample::all();
    let found = |merchant: &str, query: &str| {
        let view = samples.iter().find(|sample| sample.id() == merchant).unwrap().view();
        let reply = Host::tool("search_products", &json!({ "query": query })).at(view).send();
        (reply.result()["structuredContent"].clone(), reply.text().to_owned())
    };
    for (merchant, query, first) in [
        ("harbor-coffee", "mugs", "stoneware-mug"),
        ("harbor-coffee", "MUG", "stoneware-mug"),
        ("harbor-coffee", "whole beans", "huila-washed"),
        ("harbor-coffee", "grinders", "hand-grinder"),
        ("harbor-coffee", "hand grinding", "hand-grinder"),
        ("fern-and-thread", "overshirts", "harvest-overshirt"),
        ("fern-and-thread", "sock", "creek-socks"),
        ("fern-and-thread", "gift cards", "gift-card-25"),
        ("kumo-prints", "print", "rain-over-kamo"),
        ("kumo-prints", "book", "paper-seasons"),
    ] {
        let (content, text) = found(merchant, query);
        assert_eq!(content["products"][0]["id"], first, "{query}: {text}");
        assert!(content.get("note").is_none(), "{query}: {text}");
    }
    let (content, text) = found("harbor-coffee", "ceramic stoneware mugs please");
    let note = "No product fits all 4 words; this one fits 2 of them.";
    assert_eq!((ids(&content), &content["note"]), (vec!["stoneware-mug"], &json!(note)));
    assert_eq!(text, format!("{note} 1 found."));
    let (content, text) = found("harbor-coffee", "zebra");
    assert!(ids(&content).is_empty() && text.contains("Call search_products with other words"), "{text}");
}

#[test]
fn a_search_emptied_by_a_filter_names_the_filter() {
    for (filter, name) in
        [(json!({ "max_price": 1 }), "max_price"), (json!({ "category": "Nothing" }), "category")]
    {
        let mut arguments = json!({ "query": "mug" });
        arguments.as_object_mut().unwrap().extend(filter.as_object().unwrap().clone());
        let said = Host::tool("search_products", &arguments).send().text().to_owned();
        assert!(said.contains("the words, but none with this"), "{said}");
        assert!(said.contains(&format!("Call search_products without {name}")), "{said}");
    }
    let said = Host::tool("search_products", &json!({ "query": "zeppelin", "max_price": 1 }))
        .send()
        .text()
        .to_owned();
    assert!(said.starts_with("No product fits."), "{said}");
}

#[test]
fn search_goes_page_by_page_and_a_cursor_fits_its_search_only() {
    let first = products(&json!({ "limit": 3 }));
    assert_eq!((ids(&first).len(), &first["total"]), (3, &json!(4)));
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = products(&json!({ "limit": 3, "cursor": cursor }));
    assert_eq!(ids(&second), ["kettle"]);
    assert!(second.get("next_cursor").is_none());
    assert!(refused("search_products", &json!({ "cursor": cursor, "query": "mug" })).contains("cursor"));
    for wrong in [json!("abc"), json!(5), json!("MS4xMDAw")] {
        assert!(refused("search_products", &json!({ "cursor": wrong })).contains("cursor"));
    }
}

#[test]
fn a_product_is_found_by_id_variant_or_name() {
    for wanted in ["huila", "huila-1kg", "Huila Coffee", "coffee huila"] {
        let reply = Host::tool("show-buy-product-widget", &json!({ "product": wanted })).send();
        assert_eq!(reply.result()["structuredContent"]["product"]["id"], json!("huila"), "{wanted}");
        assert_eq!(reply.result()["_meta"]["merchant-gateway/shop"]["name"], json!("Harbor Coffee Roasters"));
    }
    let older = Host::tool("show-buy-product-widget", &json!({ "product_name": "mug" })).send();
    assert_eq!(older.text(), "Stoneware mug, 24.00 USD before tax and shipping, in stock.");
    for missing in ["zebra", "***", "huila zebra"] {
        assert!(
            refused("show-buy-product-widget", &json!({ "product": missing })).contains("search_products")
        );
    }
}

#[test]
fn a_checkout_is_created_from_items_address_and_buyer() {
    let patch = created(&json!({
        "items": [{ "id": "huila-250", "quantity": 1 }, { "id": "mug", "quantity": 2.0 }, { "id": "huila-250", "quantity": 1 }],
        "buyer": { "first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com" },
        "fulfillment_address": {
            "name": " Ada Lovelace ", "line_one": "12 Analytical Way", "line_two": "", "city": "New York",
            "state": "ny", "country": "us", "postal_code": "10001",
        },
        "fulfillment_option_id": "standard",
        "discount_codes": [],
    }));
    assert_eq!(patch.cart, Some(shop::cart(&[("huila-250", 2), ("mug", 2)])));
    assert_eq!(patch.buyer, Some(shop::buyer()));
    assert_eq!(patch.address, Some(shop::address()));
    assert_eq!(patch.option_id.unwrap().as_str(), "standard");
    let bare = created(
        &json!({ "items": [{ "id": "mug", "quantity": 1 }], "buyer": null, "fulfillment_address": null }),
    );
    assert_eq!(bare, Patch { cart: Some(shop::cart(&[("mug", 1)])), ..Patch::default() });
}

#[test]
fn every_wrong_quantity_is_named_with_its_path() {
    for wrong in [
        json!(0),
        json!(-1),
        json!(1000),
        json!(1.5),
        json!("1"),
        json!(null),
        json!(1e99),
        json!(u64::MAX),
        json!([1]),
    ] {
        let items = json!([{ "id": "mug", "quantity": 1 }, { "id": "huila-250", "quantity": wrong }]);
        let said = refused("create_checkout", &json!({ "items": items }));
        assert!(said.starts_with("items[1].quantity") && said.contains("from 1 to 999"), "{said}");
    }
    let summed = json!([{ "id": "mug", "quantity": 999 }, { "id": "mug", "quantity": 1 }]);
    assert!(refused("create_checkout", &json!({ "items": summed })).contains("at most 999"));
}

#[test]
fn wrong_wishes_are_refused_with_what_to_send() {
    let items = json!([{ "id": "mug", "quantity": 1 }]);
    let address = |key: &str, value: Value| {
        let mut address = json!({ "name": "A", "line_one": "B", "city": "C", "state": "CA", "country": "US", "postal_code": "90001" });
        address[key] = value;
        json!({ "items": items, "fulfillment_address": address })
    };
    for (arguments, path) in [
        (json!({ "items": "mug" }), "items"),
        (json!({ "items": [] }), "items"),
        (json!({ "items": ["mug"] }), "items[0]"),
        (json!({ "items": [{ "id": "a b", "quantity": 1 }] }), "items[0].id"),
        (json!({ "items": items, "colour": "red" }), "the arguments"),
        (json!({ "items": items, "discount_codes": ["SAVE10"] }), "discount_codes"),
        (json!({ "items": items, "buyer": "Ada" }), "buyer"),
        (json!({ "items": items, "buyer": { "email": "ada" } }), "buyer.email"),
        (json!({ "items": items, "buyer": { "name": "a\u{0}b" } }), "buyer.name"),
        (json!({ "items": items, "buyer": { "phone_number": "1".repeat(41) } }), "buyer.phone_number"),
        (json!({ "items": items, "fulfillment_option_id": "a b" }), "fulfillment_option_id"),
        (address("country", json!("Atlantis")), "fulfillment_address.country"),
        (address("country", json!("U1")), "fulfillment_address.country"),
        (address("name", json!("x".repeat(201))), "fulfillment_address.name"),
        (address("city", json!("")), "fulfillment_address.city"),
        (address("state", json!("")), "fulfillment_address.state"),
        (address("state", json!("Nowhere")), "fulfillment_address.state"),
        (address("postal_code", json!("1".repeat(21))), "fulfillment_address.postal_code"),
        (address("zip", json!("10001")), "fulfillment_address"),
    ] {
        let said = refused("create_checkout", &arguments);
        assert!(said.starts_with(path) && said.contains("Send"), "{arguments}: {said}");
    }
    let many: Vec<Value> =
        (0..101).map(|number| json!({ "id": format!("i{number}"), "quantity": 1 })).collect();
    assert!(refused("create_checkout", &json!({ "items": many })).contains("too long"));
    let discounted = json!({ "items": items, "discount_codes": ["SAVE10"] });
    assert!(refused("create_checkout", &discounted).contains("takes no discount codes"));
}

#[test]
fn an_update_checks_the_revision_that_was_seen() {
    let (id, fourth) = (shop::capability(1, None).expose(), shop::capability(1, Some(4)));
    let revision = |arguments: Value| {
        let command = Host::tool("update_checkout", &arguments).session_call().command;
        let Command::Update { revision, .. } = command else { panic!("another command") };
        revision
    };
    assert_eq!(revision(json!({ "checkout_session_id": id })), None);
    assert_eq!(revision(json!({ "checkout_session_id": fourth.expose() })), Some(Revision(4)));
    assert_eq!(revision(json!({ "checkout_session_id": id, "revision": 2 })), Some(Revision(2)));
    let both = json!({ "checkout_session_id": fourth.expose(), "revision": 3 });
    assert!(refused("update_checkout", &both).contains("disagrees"));
    let target =
        Host::tool("get_checkout", &json!({ "checkout_session_id": fourth.expose() })).session_call().target;
    assert_eq!(target, Target::Existing(fourth));
    for wrong in [json!("chk_1"), json!(5), json!(""), json!("price_1::2")] {
        assert!(refused("get_checkout", &json!({ "checkout_session_id": wrong })).contains("chk_"));
    }
}

#[test]
fn the_product_checkout_contract_believes_only_ids_and_quantities() {
    let call = Host::tool("checkout_session", &json!({
        "checkout_session": { "items": [{
            "id": "mug", "quantity": 2, "offerId": "o", "name": "Golden mug", "price": "$0.01", "images": ["x"], "extra": {},
        }], "note": "hello" },
        "anything": true,
    }))
    .session_call();
    assert_eq!(call.target, Target::New);
    let Command::Create { patch, .. } = call.command else { panic!("another command") };
    assert_eq!(patch, Patch { cart: Some(shop::cart(&[("mug", 2)])), ..Patch::default() });
    assert!(
        refused("checkout_session", &json!({ "checkout_session": {} })).starts_with("checkout_session.items")
    );
    let missing = json!({ "checkout_session": { "items": [{ "id": "mug" }] } });
    assert!(refused("checkout_session", &missing).starts_with("checkout_session.items[0].quantity"));
}

fn get() -> Host {
    Host::tool("get_checkout", &json!({ "checkout_session_id": shop::capability(0xfeed, None).expose() }))
}

#[test]
fn a_model_reads_neither_buyer_nor_address_and_the_widget_both() {
    for answer in [shop::answer(shop::ready()), shop::paid()] {
        let reply = get().outcome(Ok(answer));
        let result = reply.result();
        let shown = result["content"].to_string() + &result["structuredContent"].to_string();
        for private in ["Ada", "ada@example.com", "Analytical", "10001"] {
            assert!(!shown.contains(private), "{private}");
        }
        let full = &result["_meta"]["merchant-gateway/checkout_session"];
        assert_eq!(full["fulfillment_address"]["line_one"], json!("12 Analytical Way"));
        assert_eq!(full["buyer"]["email"], json!("ada@example.com"));
    }
    let update = Host::tool(
        "update_checkout",
        &json!({ "checkout_session_id": shop::capability(0xfeed, None).expose() }),
    );
    let reply = update.outcome(Ok(shop::answer(shop::ready())));
    let content = &reply.result()["structuredContent"];
    assert_eq!(content["checkout_session"]["fulfillment_address"]["name"], json!("Ada Lovelace"));
    assert_eq!(
        (&content["revision"], &content["payment_methods_offered"]),
        (&json!(3), &json!(["payment_sheet"]))
    );
    assert_eq!(content["expires_at"], json!("2026-11-23T12:15:00Z"));
}

#[test]
fn every_state_has_its_status_outside() {
    let mut late = shop::ready();
    if let State::Ready { quote } = &mut late.state {
        quote.expires = shop::NOW;
    }
    let unavailable = PricingProblem::Unavailable("kettle".parse().unwrap());
    for (session, status, code) in [
        (shop::without_address(), "not_ready_for_payment", Some("missing")),
        (
            shop::session(State::Open { problem: Some(unavailable) }),
            "not_ready_for_payment",
            Some("out_of_stock"),
        ),
        (shop::session(State::Open { problem: None }), "not_ready_for_payment", None),
        (shop::ready(), "ready_for_payment", None),
        (late, "not_ready_for_payment", Some("expired")),
        (shop::charging(), "in_progress", None),
        (shop::session(State::Canceled { reason: CancelReason::Shopper }), "canceled", None),
        (shop::session(State::Expired), "canceled", Some("expired")),
    ] {
        let reply = get().outcome(Ok(shop::answer(session)));
        let sheet = &reply.result()["structuredContent"]["checkout_session"];
        assert_eq!(sheet["status"], json!(status));
        assert_eq!(sheet["messages"][0].get("code").and_then(Value::as_str), code, "{status}");
    }
}

#[test]
fn without_a_quote_only_what_the_catalog_decides_is_told() {
    let mut open = shop::without_address();
    let sheet = |session| {
        get().outcome(Ok(shop::answer(session))).result()["structuredContent"]["checkout_session"].clone()
    };
    let known = sheet(open.clone());
    let rows: Vec<&str> =
        known["totals"].as_array().unwrap().iter().map(|row| row["type"].as_str().unwrap()).collect();
    assert_eq!(rows, ["items_base_amount", "subtotal"]);
    assert_eq!(known["totals"][1]["amount"], json!(6000));
    open.inputs.cart = shop::cart(&[("mug", 1), ("gone", 1)]);
    let partly = sheet(open);
    assert_eq!(partly["totals"], json!([]));
    assert_eq!(partly["line_items"].as_array().unwrap().len(), 1);
}

#[test]
fn what_a_session_refuses_is_a_result_in_a_sentence() {
    for tool in ["get_checkout", "update_checkout", "cancel_checkout"] {
        let host = Host::tool(tool, &json!({ "checkout_session_id": shop::capability(1, None).expose() }));
        let reply = host.outcome(CallOutcome::Refused(Rejection::Host(HostRejection::NotFound)));
        assert!(reply.is_error());
        assert_eq!(
            reply.text(),
            "There is no such checkout in this shop. Call create_checkout to start one."
        );
        let session = shop::capability(1, None);
        assert!(host.outcome(CallOutcome::InProgress(session)).text().contains("get_checkout"));
    }
}

#[test]
fn whatever_a_model_is_refused_says_what_to_do_next() {
    let item = || "mug".parse().unwrap();
    let variants = vec![("huila-250".parse().unwrap(), "250 g".to_owned())];
    let needed = VariantNeeded { product: "huila".parse().unwrap(), variants, more: 0 };
    let host =
        Host::tool("get_checkout", &json!({ "checkout_session_id": shop::capability(1, None).expose() }));
    for (rejection, next) in [
        (Rejection::Host(HostRejection::NotFound), "create_checkout"),
        (Rejection::Host(HostRejection::StaleRevision { current: Revision(2) }), "Call get_checkout"),
        (Rejection::Host(HostRejection::RevisionMissing), "get_checkout"),
        (Rejection::Shopper(ShopperRejection::QuoteExpired), "update_checkout"),
        (Rejection::Shopper(ShopperRejection::Ended("canceled")), "create_checkout"),
        (Rejection::Shopper(ShopperRejection::UnknownItem(item())), "search_products"),
        (
            Rejection::Shopper(ShopperRejection::VariantNeeded(needed)),
            "with the id of one instead: huila-250 (250 g).",
        ),
        (Rejection::Shopper(ShopperRejection::Undecided), "get_checkout"),
        (Rejection::Shopper(ShopperRejection::TokenUsedElsewhere), "call complete_checkout"),
        (Rejection::Shopper(ShopperRejection::EmailNeeded), "Call update_checkout with buyer.email"),
        (Rejection::Shop(ShopRejection::Suspended), "Tell the shopper"),
        (Rejection::Shop(ShopRejection::AccountUnknown), "Try again"),
        (Rejection::Shop(ShopRejection::PaymentsOff), "Try again"),
        (Rejection::Shop(ShopRejection::ClockDiffers), "Try again"),
        (Rejection::Shop(ShopRejection::TokenUnread), "Try again"),
        (Rejection::Shop(ShopRejection::TooManyPayments), "Try again"),
        (Rejection::Shop(ShopRejection::Busy), "Try again"),
        (Rejection::Shop(ShopRejection::NoRoom), "Try again"),
        (Rejection::Shop(ShopRejection::Unreconciled { left: Span::minutes(3) }), "Try again"),
        (Rejection::Shop(ShopRejection::NotWritten), "Try again"),
        (Rejection::Shop(ShopRejection::Unavailable), "Try again"),
    ] {
        let code = rejection.code();
        let reply = host.outcome(CallOutcome::Refused(rejection));
        assert!(reply.is_error() && reply.text().contains(next), "{code}: {}", reply.text());
        let texts = reply.result().to_string();
        assert!(
            !texts.contains("{item}") && !texts.contains("{minutes}") && !texts.contains("{revision}"),
            "{texts}"
        );
    }
}

#[test]
fn an_unpayable_checkout_explains_itself_and_the_next_call() {
    let open = |problem| shop::session(State::Open { problem });
    let mut noticed = open(Some(PricingProblem::AddressNeeded));
    noticed.notice = Some(Notice::ItemUnavailable { item: "mug".parse().unwrap() });
    let mut late = open(Some(PricingProblem::AddressNeeded));
    late.paid_late = true;
    for (session, said) in [
        (
            open(Some(PricingProblem::AddressNeeded)),
            "This checkout is not ready for payment. A delivery address is needed. Call update_checkout with \
             fulfillment_address. It can be completed",
        ),
        (
            noticed,
            "This checkout is not ready for payment. \"mug\" is not available at the moment. Call update_checkout \
             with other items; search_products with available_only lists them. A delivery address is needed. Call",
        ),
        (
            open(Some(PricingProblem::Unavailable("mug".parse().unwrap()))),
            "Call update_checkout with other items;",
        ),
        (open(Some(PricingProblem::NoShipping)), "Call update_checkout with another fulfillment_address."),
        (open(None), "Call update_checkout without changes for fresh prices, and show"),
        (shop::session(State::Expired), "Call create_checkout to start another."),
        (shop::charging(), "Call get_checkout in a moment"),
        (
            late,
            "This checkout is not ready for payment. A payment of this checkout is being looked into by the shop. Do not \
             pay again; please ask the shop.\n",
        ),
    ] {
        let notice = session.late_payment().or_else(|| session.notice.clone());
        let mut answer = Answer { notice, ..shop::answer(session) };
        answer.checkout_page = Some("https://shop.example/checkout/1".to_owned());
        let reply = get().outcome(Ok(answer));
        assert!(format!("{}\n", reply.text()).contains(said), "{}", reply.text());
    }
}

#[test]
fn a_buyer_may_have_one_name_or_two() {
    let named = |buyer: Value| {
        created(&json!({ "items": [{ "id": "mug", "quantity": 1 }], "buyer": buyer })).buyer.unwrap()
    };
    assert_eq!(named(json!({ "name": "Ada Lovelace", "email": null })).name.as_deref(), Some("Ada Lovelace"));
    assert_eq!(named(json!({ "first_name": "Ada" })).name.as_deref(), Some("Ada"));
    assert_eq!(named(json!({})), Buyer::default());
}

#[test]
fn a_day_after_its_end_a_checkout_is_told_without_person_and_link() {
    let private = ["Ada", "ada@example.com", "Analytical", "10001", "permalink_url", "orders/ord_1?key=abc"];
    let complete = || {
        let data = json!({ "token": "spt_1RjAnother00000", "provider": "stripe" });
        let id = shop::capability(0xfeed, None).expose();
        Host::tool("complete_checkout", &json!({ "checkout_session_id": id, "payment_data": data }))
    };
    let tool = |name: &str| {
        Host::tool(name, &json!({ "checkout_session_id": shop::capability(0xfeed, None).expose() }))
    };
    let mut expired = shop::answer(shop::session(State::Expired));
    expired.session.expires = shop::NOW - Span::hours(24);
    let mut paid = shop::paid();
    paid.order.as_mut().unwrap().order.created = shop::NOW - Span::hours(24);
    for answer in [paid.clone(), expired] {
        for host in [get(), complete(), tool("update_checkout"), tool("start_hosted_checkout")] {
            let told = host.outcome(Ok(answer.clone())).result().to_string();
            for private in private {
                assert!(!told.contains(private), "{private}: {told}");
            }
        }
    }
    let stored = paid.order.as_ref().unwrap().completion.clone();
    paid.repeats_payment = true;
    let told = complete().outcome(Ok(paid.clone())).result()["structuredContent"].to_string();
    assert_eq!(told, serde_json::from_str::<Value>(&stored).unwrap().to_string(), "to the token that paid");

    paid.order.as_mut().unwrap().order.created = shop::NOW - Span::hours(24) + Span::seconds(1);
    let told = get().outcome(Ok(paid)).result().to_string();
    assert!(told.contains("ada@example.com") && told.contains("orders/ord_1?key=abc"), "{told}");
}
