//! What a merchant knows Stripe's webhooks by, how many it has refused, and whether they arrive.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use secrecy::SecretString;

use crate::domain::stripe_event::StripeEvent;
use crate::domain::time::{Span, Timestamp};
use crate::stripe::webhook::{Addressee, Refusal, Signature, read_event};

/// For how long webhooks are taken to arrive after one about a payment has: a shop that is paid often enough to read many pages
/// hears of a payment within it.
const LATELY: Span = Span::hours(1);

/// What a merchant knows Stripe's webhooks by, how many it has refused, and whether they arrive.
#[derive(Debug, Default)]
pub(crate) struct WebhookVerifier {
    secrets: Vec<SecretString>,
    /// When the last one about a payment came, in milliseconds; zero before the first.
    last: AtomicI64,
    refused: [AtomicU64; Refusal::ALL.len()],
}

impl WebhookVerifier {
    pub(crate) fn new(secrets: Vec<SecretString>) -> Self {
        Self { secrets, ..Self::default() }
    }

    /// Whether those about payments have arrived lately.
    pub(crate) fn arrive(&self, now: Timestamp) -> bool {
        Timestamp::from_millis(self.last.load(Ordering::Relaxed)).is_within(LATELY, now)
    }

    /// Whether there is a secret that webhooks can be signed with.
    pub(crate) fn has_secrets(&self) -> bool {
        !self.secrets.is_empty()
    }

    /// The event in a body, when Stripe has signed it for the addressee.
    pub(crate) fn open(
        &self,
        signature: &Signature<'_>,
        body: &[u8],
        (of, now): (Addressee<'_>, Timestamp),
    ) -> Result<StripeEvent, Refusal> {
        signature.check(body, &self.secrets)?;
        read_event(body, of, now)
    }

    /// One about a payment has arrived.
    pub(crate) fn arrived(&self, now: Timestamp) {
        self.last.store(now.as_millis(), Ordering::Relaxed);
    }

    /// Counts one that was refused; how many there were of this reason.
    pub(crate) fn refused(&self, refusal: Refusal) -> Option<u64> {
        self.count(refusal).map(|count| count.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// How many were refused, by reason.
    pub(crate) fn refusals(&self) -> BTreeMap<&'static str, u64> {
        let counts = self.refused.iter().map(|count| count.load(Ordering::Relaxed));
        Refusal::ALL.into_iter().map(Refusal::as_str).zip(counts).collect()
    }

    fn count(&self, refusal: Refusal) -> Option<&AtomicU64> {
        self.refused.get(Refusal::ALL.iter().position(|known| *known == refusal)?)
    }
}
