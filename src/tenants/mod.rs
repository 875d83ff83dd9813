//! The source of merchants, and their way into the directory: a folder of files, read again whenever it changes.
//!
//! Must not import: `http`, `cli`. Invariant: an invalid file, or one whose secrets are missing, is reported; its
//! merchant goes on with its last good configuration, and no other merchant is affected.

mod folder;
mod last_good;
mod reading;
mod status;
mod watch;

pub use folder::Folder;
pub use status::FolderStatus;
pub use watch::{FolderWatch, Places, watch_folder};
