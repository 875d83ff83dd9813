//! Parsing of arguments: each error names the path, the problem and the expected value.
//!
//! Invariants: texts are bounded and have no control characters before they are used; `null` and a blank text mean
//! the same as absent; an argument's value is never repeated in an error, since it may be a token.

use serde_json::{Map, Value};

use crate::domain::address::ContactField;

/// An invalid argument, as a message for a model or a developer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path} {problem}{}. Send {send}.", quoted(.unknown_key.as_deref()))]
pub struct ArgumentError {
    /// The path: `items[0].quantity`.
    pub path: String,
    pub problem: String,
    /// The name of a member that is not allowed. It is the caller's text, so it is returned to the caller only.
    pub unknown_key: Option<String>,
    /// The expected value.
    pub send: String,
    /// Whether a member is missing, as opposed to wrong.
    pub is_missing: bool,
    /// The field that the shopper would know it by.
    pub contact: Option<ContactField>,
}

fn quoted(unknown_key: Option<&str>) -> String {
    unknown_key.map(|unknown_key| format!(" \"{unknown_key}\"")).unwrap_or_default()
}

impl ArgumentError {
    pub(super) fn new(path: impl Into<String>, problem: impl Into<String>, send: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            problem: problem.into(),
            unknown_key: None,
            send: send.into(),
            is_missing: false,
            contact: None,
        }
    }

    /// The error for a missing member.
    pub(super) fn missing(path: impl Into<String>, send: impl Into<String>) -> Self {
        Self { is_missing: true, ..Self::new(path, "is missing", send) }
    }

    /// The problem for the log, without any text of the caller.
    pub(crate) fn cause(&self) -> String {
        let member = if self.unknown_key.is_some() { " a member that is not known" } else { "" };
        format!("{} {}{member}", self.path, self.problem)
    }
}

/// An object of arguments and its path.
#[derive(Clone, Debug)]
pub(super) struct Object<'a> {
    path: String,
    members: &'a Map<String, Value>,
}

impl<'a> Object<'a> {
    pub(super) const fn root(members: &'a Map<String, Value>) -> Self {
        Self { path: String::new(), members }
    }

    /// The path of a member.
    pub(super) fn path(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Rejects a member that is not among `known`: a misspelt member must not be ignored silently.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), ArgumentError> {
        match self.members.keys().find(|key| !known.contains(&key.as_str())) {
            None => Ok(()),
            Some(key) => {
                let place = if self.path.is_empty() { "the arguments" } else { self.path.as_str() };
                let unknown_key = Some(super::super::fault::clip(key));
                let send = if known.is_empty() {
                    "no arguments".to_owned()
                } else {
                    format!("only {}", known.join(", "))
                };
                Err(ArgumentError { unknown_key, ..ArgumentError::new(place, "may not hold", send) })
            }
        }
    }

    /// A member that is present, and neither null nor blank text, which forms send for an empty field.
    pub(super) fn get(&self, key: &str) -> Option<&'a Value> {
        let blank = |value: &Value| value.as_str().is_some_and(|text| text.trim().is_empty());
        self.members.get(key).filter(|value| !value.is_null() && !blank(value))
    }

    /// A text, trimmed, of one to `longest` characters.
    pub(super) fn text(&self, key: &str, longest: usize) -> Result<Option<&'a str>, ArgumentError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let wrong = |problem: &str| {
            ArgumentError::new(self.path(key), problem, format!("a text of 1 to {longest} characters"))
        };
        let text = value.as_str().ok_or_else(|| wrong("must be a string"))?.trim();
        if text.chars().count() > longest {
            Err(wrong("is too long"))
        } else if text.chars().any(char::is_control) {
            Err(wrong("holds control characters"))
        } else {
            Ok(Some(text))
        }
    }

    /// A required text.
    pub(super) fn needed_text(&self, key: &str, longest: usize) -> Result<&'a str, ArgumentError> {
        self.text(key, longest)?.ok_or_else(|| {
            ArgumentError::missing(self.path(key), format!("a text of 1 to {longest} characters"))
        })
    }

    /// A whole number from `least` to `most`. `2.0` is one, as JSON Schema's `integer` says; `"2"` is not.
    pub(super) fn integer(&self, key: &str, least: i64, most: i64) -> Result<Option<i64>, ArgumentError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let wrong = |problem: &str| {
            ArgumentError::new(self.path(key), problem, format!("a whole number from {least} to {most}"))
        };
        let number = match value {
            Value::Number(number) => number.as_i64().or_else(|| number.as_f64().and_then(whole)),
            Value::Null | Value::Bool(_) | Value::String(_) | Value::Array(_) | Value::Object(_) => {
                return Err(wrong("must be a number"));
            }
        };
        match number {
            None => Err(wrong("is not a whole number in range")),
            Some(number) if number < least => Err(wrong("is too small")),
            Some(number) if number > most => Err(wrong("is too large")),
            Some(number) => Ok(Some(number)),
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self, key: &str) -> Result<Option<bool>, ArgumentError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value
            .as_bool()
            .map(Some)
            .ok_or_else(|| ArgumentError::new(self.path(key), "must be true or false", "true or false"))
    }

    pub(super) fn object(&self, key: &str, send: &str) -> Result<Option<Object<'a>>, ArgumentError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value.as_object() {
            Some(members) => Ok(Some(Object { path: self.path(key), members })),
            None => Err(ArgumentError::new(self.path(key), "must be an object", send)),
        }
    }

    /// A list of at most `most` objects.
    pub(super) fn objects(
        &self,
        key: &str,
        most: usize,
        send: &str,
    ) -> Result<Option<Vec<Object<'a>>>, ArgumentError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let path = self.path(key);
        let list = value.as_array().ok_or_else(|| ArgumentError::new(&path, "must be a list", send))?;
        if list.len() > most {
            return Err(ArgumentError::new(&path, "is too long", format!("at most {most} entries")));
        }
        let object = |(at, value): (usize, &'a Value)| {
            let path = format!("{path}[{at}]");
            match value.as_object() {
                Some(members) => Ok(Object { path, members }),
                None => Err(ArgumentError::new(path, "must be an object", send)),
            }
        };
        list.iter().enumerate().map(object).collect::<Result<_, _>>().map(Some)
    }
}

/// The integer value of a float, if it is whole and exact.
fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53, so nothing is cut")]
    let whole = || number as i64;
    (number.fract() == 0.0 && number.abs() <= EXACT).then(whole)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn error(arguments: &Value, read: impl Fn(&Object<'_>) -> Option<ArgumentError>) -> String {
        read(&Object::root(arguments.as_object().unwrap())).unwrap().to_string()
    }

    #[test]
    fn a_number_is_whole_and_in_range_or_refused() {
        let read = |value: Value| {
            let arguments = json!({ "n": value });
            Object::root(arguments.as_object().unwrap()).integer("n", 1, 999)
        };
        assert_eq!(read(json!(1)), Ok(Some(1)));
        assert_eq!(read(json!(2.0)), Ok(Some(2)));
        assert_eq!(read(json!(null)), Ok(None));
        for wrong in [
            json!(0),
            json!(-1),
            json!(1000),
            json!(1.5),
            json!("2"),
            json!(u64::MAX),
            json!(1e300),
            json!([1]),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_error_says_where_what_and_what_to_send() {
        let said = error(&json!({ "n": "2" }), |root| root.integer("n", 1, 9).err());
        assert_eq!(said, "n must be a number. Send a whole number from 1 to 9.");
        let said = error(&json!({ "qantity": 1 }), |root| root.only(&["id", "quantity"]).err());
        assert_eq!(said, "the arguments may not hold \"qantity\". Send only id, quantity.");
    }

    #[test]
    fn texts_with_control_characters_are_refused() {
        for wrong in ["a\u{0}b", "a\nb", "a\u{85}b"] {
            let said = error(&json!({ "t": wrong }), |root| root.text("t", 5).err());
            assert!(said.contains("Send a text"), "{said}");
        }
    }

    #[test]
    fn a_blank_field_is_an_absent_one() {
        for blank in ["", "  ", "\t\n"] {
            let arguments = json!({ "t": blank });
            let root = Object::root(arguments.as_object().unwrap());
            assert_eq!(root.text("t", 5), Ok(None));
            assert_eq!(root.integer("t", 1, 9), Ok(None));
            assert_eq!(root.boolean("t"), Ok(None));
            assert!(root.object("t", "an object").unwrap().is_none());
            assert!(root.objects("t", 9, "a list").unwrap().is_none());
            let said = root.needed_text("t", 5).unwrap_err().to_string();
            assert_eq!(said, "t is missing. Send a text of 1 to 5 characters.");
        }
    }
}
