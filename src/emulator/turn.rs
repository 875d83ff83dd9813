//! The circumstances of a change: when it happens, who asked for it, and where the ids of what it makes come from.
//!
//! Must not import the state.

use crate::domain::time::Timestamp;

use super::ids::IdSource;

/// The request that a change comes from; nothing where a shopper, the clock or a test made it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cause {
    /// `req_…`.
    pub(super) request_id: Option<String>,
    /// The request's `Idempotency-Key`.
    pub(super) idempotency_key: Option<String>,
}

/// When something happens, and why.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    /// When.
    pub(super) now: Timestamp,
    /// By which request.
    pub(super) cause: Cause,
}

impl From<Timestamp> for Moment {
    fn from(now: Timestamp) -> Self {
        Self { now, cause: Cause::default() }
    }
}

/// One change of the books, as it is being made.
pub(super) struct Turn<'a> {
    /// The present second.
    pub(super) now: i64,
    /// Where it comes from.
    pub(super) cause: &'a Cause,
    /// The ids to come.
    pub(super) ids: &'a mut IdSource,
}

impl Turn<'_> {
    /// The next id of a kind, such as `pi`.
    pub(super) fn id(&mut self, kind: &str) -> String {
        self.ids.next(kind)
    }
}
