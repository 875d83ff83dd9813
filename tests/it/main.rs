//! Every integration test, in one binary.

mod architecture;
mod checkout;
mod support;
