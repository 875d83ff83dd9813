//! The fields of Stripe's objects that are there and always `null` here.
//!
//! Must not import an object.

use serde_json::Value;

/// The object with the fields that Stripe shows and that this emulator never sets.
pub(crate) fn with_nulls(mut object: Value, never_set: &[&str]) -> Value {
    if let Value::Object(fields) = &mut object {
        fields.extend(never_set.iter().map(|name| ((*name).to_owned(), Value::Null)));
    }
    object
}
