//! The next step of an event after a try, and the receiver's health. Pure: the simulation uses it as well.

use super::schedule::{self, Failed};
use super::sender::{ReceiverAnswer, Unanswered};
use crate::domain::time::Timestamp;
use crate::store::{Delivery, DeliveryOutcome, DeliveryResult};

/// The length to which an error's text is shortened.
const LONGEST_ERROR: usize = 300;

/// The result of a try.
pub type Tried = Result<ReceiverAnswer, Unanswered>;

/// The next step of a claimed event after a try that ended `now`: accepted with any 2xx, given up at 410 ("Gone") or
/// after three days, else tried again (Standard Webhooks, "Deliverability and reliability"). `jitter` is in
/// `0.0..1.0`.
#[must_use]
pub fn delivery_outcome(claimed: &Delivery, tried: &Tried, now: Timestamp, jitter: f64) -> DeliveryResult {
    let lease = claimed.leased_until.unwrap_or(now);
    let (status, asked, error) = match tried {
        Ok(ReceiverAnswer { status, .. }) if (200..300).contains(status) => {
            let outcome = DeliveryOutcome::Delivered;
            return DeliveryResult { lease, outcome, status: Some(*status), error: None };
        }
        Ok(ReceiverAnswer { status: status @ 410, .. }) => {
            let error = "the receiver answered 410: it is gone for good".to_owned();
            let outcome = DeliveryOutcome::Parked;
            return DeliveryResult { lease, outcome, status: Some(*status), error: Some(error) };
        }
        Ok(ReceiverAnswer { status, retry_after }) => {
            let redirect = (300..400).contains(status);
            let more = if redirect { ", and redirects are not followed" } else { "" };
            (Some(*status), *retry_after, format!("the receiver answered {status}{more}"))
        }
        Err(Unanswered(why)) => (None, None, why.chars().take(LONGEST_ERROR).collect()),
    };
    let first = claimed.first_try.unwrap_or(now);
    let failed = Failed { first, tries: claimed.tries, now, asked };
    let outcome = schedule::next_try(&failed, jitter).map_or(DeliveryOutcome::Parked, DeliveryOutcome::Again);
    DeliveryResult { lease, outcome, status, error: Some(error) }
}

/// Whether the receiver works: one that rejects an event can still get the others.
pub(super) const fn receiver_is_well(tried: &Tried) -> bool {
    match tried {
        Ok(ReceiverAnswer { status, .. }) => !matches!(*status, 408 | 429 | 500..),
        Err(_) => false,
    }
}
