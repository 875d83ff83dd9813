//! Normalised spelling of arguments: line breaks and tabs within a text become a blank.
//!
//! Invariant: values that are not texts, and all other texts, are not changed.

use serde_json::{Map, Value};

use crate::domain::contact::in_one_line;

/// How deep nested arguments are normalised.
const DEEP: usize = 8;

/// Normalises every text of these arguments.
pub(super) fn tidy(arguments: &mut Map<String, Value>) {
    members(arguments, DEEP);
}

fn members(object: &mut Map<String, Value>, deep: usize) {
    for value in object.values_mut() {
        match value {
            Value::String(text) => {
                if let Some(line) = in_one_line(text) {
                    *text = line;
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
}
