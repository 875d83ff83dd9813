//! The process's limit on open files and connections.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The soft limit of open file descriptors; `None` if there is none.
#[must_use]
pub fn descriptor_limit() -> Option<u64> {
    getrlimit(Resource::Nofile).current
}

/// Raises the soft limit to the hard one, which every process may do, and returns the resulting limit.
#[must_use]
pub fn raise_descriptor_limit() -> Option<u64> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    // If a service manager forbids the call, the given limit remains.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    descriptor_limit()
}
