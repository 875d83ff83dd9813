//! Merchants from files: `tenants/{id}.toml`.

use crate::actors::{Directory, MerchantSetup};
use crate::config::diagnostic::Diagnostic;
use crate::config::gateway::GatewayConfig;
use crate::config::tenant::{TenantConfig, WebhookSecrets};
use crate::config::tenants_dir::read_tenants;
use crate::config::usable::{UsableMerchant, usable};
use crate::ports::Environment;
use crate::runtime::outbox::Receiver;

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

impl Opened {
    /// The merchants that were kept out, by the names of their files.
    #[must_use]
    pub fn left_out(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for problem in &self.problems {
            let name = problem.file.file_stem().unwrap_or_default().to_string_lossy();
            let name = name.escape_debug().to_string();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// Reads every file of the folder of merchants, follows its secrets, and opens what is whole.
pub fn open_folder(config: &GatewayConfig, environment: &dyn Environment, directory: &Directory) -> Opened {
    let read = read_tenants(&config.tenants.dir, &config.public.base_hosts);
    let (usable, unusable) = usable(read.tenants, config, environment);
    let mut opened = Opened { merchants: Vec::new(), problems: read.problems };
    opened.problems.extend(unusable);
    for UsableMerchant { tenant, secrets } in usable {
        directory.open(&MerchantSetup {
            view: tenant.view(FIRST_GENERATION, None),
            given_account: tenant.account().cloned(),
            shares_account: tenant.shared_account(),
            key: secrets.stripe_key,
            receiver: secrets.webhook.map(receiver),
            webhook_secrets: secrets.stripe_webhooks,
        });
        opened.merchants.push(tenant);
    }
    opened
}

fn receiver(found: WebhookSecrets) -> Receiver {
    Receiver { url: found.url, secrets: found.secrets }
}
