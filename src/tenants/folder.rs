//! Merchants from files: `tenants/{id}.toml`.
//!
//! Invariant: the stored history of served merchants is read, and updated, before any merchant is served.

use std::sync::Arc;

use crate::actors::Directory;
use crate::config::claims::{HeldAccount, Holders};
use crate::config::diagnostic::Diagnostic;
use crate::config::gateway::GatewayConfig;
use crate::config::tenant::{TenantConfig, WebhookSecrets};
use crate::config::tenants_dir::read_tenants;
use crate::config::usable::{UsableMerchant, usable};
use crate::delivery::Receiver;
use crate::payments::{Dependencies, MerchantSetup, Payee};
use crate::ports::Environment;
use crate::store::{Holdings, StoreError};

/// The number of a merchant's first configuration in a process.
const FIRST_GENERATION: u64 = 1;

/// The result of opening a folder.
#[derive(Debug, Default)]
pub struct OpenedTenants {
    /// The merchants that are served now.
    pub merchants: Vec<TenantConfig>,
    pub problems: Vec<Diagnostic>,
}

impl OpenedTenants {
    /// The merchants that were rejected, by the names of their files.
    #[must_use]
    pub fn left_out(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (name, _) in self.mistakes() {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Each problem, with the merchant that its file belongs to.
    pub fn mistakes(&self) -> impl Iterator<Item = (String, &Diagnostic)> {
        self.problems.iter().map(|problem| {
            let name = problem.file.file_stem().unwrap_or_default().to_string_lossy();
            (name.escape_debug().to_string(), problem)
        })
    }
}

/// Reads every file of the folder of merchants, and its secrets, and opens the merchants that are valid and claim
/// nothing of another one's.
pub async fn open_folder(
    config: &GatewayConfig,
    environment: &dyn Environment,
    (directory, deps): (&Directory, &Arc<Dependencies>),
) -> Result<OpenedTenants, StoreError> {
    let holders = holders(deps).await?;
    let read = read_tenants(&config.tenants.dir, &config.public.base_hosts);
    let (usable, problems) = usable(read, config, environment, &holders);
    remember(deps, &usable).await;
    claim_accounts(deps, &usable, &holders);
    let mut opened = OpenedTenants { merchants: Vec::new(), problems };
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
    Ok(opened)
}

/// The hosts and accounts of the merchants that were served before.
async fn holders(deps: &Arc<Dependencies>) -> Result<Holders, StoreError> {
    let Holdings { hosts, accounts } = deps.store.holdings().await?;
    let hosts = hosts.into_iter().map(|served| (served.host, (served.tenant.merchant, served.since)));
    let accounts = accounts.into_iter().map(|(tenant, kept)| {
        let (key_fingerprint, verified_by_stripe) =
            kept.key.map_or((None, false), |key| (Some(key.fingerprint), key.verified_by_stripe));
        (tenant, HeldAccount { account: kept.account, key_fingerprint, verified_by_stripe })
    });
    let keyring = Some(Arc::clone(&deps.keyring));
    Ok(Holders { hosts: hosts.collect(), accounts: accounts.collect(), keyring })
}

/// Stores the hosts that each merchant is served on from now on. All merchants of a start get the same moment, so
/// none of them comes first.
async fn remember(deps: &Arc<Dependencies>, usable: &[UsableMerchant]) {
    let served =
        usable.iter().map(|UsableMerchant { tenant, .. }| (tenant.tenant(), tenant.hosts().to_vec()));
    if let Err(error) = deps.store.serve_hosts(served.collect(), deps.clock.now()).await {
        tracing::warn!(cause = %error, "served_hosts_not_kept");
    }
}

/// Gives every merchant its stored account, before any key is verified; the merchant that has been served the longest
/// comes first.
fn claim_accounts(deps: &Dependencies, usable: &[UsableMerchant], holders: &Holders) {
    let mut known: Vec<_> = usable
        .iter()
        .filter_map(|UsableMerchant { tenant, .. }| {
            Some((holders.standing(tenant.id()), tenant, holders.accounts.get(&tenant.tenant())?))
        })
        .collect();
    known.sort_by_key(|(standing, ..)| *standing);
    for (_, tenant, HeldAccount { account, verified_by_stripe, .. }) in known {
        let (merchant, shares) = (tenant.id().clone(), tenant.shared_account());
        deps.payees.remember(account, Payee { merchant, shares, verified_by_stripe: *verified_by_stripe });
    }
}
fn receiver(found: WebhookSecrets) -> Receiver {
    Receiver { url: found.url, secrets: found.secrets }
}
