//! Every integration test, in one binary.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test's helpers fail the test; clippy.toml exempts only the test functions"
)]
#![expect(unreachable_pub, reason = "what the tests share is public to them alone")]

mod accounts;
mod actors;
mod admin;
mod architecture;
mod backup;
mod bad_input;
mod browser;
mod config;
mod conformance;
mod crash;
mod demo;
mod documents;
mod doors;
mod due_work;
mod emulator;
mod faults;
mod healthcheck;
mod host;
mod hosted;
mod inspector;
mod kills;
mod logging;
mod order_events;
mod orders;
mod process;
mod protocol;
mod purchase;
mod same;
mod store;
mod strangers;
mod stripe_client;
mod support;
mod throughput;
mod transport;
mod webhooks;
mod widget;
