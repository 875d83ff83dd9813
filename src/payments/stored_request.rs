//! The stored requests to Stripe, and how long they may be sent.

use super::dependencies::Dependencies;
use crate::domain::time::Timestamp;

/// Why a stored request is not sent again.
pub(super) const TOO_LATE: &str = "the time in which its request may be sent is over";

/// Whether a stored request may be sent now. A request that must never be sent again is not kept.
pub(super) fn may_be_sent(deps: &Dependencies, body: &str, repeat_until: Timestamp) -> bool {
    deps.clock.now() < repeat_until && !body.is_empty()
}
