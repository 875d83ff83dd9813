//! The free disk space of the database: when it is low, no new checkout begins, so that payments, webhooks and orders
//! can continue.
//!
//! Invariant: if the space cannot be read, nothing is rejected.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use crate::stripe::in_words;

/// How often the space is checked.
const PERIOD: Duration = Duration::from_secs(5);

/// Whether disk space is low.
#[derive(Debug, Default)]
pub struct DiskSpace {
    low: AtomicBool,
}

impl DiskSpace {
    /// Whether the space is too low for new checkouts.
    #[must_use]
    pub fn is_low(&self) -> bool {
        self.low.load(Ordering::Acquire)
    }

    /// Records the free bytes and the minimum. A change is logged once.
    pub fn saw(&self, free_bytes: u64, minimum_bytes: u64) {
        let low = free_bytes < minimum_bytes;
        if self.low.swap(low, Ordering::AcqRel) == low {
            return;
        }
        if low {
            tracing::error!(free_bytes, minimum_bytes, "disk_space_low");
        } else {
            tracing::info!(free_bytes, minimum_bytes, "disk_space_sufficient");
        }
    }

    /// Checks the file system of `path` once.
    pub fn check(&self, path: &Path, minimum_bytes: u64) -> std::io::Result<()> {
        let found = rustix::fs::statvfs(path)?;
        self.saw(found.f_bavail.saturating_mul(found.f_frsize), minimum_bytes);
        Ok(())
    }
}

/// Checks every five seconds, until `stop` is set.
pub async fn watch_disk(
    space: Arc<DiskSpace>,
    (path, minimum_bytes): (std::path::PathBuf, u64),
    mut stop: watch::Receiver<bool>,
) {
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seen = true;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        match space.check(&path, minimum_bytes) {
            Ok(()) => seen = true,
            Err(error) if seen => {
                seen = false;
                tracing::warn!(cause = in_words(&error), path = %path.display(), "disk_space_unknown");
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_low_below_the_mark_only_and_again_sufficient_above_it() {
        let space = DiskSpace::default();
        assert!(!space.is_low(), "nobody has looked yet");
        for (free, low) in [(100, false), (99, true), (98, true), (100, false)] {
            space.saw(free, 100);
            assert_eq!(space.is_low(), low, "{free}");
        }
    }

    #[test]
    fn a_look_reads_the_file_system_and_a_failed_one_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let space = DiskSpace::default();
        space.check(folder.path(), u64::MAX).unwrap();
        assert!(space.is_low());
        assert!(space.check(&folder.path().join("gone"), 0).is_err());
        assert!(space.is_low());
        space.check(folder.path(), 0).unwrap();
        assert!(!space.is_low());
    }
}
