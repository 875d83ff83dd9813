//! `complete_checkout` and the payment sheet.

use merchant_gateway::domain::channels::MethodsForm;
use merchant_gateway::domain::checkout::model::{
    CancelReason, Command, HostRejection, Notice, Payment, Rejection, ShopRejection, ShopperRejection, State,
    TokenProblem,
};
use merchant_gateway::domain::ids::{Mode, Revision, SptHash};
use merchant_gateway::protocol::apps::payment_sheet::PaymentSheet;
use merchant_gateway::protocol::mcp::CallOutcome;
use merchant_gateway::protocol::texts::wording::Wording;
use serde_json::{Value, json};

use super::host::{Host, MODERN};
use super::shop;

const TOKEN: &str = "spt_1RjHarborCoffee0000";

fn arguments() -> Value {
    json!({
        "checkout_session_id": shop::capability(0xfeed, Some(3)).expose(),
        "buyer": { "name": "Ada Lovelace", "email": "ada@example.com", "phone_number": null },
        "payment_data": { "token": TOKEN, "provider": "stripe", "billing_address": null },
    })
}

fn complete(change: impl FnOnce(&mut Value)) -> Host {
    let mut arguments = arguments();
    change(&mut arguments);
    Host::tool("complete_checkout", &arguments)
}

fn payment(host: &Host) -> Payment {
    let command = host.session_call().command;
    let Command::Complete(payment) = command else { panic!("another command") };
    payment
}

#[test]
fn every_shape_that_hosts_send_is_taken() {
    let plain = payment(&complete(|_| {}));
    assert_eq!((plain.revision, plain.token.hash()), (Some(Revision(3)), &SptHash::of(TOKEN)));
    assert_eq!(plain.buyer, shop::buyer());
    let two_names = payment(&complete(|arguments| {
        arguments["buyer"] =
            json!({ "first_name": "Ada", "last_name": "Lovelace", "email": "ada@example.com" });
    }));
    assert_eq!(two_names.buyer, shop::buyer());
    for buyer in
        [json!(null), json!({}), json!({ "name": null, "email": null, "phone_number": null, "x": 1 })]
    {
        let nobody = payment(&complete(|arguments| arguments["buyer"] = buyer));
        assert_eq!(nobody.buyer.name, None);
    }
    let odd = payment(&complete(|arguments| {
        arguments["buyer"] = json!({ "name": "Ada", "email": "nonsense", "phone_number": 5 });
    }));
    assert_eq!((odd.buyer.name.as_deref(), odd.buyer.email), (Some("Ada"), None));
    let rich = payment(&complete(|arguments| {
        arguments["payment_data"] =
            json!({ "token": TOKEN, "billing_address": { "name": "Ada", "zip": 1 }, "more": [1] });
        arguments["extra"] = json!({ "a": 1 });
    }));
    assert_eq!(rich.token.hash(), &SptHash::of(TOKEN));
    let bare = payment(&complete(|arguments| {
        arguments["checkout_session_id"] = json!(shop::capability(0xfeed, None).expose());
    }));
    assert_eq!(bare.revision, None);
}

#[test]
fn an_invalid_payment_is_refused_with_its_cause_and_no_token() {
    for (key, value, path) in [
        ("payment_data", json!(null), "payment_data is missing"),
        ("payment_data", json!("x"), "payment_data must be"),
        ("payment_data", json!({ "provider": "stripe" }), "payment_data.token is missing"),
        ("payment_data", json!({ "token": "tok_secret12345" }), "payment_data.token is not"),
        ("payment_data", json!({ "token": 5 }), "payment_data.token is not"),
        ("payment_data", json!({ "token": TOKEN, "provider": "adyen" }), "payment_data.provider"),
        ("payment_data", json!({ "token": TOKEN, "billing_address": "x" }), "payment_data.billing_address"),
        ("buyer", json!("Ada"), "buyer"),
        ("checkout_session_id", json!("nope"), "checkout_session_id"),
    ] {
        let reply = complete(|arguments| arguments[key] = value).send();
        assert!(reply.is_error() && reply.text().contains(path), "{}", reply.text());
        assert!(!reply.text().contains("tok_secret") && !reply.text().contains(TOKEN));
    }
    // The seed's page reads the token from here; nobody sends it, and nothing is charged by it.
    let elsewhere = complete(|arguments| {
        arguments["payment_data"] = json!({});
        arguments["payment_method"] = json!({ "token_id": TOKEN });
    });
    assert!(elsewhere.send().is_error());
}

#[test]
fn a_paid_session_returns_its_stored_bytes_in_every_era() {
    let mut answer = shop::paid();
    // Spaces and order of keys must survive, so that a repeat is the same whoever rendered it first.
    let stored = answer.order.as_ref().unwrap().completion.replacen(':', " : ", 1);
    answer.order.as_mut().unwrap().completion.clone_from(&stored);
    let modern = complete(|_| {}).outcome(Ok(answer.clone()));
    let legacy = Host::legacy(
        "2025-06-18",
        "tools/call",
        &json!({ "name": "complete_checkout", "arguments": arguments() }),
    )
    .outcome(Ok(answer));
    for reply in [modern, legacy] {
        let raw = String::from_utf8(reply.raw.clone()).unwrap();
        assert!(raw.contains(&format!(r#""structuredContent":{stored},"isError":false"#)), "{raw}");
        assert!(reply.text().starts_with("Paid. Order 1001: https://"), "{}", reply.text());
        assert!(!reply.result()["content"].to_string().contains("ada@example.com"));
    }
}

#[test]
fn a_paid_session_answers_the_flat_form() {
    let reply = complete(|_| {}).outcome(Ok(shop::paid()));
    insta::assert_json_snapshot!("completion", reply.result()["structuredContent"]);
}

#[test]
fn a_decline_is_a_result_of_a_session_that_is_payable_again() {
    for (notice, code) in
        [(Notice::DECLINED, "payment_declined"), (Notice::ConfirmationNeeded, "requires_3ds")]
    {
        let said = Wording::for_model().notice(&notice);
        let mut session = shop::ready();
        session.notice = Some(notice);
        let reply = complete(|_| {}).outcome(Ok(shop::answer(session)));
        let content = &reply.result()["structuredContent"];
        assert!(!reply.is_error());
        assert_eq!(content["status"], json!("ready_for_payment"));
        let message = json!({ "type": "error", "code": code, "content_type": "plain", "content": said });
        assert_eq!(content["messages"], json!([message]));
        assert!(content.get("order").is_none());
        assert_eq!(
            reply.text(),
            format!(
                "Not paid. {said} To pay after all, call complete_checkout with another token of the payment sheet."
            )
        );
    }
}

#[test]
fn an_undecided_payment_is_in_progress_and_never_failed() {
    let session = shop::capability(0xfeed, Some(3));
    for outcome in [CallOutcome::from(Ok(shop::answer(shop::charging()))), CallOutcome::InProgress(session)] {
        let reply = complete(|_| {}).outcome(outcome);
        let content = &reply.result()["structuredContent"];
        assert!(!reply.is_error());
        assert_eq!(
            (&content["status"], &content["messages"][0]["type"]),
            (&json!("in_progress"), &json!("info"))
        );
    }
}

#[test]
fn ended_and_unpriced_sessions_answer_flat_too() {
    for (session, status) in [
        (shop::session(State::Canceled { reason: CancelReason::TooManyAttempts }), "canceled"),
        (shop::session(State::Expired), "canceled"),
        (shop::without_address(), "not_ready_for_payment"),
    ] {
        let reply = complete(|_| {}).outcome(Ok(shop::answer(session)));
        assert_eq!(reply.result()["structuredContent"]["status"], json!(status));
    }
}

#[test]
fn a_refused_payment_says_what_to_do() {
    for (rejection, word) in [
        (Rejection::Host(HostRejection::RevisionMissing), "_r1"),
        (Rejection::Host(HostRejection::StaleRevision { current: Revision(4) }), "revision 4"),
        (Rejection::Shopper(ShopperRejection::QuoteExpired), "update_checkout"),
        (Rejection::Shopper(ShopperRejection::Token(TokenProblem::Consumed)), "was used before"),
        (Rejection::Shop(ShopRejection::AccountUnknown), "Try again"),
    ] {
        let reply = complete(|_| {}).outcome(CallOutcome::Refused(rejection));
        assert!(reply.is_error() && reply.text().contains(word), "{}", reply.text());
    }
}

#[test]
fn a_stored_result_that_is_broken_is_our_own_error() {
    let mut answer = shop::paid();
    answer.order.as_mut().unwrap().completion = "{".to_owned();
    let reply = complete(|_| {}).outcome(Ok(answer));
    assert_eq!((reply.status, reply.code(), &reply.body["id"]), (500, -32603, &json!(7)));
    assert_eq!(MODERN, reply.caller.version().into_str());
}

#[test]
fn the_payment_sheet_of_a_ready_session_is_as_hosts_want_it() {
    let sheet = PaymentSheet::of(&shop::ready(), None, shop::rendering(&shop::view()));
    insta::assert_snapshot!("payment_sheet_ready", serde_json::to_string_pretty(&sheet).unwrap());
}

#[test]
fn the_sheet_follows_mode_and_method_form() {
    let mut view = shop::view();
    view.mode = Mode::Live;
    view.chatgpt.methods_form = MethodsForm::Strings;
    let sheet = serde_json::to_value(PaymentSheet::of(&shop::ready(), None, shop::rendering(&view))).unwrap();
    assert!(sheet.get("payment_mode").is_none());
    assert_eq!(
        sheet["payment_provider"]["supported_payment_methods"],
        json!(["card", "apple_pay", "google_pay"])
    );
}

#[test]
fn the_sheets_rows_add_up() {
    let sheet =
        serde_json::to_value(PaymentSheet::of(&shop::ready(), None, shop::rendering(&shop::view()))).unwrap();
    let row = |kind: &str| {
        let rows = sheet["totals"].as_array().unwrap();
        rows.iter().find(|row| row["type"] == kind).unwrap()["amount"].as_i64().unwrap()
    };
    assert_eq!(row("total"), row("subtotal") + row("fulfillment") + row("tax"));
    let lines = sheet["line_items"].as_array().unwrap();
    assert_eq!(lines.iter().map(|line| line["tax"].as_i64().unwrap()).sum::<i64>(), row("tax"));
    assert_eq!(
        lines.iter().map(|line| line["base_amount"].as_i64().unwrap()).sum::<i64>(),
        row("items_base_amount")
    );
}
