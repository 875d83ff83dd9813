//! The JSON Schemas of the configuration files, for editors: keys with their meaning, choices and bounds.
//!
//! They help during editing. [`check`](super::check) decides, and covers more than a schema can: secrets, other
//! files, sums. Tests compare every key, choice and bound of a schema with the readers.

/// The schema of a merchant's file (JSON Schema draft 7, which TOML editors support).
pub const TENANT: &str = include_str!("tenant.json");

/// The schema of the gateway's own file.
pub const GATEWAY: &str = include_str!("gateway.json");
