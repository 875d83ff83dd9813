//! A shop, a model of Stripe, a store in memory and the driver with its effects listed: what tests of several levels use.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "helpers of tests: they fail the test, and only tests read them"
)]

pub mod chance;
pub mod driver_harness;
pub mod memory_store;
pub mod model_pages;
pub mod model_refunds;
pub mod model_stripe;
pub mod shop;
