//! Merchants from files: `tenants/{id}.toml`, at the start and whenever they change.
//!
//! Invariants: the stored history of served merchants is read, and updated, before any merchant is served; a change
//! that cannot be applied leaves the merchant as it is.

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use super::last_good::{LastGood, StoredConfig};
use super::reading::{FolderRead, NotRead, Served, ServedMerchant, blocking};
use super::status::FolderStatus;
use crate::actors::Directory;
use crate::config::claims::{HeldAccount, Holders};
use crate::config::diagnostic::Diagnostic;
use crate::config::gateway::GatewayConfig;
use crate::config::tenant::{TenantConfig, TenantSecrets, WebhookSecrets};
use crate::config::tenants_dir::{KnownTenants, read_changed_tenant_files, tenant_files};
use crate::config::usable::{UsableMerchant, usable};
use crate::delivery::Receiver;
use crate::domain::checkout::model::Priority;
use crate::domain::ids::{MerchantId, Tenant};
use crate::domain::merchant::{MerchantStatus, MerchantView};
use crate::domain::time::Timestamp;
use crate::payments::{Dependencies, MerchantSetup, Payee};
use crate::ports::Environment;
use crate::store::{Holdings, ServedTenant, StoreError};

/// The number of merchants whose work takes so long that its progress is logged.
const MANY: usize = 1000;

/// The number of a merchant's first configuration in a process.
const FIRST_GENERATION: u64 = 1;

/// The folder of merchants, and what of it is served.
pub struct Folder {
    config: Arc<GatewayConfig>,
    environment: Arc<dyn Environment>,
    directory: Arc<Directory>,
    deps: Arc<Dependencies>,
    last_good: LastGood,
    /// The configuration that each merchant is served with. Held during a reload, so that there is one at a time.
    served: Mutex<Served>,
    /// The merchants that had a file when the store was last told so. Locked within a reload.
    present: Mutex<BTreeSet<MerchantId>>,
    status: ArcSwap<FolderStatus>,
}

impl Folder {
    /// A folder of which nothing is served yet.
    #[must_use]
    pub fn new(
        config: Arc<GatewayConfig>,
        environment: Arc<dyn Environment>,
        (directory, deps): (Arc<Directory>, Arc<Dependencies>),
    ) -> Self {
        let last_good = LastGood::new(Arc::clone(&config), Arc::clone(&environment), Arc::clone(&deps.store));
        let (served, present, status) = (Mutex::default(), Mutex::default(), ArcSwap::default());
        Self { config, environment, directory, deps, last_good, served, present, status }
    }

    /// What is served of it, and its problems.
    #[must_use]
    pub fn status(&self) -> Arc<FolderStatus> {
        self.status.load_full()
    }

    /// Reads every file of the folder, and its secrets, and applies what has changed. Merchants that are valid and
    /// claim nothing of another one's are opened, or get their next generation. A merchant whose file is wrong, or
    /// whose secrets are missing, goes on as it is, as does one whose mode is changed while payments of the earlier mode
    /// are undecided. One without a file is removed.
    pub async fn reload(&self) -> Result<Arc<FolderStatus>, StoreError> {
        let mut served = self.served.lock().await;
        let holders = holders(&self.deps).await?;
        let known = served.values().map(|now| (now.tenant.file().to_path_buf(), Arc::clone(&now.tenant)));
        let undecided = self.deps.store.undecided_payments().await?;
        let read = match self.read(&holders, known.collect()).await {
            Ok(read) => {
                let read = self.last_good.hold_back_modes(read, &undecided, &served).await;
                self.last_good.replace_unusable(read, &holders, &served).await
            }
            Err(problem) => Err(problem),
        };
        let FolderRead { usable, problems, present, waits, .. } = match read {
            Ok(read) => read,
            Err(NotRead::Folder(problem)) => return Ok(self.publish((vec![problem], true), &served)),
            Err(NotRead::Lost) => return Ok(self.status()),
        };
        let wanted: BTreeSet<Tenant> = usable.iter().map(|merchant| merchant.tenant.tenant()).collect();
        let changed: Vec<UsableMerchant> = usable
            .into_iter()
            .filter(|merchant| served.get(merchant.tenant.id()).is_none_or(|now| now.differs_from(merchant)))
            .collect();
        self.forget_configs_but(&present).await;
        self.remember(&changed).await;
        // Before the removals: what a merchant is doing while it is removed may not be in the store yet.
        let begun = undecided.into_iter().map(|found| found.tenant).collect();
        let finished = self.finish_removed(begun, &wanted, &present, &served).await;
        let new = changed.iter().filter(|merchant| !served.contains_key(merchant.tenant.id()));
        claim_accounts(&self.deps, new, &holders);
        let mut complete = !waits;
        let total = changed.len();
        for (index, merchant) in changed.into_iter().enumerate() {
            if index > 0 && index % MANY == 0 {
                tracing::info!(merchants = index, total, "tenants_being_applied");
            }
            complete &= self.apply(merchant, &mut served).await;
        }
        complete &= self.remove_all_but(&present, &mut served).await;
        self.directory.forget_hosts();
        let status = self.publish((problems, complete), &served);
        finished.map(|()| status)
    }

    /// Reads the folder where work may block.
    async fn read(&self, holders: &Holders, known: KnownTenants) -> Result<FolderRead, NotRead> {
        let (config, environment) = (Arc::clone(&self.config), Arc::clone(&self.environment));
        let holders = holders.clone();
        blocking(move || {
            let files = tenant_files(&config.tenants.dir).map_err(NotRead::Folder)?;
            if files.len() >= MANY && known.is_empty() {
                tracing::info!(total = files.len(), "tenants_being_read");
            }
            let read = read_changed_tenant_files(&files, &config.public.base_hosts, &known).without_removed();
            let valid = read.tenants.iter().map(|tenant| tenant.id());
            let present = valid.chain(read.unread.keys()).cloned().collect();
            let unread = read.unread.clone();
            let (usable, problems) = usable(read, &config, environment.as_ref(), &holders);
            Ok(FolderRead { usable, problems, present, unread, waits: false })
        })
        .await
    }

    /// Returns whether the configuration is in use.
    async fn apply(&self, merchant: UsableMerchant, served: &mut Served) -> bool {
        let id = merchant.tenant.id().clone();
        let generation = served.get(&id).map_or(FIRST_GENERATION, |now| now.generation + 1);
        let UsableMerchant { tenant, secrets } = merchant;
        let earlier = served.get(&id).filter(|now| now.tenant.mode() != tenant.mode());
        if let Some(ServedMerchant { tenant: earlier, secrets, .. }) = earlier {
            // What was begun in the earlier mode ends there.
            if !self.directory.apply(&removed((earlier, secrets), generation)).await {
                tracing::error!(merchant = %id, generation, "tenant_not_applied");
                return false;
            }
            let (earlier_mode, mode) = (earlier.mode().into_str(), tenant.mode().into_str());
            tracing::warn!(merchant = %id, earlier_mode, mode, "tenant_mode_changed");
            served.remove(&id);
        }
        if !self.directory.apply(&setup((&tenant, &secrets), generation)).await {
            tracing::error!(merchant = %id, generation, "tenant_not_applied");
            return false;
        }
        let (hosts, status) = (tenant.hosts().join(" "), tenant.status().into_str());
        if generation == FIRST_GENERATION {
            tracing::info!(merchant = %id, hosts, status, "tenant_opened");
        } else {
            tracing::info!(merchant = %id, hosts, status, generation, "tenant_changed");
        }
        served.insert(id, ServedMerchant { tenant, secrets, generation });
        true
    }

    /// Removes the merchants that have no file any more; returns whether all are.
    async fn remove_all_but(&self, present: &BTreeSet<MerchantId>, served: &mut Served) -> bool {
        let mut complete = true;
        let gone: Vec<MerchantId> = served.keys().filter(|id| !present.contains(*id)).cloned().collect();
        for merchant in gone {
            let Some(ServedMerchant { tenant, secrets, generation }) = served.get(&merchant) else {
                continue;
            };
            if self.directory.apply(&removed((tenant, secrets), generation + 1)).await {
                served.remove(&merchant);
                tracing::warn!(%merchant, remedy = "put its file back to serve it again", "tenant_removed");
            } else {
                tracing::error!(%merchant, generation = generation + 1, "tenant_not_applied");
                complete = false;
            }
        }
        complete
    }

    /// The store's last good configurations of merchants without a file are kept only to end what they have begun. A
    /// merchant need not be served to be removed: its secrets may be missing since the start.
    async fn forget_configs_but(&self, present: &BTreeSet<MerchantId>) {
        let mut told = self.present.lock().await;
        let is_any_gone = told.is_empty() || !told.is_subset(present);
        if is_any_gone
            && let Err(error) = self.deps.store.remove_served_but(present.iter().cloned().collect()).await
        {
            tracing::warn!(cause = %error, "served_tenants_not_kept");
            return;
        }
        told.clone_from(present);
    }

    /// Lets what merchants without a file, or with another mode now, have begun end, with their last good
    /// configurations, also where an earlier process began it. Those that have nothing left are forgotten. `unfinished`
    /// have undecided payments, and `wanted` will be served.
    async fn finish_removed(
        &self,
        mut unfinished: BTreeSet<Tenant>,
        wanted: &BTreeSet<Tenant>,
        present: &BTreeSet<MerchantId>,
        served: &Served,
    ) -> Result<(), StoreError> {
        let ever = Timestamp::from_millis(i64::MAX);
        for priority in Priority::ALL {
            unfinished.extend(self.deps.store.tenants_with_due_sessions(ever, priority).await?);
        }
        unfinished.extend(self.deps.outbox.tenants_with_due_events(ever).await?);
        self.directory.forget_removed(&unfinished);
        let is_served =
            |tenant: &Tenant| served.get(&tenant.merchant).is_some_and(|now| now.tenant.tenant() == *tenant);
        unfinished.retain(|tenant| {
            !wanted.contains(tenant) && !is_served(tenant) && self.directory.known(tenant).is_none()
        });
        for tenant in unfinished {
            let merchant = &tenant.merchant;
            let is_gone = |stored: &StoredConfig| stored.removed || !present.contains(merchant);
            let stored = self.last_good.stored(merchant).await.into_iter().filter(is_gone);
            let last = stored.filter_map(StoredConfig::parsed).find(|last| last.tenant() == tenant);
            let Some(last) = last else { continue };
            match last.resolve_secrets(self.environment.as_ref(), &self.config.secrets.dir) {
                Ok(secrets) => {
                    self.directory.apply(&removed((&last, &secrets), FIRST_GENERATION)).await;
                    tracing::warn!(%merchant, mode = tenant.mode.into_str(), "removed_tenant_finishes");
                }
                Err(problems) => {
                    let cause = problems.first().map(ToString::to_string);
                    let mode = tenant.mode.into_str();
                    tracing::error!(%merchant, mode, cause, "removed_tenant_cannot_finish");
                }
            }
        }
        Ok(())
    }

    /// Publishes the status, and logs the problems that were not there before.
    fn publish(&self, (problems, complete): (Vec<Diagnostic>, bool), served: &Served) -> Arc<FolderStatus> {
        let tenants = served.values().map(|now| Arc::clone(&now.tenant)).collect();
        let status = Arc::new(FolderStatus { merchants: tenants, problems, complete });
        let before = self.status.swap(Arc::clone(&status)).said();
        for (merchant, problem) in
            status.mistakes().filter(|(_, problem)| !before.contains(&problem.to_string()))
        {
            let keeps_on = status.is_served(&merchant);
            tracing::error!(merchant, cause = %problem, keeps_on, "tenant_rejected");
        }
        status
    }

    /// Stores what each merchant is served with from now on. All merchants of a reload get the same moment, so
    /// none of them comes first.
    async fn remember(&self, changed: &[UsableMerchant]) {
        if changed.is_empty() {
            return;
        }
        let served = changed.iter().map(|UsableMerchant { tenant, .. }| ServedTenant {
            tenant: tenant.tenant(),
            hosts: tenant.hosts().to_vec(),
            config: tenant.source().to_owned(),
        });
        let now = self.deps.clock.now();
        if let Err(error) = self.deps.store.serve_tenants(served.collect(), now).await {
            tracing::warn!(cause = %error, "served_tenants_not_kept");
        }
    }
}

impl ServedMerchant {
    fn differs_from(&self, other: &UsableMerchant) -> bool {
        self.tenant.source() != other.tenant.source() || !self.secrets.are(&other.secrets)
    }
}

fn setup((tenant, secrets): (&TenantConfig, &TenantSecrets), generation: u64) -> MerchantSetup {
    let TenantSecrets { stripe_key, next_stripe_key, stripe_webhooks, webhook } = secrets;
    MerchantSetup {
        view: tenant.view(generation, None),
        given_account: tenant.account().cloned(),
        shares_account: tenant.shared_account(),
        key: stripe_key.clone(),
        next_key: next_stripe_key.clone(),
        receiver: webhook.as_ref().map(receiver),
        webhook_secrets: stripe_webhooks.clone(),
        is_removed: false,
    }
}

/// The same of a merchant without a file: it begins nothing.
fn removed(last: (&TenantConfig, &TenantSecrets), generation: u64) -> MerchantSetup {
    let setup = setup(last, generation);
    let view = MerchantView { status: MerchantStatus::Suspended, ..setup.view };
    MerchantSetup { view, is_removed: true, ..setup }
}

fn receiver(WebhookSecrets { url, secrets }: &WebhookSecrets) -> Receiver {
    Receiver { url: url.clone(), secrets: secrets.clone() }
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

/// Gives every new merchant its stored account, before any key is verified; the merchant that has been served the
/// longest comes first.
fn claim_accounts<'a>(deps: &Dependencies, new: impl Iterator<Item = &'a UsableMerchant>, holders: &Holders) {
    let standings = holders.standings();
    let mut known: Vec<_> = new
        .filter_map(|UsableMerchant { tenant, .. }| {
            let held = holders.accounts.get(&tenant.tenant())?;
            Some((standings.of(tenant.id()), tenant, held))
        })
        .collect();
    known.sort_by_key(|(standing, ..)| *standing);
    for (_, tenant, HeldAccount { account, verified_by_stripe, .. }) in known {
        let (tenant, shares) = (tenant.tenant(), tenant.shared_account());
        deps.payees.remember(account, Payee { tenant, shares, verified_by_stripe: *verified_by_stripe });
    }
}
