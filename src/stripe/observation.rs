//! The result of one request to Stripe, and its further details for the log.
//!
//! Invariant: of a body only Stripe's own codes are kept, and no text that quotes the request.

use std::fmt;

use super::answers::ErrorBody;
use super::transport::{Reply, TransportError};
use crate::domain::checkout::model::{Observation, StripeAnswer};

/// The length to which one of Stripe's codes is shortened.
const LONGEST_CODE: usize = 64;

/// The result of one request to Stripe, with the `Request-Id` that Stripe gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallResult<T = Observation> {
    pub seen: T,
    /// `req_…`; `None` if no answer came.
    pub request_id: Option<String>,
    /// Further details for the log.
    pub noted: Noted,
}

/// The details of an answer, or why there is none, for the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Noted {
    /// The answer's HTTP status.
    pub status: Option<u16>,
    /// Stripe's `code`, or the type of an error without one.
    pub code: Option<String>,
    /// Stripe's `decline_code`.
    pub decline_code: Option<String>,
    /// Host and port that did not answer.
    pub address: Option<String>,
    /// Why there is no result, in words.
    pub cause: Option<String>,
}

impl<T> From<T> for CallResult<T> {
    fn from(seen: T) -> Self {
        Self { seen, request_id: None, noted: Noted::default() }
    }
}

impl<T> CallResult<T> {
    /// The same result, with the observation converted to another type.
    #[must_use]
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> CallResult<U> {
        let Self { seen, request_id, noted } = self;
        CallResult { seen: change(seen), request_id, noted }
    }

    /// The observation, and the details of the answer.
    #[must_use]
    pub fn split(self) -> (T, StripeAnswer) {
        let Self { seen, request_id, noted: Noted { status, code, address, cause, .. } } = self;
        (seen, StripeAnswer { request_id, status, code, address, cause })
    }

    /// The result of an answer.
    pub(super) fn of(seen: T, reply: &Reply) -> Self {
        Self { seen, request_id: reply.request_id.clone(), noted: Noted::of(reply) }
    }

    /// The result if no request was sent; `cause` is for the log.
    #[must_use]
    pub fn not_asked(seen: T, cause: &str) -> Self {
        let noted = Noted { cause: Some(cause.to_owned()), ..Noted::default() };
        Self { seen, request_id: None, noted }
    }

    /// The result if no answer came.
    pub(super) fn unanswered(seen: T, error: &TransportError) -> Self {
        Self { seen, request_id: None, noted: error.into() }
    }
}

impl Noted {
    /// An object in a listing is not readable.
    pub(super) fn unreadable() -> Self {
        let cause = Some("a part of what Stripe lists cannot be understood".to_owned());
        Self { cause, ..Self::default() }
    }

    /// The details of an answer, whatever its meaning.
    pub(super) fn of(reply: &Reply) -> Self {
        let error = if reply.status >= 400 { reply.json::<ErrorBody>() } else { None };
        let cut = |text: String| text.chars().take(LONGEST_CODE).collect::<String>();
        let (code, decline_code) = match error {
            Some(ErrorBody { error }) => (error.code.or(Some(error.kind)), error.decline_code),
            None => (None, None),
        };
        let cause = match reply.status {
            _ if !reply.clock_agrees => Some("Stripe's clock differs from this machine's".to_owned()),
            ..300 => None,
            status => Some(format!("Stripe answered with status {status}")),
        };
        Self {
            status: Some(reply.status),
            code: code.map(cut),
            decline_code: decline_code.map(cut),
            address: None,
            cause,
        }
    }
}

impl fmt::Display for Noted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(address) = &self.address {
            write!(f, "{address}: ")?;
        }
        f.write_str(self.cause.as_deref().unwrap_or("the answer gives no reason"))
    }
}

impl From<&TransportError> for Noted {
    fn from(error: &TransportError) -> Self {
        let (address, cause) = match error {
            TransportError::NoAnswer { address, why } => (Some(address.clone()), why.clone()),
            TransportError::Setup(_) | TransportError::Key | TransportError::TooLarge => {
                (None, error.to_string())
            }
        };
        Self { address, cause: Some(cause), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, body: &str) -> Reply {
        Reply::of_text(status, body)
    }

    #[test]
    fn a_request_that_was_not_sent_is_recorded_with_its_cause() {
        let ((), answer) = CallResult::not_asked((), "the work was lost").split();
        assert_eq!(
            answer,
            StripeAnswer { cause: Some("the work was lost".to_owned()), ..StripeAnswer::default() }
        );
    }

    #[test]
    fn an_answer_is_recorded_with_its_code_and_its_fault() {
        let error =
            r#"{ "error": { "type": "card_error", "code": "card_declined", "decline_code": "fraudulent" } }"#;
        for (status, code, cause) in [
            (200, None, None),
            (299, None, None),
            (300, None, Some("Stripe answered with status 300")),
            (399, None, Some("Stripe answered with status 399")),
            (400, Some("card_declined"), Some("Stripe answered with status 400")),
            (500, Some("card_declined"), Some("Stripe answered with status 500")),
        ] {
            let noted = Noted::of(&reply(status, error));
            assert_eq!((noted.status, noted.code.as_deref()), (Some(status), code));
            assert_eq!(noted.decline_code.as_deref(), code.map(|_| "fraudulent"), "{status}");
            assert_eq!(noted.cause.as_deref(), cause, "{status}");
        }
        let typed = Noted::of(&reply(400, r#"{ "error": { "type": "invalid_request_error" } }"#));
        assert_eq!(typed.code.as_deref(), Some("invalid_request_error"), "where there is no code");
        let differs = Noted::of(&Reply { clock_agrees: false, ..reply(200, "{}") });
        assert_eq!(differs.cause.as_deref(), Some("Stripe's clock differs from this machine's"));
    }

    #[test]
    fn who_did_not_answer_is_noted_with_its_address() {
        let error = TransportError::NoAnswer { address: "127.0.0.1:9".to_owned(), why: "refused".to_owned() };
        let noted = Noted::from(&error);
        assert_eq!(
            (noted.address.as_deref(), noted.cause.as_deref()),
            (Some("127.0.0.1:9"), Some("refused"))
        );
        assert_eq!(noted.to_string(), "127.0.0.1:9: refused");
        let noted = Noted::from(&TransportError::TooLarge);
        assert_eq!((noted.address, noted.cause), (None, Some(TransportError::TooLarge.to_string())));
    }
}
