//! The I/O runtime: how others reach it, and the jobs that run on it for as long as the process does.
//!
//! [`Io`] is the way in. [`sweep`] lets sessions go on whose time has come, [`follow_up`] events of Stripe's that are left over,
//! [`retain`] removes what nobody needs any more, [`watch_disk`] looks how much room there is.
//!
//! Must not import: actix, actix-web, `payments`, `actors`.

mod disk;
mod inbox;
mod io;
mod retention;
mod sweeper;

pub use disk::{DiskSpace, watch_disk};
pub use inbox::follow_up;
pub use io::{Io, IoLost};
pub use retention::{Kept, retain, retain_once};
pub use sweeper::{DueSessions, sweep};
