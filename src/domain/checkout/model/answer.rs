//! What callers are answered: the session as it stands, with its order.

use super::notice::Notice;
use super::session::Session;
use crate::domain::ids::OrderNumber;
use crate::domain::order::Order;
use crate::domain::time::{Span, Timestamp};

/// What a caller is answered: the session as it now stands.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The session.
    pub session: Session,
    /// Its order, once it has one.
    pub order: Option<PlacedOrder>,
    /// What this caller is told; for a repeated token its own attempt's end, else the session's notice.
    pub notice: Option<Notice>,
    /// Whether the caller brought the token that paid it.
    pub repeats_payment: bool,
    /// The absolute address of its checkout page, where the shop takes payments there.
    pub checkout_page: Option<String>,
}

/// How long after its end whoever holds a session is told who bought, where it went, and the order's link.
const TOLD_AFTER_END: Span = Span::hours(24);

impl Answer {
    /// Whether the session ended so long ago that it is told without who bought, where it went, and the order's link.
    #[must_use]
    pub fn is_closed(&self, now: Timestamp) -> bool {
        let paid = self.order.as_ref().map(|placed| placed.order.created);
        let expires = self.session.expires;
        let ended = if self.session.paid().is_some() {
            Some(paid.unwrap_or(expires))
        } else if self.session.state.is_unpaid_end() {
            // What nobody had the time to end has ended all the same.
            Some(self.session.ended.map_or(expires, |ended| ended.min(expires)))
        } else {
            None
        };
        ended.is_some_and(|ended| ended + TOLD_AFTER_END <= now)
    }
}

/// An order that is to be placed, with what is fixed about it then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOrder {
    /// The order.
    pub order: Order,
    /// The absolute address of its status page.
    pub permalink: String,
    /// The `structuredContent` of `complete_checkout`, to be answered byte for byte to every repeat.
    pub completion: String,
}

impl NewOrder {
    /// The order as it is once it has its number.
    #[must_use]
    pub fn numbered(self, number: OrderNumber) -> PlacedOrder {
        let Self { order, permalink, completion } = self;
        PlacedOrder { number, order, permalink, completion }
    }
}

/// An order with what was fixed about it when it was placed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlacedOrder {
    /// What people call it.
    pub number: OrderNumber,
    /// The order.
    pub order: Order,
    /// The absolute address of its status page.
    pub permalink: String,
    /// The `structuredContent` of `complete_checkout`, to be answered byte for byte to every repeat.
    pub completion: String,
}
