//! Reads decoded parameters one by one, with Stripe's error text for each kind of error: [`form`] is their encoding,
//! [`paging`] the common parameters of lists.
//!
//! Must not import the users of the parameters. Invariant: a parameter that was not read is refused by
//! [`Params::finish`]; none is ignored silently.

pub(crate) mod form;
pub(crate) mod paging;

use std::collections::BTreeMap;

use crate::stripe::error::StripeError;
use form::{Branch, Tree};

const METADATA_KEYS: usize = 50;
const METADATA_KEY_CHARS: usize = 40;
const METADATA_VALUE_CHARS: usize = 500;

/// A hash of parameters that is being read.
#[derive(Debug)]
pub(crate) struct Params {
    within: Option<String>,
    entries: Branch,
}

impl Params {
    /// The parameters at the top of a request.
    pub(crate) fn new(entries: Branch) -> Self {
        Self { within: None, entries }
    }

    /// The full name of a parameter, as Stripe writes it in `error.param`.
    pub(crate) fn name(&self, key: &str) -> String {
        match &self.within {
            Some(within) => format!("{within}[{key}]"),
            None => key.to_owned(),
        }
    }

    /// A string; `None` if absent. An empty one is refused, as Stripe does for parameters that cannot be unset.
    pub(crate) fn text(&mut self, key: &str) -> Result<Option<String>, StripeError> {
        let name = self.name(key);
        match self.entries.remove(key) {
            None => Ok(None),
            Some(Tree::Text(text)) if text.is_empty() => Err(empty(&name)),
            Some(Tree::Text(text)) => Ok(Some(text)),
            Some(Tree::Branch(_)) => {
                Err(StripeError::invalid_request(format!("Invalid string: {name} is a hash."))
                    .with_param(name))
            }
        }
    }

    /// A required string.
    pub(crate) fn required_text(&mut self, key: &str) -> Result<String, StripeError> {
        self.text(key)?.ok_or_else(|| StripeError::missing_parameter(&self.name(key)))
    }

    /// A whole number.
    pub(crate) fn integer(&mut self, key: &str) -> Result<Option<i64>, StripeError> {
        let name = self.name(key);
        self.text(key)?.map(|text| integer(&text, &name)).transpose()
    }

    /// A required whole number of at least one.
    pub(crate) fn required_positive(&mut self, key: &str) -> Result<i64, StripeError> {
        let name = self.name(key);
        let number = self.integer(key)?.ok_or_else(|| StripeError::missing_parameter(&name))?;
        if number < 1 {
            return Err(out_of_range(&name, "greater than or equal to 1"));
        }
        Ok(number)
    }

    /// A whole number between two bounds.
    pub(crate) fn integer_within(
        &mut self,
        key: &str,
        least: i64,
        most: i64,
    ) -> Result<Option<i64>, StripeError> {
        let name = self.name(key);
        match self.integer(key)? {
            Some(number) if number < least => {
                Err(out_of_range(&name, &format!("greater than or equal to {least}")))
            }
            Some(number) if number > most => {
                Err(out_of_range(&name, &format!("less than or equal to {most}")))
            }
            number => Ok(number),
        }
    }

    /// A whole number of at least zero.
    pub(crate) fn natural(&mut self, key: &str) -> Result<Option<i64>, StripeError> {
        self.integer_within(key, 0, i64::MAX)
    }

    /// A mail address.
    pub(crate) fn email(&mut self, key: &str) -> Result<Option<String>, StripeError> {
        let name = self.name(key);
        match self.text(key)? {
            Some(email) if !email.contains('@') => {
                Err(StripeError::invalid_request(format!("Invalid email address: {email}"))
                    .with_code("email_invalid")
                    .with_param(name))
            }
            email => Ok(email),
        }
    }

    /// A string of at most this many characters.
    pub(crate) fn text_within(&mut self, key: &str, most: usize) -> Result<Option<String>, StripeError> {
        let name = self.name(key);
        match self.text(key)? {
            Some(text) if text.chars().count() > most => Err(StripeError::invalid_request(format!(
                "Invalid string: {name} must be at most {most} characters"
            ))
            .with_param(name)),
            text => Ok(text),
        }
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&mut self, key: &str) -> Result<Option<bool>, StripeError> {
        let name = self.name(key);
        match self.text(key)?.as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => {
                Err(StripeError::invalid_request(format!("Invalid boolean: {other}")).with_param(name))
            }
        }
    }

    /// One of a closed set of words.
    pub(crate) fn one_of(&mut self, key: &str, words: &[&str]) -> Result<Option<String>, StripeError> {
        let name = self.name(key);
        match self.text(key)? {
            Some(word) if !words.contains(&word.as_str()) => Err(StripeError::invalid_request(format!(
                "Invalid {name}: must be one of {}",
                words.join(", ")
            ))
            .with_param(name)),
            word => Ok(word),
        }
    }

    /// A list of strings, in the order of their indexes.
    pub(crate) fn texts(&mut self, key: &str) -> Result<Option<Vec<String>>, StripeError> {
        let name = self.name(key);
        let invalid = || StripeError::invalid_request(format!("Invalid array: {name}")).with_param(&*name);
        let items = match self.entries.remove(key) {
            None => return Ok(None),
            Some(Tree::Text(text)) if text.is_empty() => return Err(empty(&name)),
            Some(Tree::Text(_)) => return Err(invalid()),
            Some(Tree::Branch(items)) => items,
        };
        let mut ordered = BTreeMap::new();
        for (index, item) in items {
            let (Ok(index), Tree::Text(text)) = (index.parse::<u32>(), item) else { return Err(invalid()) };
            ordered.insert(index, text);
        }
        Ok(Some(ordered.into_values().collect()))
    }

    /// A list of hashes, in the order of their indexes.
    pub(crate) fn hashes(&mut self, key: &str) -> Result<Option<Vec<Self>>, StripeError> {
        let name = self.name(key);
        let invalid = || StripeError::invalid_request(format!("Invalid array: {name}")).with_param(&*name);
        let Some(list) = self.hash(key).map_err(|_| invalid())? else { return Ok(None) };
        let mut ordered = BTreeMap::new();
        for (index, item) in list.entries {
            let (Ok(number), Tree::Branch(entries)) = (index.parse::<u32>(), item) else {
                return Err(invalid());
            };
            ordered.insert(number, Self { within: Some(format!("{name}[{index}]")), entries });
        }
        Ok(Some(ordered.into_values().collect()))
    }

    /// A hash of further parameters.
    pub(crate) fn hash(&mut self, key: &str) -> Result<Option<Self>, StripeError> {
        let name = self.name(key);
        match self.entries.remove(key) {
            None => Ok(None),
            Some(Tree::Branch(entries)) => Ok(Some(Self { within: Some(name), entries })),
            Some(Tree::Text(text)) if text.is_empty() => Err(empty(&name)),
            Some(Tree::Text(_)) => {
                Err(StripeError::invalid_request(format!("Invalid hash: {name}")).with_param(name))
            }
        }
    }

    /// Whether a parameter was given as a hash.
    pub(crate) fn is_hash(&self, key: &str) -> bool {
        matches!(self.entries.get(key), Some(Tree::Branch(_)))
    }

    /// Metadata within Stripe's limits; an empty value unsets its key.
    pub(crate) fn metadata(&mut self, key: &str) -> Result<BTreeMap<String, String>, StripeError> {
        let name = self.name(key);
        let entries = match self.entries.remove(key) {
            None => return Ok(BTreeMap::new()),
            Some(Tree::Text(text)) if text.is_empty() => return Ok(BTreeMap::new()),
            Some(Tree::Text(_)) => {
                return Err(StripeError::invalid_request(format!("Invalid hash: {name}")).with_param(name));
            }
            Some(Tree::Branch(entries)) => entries,
        };
        let refuse = |message: String| Err(StripeError::invalid_request(message).with_param(&*name));
        if entries.len() > METADATA_KEYS {
            return refuse(format!("Metadata can have at most {METADATA_KEYS} keys."));
        }
        let mut metadata = BTreeMap::new();
        for (key, value) in entries {
            let Tree::Text(value) = value else {
                return refuse(format!("Metadata values must be strings, but {key} is a hash."));
            };
            if key.chars().count() > METADATA_KEY_CHARS {
                return refuse(format!(
                    "Metadata keys can be at most {METADATA_KEY_CHARS} characters: {key}"
                ));
            }
            if value.chars().count() > METADATA_VALUE_CHARS {
                return refuse(format!(
                    "Metadata values can be at most {METADATA_VALUE_CHARS} characters; the value of {key} is longer."
                ));
            }
            if !value.is_empty() {
                metadata.insert(key, value);
            }
        }
        Ok(metadata)
    }

    /// Ends the reading: a remaining parameter is either Stripe's and not emulated, or unknown to Stripe too.
    pub(crate) fn finish(self, stripe_also_has: &[&str]) -> Result<(), StripeError> {
        let (real, unknown): (Vec<_>, Vec<_>) =
            self.entries.keys().partition(|key| stripe_also_has.contains(&key.as_str()));
        if !unknown.is_empty() {
            let names: Vec<String> = unknown.into_iter().map(|key| self.name(key)).collect();
            return Err(StripeError::unknown_parameters(&names));
        }
        match real.first() {
            Some(key) => {
                let name = self.name(key);
                Err(StripeError::not_emulated(&name, &format!("the parameter {name}")))
            }
            None => Ok(()),
        }
    }
}

fn integer(text: &str, name: &str) -> Result<i64, StripeError> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    text.parse::<i64>().ok().filter(|_| is_plain).ok_or_else(|| {
        StripeError::invalid_request(format!("Invalid integer: {text}"))
            .with_code("parameter_invalid_integer")
            .with_param(name)
    })
}

fn out_of_range(name: &str, bound: &str) -> StripeError {
    StripeError::invalid_request(format!("This value must be {bound}."))
        .with_code("parameter_invalid_integer")
        .with_param(name)
}

fn empty(name: &str) -> StripeError {
    StripeError::invalid_request(format!(
        "You passed an empty string for '{name}'. We assume empty values are an attempt to unset a parameter; \
         however '{name}' cannot be unset. You should remove '{name}' from your request or supply a non-empty value."
    ))
    .with_code("parameter_invalid_empty")
    .with_param(name)
}
