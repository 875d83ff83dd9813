//! Stopping a payment midway, to see what its sender makes of the silence.
//!
//! Must not import the state or the HTTP server. Invariant: dropping a [`Hold`] releases it, so that no payment is
//! stopped for ever by a test that failed.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// Where a payment is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldPoint {
    /// The request has arrived and its idempotency key is in use; nothing has happened.
    BeforeEffect,
    /// The payment is made or declined; its answer has not been sent.
    AfterEffect,
}

/// Stops the next `POST /v1/payment_intents` that executes, until it is released or dropped.
///
/// What arrived is carried out whether or not its sender still listens, as at Stripe: a payment held before its effect
/// takes effect on release even when the connection is gone.
#[derive(Debug)]
#[must_use = "a dropped hold is released at once"]
pub struct Hold(Arc<Gate>);

/// The side of a hold that the payment sees.
#[derive(Debug)]
pub(crate) struct Gate {
    point: HoldPoint,
    reached: watch::Sender<bool>,
    released: watch::Sender<bool>,
}

impl Hold {
    pub(crate) fn new(point: HoldPoint) -> (Self, Arc<Gate>) {
        let gate =
            Arc::new(Gate { point, reached: watch::Sender::new(false), released: watch::Sender::new(false) });
        (Self(Arc::clone(&gate)), gate)
    }

    /// Where the payment is stopped.
    #[must_use]
    pub fn point(&self) -> HoldPoint {
        self.0.point
    }

    /// Waits until a payment has arrived at the point.
    pub async fn reached(&self) {
        wait(&self.0.reached).await;
    }

    /// Whether a payment has arrived at the point.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        *self.0.reached.borrow()
    }

    /// Lets the payment go on.
    pub fn release(&self) {
        self.0.released.send_replace(true);
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.release();
    }
}

impl Gate {
    /// Stops here if this is the point.
    pub(crate) async fn pass(&self, point: HoldPoint) {
        if self.point == point {
            self.reached.send_replace(true);
            wait(&self.released).await;
        }
    }

    /// Whether nobody waits for a payment here any more.
    pub(crate) fn is_released(&self) -> bool {
        *self.released.borrow()
    }
}

async fn wait(flag: &watch::Sender<bool>) {
    // Cannot fail: the sender is borrowed, so it is alive.
    drop(flag.subscribe().wait_for(|set| *set).await);
}
