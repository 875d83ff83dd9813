//! Where merchants come from, and how they get into the directory: today a folder of files.
//!
//! Must not import: `http`, `cli`. Invariant: a bad file, or one whose secrets are missing, is told and left out; it
//! never touches another merchant.

mod folder;

pub use folder::{OpenedTenants, open_folder};
