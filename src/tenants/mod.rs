//! The source of merchants, and their way into the directory: today a folder of files.
//!
//! Must not import: `http`, `cli`. Invariant: an invalid file, or one whose secrets are missing, is reported and left
//! out; it never affects another merchant.

mod folder;

pub use folder::{OpenedTenants, open_folder};
