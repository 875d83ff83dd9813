//! The actors: one per merchant, one per checkout in progress, and the handles for all other code.
//!
//! The only folder that imports `actix`. The actors are shells: `domain::checkout::driver` decides what a session
//! does, and `domain::merchant` defines a merchant. Invariants: a session has one live actor per process, and its
//! row's version guards it against any other writer; a handler never waits for the network; everything that an actor
//! loses when it stops is in the store.

mod directory;
mod handle;
mod live_sessions;
mod merchant;
mod next_key;
mod session;
mod webhooks;

pub use directory::{Arbiters, Directory};
pub use handle::MerchantHandle;
