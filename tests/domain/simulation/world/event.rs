//! What happens in a history, and what is on its way.

use merchant_gateway::delivery::Tried;
use merchant_gateway::domain::checkout::driver::{Input, Output};
use merchant_gateway::domain::checkout::model::{
    AttemptIntent, Change, Command, RefundIntent, StripeNotification,
};
use merchant_gateway::domain::ids::{SessionId, StripeCheckoutId};
use merchant_gateway::store::Delivery;
use test_support::model_stripe::Card;

/// Something that happens at a moment.
pub(super) enum Event {
    /// A caller comes to a process.
    Call {
        process: usize,
        session: SessionId,
        command: Box<Command>,
    },
    /// Something reaches the store or Stripe, and its answer begins to come back.
    Arrives(Box<Sent>),
    /// An answer comes back to the process that waits for it.
    Back {
        process: usize,
        life: u32,
        session: SessionId,
        input: Box<Input>,
    },
    Sweep {
        process: usize,
    },
    /// The sweeper writes that the time of a cart is over.
    CartEnds(Box<Change>),
    Crash {
        process: usize,
    },
    /// Something happens to an order at Stripe, without us.
    Elsewhere(SessionId),
    /// A request for a refund arrives whose sender has given up on it.
    LateRefund(Box<RefundIntent>),
    /// A request arrives whose sender has given up on it.
    Late(Box<AttemptIntent>),
    /// Stripe says of a session that something may have happened.
    Webhook {
        session: SessionId,
        notification: StripeNotification,
    },
    /// A process looks whether there is something to tell.
    Post {
        process: usize,
    },
    /// A claimed order event leaves.
    SignedRequest {
        process: usize,
        life: u32,
        delivery: Box<Delivery>,
    },
    /// What its receiver did comes back.
    Heard {
        process: usize,
        life: u32,
        delivery: Box<Delivery>,
        tried: Box<Tried>,
    },
    RetriedByHand,
    /// A shopper who was given a page's address pays there, or tries to.
    PaysOnPage {
        page: StripeCheckoutId,
        card: Card,
    },
}

/// What left a process.
pub(super) struct Sent {
    pub(super) process: usize,
    pub(super) life: u32,
    pub(super) session: SessionId,
    pub(super) output: Output,
}
