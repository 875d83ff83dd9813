//! The embedded store: one SQLite file, one writer, a few readers.
//!
//! - [`open`](self::open): the file, its lock and its schema.
//! - [`writer`]: the one task that writes, several commits to a transaction.
//! - [`apply`]: one commit as SQL.
//! - [`reader`]: queries, each answered from one moment; [`due`]: the sessions with due work.
//! - [`journal`], [`outbox`] and [`inbox`]: data for operators, events for merchants, events from Stripe.
//! - [`backup`] and [`restore`]: copies out of the folder and back; [`folder`]: its records of them; [`restores`]:
//!   the restores that are not reconciled yet.
//! - [`writing`]: whether writes reach the disk; [`keys`]: the master keys that the database was served with.
//! - [`served`]: the hosts and accounts of merchants that were served. [`retention`]: removal of old data.
//! - [`rows`]: the mapping between texts and the domain.
//!
//! Invariants: only the writer's connection can write; a reply leaves the writer only after its transaction is on
//! disk. Everything runs on the runtime that opened the store; callers may be on any other.

mod apply;
mod backup;
mod bind;
mod due;
mod failure;
mod folder;
mod inbox;
mod journal;
mod keys;
mod open;
mod outbox;
mod reader;
mod restore;
mod restores;
mod retention;
mod rows;
mod served;
mod writer;
mod writing;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use sqlx::SqlitePool;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use self::restores::Restores;
use self::retention::Removal;
use self::rows::Encoded;
use self::served::ServedChange;
use self::writer::{Job, PendingReply, Write, Writer};
use self::writing::Writing;
use super::{
    AttemptRow, Claim, Commit, CommitError, DeliveriesQuery, Delivery, DeliveryResult, DeliveryState,
    DueQuery, DueSession, Erasure, EventState, FlagsQuery, Forgetting, Holdings, Inbox, KeptAccount,
    KeptEvent, KeptFlag, Loaded, OrdersPage, OrdersQuery, Outbox, RefundRow, Resolution, RestoreMarker,
    RestoreMarkers, Retention, ServedConfig, ServedTenant, Store, StoreError, Swept, UndecidedPayments,
    Unpaid, UnpaidEnded, UnpaidOpen, VerifiedKey, WaitingEvent,
};
use crate::domain::checkout::model::{Flag, NotBegun, PlacedOrder, Priority, TimelineEntry, Version};
use crate::domain::ids::{
    AccountId, AttemptNumber, FlagId, MerchantId, OrderEventId, OrderId, PaymentIntentId, RefundNumber,
    SessionId, SptHash, StripeEventId, Tenant,
};
use crate::domain::order_event::{OrderEvent, Sequence};
use crate::domain::stripe_event::StripeEvent;
use crate::domain::time::Timestamp;
pub use backup::{BackupError, back_up, last_backup};
pub use open::{OpenError, OpenTrouble};
pub use restore::{Restored, restore};

/// How many writes may wait; further callers wait before theirs is queued.
const QUEUE: usize = 1024;

/// A store in one SQLite file, for one process on one machine.
#[derive(Debug)]
pub struct SqliteStore {
    jobs: mpsc::Sender<Job>,
    readers: SqlitePool,
    /// The runtime that opened the store. Queries run there, because actix's runtimes come and go with their workers,
    /// and a query in progress must outlive its caller.
    runtime: Handle,
    restores: Restores,
    writing: Arc<Writing>,
}

impl SqliteStore {
    /// Opens the database at `path`, creates it (mode 0600) if there is none, and brings its schema up to date.
    ///
    /// Call it on the long-lived, multi-thread runtime: the store's tasks live there. The folder must exist and be
    /// writable; beside the database SQLite keeps `-wal` and `-shm`, and this store a `.lock`, `.openings` and
    /// `.restores`.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let (opened, readers) = open::open(path).await?;
        let restores = Restores::read(opened.markers.clone(), &readers).await;
        let restores = restores.map_err(|error| open::database(path, &error))?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let writing = Arc::new(Writing::default());
        tokio::spawn(Writer::new(opened, queue, Arc::clone(&writing)).run());
        Ok(Self { jobs, readers, runtime: Handle::current(), restores, writing })
    }

    /// Finishes every write that was begun, moves the write-ahead log into the file and releases it. Afterwards every
    /// read returns [`StoreError::Unavailable`] and every write [`StoreError::NotWritten`]. A store that is merely
    /// dropped also finishes its writes, but at no known time.
    pub async fn close(&self) {
        let readers = self.readers.clone();
        // The readers first: the log cannot be emptied while one is in a transaction.
        if let Err(error) = self.runtime.spawn(async move { readers.close().await }).await {
            tracing::warn!(cause = %error, "store_readers_not_closed");
        }
        let (done, closed) = oneshot::channel();
        if self.jobs.send(Job::Close(done)).await.is_ok() && closed.await.is_err() {
            tracing::warn!("store_writer_broke_off");
        }
    }

    /// Waits until writing has ended. Before [`SqliteStore::close`] that means a failure after which only a new
    /// process may continue.
    pub async fn stopped(&self) {
        self.jobs.closed().await;
    }

    /// Fingerprints of the master keys that this database was served with, that of the last one first.
    pub async fn master_keys(&self) -> Result<Vec<String>, StoreError> {
        self.read(keys::all(self.readers.clone())).await
    }

    /// Records the fingerprint of the master key that is used from now on.
    pub async fn use_master_key(&self, fingerprint: &str) -> Result<(), StoreError> {
        let fingerprint = fingerprint.to_owned();
        self.write(|asked| Write::MasterKey(fingerprint, asked)).await
    }

    /// Runs a query on the store's runtime, to its end even if the caller goes away.
    async fn read<T: Send + 'static>(
        &self,
        reading: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        match self.runtime.spawn(reading).await {
            Ok(answer) => answer,
            Err(error) => Err(StoreError::Unavailable(format!("a reading was broken off: {error}"))),
        }
    }

    /// Removes data; returns how many rows.
    async fn remove(&self, removal: Removal) -> Result<Swept, StoreError> {
        self.write(|asked| Write::Removal(Box::new(removal), asked)).await
    }

    /// Queues a write and waits for its reply.
    async fn write<T, E: From<StoreError>>(
        &self,
        write: impl FnOnce(PendingReply<T, E>) -> Write,
    ) -> Result<T, E> {
        let (asked, answer) = PendingReply::new();
        match self.jobs.send(Job::Write(write(asked))).await {
            // The writer stopped during this write: it is not known whether it was done.
            Ok(()) => {
                answer.await.unwrap_or_else(|_| Err(StoreError::Unavailable(STOPPED.to_owned()).into()))
            }
            Err(_) => Err(StoreError::NotWritten(STOPPED.to_owned()).into()),
        }
    }
}

const STOPPED: &str = "it has been closed, or its writer has stopped";

#[async_trait]
impl Store for SqliteStore {
    async fn load(
        &self,
        tenant: &Tenant,
        id: &SessionId,
        token: Option<&SptHash>,
    ) -> Result<Loaded, StoreError> {
        self.read(reader::load(self.readers.clone(), tenant.clone(), id.clone(), token.cloned())).await
    }

    async fn commit(&self, commit: Commit) -> Result<Version, CommitError> {
        commit.check()?;
        let encoded = Box::new(Encoded::new(commit)?);
        self.write(|asked| Write::Commit(encoded, asked)).await
    }

    async fn attempt(
        &self,
        tenant: &Tenant,
        session: &SessionId,
        number: AttemptNumber,
    ) -> Result<Option<AttemptRow>, StoreError> {
        self.read(reader::attempt(self.readers.clone(), tenant.clone(), session.clone(), number)).await
    }

    async fn order(&self, tenant: &Tenant, id: &OrderId) -> Result<Option<PlacedOrder>, StoreError> {
        self.read(reader::order(self.readers.clone(), tenant.clone(), id.clone())).await
    }

    async fn orders(&self, tenant: &Tenant, which: OrdersQuery) -> Result<OrdersPage, StoreError> {
        self.read(reader::orders(self.readers.clone(), tenant.clone(), which)).await
    }

    async fn refund(
        &self,
        tenant: &Tenant,
        session: &SessionId,
        number: RefundNumber,
    ) -> Result<Option<RefundRow>, StoreError> {
        self.read(reader::refund(self.readers.clone(), tenant.clone(), session.clone(), number)).await
    }

    async fn flags(&self, tenant: &Tenant, which: FlagsQuery) -> Result<Vec<KeptFlag>, StoreError> {
        self.read(journal::flags(self.readers.clone(), tenant.clone(), which)).await
    }

    async fn resolve_flag(
        &self,
        tenant: &Tenant,
        id: &FlagId,
        resolution: Resolution,
    ) -> Result<Option<KeptFlag>, StoreError> {
        let resolving = Box::new((tenant.clone(), id.clone(), resolution));
        self.write(|asked| Write::Resolution(resolving, asked)).await
    }

    async fn timeline(&self, tenant: &Tenant, session: &SessionId) -> Result<Vec<TimelineEntry>, StoreError> {
        self.read(journal::timeline(self.readers.clone(), tenant.clone(), session.clone())).await
    }

    async fn note_not_begun(
        &self,
        tenant: &Tenant,
        session: &SessionId,
        note: NotBegun,
    ) -> Result<(), StoreError> {
        let noting = Box::new((tenant.clone(), session.clone(), note));
        self.write(|asked| Write::NotBegun(noting, asked)).await
    }

    async fn tenants_with_due_sessions(
        &self,
        now: Timestamp,
        priority: Priority,
    ) -> Result<Vec<Tenant>, StoreError> {
        self.read(due::tenants(self.readers.clone(), now, priority)).await
    }

    async fn due_sessions(&self, tenant: &Tenant, query: DueQuery) -> Result<Vec<DueSession>, StoreError> {
        self.read(due::sessions(self.readers.clone(), tenant.clone(), query)).await
    }

    async fn account(&self, tenant: &Tenant) -> Result<Option<KeptAccount>, StoreError> {
        self.read(reader::account(self.readers.clone(), tenant.clone())).await
    }

    async fn remember_account(
        &self,
        tenant: &Tenant,
        account: &AccountId,
        key: &VerifiedKey,
    ) -> Result<AccountId, StoreError> {
        let known = KeptAccount { account: account.clone(), key: Some(key.clone()) };
        let remembering = Box::new((tenant.clone(), known));
        self.write(|asked| Write::Account(remembering, asked)).await
    }

    async fn forget_account(&self, tenant: &Tenant, account: &AccountId) -> Result<Forgetting, StoreError> {
        let forgetting = Box::new((tenant.clone(), account.clone()));
        self.write(|asked| Write::ForgetAccount(forgetting, asked)).await
    }

    async fn undecided_payments(&self) -> Result<Vec<UndecidedPayments>, StoreError> {
        self.read(due::undecided(self.readers.clone())).await
    }

    async fn holdings(&self) -> Result<Holdings, StoreError> {
        self.read(served::holdings(self.readers.clone())).await
    }

    async fn serve_tenants(&self, served: Vec<ServedTenant>, now: Timestamp) -> Result<(), StoreError> {
        self.write(|asked| Write::Served(ServedChange::Serve(served, now), asked)).await
    }

    async fn served_configs(&self, merchant: &MerchantId) -> Result<Vec<ServedConfig>, StoreError> {
        self.read(served::configs(self.readers.clone(), merchant.clone())).await
    }

    async fn remove_served_but(&self, present: Vec<MerchantId>) -> Result<(), StoreError> {
        self.write(|asked| Write::Served(ServedChange::RemoveBut(present), asked)).await
    }

    async fn writable(&self) -> Result<(), StoreError> {
        self.writing.check(self.write(Write::Trial)).await
    }
}

#[async_trait]
impl Outbox for SqliteStore {
    async fn append_events(
        &self,
        tenant: &Tenant,
        events: Vec<OrderEvent>,
    ) -> Result<Vec<Sequence>, StoreError> {
        let tenant = tenant.clone();
        self.write(|asked| Write::Events(tenant, events, asked)).await
    }

    async fn tenants_with_due_events(&self, now: Timestamp) -> Result<Vec<Tenant>, StoreError> {
        self.read(outbox::due_tenants(self.readers.clone(), now)).await
    }

    async fn claim_events(&self, tenant: &Tenant, claim: Claim) -> Result<Vec<Delivery>, StoreError> {
        let claiming = Box::new((tenant.clone(), claim));
        self.write(|asked| Write::Claim(claiming, asked)).await
    }

    async fn settle_event(
        &self,
        tenant: &Tenant,
        id: &OrderEventId,
        settlement: DeliveryResult,
    ) -> Result<bool, StoreError> {
        let settling = Box::new((tenant.clone(), id.clone(), settlement));
        self.write(|asked| Write::DeliveryResult(settling, asked)).await
    }

    async fn deliveries(&self, tenant: &Tenant, which: DeliveriesQuery) -> Result<Vec<Delivery>, StoreError> {
        self.read(outbox::list(self.readers.clone(), tenant.clone(), which)).await
    }

    async fn delivery(&self, tenant: &Tenant, id: &OrderEventId) -> Result<Option<Delivery>, StoreError> {
        self.read(outbox::one(self.readers.clone(), tenant.clone(), id.clone())).await
    }

    async fn retry_event(
        &self,
        tenant: &Tenant,
        id: &OrderEventId,
        now: Timestamp,
    ) -> Result<Option<Delivery>, StoreError> {
        let retrying = Box::new((tenant.clone(), id.clone(), now));
        self.write(|asked| Write::Retry(retrying, asked)).await
    }
}

#[async_trait]
impl RestoreMarkers for SqliteStore {
    fn unreconciled(&self, tenant: &Tenant) -> Vec<RestoreMarker> {
        self.restores.open(tenant)
    }

    fn last_restore(&self) -> Option<Timestamp> {
        self.restores.last()
    }

    async fn reconciled(&self, tenant: &Tenant, marker: &RestoreMarker) -> Result<(), StoreError> {
        let done = Box::new((tenant.clone(), marker.id.clone()));
        self.write(|asked| Write::Reconciled(done, asked)).await?;
        self.restores.close(tenant, &marker.id);
        Ok(())
    }

    async fn numbers_given(
        &self,
        tenant: &Tenant,
        marker: &RestoreMarker,
        count: u32,
    ) -> Result<(), StoreError> {
        let given = Box::new((tenant.clone(), marker.id.clone(), count));
        self.write(|asked| Write::NumbersGiven(given, asked)).await
    }

    async fn began_before(&self, tenant: &Tenant, moment: Timestamp) -> Result<bool, StoreError> {
        self.read(restores::began_before(self.readers.clone(), tenant.clone(), moment)).await
    }

    async fn session_paid_by(
        &self,
        tenant: &Tenant,
        payment: &PaymentIntentId,
    ) -> Result<Option<SessionId>, StoreError> {
        self.read(restores::session_paid_by(self.readers.clone(), tenant.clone(), payment.clone())).await
    }

    async fn flag(&self, tenant: &Tenant, flag: Flag) -> Result<bool, StoreError> {
        let flagging = Box::new((tenant.clone(), flag));
        self.write(|asked| Write::Flag(flagging, asked)).await
    }
}

#[async_trait]
impl Inbox for SqliteStore {
    async fn keep_event(
        &self,
        tenant: &Tenant,
        event: StripeEvent,
        state: EventState,
    ) -> Result<bool, StoreError> {
        let keeping = Box::new((tenant.clone(), KeptEvent { event, state }));
        self.write(|asked| Write::StripeEvent(keeping, asked)).await
    }

    async fn event_followed(
        &self,
        tenant: &Tenant,
        id: &StripeEventId,
        state: EventState,
    ) -> Result<(), StoreError> {
        let following = Box::new((tenant.clone(), id.clone(), state));
        self.write(|asked| Write::Followed(following, asked)).await
    }

    async fn waiting_events(
        &self,
        until: Timestamp,
        after: Option<&WaitingEvent>,
        limit: u32,
    ) -> Result<Vec<WaitingEvent>, StoreError> {
        self.read(inbox::waiting(self.readers.clone(), until, after.cloned(), limit)).await
    }

    async fn session_of_event(
        &self,
        tenant: &Tenant,
        event: &StripeEvent,
    ) -> Result<Option<SessionId>, StoreError> {
        self.read(inbox::session_of(self.readers.clone(), tenant.clone(), event.clone())).await
    }

    async fn stripe_events(&self, tenant: &Tenant, limit: u32) -> Result<Vec<KeptEvent>, StoreError> {
        self.read(inbox::list(self.readers.clone(), tenant.clone(), limit)).await
    }

    async fn forget_events(&self, before: Timestamp, limit: u32) -> Result<u32, StoreError> {
        Ok(self.remove(Removal::StripeEvents(before, limit)).await?.changed)
    }
}

#[async_trait]
impl Retention for SqliteStore {
    async fn unpaid(&self) -> Result<Vec<Unpaid>, StoreError> {
        self.read(retention::unpaid(self.readers.clone())).await
    }

    async fn forget_sessions(&self, tenant: &Tenant, which: UnpaidEnded) -> Result<u32, StoreError> {
        Ok(self.remove(Removal::Sessions(tenant.clone(), which)).await?.changed)
    }

    async fn forget_people(
        &self,
        tenant: &Tenant,
        which: UnpaidEnded,
        passed: &[String],
    ) -> Result<Swept, StoreError> {
        self.remove(Removal::People(tenant.clone(), which, passed.to_vec())).await
    }

    async fn expire_early(
        &self,
        tenant: &Tenant,
        which: UnpaidOpen,
        passed: &[String],
    ) -> Result<Swept, StoreError> {
        self.remove(Removal::Time(tenant.clone(), which, passed.to_vec())).await
    }

    async fn forget_contents(
        &self,
        state: DeliveryState,
        before: Timestamp,
        limit: u32,
    ) -> Result<u32, StoreError> {
        Ok(self.remove(Removal::Contents(state, before, limit)).await?.changed)
    }

    async fn erase_buyer(&self, tenant: &Tenant, erasure: Erasure) -> Result<Option<bool>, StoreError> {
        let erasing = Box::new((tenant.clone(), erasure));
        self.write(|asked| Write::Erasure(erasing, asked)).await
    }
}
