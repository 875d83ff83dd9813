//! One JSON-RPC message, read strictly.
//!
//! Invariants: an id is kept as it was written; a key that appears twice, a depth beyond [`MAX_DEPTH`] or broken
//! UTF-8 is refused, because two readers of the same bytes must never see two different requests; nothing is built
//! from a member that nobody asks for.

mod envelope;
mod strict;

pub use envelope::{Envelope, MessageKind, Unreadable, read};
pub use strict::{MAX_DEPTH, StrictError, parse};
