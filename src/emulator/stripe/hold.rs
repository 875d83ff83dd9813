//! Stops a payment midway, so that a test can see how its sender handles the missing answer.
//!
//! Must not import the state or the HTTP server. Invariant: dropping a [`Hold`] releases it, so that a failed test
//! does not stop a payment for ever.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// The point at which a payment is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldPoint {
    /// The request has arrived and its idempotency key is in use; nothing has happened.
    BeforeEffect,
    /// The payment has succeeded or was declined; its answer has not been sent.
    AfterEffect,
}

/// Stops the next `POST /v1/payment_intents` that executes, until it is released or dropped.
///
/// A received request is executed whether or not its sender still waits, as at Stripe: a payment held before its
/// effect takes effect on release even when the connection is gone.
#[derive(Debug)]
#[must_use = "a dropped hold is released at once"]
pub struct Hold(Arc<Gate>);

/// The payment's side of a hold.
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

    /// The point at which the payment is stopped.
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

    /// Lets the payment continue.
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
    /// Waits here if this is the point.
    pub(crate) async fn pass(&self, point: HoldPoint) {
        if self.point == point {
            self.reached.send_replace(true);
            wait(&self.released).await;
        }
    }

    /// Whether the hold was released.
    pub(crate) fn is_released(&self) -> bool {
        *self.released.borrow()
    }
}

async fn wait(flag: &watch::Sender<bool>) {
    // Cannot fail: the sender is borrowed, so it is alive.
    drop(flag.subscribe().wait_for(|set| *set).await);
}
