//! How many files and connections the process may have open.

use anyhow::ensure;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Fewer leave no room for listeners, threads and database beside some connections.
const LEAST: u64 = 256;

/// Takes as many as the system lets it have, and refuses to start with too few: later they would be missing in the middle
/// of a payment.
pub(super) fn claim() -> anyhow::Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    // Where the service manager forbids the call, what was given is what there is.
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    let usable = if raised.is_ok() { maximum } else { current };
    ensure!(
        usable.is_none_or(|usable| usable >= LEAST),
        "this process may have only {} files and connections open at once, and a gateway needs at least {LEAST}; raise the \
         limit: LimitNOFILE=65536 in a systemd unit, --ulimit nofile=65536:65536 for a container, ulimit -n 65536 in a shell",
        usable.unwrap_or_default(),
    );
    tracing::debug!(limit = usable, "descriptors");
    Ok(())
}
