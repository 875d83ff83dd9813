//! Stripe's reports about a key: that it is accepted, or that it is refused, and which permission it lacks.
//!
//! Invariant: every answer to every request except the one that reads the account is reported here, whatever its
//! caller does with it. A refusal contains no part of a key or of a request.

use std::fmt;
use std::sync::Arc;

use super::answers::ErrorBody;
use super::transport::Reply;
use crate::domain::time::Span;

/// The uses of a key for which a restricted key may lack the permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyUse {
    /// Reading its own account.
    Account,
    /// Reading granted tokens.
    Tokens,
    /// Creating and canceling payments.
    Charges,
    /// Creating and closing Stripe Checkouts.
    StripeCheckouts,
    /// Creating refunds.
    Refunds,
    /// Reading payments, refunds and other objects.
    Readings,
}

impl KeyUse {
    /// Whether no payment can begin without it.
    #[must_use]
    pub const fn is_of_payments(self) -> bool {
        match self {
            Self::Tokens | Self::Charges | Self::StripeCheckouts => true,
            Self::Account | Self::Refunds | Self::Readings => false,
        }
    }

    /// Its name in messages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Account => "reading the account",
            Self::Tokens => "reading payment tokens",
            Self::Charges => "charging",
            Self::StripeCheckouts => "payment pages",
            Self::Refunds => "refunding",
            Self::Readings => "reading payments, pages, refunds and disputes",
        }
    }
}

/// A key that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRefusal {
    pub usage: KeyUse,
    /// 401 if the key is not valid, 403 if it may not do this.
    pub status: u16,
    /// `req_…`.
    pub request_id: Option<String>,
    /// Stripe's `code`.
    pub code: Option<String>,
    /// The permission that Stripe names, such as `rak_payment_intent_write`.
    pub permission: Option<String>,
}

impl fmt::Display for KeyRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}", self.status)?;
        for (name, value) in
            [("code", &self.code), ("permission", &self.permission), ("request", &self.request_id)]
        {
            if let Some(value) = value {
                write!(f, ", {name} {value}")?;
            }
        }
        Ok(())
    }
}

impl KeyRefusal {
    /// The refusal in an answer; `None` if it does not refuse the key.
    pub(super) fn of(usage: KeyUse, reply: &Reply) -> Option<Self> {
        if !matches!(reply.status, 401 | 403) {
            return None;
        }
        let error = reply.json::<ErrorBody>().map(|body| body.error);
        let (code, message) = error.map(|error| (error.code, error.message)).unwrap_or_default();
        Some(Self {
            usage,
            status: reply.status,
            request_id: reply.request_id.clone(),
            code,
            permission: message.as_deref().and_then(permission),
        })
    }
}

/// The permission that Stripe's message names; the rest of the message may quote the request.
fn permission(message: &str) -> Option<String> {
    let is_part = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '_';
    let words = message.split(|letter| !is_part(letter));
    words.filter(|word| word.starts_with("rak_")).max_by_key(|word| word.len()).map(str::to_owned)
}

/// A report about a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyReport {
    /// Stripe accepted it.
    Taken(KeyUse),
    Refused(KeyRefusal),
    /// Stripe accepts no further requests of its account for now.
    Limited {
        retry_after: Option<Span>,
    },
}

/// A receiver of the reports about a key.
#[derive(Clone)]
pub struct KeyObserver(Arc<dyn Fn(KeyReport) + Send + Sync>);

impl KeyObserver {
    /// Passes reports to this function, which must not wait.
    #[must_use]
    pub fn new(report: impl Fn(KeyReport) + Send + Sync + 'static) -> Self {
        Self(Arc::new(report))
    }

    /// Ignores reports.
    #[must_use]
    pub fn ignore() -> Self {
        Self::new(|_| {})
    }

    pub(super) fn observe(&self, usage: KeyUse, reply: &Reply) {
        match KeyRefusal::of(usage, reply) {
            Some(refusal) => (self.0)(KeyReport::Refused(refusal)),
            None if matches!(reply.status, 200..=299 | 402) => (self.0)(KeyReport::Taken(usage)),
            // Another request was using the same object; this says nothing about the rate of requests.
            None if reply.status == 429 && !is_locked(reply) => {
                (self.0)(KeyReport::Limited { retry_after: reply.retry_after });
            }
            None => {}
        }
    }

    /// Passes on a report.
    pub fn report(&self, report: KeyReport) {
        (self.0)(report);
    }
}

fn is_locked(reply: &Reply) -> bool {
    let code = reply.json::<ErrorBody>().and_then(|body| body.error.code);
    code.as_deref() == Some("lock_timeout")
}

impl fmt::Debug for KeyObserver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("KeyObserver")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_refused_by_401_and_403_and_by_nothing_else() {
        for status in [200, 400, 401, 402, 403, 404, 409, 429, 500] {
            let reply = Reply::of_text(status, "");
            let refused = KeyRefusal::of(KeyUse::Charges, &reply);
            assert_eq!(refused.map(|refusal| refusal.status), [401, 403].contains(&status).then_some(status));
        }
    }

    #[test]
    fn only_the_permission_is_extracted_from_the_refusal_message() {
        let sentence = "The provided key 'rk_test_****abcd' does not have the required permissions for this endpoint on \
                        account 'acct_1'. Having the 'rak_payment_intent_write' permission would allow this request.";
        assert_eq!(permission(sentence).as_deref(), Some("rak_payment_intent_write"));
        assert_eq!(permission("Invalid API Key provided: sk_test_****abcd"), None);
    }

    #[test]
    fn a_429_for_a_lock_says_nothing_of_how_many_requests_there_are() {
        let (sender, reports) = std::sync::mpsc::channel();
        let observer = KeyObserver::new(move |report| sender.send(report).unwrap());
        for (code, limited) in [("lock_timeout", false), ("rate_limit", true)] {
            let reply = Reply {
                retry_after: Some(Span::seconds(7)),
                ..Reply::of_text(
                    429,
                    &format!(r#"{{ "error": {{ "type": "invalid_request_error", "code": "{code}" }} }}"#),
                )
            };
            observer.observe(KeyUse::Charges, &reply);
            let told = limited.then_some(KeyReport::Limited { retry_after: Some(Span::seconds(7)) });
            assert_eq!(reports.try_recv().ok(), told, "{code}");
        }
    }
}
