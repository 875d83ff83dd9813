//! The gateway's own: its files, its master key, the database's last backup.

use super::finding::Finding;
use crate::config::gateway::{GatewayConfig, StoreConfig};
use crate::domain::time::{Span, Timestamp};
use crate::keyring::Keyring;
use crate::ports::Clock;
use crate::store::last_backup;

const BACKUP: &str = "backup";

/// How old the last backup may be.
const BACKUP_IS_OLD: Span = Span::hours(26);

pub(super) fn examine(config: &GatewayConfig, keyring: &Keyring, clock: &dyn Clock) -> Vec<Finding> {
    vec![
        Finding::pass("master key", format!("fingerprint {}", keyring.fingerprint())),
        backup(config, clock.now()),
    ]
}

fn backup(config: &GatewayConfig, now: Timestamp) -> Finding {
    let StoreConfig::Sqlite(path) = &config.store;
    let remedy = "run backup every day, and keep the copies on another machine";
    match last_backup(path) {
        Some(taken) if taken + BACKUP_IS_OLD < now => {
            Finding::warn(BACKUP, format!("the last one is of {taken}"), remedy)
        }
        Some(taken) => Finding::pass(BACKUP, format!("the last one is of {taken}")),
        None => Finding::warn(BACKUP, format!("none was made of {}", path.display()), remedy),
    }
}
