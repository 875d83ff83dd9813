//! The JSON Schemas of the configuration's files, for editors: keys with their meaning, choices and bounds.
//!
//! They help while a file is written. What holds is what [`check`](super::check) says, which knows more than a schema
//! can: secrets, other files, sums. Tests hold every key, choice and bound of a schema against the readers.

/// The schema of a merchant's file (JSON Schema draft 7, which editors of TOML understand).
pub const TENANT: &str = include_str!("tenant.json");

/// The schema of the gateway's own file.
pub const GATEWAY: &str = include_str!("gateway.json");
