//! The merchants of this process, by id and host.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix::{Arbiter, ArbiterHandle};
use async_trait::async_trait;
use dashmap::{DashMap, DashSet};

use super::handle::MerchantHandle;
use super::live_sessions::LiveSessions;
use super::merchant::MerchantActor;
use super::session::SessionActor;
use crate::delivery::Receiver;
use crate::domain::ids::{MerchantId, SessionId, Tenant};
use crate::domain::merchant::PaymentsOff;
use crate::payments::{Dependencies, MerchantSetup, MerchantState, PresentMerchant};
use crate::runtime::DueSessions;

/// The threads that actors run on.
pub struct Arbiters(Vec<ArbiterHandle>);

impl Arbiters {
    /// Starts this many threads, at least one. Must be called where an actix system runs.
    #[must_use]
    pub fn start(count: usize) -> Self {
        Self((0..count.max(1)).map(|_| Arbiter::new().handle()).collect())
    }

    /// The present thread alone, on which an actix system must run. Its actors never run in parallel.
    #[must_use]
    pub fn on_this_thread() -> Self {
        Self(vec![Arbiter::current()])
    }

    /// Stops every actor on them.
    pub fn stop(&self) {
        for arbiter in &self.0 {
            arbiter.stop();
        }
    }
}

/// All merchants of this process.
pub struct Directory {
    deps: Arc<Dependencies>,
    threads: Vec<ArbiterHandle>,
    merchants: DashMap<MerchantId, MerchantHandle>,
    /// Merchants that are no longer served, whose sessions still end here.
    removed: DashMap<Tenant, MerchantHandle>,
    hosts: DashMap<String, MerchantId>,
    sessions: Arc<LiveSessions<SessionActor>>,
    /// Tenants with due sessions that are not served here; each is logged once.
    unserved: DashSet<Tenant>,
}

impl Directory {
    /// An empty directory whose actors will run on these threads.
    #[must_use]
    pub fn new(deps: Arc<Dependencies>, arbiters: &Arbiters) -> Self {
        Self {
            deps,
            threads: arbiters.0.clone(),
            merchants: DashMap::new(),
            removed: DashMap::new(),
            hosts: DashMap::new(),
            sessions: Arc::default(),
            unserved: DashSet::new(),
        }
    }

    /// Opens a merchant: its actor starts, and its hosts select it from now on.
    pub fn open(&self, setup: &MerchantSetup) {
        let Some(thread) = self.threads.get(self.merchants.len() % self.threads.len().max(1)) else {
            return;
        };
        let merchant = Arc::new(PresentMerchant::from_pointee(MerchantState::new(setup, &self.deps)));
        let address = MerchantActor::start_on(thread, (Arc::clone(&merchant), Arc::clone(&self.deps)));
        let handle = MerchantHandle::new(
            address,
            merchant,
            Arc::clone(&self.deps),
            (Arc::clone(&self.sessions), thread.clone()),
        );
        self.enter(setup, handle);
    }

    /// Applies a merchant's configuration: opens the merchant, or gives it its next generation, whole. Hosts that it
    /// has no more select it until [`Self::forget_hosts`]. Returns whether the configuration is in use.
    pub async fn apply(&self, setup: &MerchantSetup) -> bool {
        let Some(handle) = self.known(&setup.view.tenant()) else {
            self.open(setup);
            return true;
        };
        let applied = handle.apply(setup).await;
        if applied {
            self.enter(setup, handle);
        }
        applied
    }

    fn enter(&self, setup: &MerchantSetup, handle: MerchantHandle) {
        let id = &setup.view.id;
        if setup.is_removed {
            // The merchant may only have another name now.
            if let Some(account) = &handle.view().account {
                self.deps.payees.release(handle.tenant(), account);
            }
            let tenant = handle.tenant().clone();
            self.removed.insert(tenant.clone(), handle);
            // It may be served in its other mode by now.
            self.merchants.remove_if(id, |_, present| *present.tenant() == tenant);
            return;
        }
        self.removed.remove(handle.tenant());
        self.merchants.insert(id.clone(), handle);
        for host in &setup.view.hosts {
            self.hosts.insert(host.clone(), id.clone());
        }
    }

    /// Whether a removed merchant still finishes what it has begun.
    #[must_use]
    pub fn has_removed(&self) -> bool {
        !self.removed.is_empty()
    }

    /// Forgets the removed merchants, but for these.
    pub fn forget_removed(&self, unfinished: &BTreeSet<Tenant>) {
        self.removed.retain(|tenant, _| unfinished.contains(tenant));
    }

    /// Forgets the hosts that no merchant has any more.
    pub fn forget_hosts(&self) {
        self.hosts
            .retain(|host, id| self.by_id(id).is_some_and(|merchant| merchant.view().hosts.contains(host)));
    }

    /// The merchant that a host name selects; the name is lower-case and has no port.
    #[must_use]
    pub fn by_host(&self, host: &str) -> Option<MerchantHandle> {
        let id = self.hosts.get(host)?.clone();
        self.by_id(&id)
    }

    /// The merchant with this id.
    #[must_use]
    pub fn by_id(&self, id: &MerchantId) -> Option<MerchantHandle> {
        self.merchants.get(id).map(|handle| handle.clone())
    }

    /// The merchants that cannot take payments now, by id, each with the reason.
    #[must_use]
    pub fn payments_off(&self) -> Vec<(MerchantId, PaymentsOff)> {
        let off = |merchant: &MerchantHandle| merchant.view().payments_off.clone();
        let mut merchants: Vec<_> = self
            .merchants
            .iter()
            .filter_map(|entry| Some((entry.key().clone(), off(entry.value())?)))
            .collect();
        merchants.sort_by(|(one, _), (other, _)| one.cmp(other));
        merchants
    }

    /// The endpoint for a tenant's order events; `None` if it has no receiver, or is not served here in this mode.
    #[must_use]
    pub fn receiver(&self, tenant: &Tenant) -> Option<Receiver> {
        self.known(tenant)?.receiver()
    }

    /// The merchant of a tenant in this mode, if it is served here, or was until it was removed.
    #[must_use]
    pub fn known(&self, tenant: &Tenant) -> Option<MerchantHandle> {
        let removed = || self.removed.get(tenant).map(|handle| handle.clone());
        self.by_id(&tenant.merchant).filter(|merchant| merchant.tenant() == tenant).or_else(removed)
    }
}

#[async_trait]
impl DueSessions for Directory {
    /// Events of a merchant that is not served here wait in the store, as do those of a merchant whose records are
    /// not reliable.
    fn can_go_on(&self, tenant: &Tenant) -> bool {
        if let Some(merchant) = self.known(tenant) {
            return merchant.view().records.are_reliable();
        }
        if self.unserved.insert(tenant.clone()) {
            let (merchant, mode) = (&tenant.merchant, tenant.mode.into_str());
            tracing::warn!(%merchant, mode, "sessions_wait_for_a_merchant_that_is_not_served");
        }
        false
    }

    async fn wake(&self, tenant: &Tenant, id: &SessionId) {
        if let Some(merchant) = self.known(tenant) {
            merchant.wake(id).await;
        }
    }

    async fn expire_carts(&self, tenant: &Tenant, carts: Vec<SessionId>) -> usize {
        match self.known(tenant) {
            Some(merchant) => merchant.expire_carts(carts).await,
            None => 0,
        }
    }
}
