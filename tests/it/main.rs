//! The integration tests, in one binary.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers fail the test; clippy.toml exempts only the test functions"
)]

mod protocol;
mod support;
