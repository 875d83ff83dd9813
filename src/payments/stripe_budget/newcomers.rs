//! How many payments of one merchant call Stripe before they begin, by the network they come from.
//!
//! Invariant: one network, however many payments it asks for, leaves places to the others. The rule is the one of the
//! shared buckets of the limiter: a network may hold a share of the free places.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// How many may call at once.
const PLACES: usize = 16;

/// How many places must be free so that any network may take one.
const PLENTY: usize = PLACES / 2;

/// How many times the free places one network may hold.
const SHARE: usize = 3;

/// The present callers, by network.
#[derive(Debug, Default)]
pub(super) struct Newcomers {
    held: Mutex<BTreeMap<Option<IpAddr>, usize>>,
    freed: Notify,
}

/// A place; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    of: &'a Newcomers,
    network: Option<IpAddr>,
}

impl Newcomers {
    /// Waits for a place.
    pub(super) async fn turn(&self, network: Option<IpAddr>) -> Turn<'_> {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            // From here on a freed place wakes this task.
            freed.as_mut().enable();
            if let Some(turn) = self.take(network) {
                return turn;
            }
            freed.await;
        }
    }

    fn take(&self, network: Option<IpAddr>) -> Option<Turn<'_>> {
        let mut held = self.held();
        let free = PLACES.saturating_sub(held.values().sum());
        let own = held.get(&network).copied().unwrap_or(0);
        let has_room = free >= PLENTY || free >= 1 && own <= SHARE * (free - 1);
        if !has_room {
            return None;
        }
        held.insert(network, own + 1);
        Some(Turn { of: self, network })
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<Option<IpAddr>, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut held = self.of.held();
        if let Some(own) = held.get_mut(&self.network) {
            *own -= 1;
            if *own == 0 {
                held.remove(&self.network);
            }
        }
        drop(held);
        self.of.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn one_network_leaves_places_to_the_others_and_gets_its_own_back() {
        let newcomers = Newcomers::default();
        let stranger = Some("203.0.113.7".parse().unwrap());
        let mut held = Vec::new();
        while let Some(turn) = newcomers.turn(stranger).now_or_never() {
            held.push(turn);
        }
        assert!((PLENTY..PLACES - 1).contains(&held.len()), "{}", held.len());
        let shopper = Some("198.51.100.1".parse().unwrap());
        let turn = newcomers.turn(shopper).now_or_never();
        assert!(turn.is_some(), "another network has a place");
        assert!(newcomers.turn(stranger).now_or_never().is_none());
        held.clear();
        drop(turn);
        assert!(newcomers.held().is_empty());
        assert!(newcomers.turn(stranger).now_or_never().is_some());
    }
}
