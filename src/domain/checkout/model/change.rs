//! A session as it was read, and one change of it as data: the values that the store returns and receives.

use super::answer::PlacedOrder;
use super::attempt::{AttemptEnd, AttemptIntent};
use super::flag::Flag;
use super::order::{OrderChange, RefundIntent};
use super::session::{Session, Version};
use super::timeline::TimelineEntry;
use crate::domain::ids::{AttemptNumber, SessionId};
use crate::domain::order::Order;
use crate::domain::time::Timestamp;

/// A session as it was read.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The session and its version; `None` when there is none.
    pub session: Option<(Version, Session)>,
    /// Its order, when it is completed.
    pub order: Option<PlacedOrder>,
    /// The attempt that the requested token started, on any session of the tenant.
    pub token_use: Option<TokenUse>,
}

/// The use of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenUse {
    /// The session that it was used on.
    pub session: SessionId,
    /// The attempt that it started.
    pub attempt: AttemptNumber,
    /// How that ended; `None` while it is undecided.
    pub end: Option<AttemptEnd>,
}

impl TokenUse {
    /// Whether the token has paid this session.
    #[must_use]
    pub fn paid(&self, session: &SessionId) -> bool {
        self.session == *session && matches!(self.end, Some(AttemptEnd::Succeeded { .. }))
    }
}

/// One change of one session, committed as a whole.
#[derive(Clone, Debug)]
pub struct Change {
    /// The version that it was made from; `None` makes a new session.
    pub expected: Option<Version>,
    /// The session after the change.
    pub session: Session,
    /// When its next work is due.
    pub due_at: Option<Timestamp>,
    pub attempt: Option<AttemptMove>,
    /// The order to place.
    pub order: Option<Order>,
    pub refund: Option<Box<RefundIntent>>,
    /// The changes of the order that the merchant is notified of, apart from its creation.
    pub order_changes: Vec<OrderChange>,
    /// The order that these changes are of, as it was read.
    pub placed: Option<PlacedOrder>,
    /// Payments for an operator to check.
    pub flags: Vec<Flag>,
    pub timeline: Vec<TimelineEntry>,
}

/// A change of an attempt.
#[derive(Clone, Debug)]
pub enum AttemptMove {
    Start(Box<AttemptIntent>),
    /// It continues or ends.
    Update {
        number: AttemptNumber,
        /// How it ended; `None` leaves it undecided.
        end: Option<AttemptEnd>,
        /// Whether its request is never sent again, so that its token is erased.
        erase_token: bool,
    },
}
