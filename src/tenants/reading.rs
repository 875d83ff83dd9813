//! What was read of the folder of merchants, and what of it is served.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::diagnostic::Diagnostic;
use crate::config::tenant::{TenantConfig, TenantSecrets};
use crate::config::usable::UsableMerchant;
use crate::domain::ids::MerchantId;

/// The merchants that are served.
pub(super) type Served = BTreeMap<MerchantId, ServedMerchant>;

/// The configuration that a merchant is served with.
pub(super) struct ServedMerchant {
    pub(super) tenant: Arc<TenantConfig>,
    pub(super) secrets: TenantSecrets,
    pub(super) generation: u64,
}

/// The content of the folder.
pub(super) struct FolderRead {
    pub(super) usable: Vec<UsableMerchant>,
    pub(super) problems: Vec<Diagnostic>,
    /// The merchants that have a file, whatever is in it.
    pub(super) present: BTreeSet<MerchantId>,
    /// Those whose file is not valid.
    pub(super) unread: BTreeMap<MerchantId, PathBuf>,
    /// Whether a file can be applied later, as it is.
    pub(super) waits: bool,
}

/// Why the folder was not read.
pub(super) enum NotRead {
    Folder(Diagnostic),
    /// The process stops.
    Lost,
}

/// Runs work that may block, and waits for its result.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, NotRead> + Send + 'static,
) -> Result<T, NotRead> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(NotRead::Lost))
}
