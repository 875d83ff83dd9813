//! What goes away, in memory.

use async_trait::async_trait;

use super::{MemoryStore, SessionRow, Shop};
use merchant_gateway::domain::checkout::model::{State, TimelineEntry, TimelineEvent, Version};
use merchant_gateway::domain::ids::{SessionId, Tenant};
use merchant_gateway::domain::time::Timestamp;
use merchant_gateway::store::{DeliveryState, StoreError, TokenUse};
use merchant_gateway::store::{Erasure, Retention, Swept, Unpaid, UnpaidEnded, UnpaidOpen};

#[async_trait]
impl Retention for MemoryStore {
    async fn unpaid(&self) -> Result<Vec<Unpaid>, StoreError> {
        let shops = self.shops();
        let counted = shops.iter().map(|(tenant, shop)| {
            let unpaid = shop.sessions.values().filter(|row| row.unpaid_end.is_some());
            let (open, ended): (Vec<_>, Vec<_>) = unpaid.partition(|row| can_be_paid(&row.session.state));
            let whole = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
            Unpaid { tenant: tenant.clone(), open: whole(open.len()), ended: whole(ended.len()) }
        });
        Ok(counted.filter(|unpaid| unpaid.open + unpaid.ended > 0).collect())
    }

    async fn forget_sessions(&self, tenant: &Tenant, which: UnpaidEnded) -> Result<u32, StoreError> {
        let mut shops = self.shops();
        let Some(shop) = shops.get_mut(tenant) else { return Ok(0) };
        let ended = shop.ended(which, |row, end| !row.tried || end < which.tried_before);
        let may_go = ended.into_iter().filter(|id| {
            let flagged = shop.flags.iter().any(|kept| kept.flag.session == *id && kept.resolution.is_none());
            let undecided = shop.attempts.values().any(|row| row.session == *id && row.end.is_none());
            let ordered = shop.orders.values().any(|placed| placed.order.session == *id);
            !flagged && !undecided && !ordered
        });
        let ids: Vec<SessionId> = may_go.take(usize::try_from(which.limit).unwrap_or(usize::MAX)).collect();
        for id in &ids {
            shop.forget(id);
        }
        Ok(u32::try_from(ids.len()).unwrap_or(u32::MAX))
    }

    async fn forget_people(
        &self,
        tenant: &Tenant,
        which: UnpaidEnded,
        passed: &[String],
    ) -> Result<Swept, StoreError> {
        let mut shops = self.shops();
        let Some(shop) = shops.get_mut(tenant) else { return Ok(Swept::default()) };
        let mut ids = shop.ended(which, |row, _| row.session.holds_personal_data());
        ids.retain(|id| !is_in(passed, id));
        ids.truncate(usize::try_from(which.limit).unwrap_or(usize::MAX));
        for id in &ids {
            shop.erase_person(id);
        }
        Ok(changed(ids.len()))
    }

    async fn expire_early(
        &self,
        tenant: &Tenant,
        which: UnpaidOpen,
        passed: &[String],
    ) -> Result<Swept, StoreError> {
        let mut shops = self.shops();
        let Some(shop) = shops.get_mut(tenant) else { return Ok(Swept::default()) };
        let open = shop
            .sessions
            .iter()
            .filter(|(_, row)| can_be_paid(&row.session.state) && row.session.created >= which.since);
        let mut ids: Vec<(Timestamp, SessionId)> =
            open.filter_map(|(id, row)| Some((row.unpaid_end?, id.clone()))).collect();
        ids.retain(|(_, id)| !is_in(passed, id));
        ids.sort();
        ids.truncate(usize::try_from(which.limit).unwrap_or(usize::MAX));
        for (_, id) in &ids {
            if let Some(row) = shop.sessions.get_mut(id) {
                row.version = Version(row.version.0 + 1);
                row.session.state = State::Expired;
                row.session.notice = None;
                row.session.ended = Some(which.now);
                row.due_at = None;
                row.unpaid_end = Some(which.now);
                let entry = TimelineEntry { at: which.now, event: TimelineEvent::expired(&row.session) };
                shop.timelines.entry(id.clone()).or_default().push(entry);
            }
        }
        Ok(changed(ids.len()))
    }

    async fn forget_contents(
        &self,
        state: DeliveryState,
        before: Timestamp,
        limit: u32,
    ) -> Result<u32, StoreError> {
        let mut emptied = 0;
        for event in self.shops().values_mut().flat_map(|shop| shop.events.values_mut()) {
            let old = event.last_try.unwrap_or(event.created) < before;
            if emptied < limit && event.state == state && old && !event.payload.is_empty() {
                event.payload.clear();
                emptied += 1;
            }
        }
        Ok(emptied)
    }

    async fn erase_buyer(&self, tenant: &Tenant, erasure: Erasure) -> Result<Option<bool>, StoreError> {
        let mut shops = self.shops();
        let Some(shop) = shops.get_mut(tenant) else { return Ok(None) };
        let Some(placed) = shop.orders.get_mut(&erasure.id) else { return Ok(None) };
        let session = placed.order.session.clone();
        let mut changed = false;
        if placed.order.holds_personal_data() {
            placed.order = erasure.order;
            placed.completion = erasure.completion;
            changed = true;
        }
        changed |= shop.erase_person(&session);
        for event in shop.events.values_mut().filter(|event| event.order == erasure.id) {
            if event.state != DeliveryState::Pending && !event.payload.is_empty() {
                event.payload.clear();
                changed = true;
            }
        }
        if changed {
            let entry = TimelineEntry { at: erasure.at, event: TimelineEvent::PersonalDataErased };
            shop.timelines.entry(session).or_default().push(entry);
        }
        Ok(Some(changed))
    }
}

fn is_in(passed: &[String], id: &SessionId) -> bool {
    passed.iter().any(|passed| passed == id.as_str())
}

/// In memory every session can be read.
fn changed(sessions: usize) -> Swept {
    Swept { changed: u32::try_from(sessions).unwrap_or(u32::MAX), unreadable: Vec::new() }
}

const fn can_be_paid(state: &State) -> bool {
    matches!(state, State::Open { .. } | State::Ready { .. })
}

impl Shop {
    /// The unpaid sessions that ended and are wanted, the one that ended first in front.
    fn ended(
        &self,
        which: UnpaidEnded,
        is_wanted: impl Fn(&SessionRow, Timestamp) -> bool,
    ) -> Vec<SessionId> {
        let rows = self.sessions.iter().filter(|(_, row)| row.session.created >= which.since);
        let mut ended: Vec<(Timestamp, SessionId)> = rows
            .filter_map(|(id, row)| {
                let end = row.unpaid_end.filter(|end| (which.since..which.before).contains(end))?;
                is_wanted(row, end).then(|| (end, id.clone()))
            })
            .collect();
        ended.sort();
        ended.into_iter().map(|(_, id)| id).collect()
    }

    /// Removes a session; the hashes of its tokens stay.
    fn forget(&mut self, id: &SessionId) {
        let of = self.tokens.extract_if(|_, (session, _)| session == id);
        for (hash, (session, attempt)) in of {
            let end = self.attempts.get(&(session.clone(), attempt)).and_then(|row| row.end.clone());
            self.spent.insert(hash, TokenUse { session, attempt, end });
        }
        self.attempts.retain(|(session, _), _| session != id);
        self.timelines.remove(id);
        self.sessions.remove(id);
    }

    /// Erases what a session holds of a person; whether there was anything.
    fn erase_person(&mut self, id: &SessionId) -> bool {
        let Some(row) = self.sessions.get_mut(id) else { return false };
        let holds = row.session.holds_personal_data();
        if holds {
            row.session.erase_personal_data();
            row.version = Version(row.version.0 + 1);
        }
        holds
    }
}
