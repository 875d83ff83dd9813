//! The gateway's clocks as the emulated Stripe takes them.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use merchant_gateway::ports::Clock;

/// The same time for the emulated Stripe.
pub fn stripe_clock(clock: Arc<dyn Clock>) -> stripe_emulator::Clock {
    Arc::new(move || UNIX_EPOCH + Duration::from_millis(clock.now().as_millis().unsigned_abs()))
}
