//! The common data of the server's threads, the webhooks and the handle: the state behind a lock, with its clock.
//!
//! Must not import the API, the hosted pages or the HTTP server: each adds its functions in a file of its own.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use super::state::StripeState;
use crate::clock::Clock;

/// The common data of the server's threads and the handle.
pub(crate) struct StripeService {
    clock: Clock,
    slow_payment: Duration,
    state: Mutex<StripeState>,
}

impl StripeService {
    /// A state, its clock, and how long its slow payments take.
    pub(crate) fn new(clock: Clock, slow_payment: Duration, state: StripeState) -> Self {
        Self { clock, slow_payment, state: Mutex::new(state) }
    }

    /// The present moment.
    pub(crate) fn now(&self) -> SystemTime {
        (self.clock)()
    }

    /// The state. After a panic the emulator continues with it: one failed request must not fail all others.
    pub(crate) fn state(&self) -> MutexGuard<'_, StripeState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How long a payment with a slow card takes.
    pub(crate) const fn slow_payment(&self) -> Duration {
        self.slow_payment
    }

    /// Waits for the webhooks from this number on that arrive before an answer.
    pub(crate) async fn wait_for_webhooks_since(&self, number: u64) {
        let mut changes = self.state().webhooks.changes();
        while !self.state().webhooks.may_answer_since(number) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }
}
