//! What several integration tests stand on.

pub mod bench;
pub mod mcp_schema;
pub mod shop;
pub mod stripe_schema;
