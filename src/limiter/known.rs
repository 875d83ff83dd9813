//! The networks from which someone has paid, or begun a checkout that was paid.
//!
//! Invariants: one payment makes at most two networks known, however many it is reported from: the one that its
//! checkout was begun from, and the first that it is reported from. The number of known networks is limited, and the
//! latest are kept.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How many networks are remembered, and how many payments.
const MAX_NETWORKS: usize = 10_000;
const MAX_SESSIONS: usize = 20_000;
const MAX_BEGUN: usize = 20_000;

/// How long a network is known.
const KNOWN_FOR: Duration = Duration::from_hours(24 * 30);

#[derive(Debug, Default)]
pub(super) struct KnownNetworks(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// For each network, when someone last paid from it.
    networks: HashMap<IpAddr, Instant>,
    /// The sessions that have made a network known, and when.
    sessions: HashMap<String, Instant>,
    /// Where unpaid sessions were begun, and when.
    begun: HashMap<String, (IpAddr, Instant)>,
}

impl KnownNetworks {
    /// Records that a session was begun from a network: an assistant's, if the shopper pays in a browser.
    pub(super) fn began(&self, session: &str, network: IpAddr) {
        let mut known = self.known();
        note(&mut known.begun, session.to_owned(), (network, Instant::now()), MAX_BEGUN);
    }

    /// Records that a session was paid from a network; the first one counts.
    pub(super) fn paid(&self, session: &str, network: IpAddr) {
        let mut known = self.known();
        if known.sessions.contains_key(session) {
            return;
        }
        let now = Instant::now();
        note(&mut known.sessions, session.to_owned(), now, MAX_SESSIONS);
        note(&mut known.networks, network, now, MAX_NETWORKS);
        if let Some((assistant, _)) = known.begun.remove(session) {
            note(&mut known.networks, assistant, now, MAX_NETWORKS);
        }
    }

    pub(super) fn holds(&self, network: IpAddr) -> bool {
        self.known().networks.get(&network).is_some_and(|paid| paid.elapsed() < KNOWN_FOR)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Adds one entry; if there are too many, the later half of them remains.
fn note<K: Eq + Hash, V: Noted>(noted: &mut HashMap<K, V>, key: K, value: V, most: usize) {
    if noted.len() >= most && !noted.contains_key(&key) {
        let mut all: Vec<Instant> = noted.values().map(Noted::at).collect();
        all.sort_unstable();
        let middle = all[all.len() / 2];
        noted.retain(|_, value| value.at() > middle);
    }
    noted.insert(key, value);
}

/// An entry with its moment.
trait Noted {
    fn at(&self) -> Instant;
}

impl Noted for Instant {
    fn at(&self) -> Instant {
        *self
    }
}

impl Noted for (IpAddr, Instant) {
    fn at(&self) -> Instant {
        self.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payment_reported_by_many_networks_makes_only_one_known() {
        let known = KnownNetworks::default();
        let [buyer, elsewhere, neighbour] = [1, 2, 3].map(|last| IpAddr::from([203, 0, 113, last]));
        for network in [buyer, elsewhere] {
            known.paid("chk_1", network);
        }
        known.paid("chk_2", neighbour);
        assert_eq!([buyer, elsewhere, neighbour].map(|network| known.holds(network)), [true, false, true]);
    }

    #[test]
    fn a_paid_checkout_also_makes_the_network_it_began_from_known() {
        let known = KnownNetworks::default();
        let [assistant, other, browser] = [1, 2, 3].map(|last| IpAddr::from([203, 0, 113, last]));
        known.began("chk_1", assistant);
        known.began("chk_2", other);
        assert!(!known.holds(assistant), "nothing is paid yet");
        known.paid("chk_1", browser);
        assert_eq!([assistant, other, browser].map(|network| known.holds(network)), [true, false, true]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_is_bounded_and_the_last_stay() {
        let known = KnownNetworks::default();
        let address = |number: u32| IpAddr::from(number.to_be_bytes());
        for number in 0..30_000 {
            known.paid(&format!("chk_{number}"), address(number));
            known.began(&format!("chk_later_{number}"), address(number));
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        {
            let known = known.known();
            assert!(known.networks.len() <= MAX_NETWORKS && known.sessions.len() <= MAX_SESSIONS);
            assert!(known.begun.len() <= MAX_BEGUN);
        }
        assert!(known.holds(address(29_999)) && known.holds(address(27_000)) && !known.holds(address(0)));
        tokio::time::advance(KNOWN_FOR).await;
        assert!(!known.holds(address(29_999)));
    }
}
