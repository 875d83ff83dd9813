//! 2026-07-28: headers, `_meta`, versions and their precedence; discovery; caching.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::host::{Host, MODERN};
use super::shop;

const META_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const META_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";

fn list() -> Host {
    Host::modern("tools/list", json!({}))
}

/// What stands in `_meta`: the version or nothing, the capabilities or not.
fn meta(version: Option<&str>, capabilities: bool) -> Value {
    let mut meta = json!({});
    if let Some(version) = version {
        meta[META_VERSION] = json!(version);
    }
    if capabilities {
        meta[META_CAPABILITIES] = json!({});
    }
    meta
}

#[test]
fn version_header_and_meta_are_judged_in_a_fixed_order() {
    let table: [(&str, Option<&str>, Value, Option<i64>); 12] = [
        ("all is well", Some(MODERN), meta(Some(MODERN), true), None),
        ("no _meta fields", Some(MODERN), meta(None, false), Some(-32602)),
        ("no version in _meta", Some(MODERN), meta(None, true), Some(-32602)),
        ("no capabilities", Some(MODERN), meta(Some(MODERN), false), Some(-32602)),
        ("no header", None, meta(Some(MODERN), true), Some(-32020)),
        ("the two disagree", Some(MODERN), meta(Some("2025-11-25"), true), Some(-32020)),
        ("they disagree, one unknown", Some(MODERN), meta(Some("1900-01-01"), true), Some(-32020)),
        ("a legacy header under a modern body", Some("2025-11-25"), meta(Some(MODERN), true), Some(-32020)),
        ("agreed but unknown", Some("1900-01-01"), meta(Some("1900-01-01"), true), Some(-32022)),
        (
            "agreed, unknown, no capabilities",
            Some("2099-01-01"),
            meta(Some("2099-01-01"), false),
            Some(-32022),
        ),
        ("from the future, no _meta", Some("2099-01-01"), meta(None, true), Some(-32602)),
        ("case matters", Some(MODERN), meta(Some("2026-07-28 "), true), Some(-32020)),
    ];
    for (what, header, meta, code) in table {
        let host = list().edit(|body| body["params"]["_meta"] = meta).without("MCP-Protocol-Version");
        let host = match header {
            Some(version) => host.header("MCP-Protocol-Version", version),
            None => host,
        };
        let reply = host.send();
        match code {
            None => assert_eq!(reply.status, 200, "{what}"),
            Some(code) => assert_eq!((reply.status, reply.code()), (400, code), "{what}: {}", reply.body),
        }
        assert_eq!(reply.body["id"], json!(7), "{what}");
    }
}

#[test]
fn meta_of_the_wrong_type_is_missing_meta() {
    for wrong in [json!(null), json!("x"), json!([]), json!({ META_VERSION: 5, META_CAPABILITIES: {} })] {
        let reply = list().edit(|body| body["params"]["_meta"] = wrong.clone()).send();
        assert_eq!((reply.status, reply.code()), (400, -32602), "{wrong}");
    }
    let capabilities = list().edit(|body| body["params"]["_meta"][META_CAPABILITIES] = json!([])).send();
    assert_eq!((capabilities.status, capabilities.code()), (400, -32602));
    let none = list().edit(|body| body["params"] = json!(null)).send();
    assert_eq!((none.status, none.code()), (400, -32602));
}

#[test]
fn an_agreed_legacy_revision_is_served_as_such() {
    let params = json!({ "_meta": meta(Some("2025-11-25"), true) });
    let reply = Host::legacy("2025-11-25", "tools/list", &params).send();
    assert_eq!(reply.caller.era().into_str(), "legacy");
}

#[test]
fn an_unsupported_version_names_only_what_discovery_lists() {
    let unknown = list()
        .with("MCP-Protocol-Version", "2099-01-01")
        .edit(|body| body["params"]["_meta"][META_VERSION] = json!("2099-01-01"))
        .send();
    let listed = Host::modern("server/discover", json!({})).send();
    let listed = listed.result()["supportedVersions"].as_array().unwrap();
    let data = &unknown.body["error"]["data"];
    assert_eq!(data["requested"], json!("2099-01-01"));
    let supported = data["supported"].as_array().unwrap();
    assert!(!supported.is_empty() && supported.iter().all(|version| listed.contains(version)));
    assert!(!listed.contains(&json!("2024-11-05")));
}

#[test]
fn header_names_ignore_case_and_header_values_ignore_whitespace() {
    let search = Host::tool("search_products", &json!({}));
    for (name, value) in [("mcp-name", " search_products\t"), ("MCP-NAME", "search_products")] {
        assert_eq!(search.clone().without("Mcp-Name").header(name, value).send().status, 200);
    }
    assert_eq!(list().without("Mcp-Method").header("mCp-MeThOd", "\ttools/list ").send().status, 200);
    assert_eq!(list().with("MCP-Protocol-Version", " 2026-07-28 ").send().status, 200);
}

#[test]
fn the_method_header_must_be_there_and_tell_the_truth() {
    for host in [
        list().without("Mcp-Method"),
        list().with("Mcp-Method", "Tools/List"),
        list().with("Mcp-Method", "tools/call"),
        list().with("Mcp-Method", "=?base64?dG9vbHMvbGlzdA==?="),
        list().header("Mcp-Method", "tools/list"),
        list().with("Mcp-Method", "tools/líst"),
        list().header("MCP-Protocol-Version", MODERN),
        Host::modern("nowhere", json!({})).without("Mcp-Method"),
    ] {
        let reply = host.send();
        assert_eq!((reply.status, reply.code()), (400, -32020));
    }
}

#[test]
fn the_name_header_is_decoded_and_must_tell_the_truth() {
    let search = Host::tool("search_products", &json!({}));
    let encode = |text: &str| format!("=?base64?{}?=", STANDARD.encode(text));
    assert_eq!(search.clone().with("Mcp-Name", &encode("search_products")).send().status, 200);
    for wrong in ["get_checkout", "Search_Products", "=?base64?%%%?=", "=?base64?/w==?=", ""] {
        let reply = search.clone().with("Mcp-Name", wrong).send();
        assert_eq!((reply.status, reply.code()), (400, -32020), "{wrong}");
    }
    assert_eq!(search.clone().without("Mcp-Name").send().code(), -32020);
    assert_eq!(search.header("Mcp-Name", "search_products").send().code(), -32020);
    let uri = "ui://widget/buy-v1.html";
    let read = Host::modern("resources/read", json!({ "uri": uri }));
    assert_eq!(read.clone().with("Mcp-Name", &encode(uri)).send().status, 200);
    assert_eq!(read.without("Mcp-Name").send().code(), -32020);
    let odd = Host::modern("tools/call", json!({ "name": "ünbekannt" }));
    assert_eq!(odd.with("Mcp-Name", &encode("ünbekannt")).send().code(), -32602);
}

#[test]
fn methods_that_were_removed_are_not_found_on_modern_requests() {
    for method in ["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe"] {
        let reply = Host::modern(method, json!({})).send();
        assert_eq!((reply.status, reply.code()), (404, -32601), "{method}");
    }
    for method in ["prompts/list", "completion/complete", "subscriptions/listen", "tasks/get", ""] {
        assert_eq!(Host::modern(method, json!({})).send().status, 404, "{method}");
    }
}

#[test]
fn discovery_declares_what_answers() {
    let reply = Host::modern("server/discover", json!({})).send();
    let result = reply.result();
    let declared = result["capabilities"].as_object().unwrap().keys().collect::<Vec<_>>();
    assert_eq!(declared, ["extensions", "resources", "tools"]);
    assert!(result["capabilities"]["extensions"]["io.modelcontextprotocol/ui"].is_object());
    insta::assert_snapshot!("instructions", result["instructions"].as_str().unwrap());
}

#[test]
fn every_cacheable_answer_says_for_how_long_and_for_whom() {
    let uri = json!({ "uri": "ui://widget/checkout-session.html" });
    for (method, params, ttl) in [
        ("server/discover", json!({}), 60_000),
        ("tools/list", json!({}), 300_000),
        ("resources/list", json!({}), 300_000),
        ("resources/templates/list", json!({}), 300_000),
        ("resources/read", uri, 300_000),
    ] {
        let reply = Host::modern(method, params).send();
        assert_eq!(
            (&reply.result()["ttlMs"], &reply.result()["cacheScope"]),
            (&json!(ttl), &json!("public")),
            "{method}"
        );
    }
    let call = Host::tool("search_products", &json!({})).send();
    assert!(call.result().get("ttlMs").is_none());
    assert_eq!(call.result()["resultType"], json!("complete"));
}

#[test]
fn lists_are_one_page_so_every_cursor_is_invalid() {
    for method in ["tools/list", "resources/list", "resources/templates/list"] {
        for cursor in [json!(""), json!("abc"), json!(5)] {
            let reply = Host::modern(method, json!({ "cursor": cursor })).send();
            assert_eq!((reply.status, reply.code()), (200, -32602), "{method}");
        }
        assert_eq!(Host::modern(method, json!({ "cursor": null })).send().status, 200);
    }
}

#[test]
fn the_widget_is_the_same_page_at_both_addresses() {
    let read = |uri: &str, legacy_mime: bool| {
        let mut view = shop::view();
        view.chatgpt.legacy_mime = legacy_mime;
        let reply = Host::modern("resources/read", json!({ "uri": uri })).at(view).send();
        reply.result()["contents"][0].clone()
    };
    let buy = read("ui://widget/buy-v1.html", false);
    let checkout = read("ui://widget/checkout-session.html", false);
    assert_eq!(buy["text"], checkout["text"]);
    assert!(buy["text"].as_str().unwrap().starts_with("<!doctype html>"));
    assert_eq!(buy["mimeType"], json!("text/html;profile=mcp-app"));
    assert_eq!(read("ui://widget/buy-v1.html", true)["mimeType"], json!("text/html+skybridge"));
    let images = json!(["https://cdn.example.net", "https://img.example.com"]);
    assert_eq!(buy["_meta"]["ui"]["csp"]["resourceDomains"], images);
    assert_eq!(buy["_meta"]["openai/widgetCSP"]["resource_domains"], images);
    assert_eq!(buy["_meta"]["ui"]["domain"], json!("https://harbor.example.com"));
    assert_eq!(buy["_meta"]["openai/widgetDomain"], json!("https://harbor.example.com"));
}

#[test]
fn an_unknown_resource_is_invalid_params_with_its_uri() {
    for uri in ["ui://widget/none.html", "file:///etc/passwd", "ui://widget/buy-v1.html/../x", ""] {
        let reply = Host::modern("resources/read", json!({ "uri": uri })).send();
        assert_eq!((reply.status, reply.code()), (200, -32602), "{uri}");
        assert_eq!(reply.body["error"]["data"]["uri"], json!(uri));
    }
    let missing = Host::modern("resources/read", json!({})).send();
    assert_eq!((missing.status, missing.code()), (200, -32602));
}

#[test]
fn an_error_names_whole_what_was_asked_for() {
    let uri = format!("ui://widget/{}.html", "x".repeat(500));
    let reply = Host::modern("resources/read", json!({ "uri": uri })).send();
    assert_eq!(reply.body["error"]["data"]["uri"], json!(uri));
    assert!(reply.body["error"]["message"].as_str().unwrap().len() < 200, "the message stays short");
    let version = "2099-01-01".repeat(50);
    let reply = list()
        .with("MCP-Protocol-Version", &version)
        .edit(|body| body["params"]["_meta"][META_VERSION] = json!(version))
        .send();
    assert_eq!((reply.status, &reply.body["error"]["data"]["requested"]), (400, &json!(version)));
}
