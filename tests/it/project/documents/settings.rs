//! Every block of settings in a document is one that the gateway takes.

use std::path::Path;

use merchant_gateway::config::diagnostic::Diagnostic;
use merchant_gateway::config::gateway::GatewayConfig;
use merchant_gateway::config::tenant::parse_tenant;
use merchant_gateway::ports::FixedEnvironment;
use toml::{Table, Value};

use super::{document, documents};

/// The merchant of the documents.
const FILE: &str = "blue-door.toml";

/// The blocks of TOML of a document.
fn blocks(text: &str) -> Vec<&str> {
    let parts = text.split("```toml\n").skip(1);
    parts.filter_map(|rest| rest.split("```").next()).collect()
}

/// A shop that parts of a file are put into.
fn shop(live: bool) -> Table {
    let mut text =
        document("tenants/harbor-coffee.toml").replace("MERCHANT_HARBOR_COFFEE__", "MERCHANT_BLUE_DOOR__");
    if live {
        text = text
            .replace("mode = \"test\"", "mode = \"live\"")
            .replace("profile_test_", "profile_")
            .replace("coffee.localhost", "shop.blue-door.shop")
            .replace("harbor-coffee.example", "blue-door.shop")
            .replace("payment_methods = [", "webhook_secrets = [\"file:webhook\"]\npayment_methods = [");
    }
    text.parse().unwrap()
}

/// Puts the values of one table into another one.
fn put(into: &mut Table, from: &Table) {
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(Value::Table(inner)), Value::Table(more)) => put(inner, more),
            (_, value) => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

fn problems_of_merchant(text: &str) -> Vec<Diagnostic> {
    parse_tenant(Path::new(FILE), text).err().unwrap_or_default()
}

/// What is wrong with a block: nothing if it is a merchant's file, a part of one in either mode, or the gateway's.
fn wrong(block: &str) -> Option<String> {
    let parsed: Table = match block.parse() {
        Ok(parsed) => parsed,
        Err(error) => return Some(error.to_string()),
    };
    let found = if parsed.contains_key("name") {
        problems_of_merchant(block)
    } else {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("gateway.toml");
        std::fs::write(&file, block).unwrap();
        if GatewayConfig::load(Some(&file), &FixedEnvironment::new::<String, String>([]), &[]).is_ok() {
            return None;
        }
        let in_shop = |live| {
            let mut shop = shop(live);
            put(&mut shop, &parsed);
            problems_of_merchant(&shop.to_string())
        };
        if in_shop(true).is_empty() {
            return None;
        }
        in_shop(false)
    };
    (!found.is_empty()).then(|| found.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
}

#[test]
fn every_block_of_settings_of_every_document_is_taken() {
    let (mut refused, mut checked) = (Vec::new(), 0);
    for path in documents() {
        let text = document(&path);
        for block in blocks(&text) {
            checked += 1;
            refused.extend(wrong(block).map(|why| format!("{path}: {why}\n{block}")));
        }
    }
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert!(checked > 3, "only {checked} blocks were found");
}

#[test]
fn the_reader_of_settings_notices_every_kind_of_wrong_block() {
    for (block, part) in [
        ("name = ", "TOML"),
        ("name = \"A\"\nmode = \"test\"\n", "hosts: is missing"),
        ("[stripe]\nnetwork = \"profile_test_a\"\n", "network: is not a known key"),
        ("[public]\nlisten = 5\n", "public: is not a known key"),
    ] {
        let why = wrong(block).unwrap_or_default();
        assert!(why.contains(part), "{block}: {why}");
    }
    assert_eq!(wrong("[stripe]\nsecret_key = \"file:live_stripe_key\"\n"), None);
    assert_eq!(wrong("[public]\nlisten = \"127.0.0.1:9000\"\n"), None);
}
