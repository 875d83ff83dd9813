//! The live session actors of this process, by session.

use std::sync::Arc;

use actix::{Actor, Addr};
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;

use crate::domain::ids::{SessionId, Tenant};

/// The live session actors of this process.
///
/// All callers of a session share its one address. actix lets each clone of an address put one message into a full
/// mailbox, so a clone for every caller would remove the mailbox's bound.
pub(super) struct LiveSessions<A: Actor>(DashMap<(Tenant, SessionId), Arc<Addr<A>>>);

impl<A: Actor> Default for LiveSessions<A> {
    fn default() -> Self {
        Self(DashMap::new())
    }
}

impl<A: Actor> LiveSessions<A> {
    /// The live actor of a session; one that has stopped or is missing is started.
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

    /// Removes an actor that stops, unless another has taken its place.
    pub(super) fn forget(&self, tenant: &Tenant, id: &SessionId, address: &Addr<A>) {
        self.0.remove_if(&(tenant.clone(), id.clone()), |_, live| **live == *address);
    }
}
