//! What the log and the timeline tell: every failure once, with its cause, in words.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use stripe_emulator::{Fault, FaultPlan, RequestKind};

use crate::support::client::{Speaks, total};
use crate::support::logged::{Logged, fields_of, logged, name_of};
use crate::support::operator::Operator;
use crate::support::test_gateway::{SHOP, TestGateway, usual_shops};

/// What the gateway's default configuration logs.
const DEFAULT_FILTER: &str = "warn,merchant_gateway=info";

/// The name of a sheet's session.
fn session_of(sheet: &Value) -> String {
    sheet["id"]
        .as_str()
        .unwrap()
        .rsplit_once("_r")
        .map_or("", |(bare, _)| bare)
        .rsplit_once('_')
        .unwrap()
        .0
        .to_owned()
}

/// The lines of a log, each a JSON object.
fn lines(log: &str) -> Vec<Value> {
    let read = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    log.lines().map(read).collect()
}

fn called<'a>(lines: &'a [Value], name: &str) -> Vec<&'a Value> {
    lines.iter().filter(|line| line["message"] == name).collect()
}

/// The timeline, as soon as it has an entry of this kind.
async fn timeline_with(operator: &Operator<'_>, session: &str, event: &str) -> Vec<Value> {
    loop {
        let (status, seen) = operator.get(&format!("sessions/{session}?tenant={SHOP}")).await;
        assert_eq!(status, 200, "{seen}");
        let timeline = seen["timeline"].as_array().unwrap();
        if timeline.iter().any(|entry| entry["event"] == event) {
            return timeline.clone();
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_payment_that_cannot_reach_stripe_logs_address_and_cause() {
    let mut world = TestGateway::start();
    world.terminate();
    // Nothing listens there.
    world.settings.push(("GATEWAY__STRIPE__API_BASE", "http://127.0.0.1:1"));
    world.settings.push(("GATEWAY__LOG__FILTER", DEFAULT_FILTER));
    world.start_until("stripe_account_remembered", 2);
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let session = session_of(&sheet);
    let token = world.token("pm_card_visa", total(&sheet));
    let told = client.complete(&sheet["id"], &token).await;
    assert!(told.to_string().contains("Nothing was charged"), "{told}");

    let lines = lines(&world.log_so_far());
    let of_session = |line: &&Value| line["session"] == session.as_str();
    let alarming: Vec<&Value> =
        lines.iter().filter(of_session).filter(|line| line["level"] != "INFO").collect();
    let [failed] = alarming[..] else { panic!("not once: {alarming:?}") };
    assert_eq!(
        [&failed["message"], &failed["merchant"], &failed["reason"], &failed["address"]],
        ["payment_not_begun", SHOP, "token_unread", "127.0.0.1:1"]
    );
    let cause = failed["cause"].as_str().unwrap();
    assert!(cause.contains("Connection refused") && !cause.contains("os error"), "{cause}");
    assert!(!cause.contains('('), "no debug form: {cause}");
    assert!(failed["duration_ms"].is_u64(), "{failed}");
    let answered = called(&lines, "mcp_answered");
    let answered = answered.iter().find(|line| line["tool"] == "complete_checkout").unwrap();
    assert_eq!(
        [&answered["session"], &answered["outcome"], &answered["code"], &answered["era"]],
        [session.as_str(), "tool_error", "token_unread", "modern"]
    );
    assert!(answered["duration_ms"].is_u64(), "{answered}");
    let unread = called(&lines, "stripe_account_unread");
    assert!(
        unread.iter().all(|line| line["address"] == "127.0.0.1:1" && line["next_try_ms"].is_u64()),
        "{unread:?}"
    );
    assert!(!unread.is_empty());

    let operator = Operator::of(&world);
    let again = client.complete(&sheet["id"], &token).await;
    assert!(again.to_string().contains("Nothing was charged"), "{again}");
    let timeline = timeline_with(&operator, &session, "payment_not_begun").await;
    let told: Vec<&Value> = timeline.iter().filter(|entry| entry["event"] == "payment_not_begun").collect();
    let [entry] = told[..] else { panic!("one entry: {told:?}") };
    assert_eq!((&entry["reason"], &entry["times"]), (&json!("token_unread"), &json!(1)), "{entry}");
    assert!(entry["cause"].as_str().unwrap().starts_with("127.0.0.1:1: "), "{entry}");
    assert_eq!(entry["last"], entry["at"], "a moment has one form: {entry}");
    assert!(entry["last"].as_str().unwrap().ends_with('Z'), "{entry}");
}

#[tokio::test]
async fn when_stripe_is_asked_no_more_one_line_says_where_and_why() {
    let mut world = TestGateway::start();
    world.terminate();
    world.settings.push(("GATEWAY__STRIPE__API_BASE", "http://127.0.0.1:1"));
    world.settings.push(("GATEWAY__LOG__FILTER", DEFAULT_FILTER));
    world.start_until("stripe_account_remembered", 2);
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let token = world.token("pm_card_visa", total(&sheet));
    for _ in 0..5 {
        client.complete(&sheet["id"], &token).await;
    }
    let lines = lines(&world.log_so_far());
    let changed = called(&lines, "stripe_breaker_changed");
    let [changed] = changed[..] else { panic!("once: {changed:?}") };
    assert_eq!(
        (&changed["merchant"], &changed["open"], &changed["address"]),
        (&json!(SHOP), &json!(true), &json!("127.0.0.1:1"))
    );
    assert!(changed["cause"].as_str().unwrap().contains("Connection refused"), "{changed}");
}

#[tokio::test]
async fn a_charge_without_a_response_logs_its_cause_and_next_retry() {
    let mut world = TestGateway::closed(usual_shops());
    world.settings.push(("GATEWAY__LOG__FILTER", DEFAULT_FILTER));
    world.start_gateway();
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let session = session_of(&sheet);
    let token = world.token("pm_card_visa", total(&sheet));
    world.emulator.set_faults(FaultPlan::none().next(RequestKind::CreateIntent, Fault::DropBefore, 1));
    let paid = client.complete(&sheet["id"], &token).await;
    assert!(paid["structuredContent"]["status"].is_string(), "{paid}");
    world.wait_for("\"state\":\"completed\"", 1);

    let lines = lines(&world.log_so_far());
    let unknown = called(&lines, "payment_unknown");
    let [unknown] = unknown[..] else { panic!("not once: {unknown:?}") };
    assert_eq!(
        [&unknown["merchant"], &unknown["session"], &unknown["outcome"]],
        [SHOP, session.as_str(), "no_certain_answer"]
    );
    let stripe = world.emulator.base_url();
    assert_eq!(
        Some(unknown["address"].as_str().unwrap()),
        stripe.strip_prefix("http://").map(|it| it.trim_end_matches('/'))
    );
    assert!(unknown["cause"].as_str().unwrap().contains("error sending request: "), "{unknown}");
    let committed = called(&lines, "session_committed");
    let charging = committed.iter().filter(|line| line["state"] == "charging");
    assert!(
        charging.clone().count() >= 2 && charging.clone().all(|line| line["next_try"].is_string()),
        "{committed:?}"
    );
    assert!(committed.iter().all(|line| line["merchant"] == SHOP), "{committed:?}");
    let timeline = timeline_with(&Operator::of(&world), &session, "stripe").await;
    let entry = timeline.iter().find(|entry| entry["seen"] == "no certain answer").expect("it is told");
    assert_eq!((&entry["address"], &entry["cause"]), (&unknown["address"], &unknown["cause"]), "{entry}");
}

#[tokio::test]
async fn every_log_line_of_a_purchase_is_named_json_and_our_own() {
    let mut world = TestGateway::closed(usual_shops());
    world.settings.push(("GATEWAY__LOG__FILTER", DEFAULT_FILTER));
    world.start_gateway();
    let client = world.client(Speaks::Legacy);
    client.refuses("create_checkout", json!({ "line_items": 7 })).await;
    let sheet = client.ready_checkout().await;
    let session = session_of(&sheet);
    for card in ["pm_card_chargeDeclined", "pm_card_visa"] {
        client.complete(&sheet["id"], &world.token(card, total(&sheet))).await;
    }
    let bought = client.works("get_checkout", json!({ "checkout_session_id": sheet["id"] })).await;
    assert_eq!(bought["checkout_session"]["status"], "completed", "{bought}");
    let operator = Operator::of(&world);
    let (_, orders) = operator.get(&format!("orders?tenant={SHOP}")).await;
    let number = &orders["orders"][0]["number"];
    let path = format!(
        "orders/{}/refunds?tenant={SHOP}",
        number.as_str().map_or_else(|| number.to_string(), str::to_owned)
    );
    let (status, refund) = operator.post_once(&path, "all-of-it", json!({ "amount": "all" })).await;
    assert!(status < 300, "{status} {refund}");
    assert_eq!(world.terminate(), Some(0));
    let default = include_str!("../../../src/config/gateway.default.toml");
    assert!(default.contains(&format!("filter = \"{DEFAULT_FILTER}\"")), "it is the default");

    let lines = lines(&world.log());
    for line in &lines {
        let name = line["message"].as_str().unwrap();
        let snake = name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        assert!(snake, "no name: {line}");
        assert!(line["target"].as_str().unwrap().starts_with("merchant_gateway"), "of a library: {line}");
        for (field, value) in line.as_object().unwrap() {
            let text = value.as_str().unwrap_or_default();
            let debug = ["Some(", "None", "Ok(", "Err(", "{ "].iter().find(|form| text.contains(*form));
            assert_eq!(debug, None, "{field}: {line}");
        }
        assert!(line.get("session").is_none() || line["merchant"] == SHOP, "whose: {line}");
    }
    let declined = called(&lines, "payment_declined");
    let [declined] = declined[..] else { panic!("one: {declined:?}") };
    assert_eq!(
        [&declined["merchant"], &declined["session"], &declined["decline_code"]],
        [SHOP, session.as_str(), "generic_decline"]
    );
    assert!(declined["request_id"].as_str().unwrap().starts_with("req_"), "{declined}");
    assert!(declined["duration_ms"].is_u64(), "{declined}");
    let answers = called(&lines, "mcp_answered");
    let answered: Vec<[&Value; 4]> = answers
        .iter()
        .filter(|line| line["tool"] == "complete_checkout")
        .map(|line| [&line["outcome"], &line["state"], &line["code"], &line["era"]])
        .collect();
    assert_eq!(
        answered,
        [
            [&json!("ok"), &json!("ready"), &json!("payment_declined"), &json!("legacy")],
            [&json!("ok"), &json!("completed"), &Value::Null, &json!("legacy")],
        ]
    );
    let wrong = answers.iter().find(|line| line["outcome"] != "ok").expect("the wrong argument is told");
    assert_eq!((&wrong["outcome"], &wrong["status"]), (&json!("tool_error"), &json!(200)), "{wrong}");
}

#[tokio::test]
async fn an_invalid_call_logs_its_tool_and_cause_but_not_its_input() {
    let mut world = TestGateway::closed(usual_shops());
    world.settings.push(("GATEWAY__LOG__FILTER", DEFAULT_FILTER));
    world.start_gateway();
    let client = world.client(Speaks::Modern);
    let sheet = client.ready_checkout().await;
    let session = session_of(&sheet);
    let token = |token: &str| json!({ "token": token, "provider": "stripe" });
    let wrong = [
        ("complete_checkout", json!({ "checkout_session_id": sheet["id"], "payment_data": token("canary") })),
        (
            "complete_checkout",
            json!({ "checkout_session_id": "canary", "payment_data": token("spt_canary1") }),
        ),
        ("get_checkout", json!({})),
        ("create_checkout", json!({ "items": [] })),
        ("search_products", json!({ "canary": 1 })),
    ];
    let before = called(&lines(&world.log_so_far()), "mcp_answered").len();
    for (tool, arguments) in &wrong {
        client.refuses(tool, arguments.clone()).await;
    }
    client.request("tools/call", json!({ "name": "canary", "arguments": {} })).await;
    let log = world.log_so_far();
    let lines = lines(&log);
    let answered = called(&lines, "mcp_answered").split_off(before);
    assert_eq!(answered.len(), wrong.len() + 1);
    for (line, (tool, _)) in answered.iter().zip(&wrong) {
        assert_eq!((&line["tool"], &line["code"]), (&json!(tool), &json!("invalid_arguments")), "{line}");
        assert!(line["cause"].as_str().is_some_and(|cause| cause.len() > 10), "{line}");
    }
    assert_eq!(answered[0]["cause"], "payment_data.token is not a Shared Payment Token");
    assert_eq!(answered[0]["session"], session.as_str());
    assert_eq!(answered[5]["code"], "unknown_tool");
    assert!(!log.contains("canary"), "a word of the caller's is in the log");
}

#[test]
fn a_start_that_fails_tells_it_as_a_line_of_the_log() {
    let world = TestGateway::closed(usual_shops());
    let bad = [
        ("GATEWAY__STORE__URL", "nothing"),
        ("GATEWAY_MASTER_KEY", ""),
        ("GATEWAY__PUBLIC__LISTEN", "192.0.2.1:1"),
    ];
    for (variable, value) in bad {
        let ended = world.command("serve").env(variable, value).output().unwrap();
        assert_eq!(ended.status.code(), Some(1));
        let said = lines(&String::from_utf8(ended.stderr).unwrap());
        let last = said.last().expect("it says why");
        assert_eq!(
            (&last["message"], &last["level"]),
            (&json!("serve_failed"), &json!("ERROR")),
            "{variable}: {said:?}"
        );
        assert!(last["cause"].as_str().is_some_and(|cause| cause.len() > 20), "{last}");
    }
}

/// What is wrong with the text of a logging macro.
fn wrong_with(event: &str) -> Option<&'static str> {
    let words: Vec<&str> = event.split(|letter: char| !(letter.is_alphanumeric() || letter == '_')).collect();
    let name = name_of(event);
    let is_name = |letter: u8| matches!(letter, b'a'..=b'z' | b'0'..=b'9' | b'_');
    if name.is_empty() || !name.bytes().all(is_name) {
        return Some("it has no name in snake_case");
    }
    let text = event.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.starts_with('?') || [", ?", "= ?"].iter().any(|form| text.contains(form)) {
        return Some("a field is in debug form");
    }
    (words.contains(&"session") && !words.contains(&"merchant"))
        .then_some("a session is told without its merchant")
}

#[test]
fn every_log_event_has_a_name_and_a_merchant_beside_a_session() {
    let events = logged();
    assert!(events.len() > 60, "only {} were found", events.len());
    let wrong: Vec<String> = events
        .iter()
        .filter_map(|event| Some(format!("{}: {}: {}", event.at, wrong_with(&event.text)?, event.text)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    for bad in [
        "\"the store stops\"",
        "?seen, \"payment_unknown\"",
        "%merchant, seen = ?seen, \"a\"",
        "%merchant, ?seen, \"a\"",
        "%session, \"a\"",
    ] {
        assert!(wrong_with(bad).is_some(), "{bad}");
    }
    assert_eq!(wrong_with("%merchant, %session, why = f(x)?, \"a_b\""), None);
}

#[test]
fn every_event_that_the_rules_explain_is_logged() {
    let page = include_str!("../../../docs/LOGGING.md");
    let (_, table) = page.split_once("## Events of a payment").unwrap();
    let cells =
        table.lines().filter(|line| line.starts_with("| `")).filter_map(|line| line.split(" | ").next());
    let names: Vec<&str> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert!(names.len() > 8, "{names:?}");
    let events = logged();
    for name in names {
        assert!(events.iter().any(|event| event.name() == name), "{name} is logged nowhere");
    }
}

#[test]
fn every_field_has_one_name_and_the_rules_explain_it() {
    let page = include_str!("../../../docs/LOGGING.md");
    let (_, table) = page.split_once("## Fields").unwrap();
    let (table, _) = table.split_once("\n## ").unwrap();
    let cells =
        table.lines().filter(|line| line.starts_with("| `")).filter_map(|line| line.split(" | ").next());
    let names: Vec<&str> = cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    let explained: BTreeSet<String> = names.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(explained.len(), names.len(), "one line for each: {names:?}");
    let events = logged();
    let used: BTreeSet<String> = events.iter().flat_map(Logged::fields).collect();
    let unmatched_payments: Vec<String> = events
        .iter()
        .flat_map(|event| event.fields().into_iter().map(move |field| (field, event)))
        .filter(|(field, _)| !explained.contains(field))
        .map(|(field, event)| format!("{field} of {} in {}", event.name(), event.at))
        .collect();
    assert!(unmatched_payments.is_empty(), "no line explains:\n{}", unmatched_payments.join("\n"));
    let unused: Vec<&String> = explained.difference(&used).collect();
    assert!(unused.is_empty(), "no event has: {unused:?}");
    assert_eq!(
        fields_of("%merchant, cause = in_words(&a, b), reason, next_try = %next, \"a, b\","),
        ["merchant", "cause", "reason", "next_try"]
    );
}
