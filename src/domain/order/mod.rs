//! A paid checkout, and what becomes of it afterwards.

mod activity;
mod state;

pub use activity::{
    Asking, Dispute, DisputeStatus, Fulfilled, Fulfillment, LastAnswer, OrderActivity, Refund, RefundOrigin,
    RefundReason, RefundRefusal, RefundState, RefundStatus,
};

pub use state::OrderState;

use serde::{Deserialize, Serialize};

use super::address::{Address, Buyer};
use super::ids::{OrderId, PaymentIntentId, Revision, SessionId};
use super::pricing::Quote;
use super::time::Timestamp;

/// An order: made once, in the commit that completes its session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its id.
    pub id: OrderId,
    /// The checkout it came from.
    pub session: SessionId,
    /// The revision that was paid.
    pub revision: Revision,
    /// The payment at Stripe.
    pub payment_intent: PaymentIntentId,
    /// What was bought, and for how much.
    pub quote: Quote,
    /// Who bought it.
    pub buyer: Buyer,
    /// Where it goes.
    pub address: Option<Address>,
    /// When it was paid.
    pub created: Timestamp,
}
