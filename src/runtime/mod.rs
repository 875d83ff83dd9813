//! The I/O runtime: its handle, and the jobs that run on it for as long as the process does.
//!
//! [`Io`] is the handle. [`sweep`] wakes sessions with due work, [`follow_up`] processes waiting events of Stripe,
//! [`retain`] removes old data, [`watch_disk`] checks the disk space.
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
