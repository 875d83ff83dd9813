//! The circumstances of a change: when it happens, and where the ids of what it makes come from.
//!
//! Must not import the state.

use super::ids::IdSource;

/// One change of the books, as it is being made.
pub(super) struct Turn<'a> {
    /// The present second.
    pub(super) now: i64,
    /// The ids to come.
    pub(super) ids: &'a mut IdSource,
}

impl Turn<'_> {
    /// The next id of a kind, such as `pi`.
    pub(super) fn id(&mut self, kind: &str) -> String {
        self.ids.next(kind)
    }
}
