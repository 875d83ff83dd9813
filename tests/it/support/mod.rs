//! What several integration tests stand on.

pub mod abroad;
pub mod by_hand;
pub mod client;
pub mod live;
pub mod log;
pub mod logged;
pub mod mcp_schema;
pub mod node;
pub mod operator;
pub mod orders;
pub mod python;
pub mod receiver;
pub mod relay;
pub mod samples;
pub mod stripe_clock;
pub mod stripe_process;
pub mod stripe_schema;
pub mod test_gateway;
pub mod tls_front;
pub mod wallet;
