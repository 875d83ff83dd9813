//! The checkout machine: from first item to one paid order, exactly once.
//!
//! Reading order, from the ground up; imports only point up this list:
//!
//! - [`model`]: sessions, attempts, events, effects and observations of Stripe; plain data.
//! - `rules`: what each event means to a session, one file for each idea.
//! - [`step`]: `step(session, event, context)`, pure and total: the rule that handles each event.
//! - [`due`]: the work that a session has due by time.
//! - [`driver`]: the loop around it without I/O: load, gather, commit, run, reply.
//!
//! Invariants kept here: at most one attempt is undecided; an attempt's intent is in a commit before its request
//! leaves; `completed` is reached only by a succeeded payment that agrees with the quote.

pub mod driver;
pub mod due;
pub mod model;
mod rules;
pub mod step;

pub use rules::payable::{can_be_paid, needs_email};
