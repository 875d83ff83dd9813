//! What several integration tests stand on.

pub mod bench;
pub mod client;
pub mod mcp_schema;
#[expect(dead_code, reason = "its users are on their way")]
pub mod node;
pub mod python;
pub mod samples;
pub mod shop;
pub mod stripe_schema;
pub mod world;
