//! What several integration tests stand on.

pub(crate) mod stripe_schema;
