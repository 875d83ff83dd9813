//! What is declared, and what every result and every error says in which era.

use serde_json::{Value, json};

use super::host::{Host, MODERN, tools};

const LEGACY: [&str; 3] = ["2025-11-25", "2025-06-18", "2025-03-26"];
const SERVER: &str = "/_meta/io.modelcontextprotocol~1serverInfo";

/// A request of every method that is served in both eras.
fn served() -> [(&'static str, Value); 5] {
    [
        ("tools/list", json!({})),
        ("tools/call", json!({ "name": "search_products", "arguments": {} })),
        ("resources/list", json!({})),
        ("resources/templates/list", json!({})),
        ("resources/read", json!({ "uri": "ui://widget/buy-v1.html" })),
    ]
}

#[test]
fn only_modern_results_name_their_type_and_the_server() {
    for (method, params) in served().into_iter().chain([("server/discover", json!({}))]) {
        let result = Host::modern(method, params).send().result().clone();
        assert_eq!(result["resultType"], "complete", "{method}");
        let server = result.pointer(SERVER).unwrap();
        assert_eq!(server["name"], "merchant-gateway", "{method}");
        assert_eq!(server["version"], env!("CARGO_PKG_VERSION"), "{method}");
    }
    let refused = Host::tool("search_products", &json!({ "limit": 0 })).send();
    assert!(refused.is_error() && refused.result().pointer(SERVER).is_some());
    assert_eq!(refused.result()["resultType"], "complete");
    for version in LEGACY {
        for (method, params) in served().into_iter().chain([("ping", json!({}))]) {
            let result = Host::legacy(version, method, &params).send().result().clone();
            let modern = ["resultType", "ttlMs", "cacheScope"];
            assert!(modern.iter().all(|key| result.get(key).is_none()), "{method} in {version}: {result}");
            assert!(result.pointer(SERVER).is_none(), "{method} in {version}");
        }
    }
}

#[test]
fn what_is_declared_answers_and_what_is_not_declared_is_not_found() {
    let undeclared = [
        ("prompts", "prompts/list"),
        ("prompts", "prompts/get"),
        ("completions", "completion/complete"),
        ("logging", "logging/setLevel"),
        ("resources/subscribe", "resources/subscribe"),
        ("resources/subscribe", "resources/unsubscribe"),
        ("resources/subscribe", "subscriptions/listen"),
        ("extensions/io.modelcontextprotocol~1tasks", "tasks/get"),
    ];
    let opening = json!({ "protocolVersion": LEGACY[0], "capabilities": {}, "clientInfo": { "name": "x", "version": "1" } });
    let modern = Host::modern("server/discover", json!({})).send();
    let legacy = Host::legacy(LEGACY[0], "initialize", &opening).send();
    for opened in [modern, legacy] {
        let declared = &opened.result()["capabilities"];
        assert!(declared["tools"].is_object() && declared["resources"].is_object(), "{declared}");
        assert!(declared["tools"].get("listChanged").is_none(), "{declared}");
        for (capability, _) in undeclared {
            assert!(declared.pointer(&format!("/{capability}")).is_none(), "{capability}");
        }
    }
    for (method, params) in served() {
        assert_eq!(Host::modern(method, params.clone()).send().status, 200, "{method}");
        assert_eq!(Host::legacy(LEGACY[0], method, &params).send().status, 200, "{method}");
    }
    for (_, method) in undeclared {
        let params = json!({ "name": "x", "uri": "x" });
        assert_eq!(Host::modern(method, params.clone()).send().code(), -32601, "{method}");
        assert_eq!(Host::legacy(LEGACY[0], method, &params).send().code(), -32601, "{method}");
    }
}

#[test]
fn what_is_not_known_is_ignored() {
    let unknown = json!({
        "name": "search_products", "arguments": {}, "task": { "ttl": 5 }, "requestState": "forged", "inputResponses": {},
        "anything": [1],
        "_meta": {
            "progressToken": "p-1", "io.modelcontextprotocol/logLevel": "shout", "com.example/own": { "a": 1 },
            "tracestate": "x=1", "baggage": "y=2", "io.modelcontextprotocol/future": true,
        },
    });
    let call = Host::modern("tools/call", unknown).edit(|body| {
        body["also"] = json!({ "not": "known" });
        body["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] =
            json!({ "sampling": {}, "elicitation": { "url": {} }, "unheard": { "of": 1 }, "extensions": { "a/b": {} } });
    });
    let reply = call.header("Mcp-Param-Region", "us").header("X-Own", "1").send();
    assert!(!reply.is_error(), "{}", reply.body);
    assert_eq!(reply.result()["resultType"], "complete", "nothing is asked back");
    let anonymous = Host::modern("tools/list", json!({})).send();
    assert_eq!((anonymous.status, anonymous.caller.client()), (200, None), "clientInfo is optional");
    let legacy = json!({ "protocolVersion": LEGACY[0], "capabilities": { "unheard": {} }, "clientInfo": { "name": "x", "version": "1", "more": 1 }, "own": 1 });
    assert_eq!(
        Host::legacy(LEGACY[0], "initialize", &legacy).header("Mcp-Session-Id", "mine").send().status,
        200
    );
}

#[test]
fn what_is_data_is_text_too() {
    for (tool, arguments) in
        [("search_products", json!({})), ("show-buy-product-widget", json!({ "product": "mug" }))]
    {
        let reply = Host::tool(tool, &arguments).send();
        let text = reply.result()["content"][1]["text"].as_str().unwrap();
        let read: Value = serde_json::from_str(text).unwrap();
        assert_eq!(read, reply.result()["structuredContent"], "{tool}");
    }
}

#[test]
fn a_missing_resource_has_the_code_of_its_era() {
    let nowhere = json!({ "uri": "ui://widget/none.html" });
    for version in LEGACY {
        let reply = Host::legacy(version, "resources/read", &nowhere).send();
        assert_eq!((reply.status, reply.code()), (200, -32002), "{version}");
        assert_eq!(reply.body["error"]["data"], nowhere, "{version}");
    }
    let reply = Host::modern("resources/read", nowhere.clone()).send();
    assert_eq!((reply.status, reply.code()), (200, -32602));
    assert_eq!(reply.body["error"]["data"], nowhere);
}

#[test]
fn modern_errors_have_only_codes_that_the_revision_defines() {
    const DEFINED: [i64; 7] = [-32700, -32600, -32601, -32602, -32603, -32020, -32022];
    let list = || Host::modern("tools/list", json!({}));
    for wrong in [
        list().body("{"),
        list().body("[]"),
        list().with("Content-Type", "text/plain"),
        list().with("Accept", "text/html"),
        list().without("Mcp-Method"),
        list().without("MCP-Protocol-Version"),
        list().edit(|body| body["params"] = json!({})),
        list().with("MCP-Protocol-Version", "2099-01-01").edit(|body| {
            body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2099-01-01");
        }),
        Host::modern("nowhere", json!({})),
        Host::modern("tools/call", json!({ "name": "nothing" })),
        Host::modern("tools/call", json!({ "name": 5 })),
        Host::modern("resources/read", json!({ "uri": "nowhere" })),
        Host::modern("tools/list", json!({ "cursor": "" })),
        Host::legacy(MODERN, "ping", &json!({})).body(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
    ] {
        let reply = wrong.send();
        assert!(DEFINED.contains(&reply.code()), "{}", reply.body);
    }
}

#[test]
fn tool_names_are_portable_and_no_header_mirrors_an_argument() {
    let tools = tools();
    let mut names: Vec<&str> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    for name in &names {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        assert!((1..=128).contains(&name.len()) && name.bytes().all(allowed), "{name}");
    }
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), tools.len(), "each name is there once");
    assert!(!json!(tools).to_string().contains("x-mcp-header"));
}
