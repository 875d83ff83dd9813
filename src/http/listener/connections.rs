//! The connections of one worker. When they reach their limit, one that waits for its client is closed.
//!
//! A connection waits for its client until a request has arrived as a whole, and again once it is answered. The one
//! to close belongs to the network with the most waiting connections; of these, one without an answered request is
//! closed first, and then the one that has waited longest. A client that opens many connections therefore loses its
//! own, and connections that were of use are kept. A connection whose request is being answered is never closed. If
//! all are being answered when the last place is filled, the first that is answered is not kept.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::AbortHandle;
use tokio::time::Instant;

/// How often closed connections are logged, at most.
const TOLD_EVERY: Duration = Duration::from_mins(1);

/// The connections of a worker, which has one thread.
pub(super) struct Connections {
    most: usize,
    open: RefCell<Open>,
    /// Counts connections and waits, so that an earlier one has the smaller number.
    count: Cell<u64>,
}

#[derive(Default)]
struct Open {
    closing: HashMap<u64, AbortHandle>,
    /// For each network its waiting connections, in the order in which they are closed.
    waiting: HashMap<IpAddr, BTreeMap<Wait, u64>>,
    /// The networks of the waiting connections: how many wait, and the first of them.
    networks: BTreeSet<(usize, Reverse<Wait>, IpAddr)>,
    /// How many were closed since the last log line, and when that was.
    gave_way: u64,
    last_reported: Option<Instant>,
}

/// A wait for a client: whether the connection had an answered request before, and the number of the wait.
type Wait = (bool, u64);

/// One connection, for as long as it is open.
pub(super) struct Connection {
    id: u64,
    network: IpAddr,
    /// Its wait for its client; `None` while its request is being answered.
    waits: Cell<Option<Wait>>,
    was_answered: Cell<bool>,
    all: Rc<Connections>,
}

impl Connections {
    /// No connections yet, with this limit.
    pub(super) fn up_to(most: usize) -> Rc<Self> {
        Rc::new(Self { most, open: RefCell::default(), count: Cell::new(0) })
    }

    /// Adds a connection; `closing` closes it. If it fills the last place, another one is closed to free a place.
    pub(super) fn admit(self: &Rc<Self>, network: IpAddr, closing: AbortHandle) -> Rc<Connection> {
        let connection = Connection {
            id: self.next(),
            network,
            waits: Cell::new(None),
            was_answered: Cell::new(false),
            all: Rc::clone(self),
        };
        let full = {
            let mut open = self.open.borrow_mut();
            open.closing.insert(connection.id, closing);
            self.is_full(&open)
        };
        if full {
            self.make_room();
        }
        connection.waits_for_its_client();
        Rc::new(connection)
    }

    fn is_full(&self, open: &Open) -> bool {
        open.closing.len() >= self.most
    }

    /// Closes the first waiting connection, if there is one. Its place is free when its future has been dropped.
    fn make_room(&self) {
        let mut open = self.open.borrow_mut();
        let first = open.networks.last().and_then(|(_, _, network)| open.waiting[network].values().next());
        let Some(closing) = first.and_then(|id| open.closing.get(id)) else { return };
        closing.abort();
        open.gave_way += 1;
        if open.last_reported.is_none_or(|last_reported| last_reported.elapsed() >= TOLD_EVERY) {
            tracing::warn!(closed = open.gave_way, limit = self.most, "connections_gave_way");
            (open.gave_way, open.last_reported) = (0, Some(Instant::now()));
        }
    }

    fn next(&self) -> u64 {
        self.count.update(|count| count + 1);
        self.count.get()
    }
}

impl Open {
    /// Changes the waiting connections of a network, and updates the order of the networks.
    fn change(&mut self, network: IpAddr, change: impl FnOnce(&mut BTreeMap<Wait, u64>)) {
        let waiting = self.waiting.entry(network).or_default();
        let place = |waiting: &BTreeMap<Wait, u64>| {
            waiting.keys().next().map(|since| (waiting.len(), Reverse(*since), network))
        };
        if let Some(before) = place(waiting) {
            self.networks.remove(&before);
        }
        change(waiting);
        match place(waiting) {
            Some(now) => {
                self.networks.insert(now);
            }
            None => {
                self.waiting.remove(&network);
            }
        }
    }
}

impl Connection {
    /// From now on it waits for its client.
    pub(super) fn waits_for_its_client(&self) {
        self.stops_waiting();
        let wait = (self.was_answered.get(), self.all.next());
        self.waits.set(Some(wait));
        self.all.open.borrow_mut().change(self.network, |waiting| {
            waiting.insert(wait, self.id);
        });
    }

    /// Its request is answered. `false` if no place is free, so that it is not kept for another request.
    pub(super) fn is_answered(&self) -> bool {
        self.was_answered.set(true);
        self.waits_for_its_client();
        !self.all.is_full(&self.all.open.borrow())
    }

    /// From now on its request is being answered.
    pub(super) fn stops_waiting(&self) {
        if let Some(wait) = self.waits.take() {
            self.all.open.borrow_mut().change(self.network, |waiting| {
                waiting.remove(&wait);
            });
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.stops_waiting();
        self.all.open.borrow_mut().closing.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Client {
        connection: Rc<Connection>,
        closing: AbortHandle,
    }

    fn client(all: &Rc<Connections>, network: &str) -> Client {
        let (closing, _) = AbortHandle::new_pair();
        Client { connection: all.admit(network.parse().unwrap(), closing.clone()), closing }
    }

    fn closed(clients: &[&Client]) -> Vec<bool> {
        clients.iter().map(|client| client.closing.is_aborted()).collect()
    }

    #[test]
    fn the_last_place_is_made_free_by_the_one_that_has_waited_longest() {
        let all = Connections::up_to(3);
        let (first, second) = (client(&all, "192.0.2.1"), client(&all, "192.0.2.1"));
        assert_eq!(closed(&[&first, &second]), [false, false]);
        first.connection.stops_waiting();
        first.connection.waits_for_its_client();
        let third = client(&all, "192.0.2.1");
        assert_eq!(closed(&[&first, &second, &third]), [false, true, false]);
        drop(second);
        let fourth = client(&all, "192.0.2.1");
        assert_eq!(closed(&[&first, &third, &fourth]), [true, false, false]);
    }

    #[test]
    fn an_answered_connection_is_closed_after_those_never_answered() {
        let all = Connections::up_to(3);
        let (kept, silent) = (client(&all, "192.0.2.1"), client(&all, "192.0.2.1"));
        kept.connection.stops_waiting();
        assert!(kept.connection.is_answered());
        for _ in 0..5 {
            let another = client(&all, "192.0.2.1");
            assert_eq!(closed(&[&kept, &silent, &another]), [false, true, false]);
        }
    }

    #[test]
    fn a_network_with_many_connections_closes_its_own() {
        let all = Connections::up_to(4);
        let shopper = client(&all, "198.51.100.1");
        let (first, second) = (client(&all, "192.0.2.1"), client(&all, "192.0.2.1"));
        let third = client(&all, "192.0.2.1");
        assert_eq!(closed(&[&shopper, &first, &second, &third]), [false, true, false, false]);
    }

    #[test]
    fn a_connection_whose_request_is_being_answered_never_gives_way() {
        let all = Connections::up_to(2);
        let first = client(&all, "192.0.2.1");
        first.connection.stops_waiting();
        let second = client(&all, "192.0.2.1");
        assert_eq!(closed(&[&first, &second]), [false, false]);
        first.connection.waits_for_its_client();
        drop(second);
        let third = client(&all, "192.0.2.1");
        assert_eq!(closed(&[&first, &third]), [true, false]);
    }

    #[test]
    fn nothing_is_kept_of_a_connection_that_has_ended() {
        let all = Connections::up_to(2);
        for _ in 0..10 {
            let client = client(&all, "192.0.2.1");
            client.connection.stops_waiting();
            client.connection.waits_for_its_client();
        }
        let open = all.open.borrow();
        assert_eq!((open.closing.len(), open.waiting.len(), open.networks.len()), (0, 0, 0));
    }
}
