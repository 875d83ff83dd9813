//! The circumstances of a change: when it happens, who asked for it, and where the ids of what it makes come from.
//!
//! Must not import anything of the emulator but the ids.

use std::time::SystemTime;

use crate::stripe::ids::IdSource;

/// The request that a change comes from; nothing where a shopper, the clock or a test made it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cause {
    /// `req_…`.
    pub(crate) request_id: Option<String>,
    /// The request's `Idempotency-Key`.
    pub(crate) idempotency_key: Option<String>,
}

/// When something happens, and why.
#[derive(Clone, Debug)]
pub(crate) struct TimeAndCause {
    /// When.
    pub(crate) now: SystemTime,
    /// By which request.
    pub(crate) cause: Cause,
}

impl From<SystemTime> for TimeAndCause {
    fn from(now: SystemTime) -> Self {
        Self { now, cause: Cause::default() }
    }
}

/// One change of the books, as it is being made.
pub(crate) struct ChangeContext<'a> {
    /// The present second.
    pub(crate) now: i64,
    /// Where it comes from.
    pub(crate) cause: &'a Cause,
    /// The ids to come.
    pub(crate) ids: &'a mut IdSource,
}

impl ChangeContext<'_> {
    /// The next id of a kind, such as `pi`.
    pub(crate) fn id(&mut self, kind: &str) -> String {
        self.ids.next(kind)
    }
}
