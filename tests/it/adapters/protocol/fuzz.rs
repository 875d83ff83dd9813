//! Messages that nobody would write: whatever parts they are made of, there is one answer, and the schema knows it.

use merchant_gateway::domain::checkout::model::{HostRejection, Rejection};
use merchant_gateway::protocol::mcp::{
    Accepted, CallOutcome, Caller, Era, Parts, Response, ToolCall, accept, answer_from_view, finish,
};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use super::host::HeaderList;
use super::shop;
use crate::support::mcp_schema::McpSchema;

const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

const METHODS: [&str; 16] = [
    "tools/call",
    "tools/call",
    "tools/list",
    "resources/list",
    "resources/read",
    "resources/templates/list",
    "server/discover",
    "initialize",
    "ping",
    "notifications/initialized",
    "notifications/cancelled",
    "prompts/get",
    "logging/setLevel",
    "subscriptions/listen",
    "",
    "nowhere",
];

const NAMES: [&str; 14] = [
    "search_products",
    "search_products",
    "search_products",
    "show-buy-product-widget",
    "checkout_session",
    "create_checkout",
    "update_checkout",
    "complete_checkout",
    "get_checkout",
    "cancel_checkout",
    "ui://widget/buy-v1.html",
    "ui://widget/../x",
    "2025-11-25",
    "ünbekannt",
];

const VERSIONS: [&str; 10] = [
    "2026-07-28",
    "2026-07-28",
    "2026-07-28",
    "2026-07-28",
    "2025-11-25",
    "2025-06-18",
    "2025-03-26",
    "2099-01-01",
    "1900-01-01",
    "é",
];

/// Any JSON, not too deep.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|number| json!(number)),
        ".{0,12}".prop_map(Value::from),
        select(&NAMES[..]).prop_map(Value::from),
        Just(json!("chk_00000000000000000000000000000001_00000000000000000000000000000002_r1")),
    ];
    leaf.prop_recursive(3, 24, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            object(inner).prop_map(Value::Object),
        ]
    })
}

/// An object, among whose keys are those that mean something somewhere.
fn object(values: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    let known = select(
        &[
            "items",
            "id",
            "quantity",
            "query",
            "limit",
            "cursor",
            "product",
            "checkout_session",
            "checkout_session_id",
            "revision",
            "fulfillment_address",
            "buyer",
            "payment_data",
            "token",
            "name",
            "uri",
        ][..],
    );
    let key = prop_oneof![4 => known.prop_map(str::to_owned), 1 => ".{0,8}"];
    proptest::collection::vec((key, values), 0..5).prop_map(|members| members.into_iter().collect())
}

fn params() -> impl Strategy<Value = Option<Value>> {
    let meta = (
        proptest::option::weighted(0.8, select(&VERSIONS[..]).prop_map(Value::from)),
        proptest::option::weighted(0.9, prop_oneof![4 => Just(json!({})), 1 => anything()]),
        object(anything()),
    );
    let meta = meta.prop_map(|(version, capabilities, mut meta)| {
        meta.extend(version.map(|version| (META_VERSION.to_owned(), version)));
        meta.extend(capabilities.map(|capabilities| (META_CAPABILITIES.to_owned(), capabilities)));
        Value::Object(meta)
    });
    let named = || prop_oneof![6 => select(&NAMES[..]).prop_map(Value::from), 1 => anything()];
    let arguments =
        prop_oneof![4 => object(anything()).prop_map(Value::Object), 2 => Just(json!({})), 1 => anything()];
    let whole = (
        proptest::option::weighted(0.8, meta),
        proptest::option::weighted(0.7, named()),
        proptest::option::of(named()),
        proptest::option::of(named()),
        proptest::option::weighted(0.7, arguments),
        proptest::option::weighted(0.1, anything()),
    );
    let whole = whole.prop_map(|(meta, name, uri, version, arguments, cursor)| {
        let members = [
            ("_meta", meta),
            ("name", name),
            ("uri", uri),
            ("protocolVersion", version),
            ("arguments", arguments),
            ("cursor", cursor),
        ];
        let members = members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        Some(Value::Object(members.collect()))
    });
    prop_oneof![12 => whole, 1 => Just(None), 1 => anything().prop_map(Some)]
}

/// A message, whose members may be missing or wrong.
fn message() -> impl Strategy<Value = Value> {
    let id = prop_oneof![
        6 => any::<i64>().prop_map(|id| Some(json!(id))),
        4 => ".{0,8}".prop_map(|id| Some(json!(id))),
        2 => Just(None),
        1 => anything().prop_map(Some),
    ];
    let version = prop_oneof![12 => Just(json!("2.0")), 1 => anything()];
    let method = prop_oneof![
        12 => select(&METHODS[..]).prop_map(|method| Some(json!(method))),
        1 => ".{0,12}".prop_map(|method| Some(json!(method))),
        1 => Just(None),
        1 => anything().prop_map(Some),
    ];
    let result = proptest::option::weighted(0.05, anything());
    (id, version, method, params(), result).prop_map(|(id, version, method, params, result)| {
        let members = [
            ("jsonrpc", Some(version)),
            ("id", id),
            ("method", method),
            ("params", params),
            ("result", result),
        ];
        let members = members.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        Value::Object(members.collect())
    })
}

/// Where a header comes from.
#[derive(Clone, Debug)]
enum Sent {
    /// It says what the body says.
    Truly,
    /// It says this.
    Else(String),
    Nothing,
}

fn sent() -> impl Strategy<Value = Sent> {
    prop_oneof![
        8 => Just(Sent::Truly),
        1 => select(&VERSIONS[..]).prop_map(|text| Sent::Else(text.to_owned())),
        1 => "[ -~]{0,12}".prop_map(Sent::Else),
        1 => Just(Sent::Nothing),
    ]
}

/// The headers to a message.
fn headers(message: &Value, version: &Sent, method: &Sent, name: &Sent, media: usize) -> HeaderList {
    let params = message.get("params");
    let true_version = params.and_then(|params| params.get("_meta")?.get(META_VERSION));
    let true_name = params.and_then(|params| params.get("name").or_else(|| params.get("uri")));
    let said = |sent: &Sent, truth: Option<&Value>| match sent {
        Sent::Truly => truth.and_then(Value::as_str).map(str::to_owned),
        Sent::Else(text) => Some(text.clone()),
        Sent::Nothing => None,
    };
    let (content, accept) = [
        ("application/json", "application/json, text/event-stream"),
        ("application/json", "*/*"),
        ("text/plain", "*/*"),
        ("application/json", "text/html"),
    ][[0, 0, 0, 0, 0, 0, 1, 2, 3][media % 9]];
    let list = [
        ("content-type", Some(content.to_owned())),
        ("accept", Some(accept.to_owned())),
        ("mcp-protocol-version", said(version, true_version)),
        ("mcp-method", said(method, message.get("method"))),
        ("mcp-name", said(name, true_name)),
    ];
    HeaderList(list.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
}

/// The answer, with a session that refuses whatever is asked of it.
fn answer(headers: &HeaderList, body: &[u8]) -> (Response, Caller) {
    let view = shop::shared();
    match accept(&Parts { headers, received: shop::NOW }, body, &view) {
        Accepted::Reply(response, caller) => (response, *caller),
        Accepted::Call(call, context) => {
            let caller = context.caller().clone();
            let outcome = match *call {
                ToolCall::Read(call) => answer_from_view(&call, &view),
                ToolCall::Session(_) | ToolCall::Wallet(_) => {
                    CallOutcome::Refused(Rejection::Host(HostRejection::NotFound))
                }
            };
            (finish(*context, outcome, shop::capabilities()), caller)
        }
    }
}

fn is_request_id(id: &Value) -> bool {
    id.is_string() || id.is_i64() || id.is_u64()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_message_gets_one_response_that_fits_the_schema(
        message in message(), version in sent(), method in sent(), name in sent(), media in any::<usize>(),
    ) {
        let headers = headers(&message, &version, &method, &name, media);
        let (response, caller) = answer(&headers, message.to_string().as_bytes());
        prop_assert!(matches!(response.status, 200 | 202 | 400 | 404 | 406 | 415), "{}", response.status);
        prop_assert_eq!(response.status == 202, response.body.is_empty());
        if response.status == 202 {
            let notified = message.get("id").is_none() || message.get("method").is_none();
            prop_assert!(notified, "a request was taken for something else: {message}");
            return Ok(());
        }
        let body: Value = serde_json::from_slice(&response.body).unwrap();
        prop_assert_eq!(&body["jsonrpc"], &json!("2.0"));
        prop_assert_ne!(body.get("id"), Some(&Value::Null));
        if let Some(id) = message.get("id").filter(|id| is_request_id(id) && message.get("method").is_some()) {
            prop_assert_eq!(body.get("id"), Some(id), "{}", message);
        }
        if let Some(schema) = McpSchema::get() {
            let spoken = match caller.era() {
                Era::Modern => "2026-07-28",
                Era::Legacy => caller.version().into_str(),
            };
            let asked = message["method"].as_str().unwrap_or_default();
            let wrong = schema.check_response(spoken, asked, response.status, &response.body);
            prop_assert!(wrong.is_empty(), "{:?}\n{}\n{}", wrong, message, body);
        }
    }

    #[test]
    fn whatever_bytes_are_sent_nothing_breaks(
        bytes in proptest::collection::vec(any::<u8>(), 0..200), version in sent(), media in any::<usize>(),
    ) {
        let headers = headers(&Value::Null, &version, &Sent::Nothing, &Sent::Nothing, media);
        let (response, _) = answer(&headers, &bytes);
        prop_assert!(matches!(response.status, 400 | 406 | 415), "{}", response.status);
    }
}

#[test]
fn the_messages_that_are_made_up_reach_every_corner() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;
    let mut runner = TestRunner::deterministic();
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..3000 {
        let message = message().new_tree(&mut runner).unwrap().current();
        let headers = headers(&message, &Sent::Truly, &Sent::Truly, &Sent::Truly, 0);
        let (response, caller) = answer(&headers, message.to_string().as_bytes());
        let body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
        let said = body.pointer("/error/code").or_else(|| body.pointer("/result/isError"));
        seen.insert(format!(
            "{} {} {}",
            caller.era().into_str(),
            response.status,
            said.unwrap_or(&Value::Null)
        ));
    }
    for corner in [
        "modern 200 false",
        "modern 200 true",
        "modern 200 -32602",
        "modern 202 null",
        "modern 404 -32601",
        "modern 400 -32600",
        "modern 400 -32602",
        "modern 400 -32022",
        "legacy 200 false",
        "legacy 200 true",
        "legacy 200 null",
        "legacy 200 -32601",
        "legacy 202 null",
    ] {
        assert!(seen.contains(corner), "no message came to {corner}: {seen:?}");
    }
}
