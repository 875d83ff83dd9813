//! Backups of a store in memory, and what is to be accounted for where one was put back.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{KeptFlag, MemoryStore, Shop};
use merchant_gateway::domain::checkout::model::Flag;
use merchant_gateway::domain::ids::{PaymentIntentId, SessionId, Tenant};
use merchant_gateway::domain::time::Timestamp;
use merchant_gateway::store::{RestoreMarker, RestoreMarkers, StoreError};

/// When backups were put back, and for which tenants that is accounted for.
#[derive(Clone, Debug, Default)]
pub(super) struct Restores {
    markers: Vec<RestoreMarker>,
    reconciled: BTreeSet<(Tenant, String)>,
}

impl MemoryStore {
    /// A copy of all rows as they are now.
    #[must_use]
    pub fn backup(&self) -> Self {
        Self {
            shops: Mutex::new(self.shops().clone()),
            served: Mutex::new(self.served().clone()),
            restores: Mutex::new(self.restores().clone()),
        }
    }

    /// This backup, put back.
    #[must_use]
    pub fn restored(self, marker: RestoreMarker) -> Self {
        self.restores().markers.push(marker);
        self
    }

    fn restores(&self) -> MutexGuard<'_, Restores> {
        self.restores.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl RestoreMarkers for MemoryStore {
    fn unreconciled(&self, tenant: &Tenant) -> Vec<RestoreMarker> {
        let Restores { markers, reconciled } = &*self.restores();
        let open = |marker: &&RestoreMarker| !reconciled.contains(&(tenant.clone(), marker.id.clone()));
        markers.iter().filter(open).cloned().collect()
    }

    fn last_restore(&self) -> Option<Timestamp> {
        self.restores().markers.iter().map(|marker| marker.restored).max()
    }

    async fn reconciled(&self, tenant: &Tenant, marker: &RestoreMarker) -> Result<(), StoreError> {
        self.restores().reconciled.insert((tenant.clone(), marker.id.clone()));
        Ok(())
    }

    async fn numbers_given(
        &self,
        tenant: &Tenant,
        marker: &RestoreMarker,
        count: u32,
    ) -> Result<(), StoreError> {
        let mut shops = self.shops();
        let shop = shops.entry(tenant.clone()).or_default();
        let undecided = shop.attempts.values().filter(|row| row.end.is_none()).count();
        let base = shop.last_number().saturating_add(u32::try_from(undecided).unwrap_or(u32::MAX));
        let (_, known) = shop.given_numbers.entry(marker.id.clone()).or_insert((base, count));
        *known = count.max(*known);
        Ok(())
    }

    async fn began_before(&self, tenant: &Tenant, moment: Timestamp) -> Result<bool, StoreError> {
        let shops = self.shops();
        let began = |shop: &Shop| shop.sessions.values().any(|row| row.session.created < moment);
        Ok(shops.get(tenant).is_some_and(began))
    }

    async fn session_paid_by(
        &self,
        tenant: &Tenant,
        payment: &PaymentIntentId,
    ) -> Result<Option<SessionId>, StoreError> {
        let shops = self.shops();
        let Some(shop) = shops.get(tenant) else { return Ok(None) };
        let paid = shop.orders.values().find(|placed| placed.order.payment_intent == *payment);
        Ok(paid.map(|placed| placed.order.session.clone()))
    }

    async fn flag(&self, tenant: &Tenant, flag: Flag) -> Result<bool, StoreError> {
        let mut shops = self.shops();
        let shop = shops.entry(tenant.clone()).or_default();
        let is_new = !shop.flags.iter().any(|known| known.flag.intent == flag.intent);
        if is_new {
            shop.flags.push(KeptFlag { flag, resolution: None });
        }
        Ok(is_new)
    }
}
