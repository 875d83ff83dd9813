//! What keeps the process going beside the actors: where I/O runs, who may call how often, how many
//! payments are at Stripe at once, who is woken when, what merchants are told, which of Stripe's events are left over.
//!
//! Must not import: actix, actix-web, `actors`.

mod gate;
mod inbox;
mod io;
mod limiter;
mod links;
pub mod outbox;
mod places;
mod sweeper;

pub use gate::{Slot, StripeGate, TurnedAway};
pub use inbox::follow_up;
pub use io::{Io, IoLost};
pub use limiter::{Budget, MerchantLimiter, TooMany};
pub use links::PublicLinks;
pub use places::{Place, StripePlaces, Verification};
pub use sweeper::sweep;
