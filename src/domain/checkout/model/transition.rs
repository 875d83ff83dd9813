//! The result of a step.

use super::change::AttemptMove;
use super::effect::Effect;
use super::flag::Flag;
use super::order::{OrderChange, RefundIntent};
use super::session::Session;
use crate::domain::order::Order;

/// The result of a step.
#[derive(Clone, Debug)]
pub struct Transition {
    /// The session after the step.
    pub next: Session,
    pub attempt: Option<AttemptMove>,
    /// The order to place.
    pub order: Option<Order>,
    pub refund: Option<Box<RefundIntent>>,
    /// The changes of the order that the merchant is notified of, apart from its creation.
    pub order_changes: Vec<OrderChange>,
    /// Payments for an operator to check.
    pub flags: Vec<Flag>,
    /// The request to Stripe to make once the change is durable.
    pub effect: Option<Effect>,
}

impl Transition {
    /// A change of the session alone.
    pub(crate) const fn to(next: Session) -> Self {
        Self {
            next,
            attempt: None,
            order: None,
            refund: None,
            order_changes: Vec::new(),
            flags: Vec::new(),
            effect: None,
        }
    }

    /// Whether there is anything to write or to run.
    pub(crate) fn changes(&self, session: &Session) -> bool {
        self.next != *session || self.attempt.is_some() || !self.flags.is_empty() || self.effect.is_some()
    }
}
