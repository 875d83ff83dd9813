//! The work that a session has due by time, and its priority.

use super::effect::Effect;
use super::event::Event;
use crate::domain::time::Timestamp;

/// The work that a session has due by time, apart from any caller.
#[derive(Clone, Debug)]
pub enum Work {
    /// No work before this moment; `None` means no work at all.
    Wait(Option<Timestamp>),
    /// A request to Stripe, without a change of state.
    Run(Effect),
    /// A transition.
    Step(Box<Event>),
}

/// The priority of a session's due work, the most urgent first. Due work is done in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// A payment whose outcome is not known, or that needs a Stripe Checkout created or closed.
    Payment,
    /// A Stripe Checkout on which a shopper may be paying.
    StripeCheckout,
    /// A refund whose outcome is not known.
    Refund,
    /// A reading about a payment or an order that is decided here.
    Poll,
    /// An unpaid cart without a payment in progress has expired.
    Cart,
}

impl Priority {
    /// Every priority, the most urgent first.
    pub const ALL: [Self; 5] = [Self::Payment, Self::StripeCheckout, Self::Refund, Self::Poll, Self::Cart];
}
