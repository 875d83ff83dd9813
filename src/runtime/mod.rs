//! What keeps the process going beside the actors: where I/O runs, who may call how often, who is woken when.
//!
//! Must not import: actix, actix-web, `actors`.

mod io;
mod limiter;
mod links;
mod sweeper;

pub use io::{Io, IoLost};
pub use limiter::{Budget, MerchantLimiter, TooMany};
pub use links::PublicLinks;
pub use sweeper::sweep;
