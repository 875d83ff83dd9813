//! Where a step leads.

use super::change::AttemptMove;
use super::effect::Effect;
use super::flag::Flag;
use super::order::{OrderChange, RefundIntent};
use super::session::Session;
use crate::domain::order::Order;

/// Where a step leads.
#[derive(Clone, Debug)]
pub struct Transition {
    /// The session as it is to stand.
    pub next: Session,
    /// What becomes of an attempt.
    pub attempt: Option<AttemptMove>,
    /// The order that is placed.
    pub order: Option<Order>,
    /// The refund that is begun.
    pub refund: Option<Box<RefundIntent>>,
    /// What the merchant is told of the order, beside that it came to be.
    pub order_changes: Vec<OrderChange>,
    /// Payments for an operator to look at.
    pub flags: Vec<Flag>,
    /// What to do once the change is durable.
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

    /// Whether there is anything to write or to do.
    pub(crate) fn changes(&self, session: &Session) -> bool {
        self.next != *session || self.attempt.is_some() || !self.flags.is_empty() || self.effect.is_some()
    }
}
