//! The rules of a checkout: pure, without a network, a database or a process.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test's helpers fail the test; clippy.toml exempts only the test functions"
)]
#![expect(unreachable_pub, reason = "what the tests share is public to them alone")]

mod checkout;
mod properties;
mod restored;
mod simulation;
