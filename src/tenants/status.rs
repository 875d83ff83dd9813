//! What is served of a folder of merchants, and what is wrong in it.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::diagnostic::Diagnostic;
use crate::config::tenant::TenantConfig;

/// The result of reading a folder of merchants.
#[derive(Debug, Default)]
pub struct FolderStatus {
    /// The merchants that are served, by id, each with the configuration in use.
    pub merchants: Vec<Arc<TenantConfig>>,
    pub problems: Vec<Diagnostic>,
    /// Whether nothing is left that can be applied later as it is; otherwise the next poll tries again.
    pub complete: bool,
}

impl FolderStatus {
    /// Each problem, with the merchant that its file belongs to: its id, or the file's name if that is no id.
    pub fn mistakes(&self) -> impl Iterator<Item = (String, &Diagnostic)> {
        self.problems.iter().map(|problem| {
            let name = problem.file.file_stem().unwrap_or_default().to_string_lossy();
            (name.escape_debug().to_string(), problem)
        })
    }

    /// The merchants that have a file and are not served.
    #[must_use]
    pub fn left_out(&self) -> Vec<String> {
        self.wrong().into_iter().filter(|name| !self.is_served(name)).collect()
    }

    /// The merchants that are served with an earlier configuration, because their present one is wrong.
    #[must_use]
    pub fn outdated(&self) -> Vec<String> {
        self.wrong().into_iter().filter(|name| self.is_served(name)).collect()
    }

    /// Whether the merchant of this id is served.
    #[must_use]
    pub fn is_served(&self, name: &str) -> bool {
        self.merchants.binary_search_by(|merchant| merchant.id().as_str().cmp(name)).is_ok()
    }

    /// The problems in words.
    pub(super) fn said(&self) -> BTreeSet<String> {
        self.problems.iter().map(ToString::to_string).collect()
    }

    fn wrong(&self) -> BTreeSet<String> {
        self.mistakes().map(|(name, _)| name).collect()
    }
}
