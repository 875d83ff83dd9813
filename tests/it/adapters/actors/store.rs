//! A memory store that takes its time, fails, and panics, and that notices two writers of one session.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use merchant_gateway::domain::checkout::model::{NotBegun, PlacedOrder, Priority, TimelineEntry, Version};
use merchant_gateway::domain::ids::{
    AccountId, AttemptNumber, FlagId, MerchantId, OrderId, RefundNumber, SessionId, SptHash, Tenant,
};
use merchant_gateway::domain::time::Timestamp;
use merchant_gateway::store::{
    AttemptRow, Commit, CommitError, DueQuery, DueSession, FlagsQuery, Forgetting, Holdings, KeptAccount,
    KeptFlag, Loaded, OrdersPage, OrdersQuery, RefundRow, Resolution, ServedConfig, ServedTenant, Store,
    StoreError, UndecidedPayments, VerifiedKey,
};
use test_support::memory_store::MemoryStore;
use tokio::time::sleep;

use super::faults::{FaultSchedule, Life, panics};

/// As long as a slow commit takes: longer than its caller waits.
const SLOW: Duration = Duration::from_secs(25);

#[derive(Clone)]
pub struct FlakyStore {
    /// The rows themselves.
    pub rows: Arc<MemoryStore>,
    faults: Arc<FaultSchedule>,
    life: Life,
    /// Whether others write beside the sessions' actors: retention, and who accounts for a restore.
    shared: bool,
    /// Every session, and how many commits of it are under way.
    writers: Arc<Mutex<BTreeMap<(Tenant, SessionId), u32>>>,
}

/// Work on the store's own thread, as a real one does it: it goes on when its caller goes away, and a panic of it is an error
/// of its caller's.
async fn on_its_own<T: Send + 'static, E: From<StoreError> + Send + 'static>(
    work: impl Future<Output = Result<T, E>> + Send + 'static,
) -> Result<T, E> {
    let lost = |_| Err(StoreError::Unavailable("the work was lost".to_owned()).into());
    tokio::spawn(work).await.unwrap_or_else(lost)
}

/// A commit under way.
struct Writing<'a> {
    store: &'a FlakyStore,
    of: (Tenant, SessionId),
}

impl FlakyStore {
    pub fn new(faults: Arc<FaultSchedule>, rows: MemoryStore, life: Life, shared: bool) -> Self {
        Self { rows: Arc::new(rows), faults, life, shared, writers: Arc::default() }
    }

    pub fn sessions(&self) -> Vec<(Tenant, SessionId)> {
        self.writers.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// These sessions were there once, whether or not the rows have them.
    pub fn is_to_know(&self, sessions: Vec<(Tenant, SessionId)>) {
        let mut writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        for session in sessions {
            writers.entry(session).or_default();
        }
    }

    async fn before(&self) -> Result<(), StoreError> {
        let store = self.clone();
        on_its_own(async move {
            store.life.goes_on().await;
            store.faults.pause().await;
            if store.faults.strikes("store panicked", 4) {
                panics();
            }
            if store.faults.strikes("store failed", 8) {
                return Err(StoreError::Unavailable("the weather".to_owned()));
            }
            Ok(())
        })
        .await
    }

    async fn answer<T>(
        &self,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.before().await?;
        let answer = call.await;
        self.faults.pause().await;
        answer
    }

    async fn write(&self, commit: Commit) -> Result<Version, CommitError> {
        let _writing = self.begin(&commit);
        let (id, state) = (commit.session.id.clone(), commit.session.state.into_str());
        sleep(self.faults.script().commits_take).await;
        if self.faults.strikes("slow commit", 15) {
            sleep(SLOW).await;
        }
        if self.faults.script().disk_full {
            return Err(StoreError::NotWritten("the disk is full".to_owned()).into());
        }
        // Nothing of it has begun yet.
        self.before().await.map_err(StoreError::before_a_write)?;
        let done = self.rows.commit(commit).await;
        self.faults.tell(&format!("{id} is committed as {state}: {done:?}"));
        match &done {
            Ok(_) => {}
            Err(CommitError::Conflict) => {
                self.faults.note("conflict");
                if !self.shared && self.faults.counted("actor panicked") == 0 {
                    self.faults.breaks(format!("{id} met a writer beside its one actor"));
                }
            }
            Err(CommitError::TokenUsed) => self.faults.note("token used meanwhile"),
            Err(CommitError::Store(error)) => self.faults.breaks(format!("{id}: {error}")),
        }
        if self.faults.strikes("store panicked after a commit", 4) {
            panics();
        }
        if self.faults.strikes("commit done unheard", 8) {
            return Err(StoreError::Unavailable("the weather".to_owned()).into());
        }
        self.faults.pause().await;
        done
    }

    fn begin(&self, commit: &Commit) -> Writing<'_> {
        let of = (commit.tenant.clone(), commit.session.id.clone());
        let mut writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        let writing = writers.entry(of.clone()).or_default();
        *writing += 1;
        // What a dead actor has begun is finished beside its successor.
        if *writing > 1 && self.faults.counted("actor panicked") == 0 {
            self.faults.breaks(format!("{} has two writers", of.1));
        }
        drop(writers);
        Writing { store: self, of }
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        let mut writers = self.store.writers.lock().unwrap_or_else(PoisonError::into_inner);
        *writers.entry(self.of.clone()).or_default() -= 1;
    }
}

#[async_trait]
impl Store for FlakyStore {
    async fn load(
        &self,
        tenant: &Tenant,
        id: &SessionId,
        token: Option<&SptHash>,
    ) -> Result<Loaded, StoreError> {
        sleep(self.faults.script().loads_take).await;
        self.answer(self.rows.load(tenant, id, token)).await
    }

    async fn commit(&self, commit: Commit) -> Result<Version, CommitError> {
        let store = self.clone();
        on_its_own(async move { store.write(commit).await }).await
    }

    async fn attempt(
        &self,
        tenant: &Tenant,
        session: &SessionId,
        number: AttemptNumber,
    ) -> Result<Option<AttemptRow>, StoreError> {
        self.answer(self.rows.attempt(tenant, session, number)).await
    }

    async fn order(&self, tenant: &Tenant, id: &OrderId) -> Result<Option<PlacedOrder>, StoreError> {
        self.answer(self.rows.order(tenant, id)).await
    }

    async fn orders(&self, tenant: &Tenant, which: OrdersQuery) -> Result<OrdersPage, StoreError> {
        self.answer(self.rows.orders(tenant, which)).await
    }

    async fn refund(
        &self,
        tenant: &Tenant,
        session: &SessionId,
        number: RefundNumber,
    ) -> Result<Option<RefundRow>, StoreError> {
        self.answer(self.rows.refund(tenant, session, number)).await
    }

    async fn flags(&self, tenant: &Tenant, which: FlagsQuery) -> Result<Vec<KeptFlag>, StoreError> {
        self.answer(self.rows.flags(tenant, which)).await
    }

    async fn resolve_flag(
        &self,
        tenant: &Tenant,
        id: &FlagId,
        resolution: Resolution,
    ) -> Result<Option<KeptFlag>, StoreError> {
        self.answer(self.rows.resolve_flag(tenant, id, resolution)).await
    }

    async fn timeline(&self, tenant: &Tenant, session: &SessionId) -> Result<Vec<TimelineEntry>, StoreError> {
        self.answer(self.rows.timeline(tenant, session)).await
    }

    async fn note_not_begun(
        &self,
        tenant: &Tenant,
        session: &SessionId,
        note: NotBegun,
    ) -> Result<(), StoreError> {
        self.rows.note_not_begun(tenant, session, note).await
    }

    async fn tenants_with_due_sessions(
        &self,
        now: Timestamp,
        priority: Priority,
    ) -> Result<Vec<Tenant>, StoreError> {
        if self.faults.script().sweeps_panic {
            panics();
        }
        self.answer(self.rows.tenants_with_due_sessions(now, priority)).await
    }

    async fn due_sessions(&self, tenant: &Tenant, query: DueQuery) -> Result<Vec<DueSession>, StoreError> {
        let mut due = self.answer(self.rows.due_sessions(tenant, query)).await?;
        if self.faults.script().drops_wakes {
            due.retain(|due| !due.id.as_str().ends_with(['0', '2', '4', '6', '8', 'a', 'c', 'e']));
        }
        Ok(due)
    }

    async fn account(&self, tenant: &Tenant) -> Result<Option<KeptAccount>, StoreError> {
        self.answer(self.rows.account(tenant)).await
    }

    async fn remember_account(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        key: &VerifiedKey,
    ) -> Result<AccountId, StoreError> {
        self.answer(self.rows.remember_account(tenant, account, key)).await
    }

    async fn forget_account(&self, tenant: &Tenant, account: &AccountId) -> Result<Forgetting, StoreError> {
        self.answer(self.rows.forget_account(tenant, account)).await
    }

    async fn undecided_payments(&self) -> Result<Vec<UndecidedPayments>, StoreError> {
        self.answer(self.rows.undecided_payments()).await
    }

    async fn holdings(&self) -> Result<Holdings, StoreError> {
        self.answer(self.rows.holdings()).await
    }

    async fn serve_tenants(&self, served: Vec<ServedTenant>, now: Timestamp) -> Result<(), StoreError> {
        self.answer(self.rows.serve_tenants(served, now)).await
    }

    async fn served_configs(&self, merchant: &MerchantId) -> Result<Vec<ServedConfig>, StoreError> {
        self.answer(self.rows.served_configs(merchant)).await
    }

    async fn remove_served_but(&self, present: Vec<MerchantId>) -> Result<(), StoreError> {
        self.answer(self.rows.remove_served_but(present)).await
    }

    async fn writable(&self) -> Result<(), StoreError> {
        self.answer(self.rows.writable()).await
    }
}
