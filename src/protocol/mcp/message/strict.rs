//! Parses JSON into a value, with unique keys, a bounded depth and a bounded number of values.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How deeply arrays and objects may be nested.
pub const MAX_DEPTH: u8 = 64;

/// How many values a message may contain: fifty items and their ids are about two hundred.
pub(super) const MAX_VALUES: u32 = 4096;

/// Why a text is rejected.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StrictError {
    /// Not JSON, or a key appears twice.
    #[error("{0}")]
    Syntax(String),
    /// Arrays and objects nest too deeply.
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// More values than any message to a shop needs.
    #[error("more than 4096 values")]
    TooMany,
}

/// Parses a whole JSON text.
pub fn parse(text: &str) -> Result<Value, StrictError> {
    let (too_deep, left) = (Cell::new(false), Cell::new(MAX_VALUES));
    let mut reader = serde_json::Deserializer::from_str(text);
    let seed = Strict { room: MAX_DEPTH, too_deep: &too_deep, left: &left };
    let read = seed.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    read.map_err(|error| match (too_deep.get(), left.get()) {
        (true, _) => StrictError::TooDeep,
        (false, 0) => StrictError::TooMany,
        (false, _) => StrictError::Syntax(error.to_string()),
    })
}

/// Parses one value with `room` levels left.
#[derive(Clone, Copy)]
struct Strict<'a> {
    room: u8,
    too_deep: &'a Cell<bool>,
    /// How many more values may come.
    left: &'a Cell<u32>,
}

impl Strict<'_> {
    fn inner<E: serde::de::Error>(self) -> Result<Self, E> {
        let Some(room) = self.room.checked_sub(1) else {
            self.too_deep.set(true);
            return Err(E::custom("too deep"));
        };
        Ok(Self { room, ..self })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.left.set(self.left.get().saturating_sub(1));
        if self.left.get() == 0 {
            return Err(D::Error::custom("too many values"));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut object = Map::new();
        while let Some(key) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            if object.contains_key(&key) {
                return Err(A::Error::custom("a key appears twice in one object"));
            }
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_twice_is_refused_at_any_depth() {
        for twice in [r#"{"a":1,"a":1}"#, r#"[{"b":{"a":1,"a":2}}]"#, r#"{"a":1,"\u0061":2}"#] {
            assert!(matches!(parse(twice), Err(StrictError::Syntax(_))), "{twice}");
        }
        assert!(parse(r#"{"a":{"a":1},"b":{"a":1}}"#).is_ok());
    }

    #[test]
    fn sixty_four_levels_are_read_and_more_are_not() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&nested(usize::from(MAX_DEPTH))).is_ok());
        assert_eq!(parse(&nested(usize::from(MAX_DEPTH) + 1)), Err(StrictError::TooDeep));
        assert_eq!(parse(&nested(100_000)), Err(StrictError::TooDeep));
    }

    #[test]
    fn a_message_of_countless_values_is_refused_before_they_are_kept() {
        let keys = |count: u32| {
            let members: Vec<String> = (0..count).map(|number| format!("\"{number}\":0")).collect();
            format!("{{{}}}", members.join(","))
        };
        assert!(parse(&keys(MAX_VALUES - 2)).is_ok());
        assert_eq!(parse(&keys(MAX_VALUES)), Err(StrictError::TooMany));
        assert_eq!(parse(&keys(100_000)), Err(StrictError::TooMany));
    }

    #[test]
    fn broken_text_is_refused() {
        for broken in ["", "{", "nul", "[1,]", r#""\ud800""#, "1 2", "{'a':1}", "NaN"] {
            assert!(matches!(parse(broken), Err(StrictError::Syntax(_))), "{broken}");
        }
    }
}
