//! What several integration tests stand on.

pub mod abroad;
pub mod by_hand;
pub mod chance;
pub mod client;
pub mod driver_harness;
pub mod log;
pub mod logged;
pub mod mcp_schema;
pub mod memory_store;
pub mod model_pages;
pub mod model_refunds;
pub mod model_stripe;
pub mod node;
pub mod operator;
pub mod orders;
pub mod python;
pub mod receiver;
pub mod relay;
pub mod samples;
pub mod shop;
pub mod stripe_clock;
pub mod stripe_process;
pub mod stripe_schema;
pub mod test_gateway;
