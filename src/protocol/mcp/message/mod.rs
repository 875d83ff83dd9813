//! One JSON-RPC message, parsed strictly.
//!
//! Invariants: an id is kept as it was written; a key that appears twice, a depth beyond [`MAX_DEPTH`] or broken
//! UTF-8 is rejected, because two readers of the same bytes must never see two different requests; unused members are
//! not parsed into values.

mod envelope;
mod strict;

pub use envelope::{Envelope, MessageKind, Unreadable, read};
pub use strict::{MAX_DEPTH, StrictError, parse};
