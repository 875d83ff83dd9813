//! A Stripe on loopback. It speaks the part of the API by which a seller charges Shared Payment Tokens: `account`, the
//! granted tokens and their test helpers, and PaymentIntents; Checkout Sessions with their page; refunds and disputes;
//! and the events of all that, by webhooks too; with Stripe's idempotency, errors, limits, modes and versions. What it
//! does not emulate it refuses in words instead of ignoring it.
//!
//! Read it in this order, from the ground up; each imports only what stands before it:
//!
//! 1. What all speak of: [`error`] is how a request is refused, [`version`] what a `Stripe-Version` opens, [`params`] how
//!    parameters are read, [`request_kind`] which requests there are; [`ids`] and [`change`] are where ids come from and why
//!    something changes; [`refusal`] is what a test is told that cannot have what it wants.
//! 2. [`objects`] are what requests make and read: payment intents, charges, refunds, sessions, events; [`commands`] what
//!    can be asked of them.
//! 3. [`ledger`] holds the objects of one account in one mode, and is the one place that changes them.
//! 4. [`hold`] stops a payment midway, [`faults`] decides what goes wrong by plan, [`records`] are what a test can look at
//!    afterwards, [`idempotency`] keeps answers, and [`webhooks`] knows which seller is owed which event.
//! 5. [`state`] holds all that, and executes each command on the right ledger; [`service`] shares it.
//! 6. [`api`] answers requests, [`checkout_page`] is where a shopper pays a Checkout Session, [`webhook_sender`] tells
//!    sellers what happened, and [`control`] is how a test in another process steers all this; [`server`] serves them.
//! 7. [`emulator`] is how a test steers it in the same process.

mod api;
mod change;
mod checkout_page;
mod commands;
mod control;
mod emulator;
mod error;
mod faults;
mod hold;
mod idempotency;
mod ids;
mod ledger;
mod objects;
mod params;
mod records;
mod refusal;
mod request_kind;
mod server;
mod service;
mod state;
mod version;
mod webhook_sender;
mod webhooks;

pub use checkout_page::HostedOutcome;
pub use emulator::{Emulator, EmulatorOptions};
pub use faults::{FAULT_NAMES, Fault, FaultPlan, Odds, RandomFaults, Scripted};
pub use hold::{Hold, HoldPoint};
pub use objects::accounts::{AccountSeed, KeySeed};
pub use objects::granted_token::MintToken;
pub use records::{Exchange, ExchangeHeaders, LedgerEntry};
pub use refusal::Refusal;
pub use request_kind::RequestKind;
pub use webhooks::{Delivery, DeliveryAttempt, DeliveryState, WebhookEndpoint, WebhookPlan};

// The host grants tokens of this Stripe to its shoppers.
pub(crate) use objects::accounts::Mode;
pub(crate) use service::StripeService;
