//! The listeners. Must not decide anything about a checkout: handlers translate, handles answer.

pub mod admin;
mod listener;
pub mod public;
