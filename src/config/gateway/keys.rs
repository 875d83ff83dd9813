//! The table of all gateway keys: for unknown keys and their nearest names, and for values without a type of their
//! own, such as variables.

use crate::config::diagnostic::{Diagnostic, Place, quoted};
use crate::config::document::{Section, nearest};

/// The kind of a key's value.
#[derive(Clone, Copy)]
pub(super) enum KeyKind {
    Text,
    Number,
    List,
    Switch,
}

/// Every key: section, name, kind.
pub(super) const KEYS: [(&str, &str, KeyKind); 34] = [
    ("public", "listen", KeyKind::Text),
    ("public", "base_hosts", KeyKind::List),
    ("public", "allowed_origins", KeyKind::List),
    ("public", "link_base", KeyKind::Text),
    ("public", "trusted_proxies", KeyKind::List),
    ("public", "max_body_bytes", KeyKind::Number),
    ("public", "workers", KeyKind::Number),
    ("admin", "listen", KeyKind::Text),
    ("admin", "token", KeyKind::Text),
    ("tenants", "dir", KeyKind::Text),
    ("tenants", "require_all", KeyKind::Switch),
    ("store", "url", KeyKind::Text),
    ("store", "minimum_free_bytes", KeyKind::Number),
    ("retention", "unpaid_sessions_days", KeyKind::Number),
    ("retention", "unpaid_buyers_days", KeyKind::Number),
    ("retention", "delivered_events_days", KeyKind::Number),
    ("retention", "parked_events_days", KeyKind::Number),
    ("retention", "stripe_events_days", KeyKind::Number),
    ("retention", "open_checkouts", KeyKind::Number),
    ("retention", "open_checkouts_per_merchant", KeyKind::Number),
    ("retention", "unpaid_sessions_per_merchant", KeyKind::Number),
    ("restore", "drain_seconds", KeyKind::Number),
    ("stripe", "api_base", KeyKind::Text),
    ("stripe", "allow_live_on_loopback", KeyKind::Switch),
    ("stripe", "version", KeyKind::Text),
    ("stripe", "token_parameter", KeyKind::Text),
    ("stripe", "connect_timeout_seconds", KeyKind::Number),
    ("stripe", "request_timeout_seconds", KeyKind::Number),
    ("order_events", "allow_loopback", KeyKind::Switch),
    ("secrets", "dir", KeyKind::Text),
    ("secrets", "master_key", KeyKind::Text),
    ("secrets", "previous_master_keys", KeyKind::List),
    ("log", "format", KeyKind::Text),
    ("log", "filter", KeyKind::Text),
];

/// Visits every value of a file under its key, and reports unknown keys and wrong types.
pub(super) fn walk(root: &Section<'_>, mut found: impl FnMut(&'static str, &'static str, Place)) {
    let sections = [
        "public",
        "admin",
        "tenants",
        "store",
        "retention",
        "restore",
        "stripe",
        "order_events",
        "secrets",
        "log",
    ];
    for name in sections {
        let section = root.section(name);
        for (_, key, kind) in KEYS.iter().filter(|(of, ..)| *of == name) {
            let Some(field) = section.field(key) else { continue };
            match kind {
                KeyKind::Text => {
                    field.text();
                }
                KeyKind::Number => {
                    field.whole();
                }
                KeyKind::Switch => {
                    field.switch();
                }
                KeyKind::List => {
                    for item in field.items("write a list in square brackets") {
                        item.text();
                    }
                }
            }
            found(name, key, field.place());
        }
        section.finish();
    }
}

/// Reads the text of a variable or a flag as the value of a dotted key, such as `public.listen`.
pub(super) fn read_text(key: &str, text: &str, place: &Place) -> Result<::config::Value, Diagnostic> {
    let Some((.., kind)) = KEYS.iter().find(|(section, name, _)| key == format!("{section}.{name}")) else {
        // Compared without the prefix that all variables share.
        let names: Vec<String> = KEYS.iter().map(|(section, name, _)| format!("{section}.{name}")).collect();
        let meant = nearest(key, names.iter().map(String::as_str));
        let remedy = match meant.and_then(|meant| meant.split_once('.')) {
            Some((section, name)) => format!("did you mean {}?", quoted(&written(section, name, place))),
            None => "remove it; all keys are in the default configuration".to_owned(),
        };
        return Err(place.problem("is not a known setting", remedy));
    };
    let kind = match kind {
        KeyKind::Text => ::config::ValueKind::from(text),
        KeyKind::Number => match text.trim().parse::<i64>() {
            Ok(number) => ::config::ValueKind::from(number),
            Err(_) => return Err(place.problem("must be a whole number", "write digits only")),
        },
        KeyKind::Switch => match text.trim().parse::<bool>() {
            Ok(switch) => ::config::ValueKind::from(switch),
            Err(_) => return Err(place.problem("must be true or false", "write true or false")),
        },
        KeyKind::List => {
            let items: Vec<String> =
                text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect();
            ::config::ValueKind::from(items)
        }
    };
    Ok(::config::Value::new(None, kind))
}

/// The variable that an unused one was meant to be: a key's, except for the number of underscores or small letters.
pub(super) fn near_variable(name: &str) -> Option<String> {
    let folded = |name: &str| {
        let words: Vec<&str> = name.split('_').filter(|word| !word.is_empty()).collect();
        words.join("_").to_ascii_uppercase()
    };
    let given = folded(name);
    let mut names = KEYS.iter().map(|(section, key, _)| {
        // A secret's own variable may have such a name; the setting only refers to it.
        let secret = matches!((*section, *key), ("admin", "token") | ("secrets", "master_key"));
        (variable(section, key), secret)
    });
    let (meant, _) = names.find(|(meant, secret)| folded(meant) == given && !(*secret && name == given))?;
    (meant != name).then_some(meant)
}

/// The name of a key's variable.
fn variable(section: &str, key: &str) -> String {
    format!("{}{section}__{key}", super::PREFIX).to_ascii_uppercase()
}

/// A key in the form of `place`: a variable's name, or dotted.
fn written(section: &str, name: &str, place: &Place) -> String {
    if place.key.starts_with(super::PREFIX) { variable(section, name) } else { format!("{section}.{name}") }
}
