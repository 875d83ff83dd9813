//! The process's limit on open files and connections.

use anyhow::ensure;

use crate::ports::raise_descriptor_limit;

/// A lower limit leaves no room for listeners, threads and database beside some connections.
const LEAST: u64 = 256;

/// Raises the limit as far as the system allows, and refuses to start below the minimum: a lack of descriptors would
/// otherwise show in the middle of a payment.
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
