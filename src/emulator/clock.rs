//! The emulator's clock, which its starter provides: the emulator reads no clock of its own.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Gives the present moment. A test's may stand still.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// Whole seconds since the Unix epoch, as Stripe writes moments.
pub(crate) fn unix_seconds(moment: SystemTime) -> i64 {
    i64::try_from(since_epoch(moment).as_secs()).unwrap_or(i64::MAX)
}

/// Milliseconds since the Unix epoch.
pub(crate) fn unix_millis(moment: SystemTime) -> u64 {
    u64::try_from(since_epoch(moment).as_millis()).unwrap_or(u64::MAX)
}

/// Zero for a moment before the epoch, at which Stripe did not exist.
fn since_epoch(moment: SystemTime) -> Duration {
    moment.duration_since(UNIX_EPOCH).unwrap_or_default()
}
