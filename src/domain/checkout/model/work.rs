//! What a session's own clock asks for, and what is at stake in it.

use super::effect::Effect;
use super::event::Event;
use crate::domain::time::Timestamp;

/// What a session's own clock asks for, apart from any caller.
#[derive(Clone, Debug)]
pub enum Work {
    /// Nothing before this moment; `None`: nothing at all.
    Wait(Option<Timestamp>),
    /// Something at Stripe, without a change of state.
    Run(Effect),
    /// A transition.
    Step(Box<Event>),
}

/// What is at stake in what a session waits for, the most urgent first. Due work is done in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// A payment whose outcome is not known, or that a page must be opened or closed for.
    Payment,
    /// A page at Stripe on which a shopper may be paying.
    StripeCheckout,
    /// A refund whose outcome is not known.
    Refund,
    /// A reading of what became of a payment or an order that is decided here.
    Poll,
    /// A cart that nobody has paid and nobody is paying: its time is over.
    Cart,
}

impl Priority {
    /// Every one, the most urgent first.
    pub const ALL: [Self; 5] = [Self::Payment, Self::StripeCheckout, Self::Refund, Self::Poll, Self::Cart];
}
