//! What keeps the process going beside the actors: where I/O runs, who may call how often, how many
//! requests are at Stripe at once and how often it is read, who is woken when, what merchants are told, which of Stripe's events are left over, what
//! goes away.
//!
//! Must not import: actix, actix-web, `actors`.

mod disk;
mod gate;
mod inbox;
mod io;
mod limiter;
mod links;
mod newcomers;
pub mod outbox;
mod pace;
mod places;
mod retention;
mod sweeper;

pub use disk::{DiskSpace, watch_disk};
pub use gate::{Admitted, CircuitOpen, PutOff, Slot, StripeGate};
pub use inbox::follow_up;
pub use io::{Io, IoLost};
pub use limiter::{Budget, MerchantLimiter, Source, TooMany};
pub use links::PublicLinks;
pub use pace::{Many, Reading};
pub use places::{Place, StripePlaces, Verification};
pub use retention::{Kept, retain, retain_once};
pub use sweeper::{DueSessions, sweep};
