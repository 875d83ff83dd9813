//! The listeners. They must make no decisions about a checkout: handlers translate, and the merchant's handles
//! answer.

pub mod admin;
mod listener;
pub mod public;
