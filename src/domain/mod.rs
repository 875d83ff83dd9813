//! The shop and its checkout as plain data and pure functions.
//!
//! Must not import: tokio, actix, reqwest, sqlx, a clock, randomness, the environment, or any other folder.

pub mod time;
