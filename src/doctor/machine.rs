//! The gateway's own: its files, its master key, the database's last backup.

use super::finding::Finding;
use crate::config::gateway::{GatewayConfig, StoreConfig};
use crate::config::master_keys::MasterKeyError;
use crate::domain::time::{Span, Timestamp};
use crate::keyring::Keyring;
use crate::ports::Clock;
use crate::store::last_backup;

const BACKUP: &str = "backup";

/// How old the last backup may be.
const BACKUP_IS_OLD: Span = Span::hours(26);

const MASTER_KEY: &str = "master key";

pub(super) fn examine(
    config: &GatewayConfig,
    keyring: Result<&Keyring, &Vec<MasterKeyError>>,
    clock: &dyn Clock,
) -> Vec<Finding> {
    let mut found = match keyring {
        Ok(keyring) => vec![Finding::pass(MASTER_KEY, format!("fingerprint {}", keyring.fingerprint()))],
        Err(errors) => errors.iter().map(wrong_key).collect(),
    };
    found.push(backup(config, clock.now()));
    found
}

fn wrong_key(MasterKeyError { reference, problem }: &MasterKeyError) -> Finding {
    Finding::fail(MASTER_KEY, format!("the one in {reference} {problem}"), problem.remedy())
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
