//! What `tools/list` says of the tools, and whether it is true.

use serde_json::{Value, json};

use super::host::{Host, tools};
use crate::support::samples::Sample;

#[test]
fn every_tool_has_annotations_both_schemas_and_status_texts() {
    let expected = [
        ("search_products", true, false, false),
        ("show-buy-product-widget", true, false, false),
        ("checkout_session", false, false, false),
        ("create_checkout", false, false, false),
        ("update_checkout", false, false, false),
        ("complete_checkout", false, true, true),
        ("start_hosted_checkout", false, false, true),
        ("get_checkout", true, false, false),
        ("cancel_checkout", false, true, false),
    ];
    let tools = tools();
    assert_eq!(tools.len(), expected.len());
    for (tool, (name, read_only, destructive, open_world)) in tools.iter().zip(expected) {
        assert_eq!(tool["name"], json!(name));
        let hints = &tool["annotations"];
        assert_eq!(hints["readOnlyHint"], json!(read_only), "{name}");
        assert_eq!(hints["destructiveHint"], json!(destructive), "{name}");
        assert_eq!(hints["openWorldHint"], json!(open_world), "{name}");
        for schema in ["inputSchema", "outputSchema"] {
            assert_eq!(tool[schema]["type"], json!("object"), "{name}");
            assert!(jsonschema::meta::is_valid(&tool[schema]), "{name}");
            assert!(!tool[schema].to_string().contains("$ref"), "{name}");
        }
        for text in ["openai/toolInvocation/invoking", "openai/toolInvocation/invoked"] {
            assert!((1..=64).contains(&tool["_meta"][text].as_str().unwrap().chars().count()), "{name}");
        }
        assert_eq!(tool["securitySchemes"], json!([{ "type": "noauth" }]));
    }
}

/// What some client cannot read in a schema, each with its path: frameworks for agents load no tool with a list of types or
/// give nothing for a schema without a type, and hosts with single types of their own read no others either.
fn unreadable(schema: &Value, path: &str) -> Vec<String> {
    const TYPES: [&str; 7] = ["object", "array", "string", "integer", "number", "boolean", "null"];
    let Some(members) = schema.as_object() else { return vec![format!("{path} is {schema}, no object")] };
    let mut wrong = Vec::new();
    let branches = schema["anyOf"].as_array();
    match (&schema["type"], branches) {
        (Value::String(one), None) if TYPES.contains(&one.as_str()) => {}
        (Value::Null, Some(branches)) if branches.len() > 1 => {}
        (other, _) => wrong.push(format!("{path} has the type {other}")),
    }
    for (at, branch) in branches.into_iter().flatten().enumerate() {
        wrong.extend(unreadable(branch, &format!("{path}.anyOf[{at}]")));
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        wrong.extend(unreadable(property, &format!("{path}.properties.{name}")));
    }
    if schema["type"] == "array" {
        wrong.extend(unreadable(&schema["items"], &format!("{path}.items")));
    }
    // Whatever else holds schemas would go unread here, and does in some client.
    for holder in ["$ref", "$defs", "allOf", "oneOf", "not", "if", "patternProperties", "prefixItems"] {
        if members.contains_key(holder) {
            wrong.push(format!("{path} holds {holder}"));
        }
    }
    if members.get("additionalProperties").is_some_and(|more| !more.is_boolean()) {
        wrong.push(format!("{path} describes additionalProperties"));
    }
    wrong
}

#[test]
fn every_tool_schema_of_every_merchant_has_one_type_per_place() {
    for sample in Sample::all() {
        for host in
            [Host::modern("tools/list", json!({})), Host::legacy("2025-11-25", "tools/list", &json!({}))]
        {
            let listed = host.at(sample.view()).send();
            for tool in listed.result()["tools"].as_array().unwrap() {
                for schema in ["inputSchema", "outputSchema"] {
                    let path = format!("{} {} {schema}", sample.id(), tool["name"]);
                    assert_eq!(unreadable(&tool[schema], &path), Vec::<String>::new());
                }
            }
        }
    }
}

#[test]
fn what_may_be_null_is_taken_as_null() {
    let nobody =
        json!({ "name": null, "first_name": null, "last_name": null, "email": null, "phone_number": null });
    let arguments = json!({
        "items": [{ "id": "mug", "quantity": 1 }], "buyer": nobody, "fulfillment_address": null,
        "fulfillment_option_id": null, "discount_codes": null,
    });
    let tool = tools().into_iter().find(|tool| tool["name"] == "create_checkout").unwrap();
    let schema = jsonschema::validator_for(&tool["inputSchema"]).unwrap();
    assert!(schema.is_valid(&arguments));
    for (path, wrong) in
        [("buyer", json!("Ada")), ("buyer", json!({ "mail": "x" })), ("discount_codes", json!(1))]
    {
        let mut arguments = arguments.clone();
        arguments[path] = wrong;
        assert!(!schema.is_valid(&arguments), "{arguments}");
    }
}

#[test]
fn widgets_and_their_tools_are_linked_under_both_names() {
    let find = |name: &str| tools().into_iter().find(|tool| tool["name"] == name).unwrap()["_meta"].clone();
    for (name, uri) in [
        ("show-buy-product-widget", "ui://widget/buy-v1.html"),
        ("checkout_session", "ui://widget/checkout-session.html"),
    ] {
        assert_eq!(find(name)["ui"]["resourceUri"], json!(uri));
        assert_eq!(find(name)["openai/outputTemplate"], json!(uri));
    }
    for name in ["create_checkout", "update_checkout", "cancel_checkout"] {
        assert_eq!(find(name)["ui"]["visibility"], json!(["app"]));
    }
    for name in ["search_products", "create_checkout", "update_checkout", "get_checkout", "cancel_checkout"] {
        assert_eq!(find(name)["openai/widgetAccessible"], json!(true), "{name}");
    }
    assert!(find("complete_checkout").get("ui").is_none(), "the host's own call must not be hidden");
}

#[test]
fn descriptors_hold_no_merchants_text() {
    let listed = Host::modern("tools/list", json!({})).send();
    let text = String::from_utf8(listed.raw).unwrap();
    assert!(!text.contains("Harbor") && !text.contains("harbor") && !text.contains("profile_"));
}

#[test]
fn a_wrong_argument_is_a_result_and_never_a_protocol_error() {
    for tool in tools() {
        let name = tool["name"].as_str().unwrap();
        if name != "search_products" {
            let reply = Host::tool(name, &json!({})).send();
            assert!(reply.is_error() && reply.status == 200, "{name}");
            assert!(reply.text().contains("Send"), "{name}: {}", reply.text());
        }
    }
    assert!(!Host::tool("search_products", &json!({})).send().is_error());
    let absent = Host::modern("tools/call", json!({ "name": "search_products" })).send();
    assert!(!absent.is_error());
}

#[test]
fn what_a_tools_own_schema_refuses_is_refused() {
    let accepts = |name: &str, arguments: &Value| {
        let tool = tools().into_iter().find(|tool| tool["name"] == name).unwrap();
        jsonschema::validator_for(&tool["inputSchema"]).unwrap().is_valid(arguments)
    };
    for (name, arguments) in [
        ("search_products", json!({ "words": "coffee" })),
        ("search_products", json!({ "limit": 51 })),
        ("create_checkout", json!({ "items": [] })),
        ("create_checkout", json!({ "items": [{ "id": "mug", "quantity": 0 }] })),
        ("create_checkout", json!({ "items": [{ "id": "mug", "quantity": "1" }] })),
        ("create_checkout", json!({ "items": [{ "id": "mug", "quantity": 1, "price": 1 }] })),
        ("get_checkout", json!({ "checkout_session_id": "chk_1", "x": 1 })),
    ] {
        assert!(!accepts(name, &arguments), "{name} {arguments}");
        assert!(Host::tool(name, &arguments).send().is_error(), "{name} {arguments}");
    }
}
