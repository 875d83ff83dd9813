//! merchant-gateway: many merchants' shops for AI assistants in one process, each checkout charged exactly once.
//!
//! Read the folders in this order and a purchase unfolds; imports only ever point upwards in the list
//! (`tests/it/project/architecture.rs` fails on any other edge):
//!
//! 1. [`domain`]: money, catalog, pricing and the checkout machine; pure.
//! 2. [`ports`]: clock, randomness and environment as parameters.
//! 3. [`keyring`]: the master keys, and the encryption and MACs made with them.
//! 4. [`config`]: `gateway.toml` and the tenant files, parsed and explained.
//! 5. [`store`], [`stripe`], [`protocol`]: the durable data, the payment provider, the hosts' protocols.
//! 6. [`limiter`]: the limits on calls to a merchant.
//! 7. [`delivery`]: order events on their way to merchants.
//! 8. [`runtime`]: the I/O runtime and the jobs that run on it.
//! 9. [`payments`]: the operations for a merchant's payments, without actors.
//! 10. [`actors`]: one merchant actor per shop, one session actor per live checkout, and the handles to them.
//! 11. [`tenants`]: the source of merchants.
//! 12. [`http`]: the public listener.
//! 13. [`doctor`]: looks from outside whether merchants can sell.
//! 14. [`cli`]: one file per command.

pub mod actors;
pub mod cli;
pub mod config;
pub mod delivery;
pub mod doctor;
pub mod domain;
pub mod http;
pub mod keyring;
pub mod limiter;
pub mod payments;
pub mod ports;
pub mod protocol;
pub mod runtime;
pub mod store;
pub mod stripe;
pub mod telemetry;
pub mod tenants;
