//! Normalised spelling of arguments: line breaks and tabs within a text become a blank, and the host of a mail
//! address gets its ASCII form, which mail servers use.
//!
//! Invariants: only the spelling changes, and never that of a valid value; values that are not texts, and all other
//! texts, are not changed.

use serde_json::{Map, Value};
use url::Host;

/// How deep nested arguments are normalised.
const DEEP: usize = 8;

/// Normalises every text of these arguments.
pub(super) fn tidy(arguments: &mut Map<String, Value>) {
    members(arguments, DEEP);
}

fn members(object: &mut Map<String, Value>, deep: usize) {
    for (key, value) in object {
        match value {
            Value::String(text) => {
                if let Some(line) = in_one_line(text) {
                    *text = line;
                }
                if key == "email"
                    && let Some(known) = with_ascii_host(text)
                {
                    *text = known;
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                values(value, deep);
            }
        }
    }
}

fn values(value: &mut Value, deep: usize) {
    let Some(deep) = deep.checked_sub(1) else { return };
    match value {
        Value::Object(object) => members(object, deep),
        Value::Array(list) => list.iter_mut().for_each(|value| values(value, deep)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

const fn breaks_line(letter: char) -> bool {
    matches!(letter, '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// A text with a blank for each run of line breaks and tabs; `None` where there are none.
fn in_one_line(text: &str) -> Option<String> {
    let parts = || text.split(breaks_line).map(str::trim).filter(|part| !part.is_empty());
    text.contains(breaks_line).then(|| parts().collect::<Vec<_>>().join(" "))
}

/// A mail address with its host in ASCII (IDNA); `None` if it already is, or is not a host.
fn with_ascii_host(email: &str) -> Option<String> {
    let (local, host) = email.trim().rsplit_once('@')?;
    if host.is_ascii() {
        return None;
    }
    match Host::parse(host).ok()? {
        Host::Domain(host) => Some(format!("{local}@{host}")),
        Host::Ipv4(_) | Host::Ipv6(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn line_breaks_and_tabs_within_a_text_are_a_blank() {
        let Value::Object(mut arguments) = json!({
            "fulfillment_address": { "line_one": "12 Mill Lane\r\n\tFlat 4\n", "city": "New  York" },
            "items": [{ "id": "mug\t", "quantity": 1 }], "query": "\n",
        }) else {
            unreachable!("an object")
        };
        tidy(&mut arguments);
        assert_eq!(
            Value::Object(arguments),
            json!({
                "fulfillment_address": { "line_one": "12 Mill Lane Flat 4", "city": "New  York" },
                "items": [{ "id": "mug", "quantity": 1 }], "query": "",
            })
        );
    }

    #[test]
    fn other_control_characters_stay_and_are_refused_later() {
        assert_eq!(in_one_line("a\u{0}b"), None);
        assert_eq!(in_one_line("a\u{0}\nb").as_deref(), Some("a\u{0} b"));
    }

    #[test]
    fn the_host_of_a_mail_address_is_written_in_ascii() {
        for (written, meant) in [
            ("ada@b\u{fc}cher.example", Some("ada@xn--bcher-kva.example")),
            (" ada@B\u{dc}CHER.example", Some("ada@xn--bcher-kva.example")),
            ("ada@\u{4f8b}\u{5b50}.example", Some("ada@xn--fsqu00a.example")),
            ("ada@example.com", None),
            ("\u{e4}da@example.com", None),
            ("ada", None),
            ("ada@b\u{fc}ch er.example", None),
        ] {
            assert_eq!(with_ascii_host(written).as_deref(), meant, "{written}");
        }
    }
}
