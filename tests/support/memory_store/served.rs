//! What is remembered of merchants that were served, in memory.

use std::collections::BTreeMap;

use super::{MemoryStore, Shop};
use merchant_gateway::domain::ids::{AccountId, MerchantId, SessionId, Tenant};
use merchant_gateway::domain::time::Timestamp;
use merchant_gateway::store::{EventState, Forgetting, Holdings, ServedConfig, ServedHost, ServedTenant};

#[derive(Clone, Debug, Default)]
pub(super) struct Served {
    /// By host.
    hosts: BTreeMap<String, ServedHost>,
    configs: BTreeMap<Tenant, (Timestamp, ServedConfig)>,
}

impl MemoryStore {
    pub(super) fn all_holdings(&self) -> Holdings {
        let served = self.served();
        let hosts = served.hosts.values().cloned().collect();
        drop(served);
        let shops = self.shops();
        let account = |(tenant, shop): (&Tenant, &Shop)| Some((tenant.clone(), shop.account.clone()?));
        let mut accounts: Vec<_> = shops.iter().filter_map(account).collect();
        accounts.sort_by_key(|(tenant, _)| (tenant.merchant.clone(), tenant.mode.into_str()));
        Holdings { hosts, accounts }
    }

    pub(super) fn last_configs(&self, merchant: &MerchantId) -> Vec<ServedConfig> {
        let served = self.served();
        let of_merchant = served.configs.iter().filter(|(tenant, _)| tenant.merchant == *merchant);
        let mut configs: Vec<_> = of_merchant.collect();
        configs.sort_by_key(|(tenant, (since, kept))| {
            (kept.removed, std::cmp::Reverse(*since), tenant.mode.into_str())
        });
        configs.into_iter().map(|(_, (_, config))| config.clone()).collect()
    }

    pub(super) fn serve(&self, served: Vec<ServedTenant>, now: Timestamp) {
        let mut known = self.served();
        for ServedTenant { tenant, hosts, config } in served {
            for (other, (_, kept)) in &mut known.configs {
                kept.removed |= other.merchant == tenant.merchant;
            }
            known.configs.insert(tenant.clone(), (now, ServedConfig { config, removed: false }));
            let kept = &mut known.hosts;
            kept.retain(|host, row| row.tenant != tenant || hosts.contains(host));
            for host in hosts {
                if kept.get(&host).is_none_or(|row| row.tenant != tenant) {
                    kept.insert(host.clone(), ServedHost { host, tenant: tenant.clone(), since: now });
                }
            }
        }
    }
}

impl MemoryStore {
    pub(super) fn remove_configs_but(&self, present: &[MerchantId]) {
        let mut known = self.served();
        for (tenant, (_, kept)) in &mut known.configs {
            kept.removed |= !present.contains(&tenant.merchant);
        }
        known.hosts.retain(|_, row| present.contains(&row.tenant.merchant));
    }
}

impl Shop {
    pub(super) fn forget_account(&mut self, account: &AccountId) -> Forgetting {
        let kept = self.account.as_ref().map(|kept| kept.account.clone());
        if kept.as_ref() != Some(account) {
            return Forgetting::NotKept(kept);
        }
        if let Some(session) = self.undecided(account) {
            return Forgetting::Undecided(session);
        }
        let waiting = self.stripe_events.values().filter(|kept| kept.state == EventState::Waiting);
        if let Some(kept) = waiting.min_by_key(|kept| (kept.event.received, kept.event.id.clone())) {
            return Forgetting::EventsWait(kept.event.id.clone());
        }
        self.account = None;
        Forgetting::Forgotten
    }

    /// The first session of something on an account whose outcome is not known.
    fn undecided(&self, account: &AccountId) -> Option<SessionId> {
        let of_account = || self.attempts.values().filter(|row| row.account == *account);
        let attempts = of_account().filter(|row| row.end.is_none());
        let refunds = self.refunds.values().filter(|row| row.account == *account && !row.body.is_empty());
        let elsewhere =
            |id: &SessionId| self.attempts.values().any(|row| row.session == *id && row.account != *account);
        let read = self.sessions.iter().filter(|(id, row)| !row.session.is_accounted_for() && !elsewhere(id));
        let sessions = attempts.map(|row| &row.session).chain(read.map(|(id, _)| id));
        sessions.chain(refunds.map(|row| &row.session)).min().cloned()
    }
}
