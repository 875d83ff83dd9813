//! What a merchant goes on with while its file cannot be applied: its last good configuration.
//!
//! Invariants: a merchant that was removed has none, nor has one in a mode that it is not served in any more; so nothing that was
//! taken away comes back by a mistake in another file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::reading::{FolderRead, NotRead, Served, blocking};
use crate::config::claims::Holders;
use crate::config::diagnostic::Diagnostic;
use crate::config::gateway::GatewayConfig;
use crate::config::tenant::{TenantConfig, parse_tenant};
use crate::config::tenants_dir::TenantsRead;
use crate::config::usable::{UsableMerchant, usable};
use crate::domain::ids::{MerchantId, Tenant};
use crate::ports::Environment;
use crate::store::{ServedConfig, Store, UndecidedPayments};

/// A configuration that the store has of a merchant.
pub(super) struct StoredConfig {
    file: PathBuf,
    text: String,
    /// Whether the merchant was removed since, or is served in its other mode.
    pub(super) removed: bool,
}

impl StoredConfig {
    /// The configuration; `None` if it is not valid any more.
    pub(super) fn parsed(self) -> Option<TenantConfig> {
        parse_tenant(&self.file, &self.text).ok()
    }
}

/// The last good configurations of merchants.
pub(super) struct LastGood {
    config: Arc<GatewayConfig>,
    environment: Arc<dyn Environment>,
    store: Arc<dyn Store>,
}

impl LastGood {
    pub(super) fn new(
        config: Arc<GatewayConfig>,
        environment: Arc<dyn Environment>,
        store: Arc<dyn Store>,
    ) -> Self {
        Self { config, environment, store }
    }

    /// Replaces each configuration that cannot be used by the merchant's last good one, so that it keeps what it has: a
    /// changed file that claims it is then wrong itself, and its merchant keeps its own last good one.
    pub(super) async fn replace_unusable(
        &self,
        mut read: FolderRead,
        holders: &Holders,
        served: &Served,
    ) -> Result<FolderRead, NotRead> {
        let mut replaced: BTreeSet<MerchantId> = BTreeSet::new();
        loop {
            let usable_ids: BTreeSet<&MerchantId> =
                read.usable.iter().map(|merchant| merchant.tenant.id()).collect();
            let is_wrong = |id: &&MerchantId| !usable_ids.contains(id) && !replaced.contains(*id);
            let wrong: Vec<MerchantId> = read.present.iter().filter(is_wrong).cloned().collect();
            let mut last_good = Vec::new();
            for id in &wrong {
                last_good.extend(self.of(id, served).await);
            }
            replaced.extend(wrong);
            if last_good.is_empty() {
                return Ok(read);
            }
            let mut unread = read.unread.clone();
            unread.retain(|id, _| last_good.iter().all(|tenant| tenant.id() != id));
            let tenants = read.usable.into_iter().map(|merchant| merchant.tenant).chain(last_good).collect();
            let tenants = TenantsRead { tenants, unread, ..TenantsRead::default() };
            let (config, environment) = (Arc::clone(&self.config), Arc::clone(&self.environment));
            let holders = holders.clone();
            let (usable, found) =
                blocking(move || Ok(usable(tenants, &config, environment.as_ref(), &holders))).await?;
            read.usable = usable;
            let of_replaced = |problem: &Diagnostic| {
                let id = problem.file.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
                id.is_some_and(|id: MerchantId| replaced.contains(&id))
            };
            read.problems.extend(found.into_iter().filter(|problem| !of_replaced(problem)));
        }
    }

    /// The last good configuration of a merchant: the one that it is served with, else the one that the store has.
    async fn of(&self, merchant: &MerchantId, served: &Served) -> Option<Arc<TenantConfig>> {
        if let Some(now) = served.get(merchant) {
            return Some(Arc::clone(&now.tenant));
        }
        // Only the latest one: an earlier one may be of the other mode.
        let latest = self.stored(merchant).await.into_iter().next().filter(|stored| !stored.removed)?;
        latest.parsed().map(Arc::new)
    }

    /// The configurations of a merchant that the store has, one for each mode, the latest one first.
    pub(super) async fn stored(&self, merchant: &MerchantId) -> Vec<StoredConfig> {
        let file = self.config.tenants.dir.join(format!("{merchant}.toml"));
        let with_file =
            |ServedConfig { config, removed }| StoredConfig { file: file.clone(), text: config, removed };
        match self.store.served_configs(merchant).await {
            Ok(stored) => stored.into_iter().map(with_file).collect(),
            Err(error) => {
                tracing::warn!(%merchant, cause = %error, "served_config_not_read");
                Vec::new()
            }
        }
    }

    /// Holds back each change of a merchant's mode while payments of the mode that it is served in are undecided.
    pub(super) async fn hold_back_modes(
        &self,
        mut read: FolderRead,
        undecided: &[UndecidedPayments],
        served: &Served,
    ) -> FolderRead {
        let undecided: BTreeMap<&Tenant, &UndecidedPayments> =
            undecided.iter().map(|found| (&found.tenant, found)).collect();
        let mut usable = Vec::with_capacity(read.usable.len());
        for merchant in read.usable {
            let tenant = &merchant.tenant;
            let other = Tenant { mode: tenant.mode().other(), ..tenant.tenant() };
            let earlier = undecided.get(&other).copied();
            let is_change = match earlier {
                Some(earlier) => {
                    let present = self.of(tenant.id(), served).await;
                    present.is_some_and(|present| present.tenant() == earlier.tenant)
                }
                None => false,
            };
            match earlier.filter(|_| is_change) {
                Some(earlier) => read.problems.push(held_back(&merchant, earlier)),
                None => usable.push(merchant),
            }
            read.waits |= is_change;
        }
        FolderRead { usable, ..read }
    }
}

fn held_back(UsableMerchant { tenant, .. }: &UsableMerchant, undecided: &UndecidedPayments) -> Diagnostic {
    let UndecidedPayments { tenant: earlier, session, count } = undecided;
    let (new, earlier) = (tenant.mode().into_str(), earlier.mode.into_str());
    let payments = if *count == 1 { "1 payment".to_owned() } else { format!("{count} payments") };
    tenant.place("mode").problem(
        format!("is \"{new}\" now, and {payments} in {earlier} mode are not decided yet, such as that of {session}"),
        format!(
            "wait: the change is applied once they are decided, for which the {earlier} key must stay where it is; or \
             write \"{earlier}\" again"
        ),
    )
}
