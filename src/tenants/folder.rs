//! Merchants from files: `tenants/{id}.toml`.

use std::path::Path;

use crate::actors::{Directory, MerchantSetup};
use crate::config::diagnostic::Diagnostic;
use crate::config::secrets::SecretsDir;
use crate::config::tenant::TenantConfig;
use crate::config::tenants_dir::read_tenants;
use crate::ports::Environment;

/// The number of a merchant's first configuration in a process.
const FIRST_GENERATION: u64 = 1;

/// What came of opening a folder.
#[derive(Debug, Default)]
pub struct Opened {
    /// The merchants that serve now.
    pub merchants: Vec<TenantConfig>,
    /// What kept others from it.
    pub problems: Vec<Diagnostic>,
}

/// Reads every file of a folder, follows its secrets, and opens what is whole. `base_hosts` are the gateway's own.
pub fn open_folder(
    dir: &Path,
    base_hosts: &[String],
    (environment, secrets): (&dyn Environment, &SecretsDir),
    directory: &Directory,
) -> Opened {
    let read = read_tenants(dir, base_hosts);
    let mut opened = Opened { merchants: Vec::new(), problems: read.problems };
    for tenant in read.tenants {
        match tenant.resolve_secrets(environment, secrets) {
            Ok(found) => {
                directory.open(&MerchantSetup {
                    view: tenant.view(FIRST_GENERATION, None),
                    given_account: tenant.account().cloned(),
                    key: found.stripe_key,
                });
                opened.merchants.push(tenant);
            }
            Err(problems) => opened.problems.extend(problems),
        }
    }
    opened
}
