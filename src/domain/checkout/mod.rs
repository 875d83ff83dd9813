//! The checkout machine: from first item to one paid order, exactly once.
//!
//! - [`session`]: what a checkout is and which state it is in.
//! - [`command`]: what callers ask of it and what they are answered.
//! - [`attempt`]: one try to charge, what Stripe was seen to say of it, how it ended.
//! - [`token`]: the Shared Payment Token and what is checked about it.
//! - [`snapshot`]: a session as it was read, and one change of it as data.
//! - [`event`]: what may happen to a session.
//! - [`step`]: `step(session, event, context)`, pure and total: the table of transitions.
//! - [`effect`]: what is to be done at Stripe.
//! - [`due`]: what a session's own clock asks for.
//! - [`notification`]: what somebody says has happened at Stripe.
//! - [`decision`]: what an operator decides about a frozen session.
//! - [`unconfirmed`]: an attempt that was decided without a reading, until there is one.
//! - [`timeline`]: what happened to a session, for those who look into it.
//! - [`personal_data`]: what names a person, and how it is erased.
//! - [`hosted`]: paying on a page at Stripe; `stripe_checkout_polling`: how often an open one is looked at.
//! - `outcome`: what each answer of Stripe means to an attempt; `given`: what a shopper can mend of a refusal.
//! - [`driver`]: the loop around it without I/O: load, gather, commit, run, reply.
//!
//! Invariants kept here: at most one attempt is undecided; an attempt's intent is in a commit before its request
//! leaves; `completed` is reached only by a succeeded payment that agrees with the quote.

pub mod aftersales;
pub mod attempt;
pub mod command;
pub mod decision;
pub mod driver;
pub mod due;
pub mod effect;
pub mod event;
pub mod given;
pub mod hosted;
pub mod notification;
mod outcome;
pub mod personal_data;
pub mod restored;
pub mod session;
pub mod snapshot;
pub mod step;
mod stripe_checkout_polling;
pub mod timeline;
pub mod token;
pub mod unconfirmed;
