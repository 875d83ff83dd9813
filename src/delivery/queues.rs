//! The limits on simultaneous requests: a queue for each tenant, so that a slow or failed receiver fills its own
//! queue and no other. It reads no clock, and its pauses use a clock that cannot be set.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::domain::ids::Tenant;

/// The most requests in progress in total.
const OVERALL: u32 = 256;

/// The most of one tenant while its receiver answers; one that does not answer gets one request at a time.
const PER_TENANT: u32 = 4;

/// With this many in progress, every tenant gets one request at a time: the remaining places are for tenants without
/// one.
const CROWDED: u32 = OVERALL / 2;

/// After this many failures in a row a queue pauses between two tries, first for a second, then longer.
const PATIENT_FAILURES: u32 = 3;

/// The longest pause.
const LONGEST_REST: Duration = Duration::from_mins(1);

#[derive(Clone, Debug, Default)]
pub(super) struct TenantQueues(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    queues: HashMap<Tenant, TenantQueue>,
    under_way: u32,
    /// Counts claims, to find the tenant whose turn was longest ago.
    turn: u64,
}

#[derive(Debug, Default)]
struct TenantQueue {
    under_way: u32,
    failures: u32,
    rests_until: Option<Instant>,
    last_turn: u64,
}

/// How a request ended, for its queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The receiver gave a valid answer.
    Answered,
    /// It did not answer, or with an error of its own.
    Failed(Instant),
}

/// A place in a queue; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    queues: TenantQueues,
    tenant: Tenant,
}

impl TenantQueues {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The tenants in the order in which they are served: those with the fewest requests in progress first, then
    /// those whose turn was longest ago.
    pub(super) fn in_turn(&self, mut tenants: Vec<Tenant>) -> Vec<Tenant> {
        let state = self.state();
        let rank = |tenant: &Tenant| {
            state.queues.get(tenant).map_or((0, 0), |queue| (queue.under_way, queue.last_turn))
        };
        tenants.sort_by_cached_key(|tenant| (rank(tenant), tenant.clone()));
        tenants
    }

    /// Whether no tenant has room.
    pub(super) fn are_full(&self) -> bool {
        self.state().under_way >= OVERALL
    }

    /// How many more requests a tenant may have in progress.
    pub(super) fn room(&self, tenant: &Tenant, now: Instant) -> u32 {
        let state = self.state();
        let overall = OVERALL.saturating_sub(state.under_way);
        let widest = if state.under_way < CROWDED { PER_TENANT } else { 1 };
        let Some(queue) = state.queues.get(tenant) else { return widest.min(overall) };
        if queue.rests_until.is_some_and(|until| now < until) {
            return 0;
        }
        let width = if queue.failures == 0 { widest } else { 1 };
        width.saturating_sub(queue.under_way).min(overall)
    }

    /// Takes a place in a tenant's queue.
    pub(super) fn take(&self, tenant: &Tenant) -> Slot {
        let mut state = self.state();
        state.turn += 1;
        state.under_way += 1;
        let turn = state.turn;
        let queue = state.queues.entry(tenant.clone()).or_default();
        queue.under_way += 1;
        queue.last_turn = turn;
        Slot { queues: self.clone(), tenant: tenant.clone() }
    }
}

impl Slot {
    /// Records how the request ended, and gives the place back.
    pub(super) fn end(self, ended: Ended) {
        let mut state = self.queues.state();
        if let Some(queue) = state.queues.get_mut(&self.tenant) {
            match ended {
                Ended::Answered => (queue.failures, queue.rests_until) = (0, None),
                Ended::Failed(now) => {
                    queue.failures = queue.failures.saturating_add(1);
                    if let Some(more) = queue.failures.checked_sub(PATIENT_FAILURES) {
                        let rest = Duration::from_secs(1 << more.min(6)).min(LONGEST_REST);
                        queue.rests_until = Some(now + rest);
                    }
                }
            }
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.queues.state();
        state.under_way = state.under_way.saturating_sub(1);
        if let Some(queue) = state.queues.get_mut(&self.tenant) {
            queue.under_way = queue.under_way.saturating_sub(1);
            if queue.under_way == 0 && queue.failures == 0 {
                state.queues.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::Mode;

    fn tenant(number: u32) -> Tenant {
        Tenant { merchant: format!("shop-{number}").parse().unwrap(), mode: Mode::Test }
    }

    #[test]
    fn a_hanging_receiver_fills_its_own_lane_and_nobody_elses() {
        let (queues, now) = (TenantQueues::default(), Instant::now());
        let hanging: Vec<Slot> = (0..PER_TENANT).map(|_| queues.take(&tenant(1))).collect();
        assert_eq!(queues.room(&tenant(1), now), 0);
        assert_eq!(queues.room(&tenant(2), now), PER_TENANT);
        drop(hanging);
        assert_eq!(queues.room(&tenant(1), now), PER_TENANT);
        assert!(queues.state().queues.is_empty(), "an empty lane takes no room in memory");
    }

    #[test]
    fn a_failing_receiver_gets_one_event_at_a_time_and_longer_rests() {
        let (queues, now) = (TenantQueues::default(), Instant::now());
        let mut rests = Vec::new();
        for _ in 0..12 {
            queues.take(&tenant(1)).end(Ended::Failed(now));
            let rest =
                (0..100).find(|seconds| queues.room(&tenant(1), now + Duration::from_secs(*seconds)) > 0);
            rests.push(rest.unwrap());
        }
        assert_eq!(rests, [0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60, 60]);
        assert_eq!(queues.room(&tenant(1), now + LONGEST_REST), 1);
        queues.take(&tenant(1)).end(Ended::Answered);
        assert_eq!(queues.room(&tenant(1), now), PER_TENANT, "one answer opens the lane again");
    }

    #[test]
    fn full_queues_serve_the_longest_waiting_tenant_first() {
        let (queues, now) = (TenantQueues::default(), Instant::now());
        let mut slots: Vec<Slot> =
            (0..OVERALL).map(|number| queues.take(&tenant(number % (OVERALL / 2)))).collect();
        assert_eq!(queues.room(&tenant(9_999), now), 0);
        assert!(queues.are_full());
        slots.truncate(usize::try_from(OVERALL).unwrap() - 1);
        assert_eq!(queues.room(&tenant(9_999), now), 1);
        let order = queues.in_turn(vec![tenant(5), tenant(3), tenant(9_999)]);
        assert_eq!(order, [tenant(9_999), tenant(3), tenant(5)]);
    }

    #[test]
    fn when_many_hang_the_last_places_are_for_those_who_have_none() {
        let (queues, now) = (TenantQueues::default(), Instant::now());
        let mut slots = Vec::new();
        for number in 0..150 {
            slots.extend((0..queues.room(&tenant(number), now)).map(|_| queues.take(&tenant(number))));
        }
        assert_eq!(slots.len(), 32 * 4 + 118, "every one of them hangs");
        assert_eq!(queues.room(&tenant(9_999), now), 1);
        assert_eq!(queues.room(&tenant(149), now), 0);
    }
}
