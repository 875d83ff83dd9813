//! How many files and connections the process may have open.

use anyhow::ensure;

use crate::ports::raise_descriptor_limit;

/// Fewer leave no room for listeners, threads and database beside some connections.
const LEAST: u64 = 256;

/// Takes as many as the system lets it have, and refuses to start with too few: later they would be missing in the middle
/// of a payment.
pub(super) fn claim() -> anyhow::Result<()> {
    let usable = raise_descriptor_limit();
    ensure!(
        usable.is_none_or(|usable| usable >= LEAST),
        "this process may have only {} files and connections open at once, and a gateway needs at least {LEAST}; raise the \
         limit: LimitNOFILE=65536 in a systemd unit, --ulimit nofile=65536:65536 for a container, ulimit -n 65536 in a shell",
        usable.unwrap_or_default(),
    );
    tracing::debug!(limit = usable, "descriptors");
    Ok(())
}
