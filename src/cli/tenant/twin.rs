//! A test twin: a live merchant's file, with everything of its own that reaches the live shop taken out.

use anyhow::Context as _;
use toml_edit::{Array, DocumentMut, Item, Value};

use crate::config::secrets::SecretRef;
use crate::domain::ids::MerchantId;

/// The twin's file. Its secrets have names of its own, and it tells no system of the live shop's.
pub(super) fn of(
    text: &str,
    live: &MerchantId,
    twin: &MerchantId,
    host: &str,
    network_id: &str,
) -> anyhow::Result<String> {
    let mut file: DocumentMut = text.parse().with_context(|| format!("{live}.toml is no TOML; run check"))?;
    set(&mut file, "mode", "test");
    file["hosts"] = Item::Value(Value::Array(Array::from_iter([host])));
    if let Some(name) = file.get("name").and_then(Item::as_str).map(str::to_owned) {
        set(&mut file, "name", &format!("{name} (test)"));
    }
    if let Some(stripe) = file.get_mut("stripe").and_then(Item::as_table_like_mut) {
        stripe.insert("network_id", network_id.into());
        // A sandbox is another account; test mode of the same account is known by its key.
        stripe.remove("account_id");
        stripe.remove("next_secret_key");
        stripe.remove("shared_account");
        stripe.insert("secret_key", "file:stripe_key".into());
        stripe.remove("webhook_secrets");
    }
    file.remove("webhook");
    if let Some(chatgpt) = file.get_mut("chatgpt").and_then(Item::as_table_like_mut) {
        chatgpt.remove("challenge");
        chatgpt.remove("widget_domain");
        if chatgpt.is_empty() {
            file.remove("chatgpt");
        }
    }
    let of_live = SecretRef::variable_prefix(live);
    let text = file.to_string();
    // A comment may still name the live merchant's variables.
    let text = text.replace(&of_live, &SecretRef::variable_prefix(twin));
    Ok(text.replace(&format!("secrets.dir/{live}/"), &format!("secrets.dir/{twin}/")))
}

/// Sets a text; what stands around it, such as a comment, is kept.
fn set(file: &mut DocumentMut, key: &str, text: &str) {
    match file.get_mut(key).and_then(Item::as_value_mut) {
        Some(value) => {
            let around = value.decor().clone();
            *value = text.into();
            *value.decor_mut() = around;
        }
        None => file[key] = text.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::tenant::parse_tenant;

    #[test]
    fn a_twin_has_the_shop_and_nothing_that_reaches_the_live_one() {
        let live = include_str!("../../../tenants/harbor-coffee.toml")
            .replace("mode = \"test\"", "mode = \"live\"  # since spring")
            .replace("profile_test_harborcoffee", "profile_harborcoffee")
            .replace(
                "[stripe]",
                "[stripe]\naccount_id = \"acct_live\"\nwebhook_secrets = [\"file:live_webhook\"]",
            )
            .replace("\n[chatgpt]\n", "\n[chatgpt]\nchallenge = \"live-token\"\n")
            + "\n[webhook]\nurl = \"https://orders.blue-door.shop/\"\nsecret = \"file:events\"\n";
        let ids = ["harbor-coffee".parse().unwrap(), "harbor-coffee-test".parse().unwrap()];
        let twin = of(&live, &ids[0], &ids[1], "test.localhost", "profile_test_twin").unwrap();
        for gone in
            ["acct_live", "live_webhook", "orders.blue-door.shop", "live-token", "MERCHANT_HARBOR_COFFEE__"]
        {
            assert!(!twin.contains(gone), "{gone}: {twin}");
        }
        assert!(twin.contains("mode = \"test\"  # since spring") && twin.contains("Single-origin Colombian"));
        let read = parse_tenant(Path::new("harbor-coffee-test.toml"), &twin).unwrap();
        assert_eq!(
            (read.name(), read.hosts()),
            ("Harbor Coffee Roasters (test)", &["test.localhost".to_owned()][..])
        );
        assert_eq!(read.catalog().products().len(), 6);
    }
}
