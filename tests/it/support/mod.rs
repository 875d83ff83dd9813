//! What several tests share.

pub(crate) mod mcp_schema;
