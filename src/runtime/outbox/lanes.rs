//! Who may be sent how much at once: a lane for each tenant, so that a slow or dead receiver fills its own lane and nobody
//! else's. Knows no time but what it is told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::ids::Tenant;
use crate::domain::time::{Span, Timestamp};

/// How many requests are under way in all, at most.
const OVERALL: u32 = 256;

/// How many of one tenant, while its receiver answers; one that does not is asked one thing at a time.
const PER_TENANT: u32 = 4;

/// After so many failures in a row a lane rests between two tries, first a second, then longer.
const PATIENT_FAILURES: u32 = 3;

/// The longest rest.
const LONGEST_REST: Span = Span::seconds(60);

/// Every lane.
#[derive(Clone, Debug, Default)]
pub(super) struct Lanes(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    lanes: HashMap<Tenant, Lane>,
    under_way: u32,
    /// Counts claims, to tell whose turn was longest ago.
    turn: u64,
}

#[derive(Debug, Default)]
struct Lane {
    under_way: u32,
    failures: u32,
    rests_until: Option<Timestamp>,
    last_turn: u64,
}

/// How a request ended, as its lane sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The receiver answered something sensible.
    Answered,
    /// It did not answer, or said that it cannot.
    Failed(Timestamp),
}

/// A place in a lane; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    lanes: Lanes,
    tenant: Tenant,
}

impl Lanes {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tenants in the order in which they are served: those with the least under way first, then those whose turn was
    /// longest ago.
    pub(super) fn in_turn(&self, mut tenants: Vec<Tenant>) -> Vec<Tenant> {
        let state = self.state();
        let rank =
            |tenant: &Tenant| state.lanes.get(tenant).map_or((0, 0), |lane| (lane.under_way, lane.last_turn));
        tenants.sort_by_cached_key(|tenant| (rank(tenant), tenant.clone()));
        tenants
    }

    /// How many more requests a tenant may have under way.
    pub(super) fn room(&self, tenant: &Tenant, now: Timestamp) -> u32 {
        let state = self.state();
        let overall = OVERALL.saturating_sub(state.under_way);
        let Some(lane) = state.lanes.get(tenant) else { return PER_TENANT.min(overall) };
        if lane.rests_until.is_some_and(|until| now < until) {
            return 0;
        }
        let width = if lane.failures == 0 { PER_TENANT } else { 1 };
        width.saturating_sub(lane.under_way).min(overall)
    }

    /// Takes a place in a tenant's lane.
    pub(super) fn take(&self, tenant: &Tenant) -> Slot {
        let mut state = self.state();
        state.turn += 1;
        state.under_way += 1;
        let turn = state.turn;
        let lane = state.lanes.entry(tenant.clone()).or_default();
        lane.under_way += 1;
        lane.last_turn = turn;
        Slot { lanes: self.clone(), tenant: tenant.clone() }
    }
}

impl Slot {
    /// Tells the lane how the request ended, and gives the place back.
    pub(super) fn end(self, ended: Ended) {
        let mut state = self.lanes.state();
        if let Some(lane) = state.lanes.get_mut(&self.tenant) {
            match ended {
                Ended::Answered => (lane.failures, lane.rests_until) = (0, None),
                Ended::Failed(now) => {
                    lane.failures = lane.failures.saturating_add(1);
                    if let Some(more) = lane.failures.checked_sub(PATIENT_FAILURES) {
                        let rest = Span::seconds(1 << more.min(6)).min(LONGEST_REST);
                        lane.rests_until = Some(now + rest);
                    }
                }
            }
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.lanes.state();
        state.under_way = state.under_way.saturating_sub(1);
        if let Some(lane) = state.lanes.get_mut(&self.tenant) {
            lane.under_way = lane.under_way.saturating_sub(1);
            if lane.under_way == 0 && lane.failures == 0 {
                state.lanes.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::Mode;

    const NOW: Timestamp = Timestamp::from_seconds(1_790_000_000);

    fn tenant(number: u32) -> Tenant {
        Tenant { merchant: format!("shop-{number}").parse().unwrap(), mode: Mode::Test }
    }

    #[test]
    fn a_hanging_receiver_fills_its_own_lane_and_nobody_elses() {
        let lanes = Lanes::default();
        let hanging: Vec<Slot> = (0..PER_TENANT).map(|_| lanes.take(&tenant(1))).collect();
        assert_eq!(lanes.room(&tenant(1), NOW), 0);
        assert_eq!(lanes.room(&tenant(2), NOW), PER_TENANT);
        drop(hanging);
        assert_eq!(lanes.room(&tenant(1), NOW), PER_TENANT);
        assert!(lanes.state().lanes.is_empty(), "an empty lane takes no room in memory");
    }

    #[test]
    fn a_receiver_that_fails_is_asked_one_thing_at_a_time_and_rests_longer_and_longer() {
        let lanes = Lanes::default();
        let mut rests = Vec::new();
        for _ in 0..12 {
            lanes.take(&tenant(1)).end(Ended::Failed(NOW));
            let rest = (0..100).find(|seconds| lanes.room(&tenant(1), NOW + Span::seconds(*seconds)) > 0);
            rests.push(rest.unwrap());
        }
        assert_eq!(rests, [0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
        assert_eq!(lanes.room(&tenant(1), NOW + LONGEST_REST), 1);
        lanes.take(&tenant(1)).end(Ended::Answered);
        assert_eq!(lanes.room(&tenant(1), NOW), PER_TENANT, "one answer opens the lane again");
    }

    #[test]
    fn when_all_places_are_taken_those_who_have_waited_longest_come_first() {
        let lanes = Lanes::default();
        let mut slots: Vec<Slot> =
            (0..OVERALL).map(|number| lanes.take(&tenant(number % (OVERALL / 2)))).collect();
        assert_eq!(lanes.room(&tenant(9_999), NOW), 0);
        slots.truncate(usize::try_from(OVERALL).unwrap() - 1);
        assert_eq!(lanes.room(&tenant(9_999), NOW), 1);
        let order = lanes.in_turn(vec![tenant(5), tenant(3), tenant(9_999)]);
        assert_eq!(order, [tenant(9_999), tenant(3), tenant(5)]);
    }
}
