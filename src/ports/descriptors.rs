//! How many files and connections this process may have open at once.

use rustix::process::{Resource, getrlimit};

/// The soft limit of open file descriptors; `None` where there is none.
#[must_use]
pub fn descriptor_limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}
