//! The live parts: one actor per merchant, one per checkout in progress, and the handles that everyone else holds.
//!
//! The only folder that imports `actix`. The actors are shells: what a session does is decided by
//! `domain::checkout::driver`, what a merchant is by `domain::merchant`. Invariants: a session has one live actor
//! per process, and its row's version guards it against any other; a handler never waits for the network; what an
//! actor forgets, the store remembers.

mod directory;
mod handle;
mod live_sessions;
mod merchant;
mod session;
mod webhooks;

pub use directory::{Arbiters, Directory};
pub use handle::MerchantHandle;
