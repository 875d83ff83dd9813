//! A session as it was read, and one change of it as data: what goes in and out of the store.

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
    /// The attempt that the asked-for token started, on whatever session of the tenant.
    pub token_use: Option<TokenUse>,
}

/// What became of a token.
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

/// One change of one session, to be committed whole.
#[derive(Clone, Debug)]
pub struct Change {
    /// The version that it was made from; `None` makes a new session.
    pub expected: Option<Version>,
    /// The session as it is to stand.
    pub session: Session,
    /// When it waits for something next.
    pub due_at: Option<Timestamp>,
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
    /// What its timeline tells of it.
    pub timeline: Vec<TimelineEntry>,
}

/// What a change does to an attempt.
#[derive(Clone, Debug)]
pub enum AttemptMove {
    /// It begins.
    Start(Box<AttemptIntent>),
    /// It goes on or ends.
    Update {
        /// Which.
        number: AttemptNumber,
        /// How it ended; `None` leaves it undecided.
        end: Option<AttemptEnd>,
        /// Whether its request is never sent again, so that its token is erased.
        erase_token: bool,
    },
}
