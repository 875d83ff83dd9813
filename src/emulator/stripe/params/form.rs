//! The bracket encoding of Stripe's API: `a[b][c]=v`, `a[0]=v`, `a[]=v`.
//!
//! Must not import anything of the gateway's own encoder: this is the other side of the wire. Invariant: a body that
//! decodes has at most [`MAX_PAIRS`] pairs and [`MAX_DEPTH`] levels, whatever the sender intended.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::stripe::error::StripeError;

/// The largest request body that is read, in bytes.
pub(crate) const MAX_BODY: usize = 256 * 1024;
const MAX_PAIRS: usize = 1_000;
const MAX_DEPTH: usize = 8;

/// Parameters in their received order, percent-decoded.
pub(crate) type Pairs = Vec<(String, String)>;

/// A branch of decoded parameters. List items stand under their decimal index: only a reader that knows the
/// parameter can tell the list `a[0]` from the metadata key `0`.
pub(crate) type Branch = BTreeMap<String, Tree>;

/// A decoded parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tree {
    /// A value.
    Text(String),
    /// A hash or a list.
    Branch(Branch),
}

/// The pairs of a query string or a form body.
pub(crate) fn pairs(encoded: &[u8]) -> Pairs {
    url::form_urlencoded::parse(encoded).into_owned().collect()
}

/// The tree of these pairs. Of two values for one name the later one counts, as at Stripe.
pub(crate) fn tree(pairs: &[(String, String)]) -> Result<Branch, StripeError> {
    if pairs.len() > MAX_PAIRS {
        return Err(StripeError::invalid_request(format!(
            "Too many parameters: at most {MAX_PAIRS} are read."
        )));
    }
    let mut root = Branch::new();
    for (name, value) in pairs {
        let path = path(name)?;
        insert(&mut root, name, &path, value)?;
    }
    Ok(root)
}

/// The same tree as JSON: hashes and lists alike are objects, values are strings.
pub(crate) fn to_json(branch: &Branch) -> Value {
    let fields: Map<String, Value> = branch
        .iter()
        .map(|(name, tree)| {
            let value = match tree {
                Tree::Text(text) => Value::from(text.as_str()),
                Tree::Branch(inner) => to_json(inner),
            };
            (name.clone(), value)
        })
        .collect();
    Value::Object(fields)
}

/// `a[b][]` → `["a", "b", ""]`.
fn path(name: &str) -> Result<Vec<&str>, StripeError> {
    let malformed = || StripeError::invalid_request(format!("Invalid parameter name: {name}"));
    let (head, mut rest) = match name.find('[') {
        Some(at) => name.split_at(at),
        None => (name, ""),
    };
    if head.is_empty() || head.contains(']') {
        return Err(malformed());
    }
    let mut path = vec![head];
    while !rest.is_empty() {
        let inner = rest.strip_prefix('[').ok_or_else(malformed)?;
        let (segment, after) = inner.split_once(']').ok_or_else(malformed)?;
        if segment.contains('[') || (segment.is_empty() && !after.is_empty()) {
            return Err(malformed());
        }
        path.push(segment);
        rest = after;
        if path.len() > MAX_DEPTH {
            return Err(StripeError::invalid_request(format!(
                "Invalid parameter name: {name} is nested deeper than {MAX_DEPTH} levels."
            )));
        }
    }
    Ok(path)
}

fn insert(branch: &mut Branch, name: &str, path: &[&str], value: &str) -> Result<(), StripeError> {
    let clash = || {
        StripeError::invalid_request(format!("Invalid hash: {name} is given both as a value and as a hash."))
    };
    let Some((&segment, rest)) = path.split_first() else {
        return Ok(());
    };
    let key = if segment.is_empty() { branch.len().to_string() } else { segment.to_owned() };
    if rest.is_empty() {
        if matches!(branch.get(&key), Some(Tree::Branch(_))) {
            return Err(clash());
        }
        branch.insert(key, Tree::Text(value.to_owned()));
        return Ok(());
    }
    match branch.entry(key).or_insert_with(|| Tree::Branch(Branch::new())) {
        Tree::Branch(inner) => insert(inner, name, rest, value),
        Tree::Text(_) => Err(clash()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn decode(body: &str) -> Value {
        to_json(&tree(&pairs(body.as_bytes())).unwrap())
    }

    #[test]
    fn brackets_nest_and_lists_stand_under_their_index() {
        assert_eq!(
            decode("amount=5&metadata[a]=1&metadata[b]=x+y&expand[]=p&expand[]=q&items[0][id]=z%2Fz"),
            json!({
                "amount": "5",
                "metadata": {"a": "1", "b": "x y"},
                "expand": {"0": "p", "1": "q"},
                "items": {"0": {"id": "z/z"}},
            })
        );
    }

    #[test]
    fn encoded_brackets_mean_the_same() {
        assert_eq!(decode("metadata%5Ba%5D=1"), decode("metadata[a]=1"));
    }

    #[test]
    fn a_name_cannot_be_both_a_value_and_a_hash() {
        assert!(tree(&pairs(b"a=1&a[b]=2")).is_err());
        assert!(tree(&pairs(b"a[b]=2&a=1")).is_err());
    }

    #[test]
    fn malformed_deep_and_endless_bodies_are_refused() {
        for body in ["a[b=1", "[a]=1", "a]b=1", "a[b]c=1", "a[][b]=1", "a[b[c]]=1"] {
            assert!(tree(&pairs(body.as_bytes())).is_err(), "{body}");
        }
        let deep = format!("a{}=1", "[b]".repeat(MAX_DEPTH));
        assert!(tree(&pairs(deep.as_bytes())).is_err());
        let many = vec!["a=1"; MAX_PAIRS + 1].join("&");
        assert!(tree(&pairs(many.as_bytes())).is_err());
    }
}
