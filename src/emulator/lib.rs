//! The other sides of the gateway on loopback: a Stripe below it ([`Emulator`]), and a host above it ([`Host`]). `demo`
//! and the tests pay against them.
//!
//! - `stripe/` is stateful, deterministic, and the independent counterpart of the gateway's Stripe client.
//! - `host/` is a page for people and browsers on which an assistant without a model shops, and the servers behind it.
//! - `clock`, `currencies` and `loopback` are for both.
//!
//! Must not use the gateway: code that both sides shared would hide its own mistakes, because both would make them. What
//! crosses over is data alone: Stripe's table of currencies.

mod clock;
mod currencies;
mod host;
mod loopback;
mod stripe;

pub use clock::Clock;
pub use host::{Host, HostMerchant, HostOptions, RandomId};
pub use stripe::{
    AccountSeed, Delivery, DeliveryAttempt, DeliveryState, Emulator, EmulatorOptions, Exchange,
    ExchangeHeaders, FAULT_NAMES, Fault, FaultPlan, Hold, HoldPoint, HostedOutcome, KeySeed, LedgerEntry,
    MintToken, Odds, RandomFaults, Refusal, RequestKind, Scripted, WebhookEndpoint, WebhookPlan,
};
