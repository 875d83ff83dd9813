//! The reviewed contract, version 1: what hosts have reviewed does not change under them.
//!
//! Until release 0.1.0 it may grow: then the snapshots are made anew and `CHANGELOG.md` gets a line with the contract's
//! new fingerprint. From then on a change here is a mistake, and what breaks hosts belongs into a version 2.

use std::collections::BTreeMap;

use merchant_gateway::domain::channels::ContractVersion;
use merchant_gateway::domain::merchant::MerchantView;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::host::Host;
use super::shop;
use crate::support::samples::Sample;

const LEGACY: [&str; 3] = ["2025-11-25", "2025-06-18", "2025-03-26"];

/// A merchant on version 1, apart from what a file may say of its widget: an older type for older hosts, a domain.
fn on_version_one(mut view: MerchantView) -> MerchantView {
    assert_eq!(view.chatgpt.contract, ContractVersion::V1, "another version has another test");
    view.chatgpt.legacy_mime = false;
    view.chatgpt.widget_domain = None;
    view
}

fn merchants() -> Vec<MerchantView> {
    let samples = Sample::all().into_iter().map(|sample| sample.view());
    samples.chain([shop::view()]).map(on_version_one).collect()
}

/// A list in 2026-07-28, and in each legacy revision: `result` without what the revision of the program says.
fn lists(method: &str, view: &MerchantView) -> BTreeMap<&'static str, Value> {
    let modern = Host::modern(method, json!({})).at(view.clone()).send().result().clone();
    let legacy = LEGACY.map(|version| {
        (version, Host::legacy(version, method, &json!({})).at(view.clone()).send().result().clone())
    });
    let mut lists = BTreeMap::from(legacy);
    lists.insert("2026-07-28", modern);
    for result in lists.values_mut() {
        if let Some(info) = result.pointer_mut("/_meta/io.modelcontextprotocol~1serverInfo/version") {
            *info = json!("…");
        }
    }
    lists
}

/// The hosts of a merchant's own, for images and for its pages, are left out of its widget's policies.
fn without_own_hosts(mut resources: Value) -> Value {
    for resource in resources.as_array_mut().unwrap() {
        *resource.pointer_mut("/_meta/openai~1widgetCSP/redirect_domains").unwrap() =
            json!(["the merchant's host"]);
        for place in ["/_meta/ui/csp/resourceDomains", "/_meta/openai~1widgetCSP/resource_domains"] {
            *resource.pointer_mut(place).unwrap() = json!(["the merchant's image hosts"]);
        }
    }
    resources
}

fn tools() -> Value {
    lists("tools/list", &on_version_one(shop::view()))["2026-07-28"]["tools"].clone()
}

fn resources() -> Value {
    without_own_hosts(
        lists("resources/list", &on_version_one(shop::view()))["2026-07-28"]["resources"].clone(),
    )
}

#[test]
fn contract_v1_tools_are_as_reviewed() {
    insta::assert_json_snapshot!("contract_v1_tools", tools());
}

#[test]
fn contract_v1_resources_are_as_reviewed() {
    insta::assert_json_snapshot!("contract_v1_resources", resources());
}

#[test]
fn contract_v1_lists_match_across_revisions_and_merchants() {
    let (tools, resources) = (tools(), resources());
    let mut beside = BTreeMap::new();
    for view in merchants() {
        for (method, key, expected) in
            [("tools/list", "tools", &tools), ("resources/list", "resources", &resources)]
        {
            for (version, mut result) in lists(method, &view) {
                let list = result.as_object_mut().unwrap().remove(key).unwrap();
                let list = if key == "tools" { list } else { without_own_hosts(list) };
                assert_eq!(&list, expected, "{method} of {} in {version}", view.id);
                let former = beside.insert((method, version), result.clone());
                assert!(former.is_none_or(|former| former == result), "{method} of {} in {version}", view.id);
            }
        }
    }
    let beside: BTreeMap<String, &Value> =
        beside.iter().map(|((method, version), result)| (format!("{method} {version}"), result)).collect();
    insta::assert_json_snapshot!("contract_v1_beside_the_lists", beside);
}

/// Twelve hexadecimal digits over all that is reviewed; the order of members does not count.
fn fingerprint() -> String {
    fn write(value: &Value, text: &mut String) {
        match value {
            Value::Object(members) => {
                let sorted: BTreeMap<&String, &Value> = members.iter().collect();
                for (key, value) in sorted {
                    text.push_str(&json!(key).to_string());
                    write(value, text);
                }
                text.push('}');
            }
            Value::Array(items) => {
                for item in items {
                    write(item, text);
                }
                text.push(']');
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                text.push_str(&value.to_string());
                text.push(',');
            }
        }
    }
    let mut text = String::new();
    write(&json!([tools(), resources()]), &mut text);
    let mut digits = hex::encode(Sha256::digest(text.as_bytes()));
    digits.truncate(12);
    digits
}

#[test]
fn contract_v1_has_a_line_in_the_changelog_for_every_change() {
    let changelog: Vec<&str> = include_str!("../../../../CHANGELOG.md").split_whitespace().collect();
    let (changelog, fingerprint) = (changelog.join(" "), fingerprint());
    assert!(
        changelog.contains(&format!("`v1` is now `{fingerprint}`")),
        "the contract has changed: if that is meant and 0.1.0 is not released, tell it in CHANGELOG.md, ending with: \
         The fingerprint of `v1` is now `{fingerprint}`."
    );
}
