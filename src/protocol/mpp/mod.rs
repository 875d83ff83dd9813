//! The Machine Payments Protocol: how an agent's wallet is asked for a Shared Payment Token over HTTP, and how it answers.
//!
//! A shop answers a request with status 402 and a [`challenge`]; the wallet repeats the request with a [`credential`],
//! and a payment that succeeded is confirmed by a [`receipt`]. Other outcomes are a [`problem`]. [`mcp`] has the same inside
//! of a tool call. [`terms`] are what a
//! challenge is about, and [`reply`] is what is answered in every state of a checkout.
//!
//! Invariants: a challenge is computed and never stored, and the same terms give the same challenge; nothing that a
//! credential echoes decides an amount.
//!
//! Source: "The Payment HTTP Authentication Scheme" (draft-httpauth-payment-01) and "Stripe charge"
//! (draft-stripe-charge-00).

pub mod challenge;
pub mod credential;
pub mod mcp;
pub mod problem;
pub mod receipt;
pub mod reply;
pub mod terms;
pub mod wallet_payment;

/// The one method that is offered: a token that Stripe redeems.
pub(crate) const METHOD: &str = "stripe";

/// The one intent that is offered: one payment.
pub(crate) const INTENT: &str = "charge";
