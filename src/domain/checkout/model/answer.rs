//! The reply to a caller: the present session, with its order.

use super::notice::Notice;
use super::session::Session;
use crate::domain::ids::OrderNumber;
use crate::domain::order::Order;
use crate::domain::time::{Span, Timestamp};

/// The reply to a caller: the present session.
#[derive(Clone, Debug)]
pub struct Answer {
    pub session: Session,
    /// Its order, once it has one.
    pub order: Option<PlacedOrder>,
    /// The notice for this caller: for a repeated token the end of its own attempt, else the session's notice.
    pub notice: Option<Notice>,
    /// Whether the caller sent the token that paid the session.
    pub repeats_payment: bool,
    /// The absolute address of the session's checkout page, if the shop takes payments there.
    pub checkout_page: Option<String>,
    /// The absolute address at which an agent's wallet pays it, if the shop takes such payments.
    pub wallet_address: Option<String>,
}

/// For how long after the session's end its holder still receives the buyer, the address and the order's link.
const TOLD_AFTER_END: Span = Span::hours(24);

impl Answer {
    /// Whether the session ended so long ago that the reply leaves out the buyer, the address and the order's link.
    #[must_use]
    pub fn is_closed(&self, now: Timestamp) -> bool {
        let paid = self.order.as_ref().map(|placed| placed.order.created);
        let expires = self.session.expires;
        let ended = if self.session.paid().is_some() {
            Some(paid.unwrap_or(expires))
        } else if self.session.state.is_unpaid_end() {
            // A session past its expiry has ended, even if that was not committed yet.
            Some(self.session.ended.map_or(expires, |ended| ended.min(expires)))
        } else {
            None
        };
        ended.is_some_and(|ended| ended + TOLD_AFTER_END <= now)
    }
}

/// An order to place, with the values that are fixed at that moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOrder {
    pub order: Order,
    /// The absolute address of its status page.
    pub permalink: String,
    /// The `structuredContent` of `complete_checkout`, returned byte for byte to every repeat.
    pub completion: String,
}

impl NewOrder {
    /// The placed order, once it has its number.
    #[must_use]
    pub fn numbered(self, number: OrderNumber) -> PlacedOrder {
        let Self { order, permalink, completion } = self;
        PlacedOrder { number, order, permalink, completion }
    }
}

/// An order with the values that were fixed when it was placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedOrder {
    /// The order number that people use.
    pub number: OrderNumber,
    pub order: Order,
    /// The absolute address of its status page.
    pub permalink: String,
    /// The `structuredContent` of `complete_checkout`, returned byte for byte to every repeat.
    pub completion: String,
}
