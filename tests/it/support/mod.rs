//! What several integration tests stand on.

pub mod bench;
pub mod client;
pub mod mcp_schema;
pub mod python;
pub mod shop;
pub mod stripe_schema;
pub mod world;
