//! The message itself: envelope, ids, notifications, legacy revisions.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::host::{Host, MODERN};
use crate::support::mcp_schema::McpSchema;

const LEGACY: [&str; 3] = ["2025-11-25", "2025-06-18", "2025-03-26"];

#[test]
fn an_id_comes_back_as_it_was_written() {
    for id in ["1", "-5", "12345678901234567890123", r#""""#, r#""a\u0041\n""#, r#""é""#] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"ping"}}"#);
        let reply = Host::legacy("2025-11-25", "ping", &json!({})).body(body).send();
        let start = format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#);
        assert_eq!(String::from_utf8(reply.raw).unwrap(), start);
    }
}

#[test]
fn every_error_echoes_the_id_of_its_request() {
    let one = json!("only-one");
    let wrong: [(Host, u16, i64); 9] = [
        (Host::modern("nowhere", json!({})), 404, -32601),
        (Host::modern("tools/list", json!({})).with("Mcp-Method", "tools/call"), 400, -32020),
        (Host::modern("tools/list", json!({})).edit(|body| body["params"] = json!({})), 400, -32602),
        (Host::modern("tools/list", json!({})).edit(|body| body["params"] = json!([])), 400, -32602),
        (Host::modern("tools/list", json!({ "cursor": "" })), 200, -32602),
        (Host::modern("tools/list", json!({})).edit(|body| body["jsonrpc"] = json!("1.0")), 400, -32600),
        (Host::modern("tools/call", json!({ "name": "no_such_tool" })), 200, -32602),
        (Host::modern("tools/call", json!({ "name": "search_products", "arguments": [1] })), 200, -32602),
        (Host::modern("resources/read", json!({ "uri": "ui://widget/../x" })), 200, -32602),
    ];
    for (host, status, code) in wrong {
        let reply = host.edit(|body| body["id"] = one.clone()).send();
        assert_eq!((reply.status, reply.code()), (status, code), "{}", reply.body);
        assert_eq!(reply.body["id"], one);
    }
}

#[test]
fn what_is_not_json_is_a_parse_error_without_an_id() {
    for body in
        [&b"{"[..], b"", b"nope", b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\xff\"}", b"[1,", b"{} {}"]
    {
        for version in LEGACY.into_iter().chain([MODERN]) {
            let reply = Host::legacy(version, "ping", &json!({})).body(body).send();
            assert_eq!((reply.status, reply.code()), (400, -32700), "{}", String::from_utf8_lossy(body));
            assert!(reply.body.get("id").is_none());
        }
    }
}

#[test]
fn a_key_that_appears_twice_is_a_parse_error() {
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","x":1,"x":1}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":{"a":{"b":1,"b":2}}}"#,
    ] {
        let reply = Host::legacy("2025-11-25", "ping", &json!({})).body(body).send();
        assert_eq!((reply.status, reply.code()), (400, -32700), "{body}");
    }
}

#[test]
fn what_is_json_but_no_message_is_an_invalid_request() {
    for body in [
        "[]",
        r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
        "1",
        "null",
        r#""text""#,
        "{}",
        r#"{"jsonrpc":"2.0","id":1}"#,
        r#"{"id":1,"method":"ping"}"#,
        r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1e3,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":{},"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":true,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":5}"#,
        r#"{"jsonrpc":"2.0","method":"tools/call"}"#,
    ] {
        for version in LEGACY.into_iter().chain([MODERN]) {
            let reply = Host::legacy(version, "ping", &json!({})).body(body).send();
            assert_eq!((reply.status, reply.code()), (400, -32600), "{body}");
            assert_ne!(reply.body.get("id"), Some(&Value::Null), "{body}");
        }
    }
}

#[test]
fn a_message_nested_too_deeply_is_refused_and_costs_little() {
    let deep = "[".repeat(50_000) + &"]".repeat(50_000);
    let body = format!(r#"{{"jsonrpc":"2.0","id":"d","method":"ping","params":{{"a":{deep}}}}}"#);
    let reply = Host::legacy("2025-11-25", "ping", &json!({})).body(body).send();
    assert_eq!((reply.status, reply.code()), (400, -32600));
    assert_eq!(reply.body["id"], json!("d"));
    let nowhere = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"ping","else":{deep}}}"#);
    assert_eq!(Host::legacy("2025-11-25", "ping", &json!({})).body(nowhere).send().status, 200);
}

#[test]
fn a_notification_is_accepted_without_a_body() {
    let body = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    for version in LEGACY.into_iter().chain([MODERN]) {
        let reply = Host::legacy(version, "", &json!({})).body(body).send();
        assert_eq!((reply.status, reply.raw.len()), (202, 0), "{version}");
    }
    let bare = Host::legacy("2025-11-25", "", &json!({})).without("MCP-Protocol-Version").body(body).send();
    assert_eq!(bare.status, 202);
    let odd = Host::legacy("2025-11-25", "", &json!({}))
        .with("MCP-Protocol-Version", "1999-01-01")
        .body(body)
        .send();
    assert_eq!(odd.status, 400);
}

#[test]
fn a_response_is_accepted_from_legacy_and_refused_from_modern() {
    let body = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    assert_eq!(Host::legacy("2025-11-25", "", &json!({})).body(body).send().status, 202);
    let reply = Host::modern("ping", json!({})).body(body).send();
    assert_eq!((reply.status, reply.code()), (400, -32600));
    assert!(reply.body.get("id").is_none(), "the id is not a request's");
}

#[test]
fn the_body_must_be_json_and_json_must_be_accepted() {
    let ping = || Host::legacy("2025-11-25", "ping", &json!({}));
    assert_eq!(ping().with("Content-Type", "application/json; charset=utf-8").send().status, 200);
    for wrong in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp", "json"] {
        assert_eq!(ping().with("Content-Type", wrong).send().status, 415, "{wrong}");
    }
    assert_eq!(ping().without("Content-Type").send().status, 415);
    let unacceptable = ping().with("Accept", "text/event-stream").send();
    assert_eq!((unacceptable.status, &unacceptable.body["id"]), (406, &json!("seven")));
    assert_eq!(ping().with("Accept", "TEXT/EVENT-STREAM;q=0.5, */*;q=0.1").send().status, 200);
    assert_eq!(ping().without("Accept").send().status, 200);
    let lines = ping().with("Accept", "text/event-stream").header("Accept", "application/json");
    assert_eq!(lines.send().status, 200, "a list may come on several lines");
}

#[test]
fn initialize_returns_the_clients_revision_or_the_newest_legacy() {
    for (asked, answered) in [
        ("2025-11-25", "2025-11-25"),
        ("2025-06-18", "2025-06-18"),
        ("2025-03-26", "2025-03-26"),
        ("2024-11-05", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("something", "2025-11-25"),
    ] {
        let params = json!({
            "protocolVersion": asked, "capabilities": {}, "clientInfo": { "name": "inspector", "version": "2.12" },
        });
        let reply = Host::legacy("2025-11-25", "initialize", &params).without("MCP-Protocol-Version").send();
        let result = reply.result();
        assert_eq!(result["protocolVersion"], json!(answered));
        assert_eq!(result["serverInfo"]["name"], json!("merchant-gateway"));
        assert!(result["instructions"].as_str().unwrap().contains("Harbor Coffee Roasters"));
        assert_eq!(reply.caller.client().unwrap().name, "inspector");
        assert!(reply.header("mcp-session-id").is_none());
    }
    let nothing = Host::legacy("2025-11-25", "initialize", &json!({})).send();
    assert_eq!((nothing.status, nothing.code()), (200, -32602));
}

#[test]
fn every_legacy_revision_is_served_and_any_other_is_refused() {
    for version in LEGACY {
        for method in ["ping", "tools/list", "resources/list", "resources/templates/list"] {
            assert_eq!(Host::legacy(version, method, &json!({})).send().status, 200, "{version} {method}");
        }
        let read = json!({ "uri": "ui://widget/buy-v1.html" });
        assert_eq!(Host::legacy(version, "resources/read", &read).send().status, 200);
        let call = json!({ "name": "search_products", "arguments": {} });
        let reply = Host::legacy(version, "tools/call", &call).send();
        assert!(!reply.is_error());
        assert_eq!(reply.caller.version().into_str(), version);
    }
    let unnamed = Host::legacy("2025-03-26", "tools/list", &json!({})).without("MCP-Protocol-Version").send();
    assert_eq!(unnamed.caller.version().into_str(), "2025-03-26");
    for version in ["2024-11-05", "1900-01-01", "latest"] {
        let reply =
            Host::legacy("2025-11-25", "ping", &json!({})).with("MCP-Protocol-Version", version).send();
        assert_eq!((reply.status, reply.code()), (400, -32022));
        assert_eq!(reply.body["error"]["data"]["requested"], json!(version));
    }
}

#[test]
fn legacy_clients_never_get_a_404_for_a_method_that_is_not_there() {
    for method in ["server/discover", "prompts/list", "logging/setLevel", "resources/subscribe", "nowhere"] {
        let reply = Host::legacy("2025-11-25", method, &json!({})).send();
        assert_eq!((reply.status, reply.code()), (200, -32601), "{method}");
        assert_eq!(reply.body["id"], json!("seven"));
    }
    let unknown =
        Host::legacy("2025-11-25", "resources/read", &json!({ "uri": "ui://widget/none.html" })).send();
    assert_eq!((unknown.status, unknown.code()), (200, -32002));
    assert_eq!(unknown.body["error"]["data"]["uri"], json!("ui://widget/none.html"));
    let params = Host::legacy("2025-11-25", "tools/list", &json!([1])).send();
    assert_eq!((params.status, params.code()), (200, -32602));
}

#[test]
fn hints_of_the_host_are_read_and_bounded() {
    let meta = json!({ "_meta": {
        "openai/subject": "v1/abc", "openai/locale": "de-DE", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "io.modelcontextprotocol/clientInfo": { "name": "openai-mcp", "version": "1.0.0" }, "unknown/key": [1, 2],
    } });
    let caller = Host::modern("tools/list", meta).send().caller;
    assert_eq!((caller.subject(), caller.locale()), (Some("v1/abc"), Some("de-DE")));
    assert_eq!(caller.client().unwrap().name, "openai-mcp");
    assert_eq!((caller.era().into_str(), caller.method()), ("modern", "tools/list"));
    assert!(caller.traceparent().is_some());
    let odd = json!({ "_meta": { "openai/subject": "x".repeat(10_000), "openai/locale": "a\nb", "traceparent": 5,
        "io.modelcontextprotocol/clientInfo": "me" } });
    let caller = Host::modern("tools/list", odd).send().caller;
    assert!(caller.subject().is_none() && caller.locale().is_none() && caller.client().is_none());
}

#[test]
fn answers_without_a_message_are_well_formed() {
    use merchant_gateway::protocol::mcp::{
        forbidden_origin, method_not_allowed, payload_too_large, rate_limited,
    };
    let not_allowed = method_not_allowed();
    assert!(not_allowed.status == 405 && not_allowed.headers.contains(&("allow", "POST".to_owned())));
    assert_eq!((forbidden_origin().status, payload_too_large().status), (403, 413));
    let caller = Host::modern("tools/list", json!({})).send().caller;
    let limited = rate_limited(&caller, 0);
    assert!(limited.status == 429 && limited.headers.contains(&("retry-after", "1".to_owned())));
    let body: Value = serde_json::from_slice(&limited.body).unwrap();
    assert_eq!(body["id"], json!(7));
    let code = body["error"]["code"].as_i64().unwrap();
    assert!(!(-32768..=-32000).contains(&code));
}

#[test]
fn the_schema_check_finds_what_is_wrong() {
    let Some(schema) = McpSchema::get() else { return };
    let check = |version: &str, method: &str, body: Value| {
        schema.check_response(version, method, 200, body.to_string().as_bytes())
    };
    let tool = json!({ "name": 5, "inputSchema": { "type": "object" } });
    for version in LEGACY {
        let listed = json!({ "jsonrpc": "2.0", "id": 1, "result": { "tools": [tool] } });
        assert!(!check(version, "tools/list", listed).is_empty(), "{version}");
        let null = json!({ "jsonrpc": "2.0", "id": null, "error": { "code": -32600, "message": "" } });
        assert!(!check(version, "ping", null).is_empty(), "{version}");
    }
    let bare = json!({ "jsonrpc": "2.0", "id": 1, "result": { "content": [] } });
    assert!(!check(MODERN, "tools/call", bare).is_empty());
    let mismatch = json!({ "jsonrpc": "2.0", "id": 1, "error": { "code": -32022, "message": "" } });
    assert!(!check(MODERN, "tools/call", mismatch).is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_is_sent_there_is_one_well_formed_answer(
        cut in 0_usize..200, noise in proptest::collection::vec(any::<u8>(), 0..12), version in 0_usize..5,
    ) {
        let whole = json!({
            "jsonrpc": "2.0", "id": "x", "method": "tools/call",
            "params": { "name": "search_products", "arguments": { "query": "mug", "limit": 2 }, "_meta": {} },
        });
        let mut body = whole.to_string().into_bytes();
        let at = cut.min(body.len());
        let end = (at + noise.len()).min(body.len());
        body.splice(at..end, noise);
        let version = LEGACY.into_iter().chain([MODERN, "nonsense"]).nth(version).unwrap_or(MODERN);
        let spoken = if version == "nonsense" { "2025-11-25" } else { version };
        let host = Host::legacy(spoken, "tools/call", &json!({})).with("MCP-Protocol-Version", version);
        let status = host.body(body).status();
        prop_assert!(matches!(status, 200 | 202 | 400 | 404), "{status}");
    }
}
