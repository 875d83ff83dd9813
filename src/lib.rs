//! merchant-gateway: many merchants' shops for AI assistants in one process, each checkout charged exactly once.
//!
//! Read the folders in this order and a purchase unfolds; imports only ever point upwards in the list
//! (`tests/it/architecture.rs` fails on any other edge):
//!
//! 1. [`domain`]: money, catalog, pricing and the checkout machine; pure.
//! 2. [`ports`]: clock, randomness and environment as parameters.
//! 3. [`config`]: `gateway.toml` and the tenant files, parsed and explained.
//! 4. [`store`], [`stripe`], [`protocol`]: what is durable, who takes the money, what hosts speak.
//! 5. [`runtime`]: limiter, sweeper, shutdown.
//! 6. [`payments`]: what is done for a merchant's payments, without actors.
//! 7. [`actors`]: one merchant actor per shop, one session actor per live checkout, and the handles to them.
//! 8. [`tenants`]: where merchants come from.
//! 9. [`http`]: the public listener.
//! 10. [`cli`]: one file per command.

pub mod actors;
pub mod cli;
pub mod config;
pub mod domain;
pub mod http;
pub mod payments;
pub mod ports;
pub mod protocol;
pub mod runtime;
pub mod store;
pub mod stripe;
pub mod telemetry;
pub mod tenants;
