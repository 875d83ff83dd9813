//! A Stripe on loopback. It speaks the part of the API by which a seller charges Shared Payment Tokens: `account`, the
//! granted tokens and their test helpers, and PaymentIntents; Checkout Sessions with their page; refunds and disputes;
//! and the events of all that, by webhooks too; with Stripe's idempotency, errors, limits, modes and versions. What it
//! does not emulate it refuses in words instead of ignoring it.
//!
//! Reading order, from the ground up; each file imports only earlier ones:
//!
//! 1. The basics: [`error`] has Stripe's errors, [`version`] the API versions, [`params`] the parsing of parameters,
//!    [`request_kind`] the kinds of requests; [`ids`] and [`change`] are the source of ids and the context of a change;
//!    [`refusal`] has the errors for tests.
//! 2. [`objects`] are created and read by requests: payment intents, charges, refunds, sessions, events; [`commands`] are
//!    the operations on them.
//! 3. [`ledger`] holds the objects of one account in one mode, and is the one place that changes them.
//! 4. [`hold`] stops a payment midway, [`faults`] chooses planned faults, [`records`] are for tests to read,
//!    [`idempotency`] stores answers, and [`webhooks`] has the endpoints and their deliveries.
//! 5. [`state`] holds all that, and executes each command on the right ledger; [`service`] shares it.
//! 6. [`api`] answers requests, [`checkout_page`] is where a shopper pays a Checkout Session, [`webhook_sender`] sends
//!    events to sellers, and [`control`] lets a test in another process control all this; [`server`] serves them.
//! 7. [`emulator`] lets a test in the same process control it.

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
