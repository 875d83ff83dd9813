//! Stripe's idempotency: the first answer under a key is the answer to every repeat.
//!
//! Must not import the state or the HTTP server. Invariants: keys are separate for each account and mode; status and
//! body are kept for [`KEPT`], failures included; a request that did not start to execute leaves no trace.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::error::{ErrorType, StripeError};
use super::params::form::Branch;
use crate::stripe::objects::accounts::Scope;

const KEPT: Duration = Duration::from_hours(24);
const KEY_CHARS: usize = 255;

/// The first answer under a key.
#[derive(Clone, Debug)]
pub(crate) struct Stored {
    /// HTTP status.
    pub(crate) status: u16,
    /// JSON body.
    pub(crate) body: Value,
    /// The `Request-Id` of the first request.
    pub(crate) request_id: String,
}

/// The handling of a request with a key.
#[derive(Debug)]
pub(crate) enum Admission {
    /// Execute it.
    First,
    /// Repeat the first answer.
    Repeat(Stored),
}

#[derive(Debug)]
struct Slot {
    path: String,
    params: Branch,
    first_seen: SystemTime,
    answer: Option<Stored>,
}

/// The status of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyStatus {
    /// A request under it would be executed.
    New,
    /// A request under it is being executed.
    InUse,
    /// It has its answer.
    Answered,
}

/// All keys in use.
#[derive(Debug, Default)]
pub(crate) struct IdempotencyKeys(BTreeMap<(Scope, String), Slot>);

impl IdempotencyKeys {
    /// The status of a key; this call changes nothing.
    pub(crate) fn status(&self, scope: &Scope, key: &str, now: SystemTime) -> KeyStatus {
        match self.0.get(&(scope.clone(), key.to_owned())) {
            Some(Slot { answer: None, .. }) => KeyStatus::InUse,
            Some(slot) if now.duration_since(slot.first_seen).unwrap_or_default() < KEPT => {
                KeyStatus::Answered
            }
            Some(_) | None => KeyStatus::New,
        }
    }

    /// Admits a request; from [`Admission::First`] on the key is in use until [`Self::complete`].
    pub(crate) fn admit(
        &mut self,
        scope: &Scope,
        key: &str,
        path: &str,
        params: &Branch,
        now: SystemTime,
    ) -> Result<Admission, StripeError> {
        check(key)?;
        self.0.retain(|_, slot| {
            slot.answer.is_none() || now.duration_since(slot.first_seen).unwrap_or_default() < KEPT
        });
        let Some(slot) = self.0.get(&(scope.clone(), key.to_owned())) else {
            let slot = Slot { path: path.to_owned(), params: params.clone(), first_seen: now, answer: None };
            self.0.insert((scope.clone(), key.to_owned()), slot);
            return Ok(Admission::First);
        };
        if slot.path != path {
            return Err(StripeError::new(
                400,
                ErrorType::Idempotency,
                format!(
                    "Keys for idempotent requests can only be used for the same endpoint they were first used for \
                     ('{path}' vs '{}'). Try using a key other than '{key}' if you meant to execute a different \
                     request.",
                    slot.path
                ),
            ));
        }
        if slot.params != *params {
            return Err(StripeError::new(
                400,
                ErrorType::Idempotency,
                format!(
                    "Keys for idempotent requests can only be used with the same parameters they were first used \
                     with. Try using a key other than '{key}' if you meant to execute a different request."
                ),
            ));
        }
        match &slot.answer {
            Some(stored) => Ok(Admission::Repeat(stored.clone())),
            None => Err(StripeError::key_in_use(key)),
        }
    }

    /// Stores the first answer.
    pub(crate) fn complete(&mut self, scope: &Scope, key: &str, stored: Stored) {
        if let Some(slot) = self.0.get_mut(&(scope.clone(), key.to_owned())) {
            slot.answer = Some(stored);
        }
    }
}

fn check(key: &str) -> Result<(), StripeError> {
    if key.is_empty() || key.chars().count() > KEY_CHARS {
        return Err(StripeError::invalid_request(format!(
            "Idempotency keys must have between 1 and {KEY_CHARS} characters."
        )));
    }
    Ok(())
}
