//! The live session actors of this process, by session.

use std::sync::Arc;

use actix::{Actor, Addr};
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use crate::domain::ids::{SessionId, Tenant};

/// The live session actors of this process.
///
/// Every caller of a session shares its one address: actix lets each clone of an address put a message into a mailbox that
/// is full, so a clone for every caller would be no bound at all.
pub(super) struct LiveSessions<A: Actor>(DashMap<(Tenant, SessionId), Arc<Addr<A>>>);

impl<A: Actor> Default for LiveSessions<A> {
    fn default() -> Self {
        Self(DashMap::new())
    }
}

impl<A: Actor> LiveSessions<A> {
    /// The live actor of a session; a dead or missing one is started anew.
    pub(super) fn get(
        &self,
        tenant: &Tenant,
        id: &SessionId,
        start: impl FnOnce() -> Addr<A>,
    ) -> Arc<Addr<A>> {
        match self.0.entry((tenant.clone(), id.clone())) {
            Entry::Occupied(live) if live.get().connected() => Arc::clone(live.get()),
            Entry::Occupied(mut dead) => {
                let address = Arc::new(start());
                dead.insert(Arc::clone(&address));
                address
            }
            Entry::Vacant(vacant) => Arc::clone(&vacant.insert(Arc::new(start()))),
        }
    }

    /// Forgets an actor that stops, unless another has taken its place.
    pub(super) fn forget(&self, tenant: &Tenant, id: &SessionId, address: &Addr<A>) {
        self.0.remove_if(&(tenant.clone(), id.clone()), |_, live| **live == *address);
    }
}
