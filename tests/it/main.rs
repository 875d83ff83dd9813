//! Every integration test, in one binary, by level.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test's helpers fail the test; clippy.toml exempts only the test functions"
)]
#![expect(unreachable_pub, reason = "what the tests share is public to them alone")]

mod adapters;
mod clients;
mod project;
mod support;
mod system;
