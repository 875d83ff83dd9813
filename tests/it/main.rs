//! The integration tests: one binary.

mod emulator;
mod support;
