//! A paid checkout and its later events.

mod activity;
mod state;

pub use activity::{
    Dispute, DisputeStatus, Fulfilled, Fulfillment, LastAnswer, OrderActivity, Refund, RefundAttempt,
    RefundOrigin, RefundReason, RefundRefusal, RefundState, RefundStatus,
};

pub use state::OrderState;

use serde::{Deserialize, Serialize};

use super::address::{Address, Buyer};
use super::ids::{OrderId, PaymentIntentId, Revision, SessionId};
use super::origin::{Agent, Door, Host};
use super::pricing::Quote;
use super::time::Timestamp;

/// An order: made once, in the commit that completes its session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub id: OrderId,
    /// The checkout that it was made from.
    pub session: SessionId,
    /// The revision that was paid.
    pub revision: Revision,
    pub payment_intent: PaymentIntentId,
    /// The way through which it was paid; orders of older versions do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub door: Option<Door>,
    /// The host in which its checkout began, where that named itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Host>,
    /// Who sent the token that paid it, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<Agent>,
    /// The quote that was paid.
    pub quote: Quote,
    pub buyer: Buyer,
    /// The shipping address.
    pub address: Option<Address>,
    /// When it was paid.
    pub created: Timestamp,
}
