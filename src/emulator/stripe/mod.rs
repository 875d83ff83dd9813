//! A Stripe on loopback. It speaks the part of the API by which a seller charges Shared Payment Tokens: `account`, the
//! granted tokens and their test helpers, and PaymentIntents; Checkout Sessions with their page; refunds and disputes;
//! and the events of all that, by webhooks too; with Stripe's idempotency, errors, limits, modes and versions. What it
//! does not emulate it refuses in words instead of ignoring it.
//!
//! Read it in this order:
//!
//! 1. [`api`] takes the bytes of a request, checks them in Stripe's order, and answers.
//! 2. [`objects`] are what requests make and read: payment intents, charges, refunds, sessions, events.
//! 3. [`ledger`] holds the objects of one account in one mode, and is the one place that changes them; [`state`] holds all
//!    ledgers, and executes each command on the right one.
//! 4. [`checkout_page`] is where a shopper pays a Checkout Session; [`webhooks`] tell a seller what happened.
//! 5. [`faults`] decides what goes wrong by plan; [`control`] is how a test steers all this, over HTTP too, and
//!    [`emulator`] how it does so in the same process.

mod api;
mod checkout_page;
mod control;
mod emulator;
mod faults;
mod ledger;
mod objects;
mod state;
mod webhooks;

pub use checkout_page::HostedOutcome;
pub use control::hold::{Hold, HoldPoint};
pub use control::records::{Exchange, ExchangeHeaders, LedgerEntry};
pub use control::refusal::Refusal;
pub use emulator::{Emulator, EmulatorOptions, MintToken};
pub use faults::{FAULT_NAMES, Fault, FaultPlan, Odds, RandomFaults, RequestKind, Scripted};
pub use objects::accounts::{AccountSeed, KeySeed};
pub use webhooks::{Delivery, DeliveryAttempt, DeliveryState, WebhookEndpoint, WebhookPlan};

// The host grants tokens of this Stripe to its shoppers.
pub(crate) use api::service::StripeService;
pub(crate) use objects::accounts::Mode;
