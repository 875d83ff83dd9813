//! Request bodies: JSON that is parsed strictly, with rejections that a person understands.
//!
//! Invariant: a rejection names the wrong field as the body writes it, and nothing of this program's internals.

use serde::de::{DeserializeOwned, Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::problem::Problem;

/// Rejects a body for a reason that names its field; `example` is a valid body.
pub(super) fn refused(why: &str, example: &str) -> Problem {
    Problem::invalid(format!("{why}; send JSON such as {example}"))
}

/// Parses a body of JSON; the error names the wrong field and the problem, with an example of a valid body.
pub(super) fn read_body<T: DeserializeOwned>(body: &[u8], example: &str) -> Result<T, Problem> {
    let wrong = |why: &str| refused(why, example);
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => return Err(wrong("the body is empty")),
        // A list would be accepted as the object's values in their order.
        Some(b'{') => {}
        Some(_) => return Err(wrong("the body is not a JSON object")),
    }
    if let Err(error) = serde_json::from_slice::<IgnoredAny>(body) {
        return Err(wrong(&format!("the body is not JSON: {error}")));
    }
    let read = serde_path_to_error::deserialize(&mut serde_json::Deserializer::from_slice(body));
    read.map_err(|error| wrong(&describe(&error.path().to_string(), error.inner())))
}

/// Parses an optional field: a blank text counts as absent.
pub(super) fn optional<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    match Option::<Value>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(value) => T::deserialize(value).map(Some).map_err(D::Error::custom),
    }
}

/// Rejects a body with content where none is expected: its request would otherwise be ignored.
pub(super) fn read_nothing(body: &[u8]) -> Result<(), Problem> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(());
    }
    read_body(body, "{}, or no body").map(|Nothing {}| ())
}

/// The problem in a body that is JSON, and its place.
fn describe(path: &str, error: &serde_json::Error) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(said, _)| said);
    let path = if path == "." { "the body".to_owned() } else { path.escape_debug().to_string() };
    let Some((what, rest)) = text.split_once('`') else { return format!("{path}: {}", in_json(text)) };
    match what {
        // The path ends with the unknown field.
        "unknown field " => {
            let known = rest.split_once("`, ").map_or("", |(_, known)| known);
            format!("{path}: this field is not known here, {known}")
        }
        "missing field " => format!("{path}: `{rest} is missing"),
        "duplicate field " => format!("{path}: `{rest} stands there twice"),
        "unknown variant " => {
            let (word, known) = rest.split_once("`, ").unwrap_or((rest, ""));
            format!("{path}: `{word}` is not known here, {known}")
        }
        _ => format!("{path}: {}", in_json(text)),
    }
}

/// The found and the expected type, by their names in JSON.
fn in_json(text: &str) -> String {
    // If a string is expected, the parser's message for any other value does not name its type.
    if text == "expected value" {
        return "a word is expected here".to_owned();
    }
    let told = text.strip_prefix("invalid type: ").or_else(|| text.strip_prefix("invalid value: "));
    let Some((found, expected)) = told.and_then(|told| told.rsplit_once(", expected ")) else {
        return text.to_owned();
    };
    let (kind, value) = found.split_once(' ').unwrap_or((found, ""));
    let found = match kind {
        "sequence" => "a list",
        "map" => "an object",
        "null" => "null",
        "string" => value,
        // `integer 5`, `boolean` and `floating point 10.5` have the value between backquotes.
        _ => value.split('`').nth(1).unwrap_or(found),
    };
    let expected = match expected {
        "a string" => "a text",
        "variant identifier" | "string or map" => "a word",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a nonzero u32" => "a whole number from 1",
        "u32" | "i64" | "u64" => "a whole number",
        other if other.starts_with("struct ") || other.contains(" enum ") => "an object",
        other => other,
    };
    format!("{found} stands where {expected} is expected")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read into")]
    struct Parcel {
        items: Vec<Item>,
        #[serde(default, deserialize_with = "optional")]
        carrier: Option<String>,
        #[serde(default, deserialize_with = "optional")]
        by: Option<By>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum By {
        Land,
        Sea,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read into")]
    struct Item {
        item: String,
        quantity: u32,
    }

    #[test]
    fn where_nothing_is_asked_a_body_that_asks_is_refused() {
        for body in ["", " \n", "{}", " { } "] {
            assert_eq!(read_nothing(body.as_bytes()), Ok(()), "{body}");
        }
        for (body, why) in [
            ("{\"x\": 1}", "x: this field is not known here, there are no fields"),
            ("[]", "the body is not a JSON object"),
            ("yes", "the body is not a JSON object"),
        ] {
            let told = read_nothing(body.as_bytes()).unwrap_err().to_string();
            assert_eq!(told, format!("invalid_request: {why}; send JSON such as {{}}, or no body"), "{body}");
        }
    }

    #[test]
    fn a_blank_optional_field_is_an_absent_one() {
        for blank in ["\"\"", "\" \\n\"", "null"] {
            let body = format!("{{\"items\": [], \"carrier\": {blank}, \"by\": {blank}}}");
            let read = read_body::<Parcel>(body.as_bytes(), "{…}").unwrap();
            assert!(read.carrier.is_none() && read.by.is_none(), "{body}");
        }
        let read =
            read_body::<Parcel>(b"{\"items\": [], \"carrier\": \"UPS\", \"by\": \"sea\"}", "{…}").unwrap();
        assert!(read.carrier.as_deref() == Some("UPS") && matches!(read.by, Some(By::Sea)));
    }

    #[test]
    fn a_body_that_is_refused_is_told_in_words_of_json_with_the_field() {
        for (body, why) in [
            ("", "the body is empty"),
            (" \n", "the body is empty"),
            ("[]", "the body is not a JSON object"),
            ("null", "the body is not a JSON object"),
            ("amount=1", "the body is not a JSON object"),
            ("{\"items\": [}", "the body is not JSON: expected value at line 1 column 12"),
            ("{\"items\": []} {}", "the body is not JSON: trailing characters at line 1 column 15"),
            ("{}", "the body: `items` is missing"),
            (
                "{\"items\": [], \"foo\": 1}",
                "foo: this field is not known here, expected one of `items`, `carrier`, `by`",
            ),
            ("{\"items\": [], \"items\": []}", "the body: `items` stands there twice"),
            ("{\"items\": 7}", "items: 7 stands where a list is expected"),
            ("{\"items\": [7]}", "items[0]: 7 stands where an object is expected"),
            ("{\"items\": [{\"item\": {}}]}", "items[0].item: an object stands where a text is expected"),
            (
                "{\"items\": [{\"item\": \"a\", \"quantity\": -1}]}",
                "items[0].quantity: -1 stands where a whole number is expected",
            ),
            (
                "{\"items\": [{\"item\": \"a\", \"quantity\": 1.5}]}",
                "items[0].quantity: 1.5 stands where a whole number is expected",
            ),
            ("{\"items\": [], \"carrier\": true}", "carrier: true stands where a text is expected"),
            ("{\"items\": [], \"by\": \"air\"}", "by: `air` is not known here, expected `land` or `sea`"),
            ("{\"items\": [], \"by\": 1}", "by: 1 stands where a word is expected"),
            ("{\"items\": [{}]}", "items[0]: `item` is missing"),
        ] {
            let told = read_body::<Parcel>(body.as_bytes(), "{…}").unwrap_err().to_string();
            assert_eq!(told, format!("invalid_request: {why}; send JSON such as {{…}}"), "{body}");
        }
    }
}
