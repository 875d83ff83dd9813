//! Verifies Stripe's webhooks to a merchant, counts the refused ones, and records whether they arrive.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use secrecy::SecretString;
use strum::VariantArray;

use crate::domain::stripe_event::StripeEvent;
use crate::domain::time::{Span, Timestamp};
use crate::stripe::webhook::{Addressee, Refusal, Signature, read_event};

/// How long after a webhook about a payment webhooks count as arriving. A shop with enough payments to make polling
/// costly receives one within this time.
const LATELY: Span = Span::hours(1);

/// Verifies Stripe's webhooks to a merchant, counts the refused ones, and records whether they arrive.
#[derive(Clone, Debug, Default)]
pub(crate) struct WebhookVerifier {
    secrets: Vec<SecretString>,
    counts: Arc<Counts>,
}

/// What has arrived; it goes on when the secrets change.
#[derive(Debug, Default)]
struct Counts {
    /// When the last webhook about a payment arrived, in milliseconds; zero before the first.
    last: AtomicI64,
    refused: [AtomicU64; Refusal::VARIANTS.len()],
}

impl WebhookVerifier {
    pub(crate) fn new(secrets: Vec<SecretString>) -> Self {
        Self { secrets, ..Self::default() }
    }

    /// The same counts, with other secrets.
    pub(crate) fn with_secrets(&self, secrets: Vec<SecretString>) -> Self {
        Self { secrets, counts: Arc::clone(&self.counts) }
    }

    /// Whether webhooks about payments have arrived lately.
    pub(crate) fn arrive(&self, now: Timestamp) -> bool {
        Timestamp::from_millis(self.counts.last.load(Ordering::Relaxed)).is_within(LATELY, now)
    }

    /// Whether there is a secret to verify webhooks with.
    pub(crate) fn has_secrets(&self) -> bool {
        !self.secrets.is_empty()
    }

    /// The event in a body, if Stripe has signed it for the addressee.
    pub(crate) fn open(
        &self,
        signature: &Signature<'_>,
        body: &[u8],
        (of, now): (Addressee<'_>, Timestamp),
    ) -> Result<StripeEvent, Refusal> {
        signature.check(body, &self.secrets)?;
        read_event(body, of, now)
    }

    /// Records that a webhook about a payment has arrived.
    pub(crate) fn arrived(&self, now: Timestamp) {
        self.counts.last.store(now.as_millis(), Ordering::Relaxed);
    }

    /// Counts a refused webhook; returns how many were refused for this reason.
    pub(crate) fn refused(&self, refusal: Refusal) -> Option<u64> {
        self.count(refusal).map(|count| count.fetch_add(1, Ordering::Relaxed) + 1)
    }

    /// How many were refused, by reason.
    pub(crate) fn refusals(&self) -> BTreeMap<&'static str, u64> {
        let counts = self.counts.refused.iter().map(|count| count.load(Ordering::Relaxed));
        Refusal::VARIANTS.iter().map(Refusal::into_str).zip(counts).collect()
    }

    fn count(&self, refusal: Refusal) -> Option<&AtomicU64> {
        self.counts.refused.get(Refusal::VARIANTS.iter().position(|known| *known == refusal)?)
    }
}
