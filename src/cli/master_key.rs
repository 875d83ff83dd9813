//! Compares the master key with the database before the gateway serves from it.
//!
//! Invariant: a gateway without the key that its database was last served with does not start, unless an option says
//! that the key is permanently lost: links of orders would stop working, and payments in progress could not be sent
//! again.

use anyhow::bail;

use crate::config::gateway::{GatewayConfig, StoreConfig};
use crate::keyring::Keyring;
use crate::store::SqliteStore;

/// Rejects a key that is not the database's own, or stores the fingerprint of the one that is used from now on.
pub(super) async fn check(
    config: &GatewayConfig,
    keyring: &Keyring,
    store: &SqliteStore,
    lost: bool,
) -> anyhow::Result<()> {
    let StoreConfig::Sqlite(path) = &config.store;
    let (given, known) = (keyring.fingerprint(), store.master_keys().await?);
    if let Some(last) = known.first().filter(|last| !keyring.has(last)) {
        if !lost {
            bail!(
                "{} is not the master key that the database {} was last served with (its fingerprint is {given}, that one's \
                 {last}): links of orders would open nothing, and payments under way could not be sent again. Give the \
                 former key again; to change it for this one, name it in secrets.previous_master_keys. If it is lost for \
                 good, start once with --master-key-lost",
                config.secrets.master_key,
                path.display(),
            );
        }
        tracing::warn!(fingerprint = %last, used_now = given, "master_key_given_up");
    }
    for former in known.iter().skip(1).filter(|former| !keyring.has(former)) {
        tracing::warn!(
            fingerprint = %former,
            remedy = "links of orders that it made open nothing; to have them open, name it in secrets.previous_master_keys",
            "former_master_key_not_given"
        );
    }
    if known.first() != Some(&given) {
        store.use_master_key(&given).await?;
        tracing::info!(fingerprint = %given, "master_key_used");
    }
    Ok(())
}
