//! The order of wakes: limits for each merchant and in total, and turns between merchants. No I/O.

use std::collections::{BTreeMap, HashSet};

use crate::domain::checkout::model::Priority;
use crate::domain::ids::{SessionId, Tenant};
use crate::store::DueSession;

/// How many sessions of one merchant may be awake by a sweep.
pub(super) const PER_MERCHANT: usize = 8;

/// How many sessions of all merchants may be awake by a sweep without hanging. Hanging ones count for their merchant
/// alone.
pub(super) const IN_ALL: usize = 64;

/// The sessions awake by a sweep, and the order of merchants.
#[derive(Debug, Default)]
pub(super) struct Turns {
    merchants: BTreeMap<Tenant, Merchant>,
    /// How many are awake and do not hang.
    brisk: usize,
    /// The merchant that was served last.
    last: Option<Tenant>,
}

/// The state of one merchant.
#[derive(Debug, Default)]
struct Merchant {
    awake: HashSet<SessionId>,
    /// The last session that was woken for each priority, so that one that remains due does not block those after it.
    cursors: BTreeMap<Priority, DueSession>,
}

impl Turns {
    /// The tenants in the order in which they are served: those after the last one first.
    pub(super) fn in_turn(&self, mut tenants: Vec<Tenant>) -> Vec<Tenant> {
        tenants.sort();
        if let Some(last) = &self.last {
            let behind = tenants.partition_point(|tenant| tenant <= last);
            tenants.rotate_left(behind);
        }
        tenants
    }

    /// How many more sessions of a tenant may be woken with this priority.
    pub(super) fn room(&self, tenant: &Tenant, priority: Priority) -> usize {
        let awake = self.merchants.get(tenant).map_or(0, |merchant| merchant.awake.len());
        let (own, all) = match priority {
            // Slow payments must not delay Stripe Checkouts and refunds for as long.
            Priority::Payment => (PER_MERCHANT - 2, IN_ALL - 16),
            Priority::StripeCheckout | Priority::Refund => (PER_MERCHANT, IN_ALL),
            // Work that no caller waits for leaves room for work that one may wait for.
            Priority::Poll | Priority::Cart => (PER_MERCHANT / 2, IN_ALL / 2),
        };
        own.saturating_sub(awake).min(all.saturating_sub(self.brisk))
    }

    /// The session after which the tenant's next page begins.
    pub(super) fn cursor(&self, tenant: &Tenant, priority: Priority) -> Option<DueSession> {
        self.merchants.get(tenant)?.cursors.get(&priority).cloned()
    }

    /// Makes the tenant's next page begin with its longest due session.
    pub(super) fn rewind(&mut self, tenant: &Tenant, priority: Priority) {
        if let Some(merchant) = self.merchants.get_mut(tenant) {
            merchant.cursors.remove(&priority);
            self.tidy(tenant);
        }
    }

    /// Records that a session is woken; `false` if it is already awake.
    pub(super) fn wake(&mut self, tenant: &Tenant, due: &DueSession, priority: Priority) -> bool {
        let merchant = self.merchants.entry(tenant.clone()).or_default();
        merchant.cursors.insert(priority, due.clone());
        self.last = Some(tenant.clone());
        let woken = merchant.awake.insert(due.id.clone());
        self.brisk += usize::from(woken);
        woken
    }

    /// Records that a session has been awake for long: from now on it takes only its own merchant's room.
    pub(super) const fn hangs(&mut self) {
        self.brisk = self.brisk.saturating_sub(1);
    }

    /// Records that a session rests, or may be woken again.
    pub(super) fn rests(&mut self, tenant: &Tenant, id: &SessionId, hung: bool) {
        if !hung {
            self.brisk = self.brisk.saturating_sub(1);
        }
        if let Some(merchant) = self.merchants.get_mut(tenant) {
            merchant.awake.remove(id);
            self.tidy(tenant);
        }
    }

    /// Removes a merchant's state if it is empty.
    fn tidy(&mut self, tenant: &Tenant) {
        let idle = |merchant: &Merchant| merchant.awake.is_empty() && merchant.cursors.is_empty();
        if self.merchants.get(tenant).is_some_and(idle) {
            self.merchants.remove(tenant);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::Mode;
    use crate::domain::time::Timestamp;

    fn tenant(name: &str) -> Tenant {
        Tenant { merchant: name.parse().unwrap(), mode: Mode::Test }
    }

    fn due(number: usize) -> DueSession {
        DueSession { id: SessionId::from_random(number as u128), due_at: Timestamp::from_seconds(0) }
    }

    fn wake_all(turns: &mut Turns, tenant: &Tenant, priority: Priority) -> usize {
        (0..turns.room(tenant, priority)).filter(|number| turns.wake(tenant, &due(*number), priority)).count()
    }

    #[test]
    fn a_merchants_wakes_are_limited_and_polls_spare_room_to_pay() {
        let (mut turns, harbor) = (Turns::default(), tenant("harbor"));
        assert_eq!(wake_all(&mut turns, &harbor, Priority::Poll), PER_MERCHANT / 2);
        assert_eq!(turns.room(&harbor, Priority::Poll), 0);
        assert_eq!(turns.room(&harbor, Priority::Payment), 2);
        assert!([100, 101].iter().all(|number| turns.wake(&harbor, &due(*number), Priority::Payment)));
        assert_eq!(turns.room(&harbor, Priority::Payment), 0);
        assert_eq!(
            turns.room(&harbor, Priority::StripeCheckout),
            2,
            "payments leave room for pages and refunds"
        );
    }

    #[test]
    fn merchants_whose_stripe_hangs_leave_the_others_their_room() {
        let mut turns = Turns::default();
        for number in 0..IN_ALL / PER_MERCHANT {
            let hanging = tenant(&format!("hangs-{number}"));
            assert_eq!(wake_all(&mut turns, &hanging, Priority::Refund), PER_MERCHANT);
        }
        let quiet = tenant("quiet");
        assert_eq!(turns.room(&quiet, Priority::Payment), 0);
        for _ in 0..IN_ALL {
            turns.hangs();
        }
        assert_eq!(turns.room(&quiet, Priority::Refund), PER_MERCHANT);
        assert_eq!(turns.room(&tenant("hangs-0"), Priority::Refund), 0, "its own room is taken");
        turns.rests(&tenant("hangs-0"), &due(0).id, true);
        assert_eq!(turns.room(&tenant("hangs-0"), Priority::Refund), 1);
    }

    #[test]
    fn the_next_turn_is_of_the_one_behind_the_last() {
        let mut turns = Turns::default();
        let all = || ["a", "b", "c"].map(tenant).to_vec();
        assert_eq!(turns.in_turn(all()), all());
        turns.wake(&tenant("b"), &due(1), Priority::Payment);
        assert_eq!(turns.in_turn(all()), ["c", "a", "b"].map(tenant));
    }

    #[test]
    fn nothing_is_remembered_of_merchants_that_have_nothing_due() {
        let mut turns = Turns::default();
        turns.wake(&tenant("a"), &due(1), Priority::Payment);
        turns.rewind(&tenant("a"), Priority::Payment);
        turns.rests(&tenant("a"), &due(1).id, false);
        assert!(turns.merchants.is_empty());
    }
}
