//! The checkout machine: from first item to one paid order, exactly once.
//!
//! Read it from the ground up; imports only point up this list:
//!
//! - [`model`]: sessions, attempts, events, effects, and what Stripe was seen to say; plain data.
//! - `rules`: what each event means to a session, one file for each idea.
//! - [`step`]: `step(session, event, context)`, pure and total: which rule an event goes to.
//! - [`due`]: what a session's own clock asks for.
//! - [`driver`]: the loop around it without I/O: load, gather, commit, run, reply.
//!
//! Invariants kept here: at most one attempt is undecided; an attempt's intent is in a commit before its request
//! leaves; `completed` is reached only by a succeeded payment that agrees with the quote.

pub mod driver;
pub mod due;
pub mod model;
mod rules;
pub mod step;
