//! A store in memory, for tests and simulations: the same answers as a database, gone with the process.
//!
//! Invariant: a commit looks at everything that could refuse it before it changes anything.

mod inbox;
mod outbox;
mod restores;
mod retention;
mod served;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use restores::Restores;
use served::Served;

use merchant_gateway::domain::checkout::due::priority;
use merchant_gateway::domain::checkout::model::{
    AttemptEnd, EDITS_KEPT, NewOrder, NotBegun, PlacedOrder, Priority, Session, TimelineEntry, Version,
};
use merchant_gateway::domain::ids::{
    AccountId, AttemptNumber, FlagId, MerchantId, OrderEventId, OrderId, OrderNumber, RefundNumber,
    SessionId, SptHash, StripeEventId, Tenant,
};
use merchant_gateway::domain::order::OrderState;
use merchant_gateway::domain::time::Timestamp;
use merchant_gateway::store::{
    AttemptChange, AttemptRow, Commit, CommitError, Delivery, DueQuery, DueSession, FlagsQuery, Forgetting,
    Holdings, KeptAccount, KeptEvent, KeptFlag, ListedOrder, Loaded, OrdersPage, OrdersQuery, RefundRow,
    Resolution, ServedConfig, ServedTenant, Store, StoreError, TokenUse, UndecidedPayments, VerifiedKey,
};

/// A store that forgets when it is dropped.
#[derive(Debug, Default)]
pub struct MemoryStore {
    shops: Mutex<BTreeMap<Tenant, Shop>>,
    served: Mutex<Served>,
    restores: Mutex<Restores>,
}

/// All rows of one tenant. Nothing of a tenant can be reached but through its own.
#[derive(Clone, Debug, Default)]
struct Shop {
    sessions: BTreeMap<SessionId, SessionRow>,
    attempts: BTreeMap<(SessionId, AttemptNumber), AttemptRow>,
    tokens: HashMap<SptHash, (SessionId, AttemptNumber)>,
    /// What became of tokens whose sessions are gone.
    spent: HashMap<SptHash, TokenUse>,
    orders: BTreeMap<OrderId, PlacedOrder>,
    refunds: BTreeMap<(SessionId, RefundNumber), RefundRow>,
    flags: Vec<KeptFlag>,
    timelines: HashMap<SessionId, Vec<TimelineEntry>>,
    events: BTreeMap<OrderEventId, Delivery>,
    stripe_events: BTreeMap<StripeEventId, KeptEvent>,
    account: Option<KeptAccount>,
    /// By restore: the highest number known when it was first looked at, and how many may have been given beyond it.
    given_numbers: BTreeMap<String, (u32, u32)>,
}

#[derive(Clone, Debug)]
struct SessionRow {
    version: Version,
    session: Session,
    due_at: Option<Timestamp>,
    unpaid_end: Option<Timestamp>,
    tried: bool,
}

impl SessionRow {
    fn is_due(&self, now: Timestamp, wanted: Priority) -> bool {
        self.due_at.is_some_and(|at| at <= now) && priority(&self.session) == wanted
    }
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The rows. A panic elsewhere cannot have left them half changed, so a poisoned lock is as good as any.
    fn shops(&self) -> MutexGuard<'_, BTreeMap<Tenant, Shop>> {
        self.shops.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn served(&self) -> MutexGuard<'_, Served> {
        self.served.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn load(
        &self,
        tenant: &Tenant,
        id: &SessionId,
        token: Option<&SptHash>,
    ) -> Result<Loaded, StoreError> {
        let shops = self.shops();
        let Some(shop) = shops.get(tenant) else { return Ok(Loaded::default()) };
        Ok(Loaded {
            session: shop.sessions.get(id).map(|row| (row.version, row.session.clone())),
            order: shop.orders.values().find(|placed| placed.order.session == *id).cloned(),
            token_use: token.and_then(|token| shop.token_use(token)),
        })
    }

    async fn commit(&self, commit: Commit) -> Result<Version, CommitError> {
        commit.check()?;
        let mut shops = self.shops();
        shops.entry(commit.tenant.clone()).or_default().commit(commit)
    }

    async fn attempt(
        &self,
        tenant: &Tenant,
        session: &SessionId,
        number: AttemptNumber,
    ) -> Result<Option<AttemptRow>, StoreError> {
        let key = (session.clone(), number);
        Ok(self.shops().get(tenant).and_then(|shop| shop.attempts.get(&key).cloned()))
    }

    async fn order(&self, tenant: &Tenant, id: &OrderId) -> Result<Option<PlacedOrder>, StoreError> {
        Ok(self.shops().get(tenant).and_then(|shop| shop.orders.get(id).cloned()))
    }

    async fn orders(&self, tenant: &Tenant, which: OrdersQuery) -> Result<OrdersPage, StoreError> {
        let shops = self.shops();
        let Some(shop) = shops.get(tenant) else { return Ok(OrdersPage::default()) };
        let wanted = |placed: &&PlacedOrder| {
            which.number.is_none_or(|number| placed.number == number)
                && which.before.is_none_or(|before| placed.number < before)
        };
        let listed = |placed: &PlacedOrder| {
            let activity = shop.sessions.get(&placed.order.session).map(|row| row.session.activity.clone());
            let state = OrderState::of(&activity.unwrap_or_default(), &placed.order.quote);
            ListedOrder { placed: placed.clone(), state }
        };
        let mut found: Vec<ListedOrder> = shop.orders.values().filter(wanted).map(listed).collect();
        found.sort_by_key(|listed| std::cmp::Reverse(listed.placed.number));
        Ok(which.page(found))
    }

    async fn refund(
        &self,
        tenant: &Tenant,
        session: &SessionId,
        number: RefundNumber,
    ) -> Result<Option<RefundRow>, StoreError> {
        let key = (session.clone(), number);
        Ok(self.shops().get(tenant).and_then(|shop| shop.refunds.get(&key).cloned()))
    }

    async fn flags(&self, tenant: &Tenant, which: FlagsQuery) -> Result<Vec<KeptFlag>, StoreError> {
        let mut flags = self.shops().get(tenant).map(|shop| shop.flags.clone()).unwrap_or_default();
        let place = |kept: &KeptFlag| (kept.flag.seen, kept.flag.id.clone());
        flags.sort_by_key(place);
        let after = which.after.map(|id| flags.iter().find(|kept| kept.flag.id == id).map(place));
        flags.retain(|kept| !which.open || kept.resolution.is_none());
        // Behind one that is not there comes nothing.
        flags.retain(|kept| {
            after.as_ref().is_none_or(|after| after.as_ref().is_some_and(|at| place(kept) > *at))
        });
        flags.truncate(usize::try_from(which.limit).unwrap_or(usize::MAX));
        Ok(flags)
    }

    async fn resolve_flag(
        &self,
        tenant: &Tenant,
        id: &FlagId,
        resolution: Resolution,
    ) -> Result<Option<KeptFlag>, StoreError> {
        let mut shops = self.shops();
        let Some(shop) = shops.get_mut(tenant) else { return Ok(None) };
        let kept = shop.flags.iter_mut().find(|kept| kept.flag.id == *id);
        Ok(kept.map(|kept| {
            kept.resolution.get_or_insert(resolution);
            kept.clone()
        }))
    }

    async fn timeline(&self, tenant: &Tenant, session: &SessionId) -> Result<Vec<TimelineEntry>, StoreError> {
        let shops = self.shops();
        Ok(shops.get(tenant).and_then(|shop| shop.timelines.get(session)).cloned().unwrap_or_default())
    }

    async fn note_not_begun(
        &self,
        tenant: &Tenant,
        session: &SessionId,
        note: NotBegun,
    ) -> Result<(), StoreError> {
        let mut shops = self.shops();
        let Some(shop) = shops.get_mut(tenant).filter(|shop| shop.sessions.contains_key(session)) else {
            return Ok(());
        };
        let timeline = shop.timelines.entry(session.clone()).or_default();
        if !timeline.iter_mut().any(|entry| entry.count(&note).is_some()) {
            timeline.push(TimelineEntry::not_begun(note));
        }
        Ok(())
    }

    async fn tenants_with_due_sessions(
        &self,
        now: Timestamp,
        priority: Priority,
    ) -> Result<Vec<Tenant>, StoreError> {
        let shops = self.shops();
        let has_due = |shop: &Shop| shop.sessions.values().any(|row| row.is_due(now, priority));
        let mut tenants: Vec<Tenant> =
            shops.iter().filter(|(_, shop)| has_due(shop)).map(|(tenant, _)| tenant.clone()).collect();
        tenants.sort_by_key(|tenant| (tenant.merchant.clone(), tenant.mode.into_str()));
        Ok(tenants)
    }

    async fn due_sessions(&self, tenant: &Tenant, query: DueQuery) -> Result<Vec<DueSession>, StoreError> {
        let shops = self.shops();
        let rows = shops.get(tenant).into_iter().flat_map(|shop| &shop.sessions);
        let mut due: Vec<DueSession> = rows
            .filter(|(_, row)| row.is_due(query.now, query.priority))
            .filter_map(|(id, row)| Some(DueSession { id: id.clone(), due_at: row.due_at? }))
            .collect();
        let key = |due: &DueSession| (due.due_at, due.id.clone());
        due.sort_by_key(key);
        if let Some(after) = &query.after {
            due.retain(|row| key(row) > key(after));
        }
        due.truncate(usize::try_from(query.limit).unwrap_or(usize::MAX));
        Ok(due)
    }

    async fn undecided_payments(&self) -> Result<Vec<UndecidedPayments>, StoreError> {
        let shops = self.shops();
        let mut found: Vec<UndecidedPayments> = shops
            .iter()
            .filter_map(|(tenant, shop)| {
                let undecided: Vec<_> = shop.attempts.values().filter(|row| row.end.is_none()).collect();
                let session = undecided.iter().map(|row| &row.session).min()?.clone();
                Some(UndecidedPayments { tenant: tenant.clone(), session, count: undecided.len() as u64 })
            })
            .collect();
        found.sort_by_key(|found| (found.tenant.merchant.clone(), found.tenant.mode.into_str()));
        Ok(found)
    }

    async fn account(&self, tenant: &Tenant) -> Result<Option<KeptAccount>, StoreError> {
        Ok(self.shops().get(tenant).and_then(|shop| shop.account.clone()))
    }

    async fn remember_account(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        key: &VerifiedKey,
    ) -> Result<AccountId, StoreError> {
        let mut shops = self.shops();
        let shop = shops.entry(tenant.clone()).or_default();
        let kept = shop.account.get_or_insert_with(|| KeptAccount { account: account.clone(), key: None });
        if kept.account == *account {
            kept.key = Some(key.clone());
        }
        Ok(kept.account.clone())
    }

    async fn forget_account(&self, tenant: &Tenant, account: &AccountId) -> Result<Forgetting, StoreError> {
        let mut shops = self.shops();
        Ok(shops.get_mut(tenant).map_or(Forgetting::NotKept(None), |shop| shop.forget_account(account)))
    }

    async fn holdings(&self) -> Result<Holdings, StoreError> {
        Ok(self.all_holdings())
    }

    async fn serve_tenants(&self, served: Vec<ServedTenant>, now: Timestamp) -> Result<(), StoreError> {
        self.serve(served, now);
        Ok(())
    }

    async fn served_configs(&self, merchant: &MerchantId) -> Result<Vec<ServedConfig>, StoreError> {
        Ok(self.last_configs(merchant))
    }

    async fn remove_served_but(&self, present: Vec<MerchantId>) -> Result<(), StoreError> {
        self.remove_configs_but(&present);
        Ok(())
    }

    async fn writable(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Nothing in memory was ever restored.
/// Leaves out the edits that are neither among a session's first nor among its last.
fn leave_out_edits(timeline: &mut Vec<TimelineEntry>) {
    let kept = usize::try_from(EDITS_KEPT).unwrap_or(usize::MAX);
    let edits = timeline.iter().filter(|entry| entry.event.is_edit()).count();
    let mut seen = 0;
    timeline.retain(|entry| {
        if !entry.event.is_edit() {
            return true;
        }
        seen += 1;
        seen <= kept || edits - seen < kept
    });
}

impl Shop {
    /// The highest number that an order has or may have had.
    fn last_number(&self) -> u32 {
        let known = self.orders.values().map(|known| known.number.0);
        let given = self.given_numbers.values().map(|(base, count)| base.saturating_add(*count));
        known.chain(given).max().unwrap_or(OrderNumber::FIRST.0 - 1)
    }

    fn token_use(&self, token: &SptHash) -> Option<TokenUse> {
        let Some((session, attempt)) = self.tokens.get(token).cloned() else {
            return self.spent.get(token).cloned();
        };
        let end = self.attempts.get(&(session.clone(), attempt)).and_then(|row| row.end.clone());
        Some(TokenUse { session, attempt, end })
    }

    fn commit(&mut self, commit: Commit) -> Result<Version, CommitError> {
        let version = self.next_version(&commit)?;
        match &commit.attempt {
            Some(AttemptChange::Start(row)) => self.check_start(&commit, row)?,
            Some(AttemptChange::Update { number, end, .. }) => {
                self.check_update(&commit, *number, end.as_ref())?;
            }
            None => {}
        }
        self.check_order(&commit)?;
        self.check_refund(&commit)?;
        self.check_flags(&commit)?;
        self.check_events(&commit)?;

        let unpaid_end = commit.unpaid_end();
        let before = self.sessions.get(&commit.session.id);
        let tried = commit.tries() || before.is_some_and(|row| row.tried);
        let Commit { tenant, session, due_at, attempt, order, refund, flags, timeline, events, .. } = commit;
        match attempt {
            Some(AttemptChange::Start(row)) => {
                if let Some(spt) = row.spt_hash.clone() {
                    self.tokens.insert(spt, (row.session.clone(), row.number));
                }
                self.attempts.insert((row.session.clone(), row.number), *row);
            }
            Some(AttemptChange::Update { number, end, erase_token }) => {
                if let Some(row) = self.attempts.get_mut(&(session.id.clone(), number)) {
                    if erase_token || end.is_some() {
                        row.sealed_token = None;
                        row.body.clear();
                    }
                    row.end = end.or(row.end.take());
                }
            }
            None => {}
        }
        if let Some(new) = order {
            let number = OrderNumber(self.last_number()).next();
            self.orders.insert(new.order.id.clone(), new.numbered(number));
        }
        if let Some(row) = refund {
            self.refunds.insert((row.session.clone(), row.number), *row);
        }
        if !session.activity.refunds.is_empty() {
            let asking = session.activity.refund_attempt().map(|(number, _)| number);
            let known = self.refunds.values_mut().filter(|row| row.session == session.id);
            known.filter(|row| Some(row.number) != asking).for_each(|row| row.body.clear());
        }
        for flag in flags {
            if !self.flags.iter().any(|known| known.flag.intent == flag.intent) {
                self.flags.push(KeptFlag { flag, resolution: None });
            }
        }
        let told = self.timelines.entry(session.id.clone()).or_default();
        told.extend(timeline);
        leave_out_edits(told);
        self.append(&tenant, &events);
        self.sessions.insert(session.id.clone(), SessionRow { version, session, due_at, unpaid_end, tried });
        Ok(version)
    }

    fn next_version(&self, commit: &Commit) -> Result<Version, CommitError> {
        let known = self.sessions.get(&commit.session.id).map(|row| row.version);
        match (known, commit.expected) {
            (None, None) => Ok(Version(1)),
            (Some(known), Some(expected)) if known == expected => Ok(Version(known.0 + 1)),
            (Some(_) | None, Some(_)) | (Some(_), None) => Err(CommitError::Conflict),
        }
    }

    fn check_start(&self, commit: &Commit, row: &AttemptRow) -> Result<(), CommitError> {
        let used = |spt: &SptHash| self.tokens.contains_key(spt) || self.spent.contains_key(spt);
        if row.spt_hash.as_ref().is_some_and(used) {
            return Err(CommitError::TokenUsed);
        }
        if self.attempts.values().any(|known| known.idempotency_key == row.idempotency_key) {
            return Err(attempt_error(commit, row.number, "its idempotency key is another attempt's"));
        }
        if self.attempts.contains_key(&(row.session.clone(), row.number)) {
            return Err(attempt_error(commit, row.number, "it was started before"));
        }
        if self.attempts.values().any(|known| known.session == row.session && known.end.is_none()) {
            return Err(attempt_error(commit, row.number, "another attempt of the session is undecided"));
        }
        Ok(())
    }

    fn check_update(
        &self,
        commit: &Commit,
        number: AttemptNumber,
        end: Option<&AttemptEnd>,
    ) -> Result<(), CommitError> {
        let Some(row) = self.attempts.get(&(commit.session.id.clone(), number)) else {
            return Err(attempt_error(commit, number, "there is no such attempt"));
        };
        if let (Some(end), Some(known)) = (end, &row.end)
            && end != known
        {
            return Err(attempt_error(commit, number, "it has ended differently before"));
        }
        Ok(())
    }

    fn check_order(&self, commit: &Commit) -> Result<(), CommitError> {
        let Some(NewOrder { order, .. }) = &commit.order else { return Ok(()) };
        let collides = |known: &PlacedOrder| {
            known.order.id == order.id
                || known.order.session == order.session
                || known.order.payment_intent == order.payment_intent
        };
        if self.orders.values().any(collides) {
            let what = format!("order {} of {}", order.id, name(&commit.tenant));
            return Err(corrupt(what, "its id, its session or its payment has an order already"));
        }
        Ok(())
    }

    fn check_refund(&self, commit: &Commit) -> Result<(), CommitError> {
        let Some(row) = &commit.refund else { return Ok(()) };
        let known = |known: &RefundRow| known.idempotency_key == row.idempotency_key;
        if self.refunds.contains_key(&(row.session.clone(), row.number)) || self.refunds.values().any(known) {
            let what = format!("refund {} of {} of {}", row.number.0, row.session, name(&commit.tenant));
            return Err(corrupt(what, "its number or its idempotency key is another refund's"));
        }
        Ok(())
    }

    fn check_flags(&self, commit: &Commit) -> Result<(), CommitError> {
        for flag in &commit.flags {
            // A payment that is flagged already stays as it is, whatever id the new flag brings.
            let flagged = self.flags.iter().any(|known| known.flag.intent == flag.intent);
            if !flagged && self.flags.iter().any(|known| known.flag.id == flag.id) {
                let what = format!("flag {} of {}", flag.id, name(&commit.tenant));
                return Err(corrupt(what, "its id is another flag's"));
            }
        }
        Ok(())
    }
}

fn attempt_error(commit: &Commit, number: AttemptNumber, why: &str) -> CommitError {
    corrupt(format!("attempt {} of {} of {}", number.0, commit.session.id, name(&commit.tenant)), why)
}

fn corrupt<E: From<StoreError>>(what: String, why: &str) -> E {
    StoreError::Corrupt { what, why: why.to_owned() }.into()
}

/// How a message names a tenant.
fn name(tenant: &Tenant) -> String {
    format!("{} ({})", tenant.merchant, tenant.mode.into_str())
}
