//! The context of a change: its time, its cause, and the source of ids for new objects.
//!
//! Must not import anything of the emulator but the ids.

use std::time::SystemTime;

use crate::stripe::ids::IdSource;

/// The request that caused a change; empty if a shopper, the clock or a test made it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cause {
    /// `req_…`.
    pub(crate) request_id: Option<String>,
    /// The request's `Idempotency-Key`.
    pub(crate) idempotency_key: Option<String>,
}

/// The time and the cause of a change.
#[derive(Clone, Debug)]
pub(crate) struct TimeAndCause {
    /// The time.
    pub(crate) now: SystemTime,
    /// The request.
    pub(crate) cause: Cause,
}

impl From<SystemTime> for TimeAndCause {
    fn from(now: SystemTime) -> Self {
        Self { now, cause: Cause::default() }
    }
}

/// One change of the ledger in progress.
pub(crate) struct ChangeContext<'a> {
    /// The present second.
    pub(crate) now: i64,
    /// Its cause.
    pub(crate) cause: &'a Cause,
    /// The source of ids.
    pub(crate) ids: &'a mut IdSource,
}

impl ChangeContext<'_> {
    /// The next id of a kind, such as `pi`.
    pub(crate) fn id(&mut self, kind: &str) -> String {
        self.ids.next(kind)
    }
}
