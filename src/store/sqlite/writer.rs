//! The one task that writes: queued jobs are written in one transaction, each in a savepoint of its own.
//!
//! A write to disk costs the same for one commit as for sixty, so under load they share it. Invariants: no reply is
//! given before its transaction is committed; a rejected job undoes only itself; a database error fails the whole
//! transaction, since SQLite may already have rolled it back.

use std::fs::File;
use std::sync::Arc;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Sqlite, SqliteConnection, Transaction};
use tokio::sync::{mpsc, oneshot};

use super::apply;
use super::failure::Failure;
use super::open::OpenedStore;
use super::retention::Removal;
use super::rows::Encoded;
use super::served::ServedChange;
use super::writing::{self, Writing};
use super::{inbox, journal, keys, outbox, restores, retention, served};
use crate::domain::checkout::model::{Flag, NotBegun, Version};
use crate::domain::ids::{AccountId, FlagId, OrderEventId, SessionId, StripeEventId, Tenant};
use crate::domain::order_event::{OrderEvent, Sequence};
use crate::domain::time::Timestamp;
use crate::store::{
    Claim, CommitError, Delivery, DeliveryResult, Erasure, EventState, Forgetting, KeptAccount, KeptEvent,
    KeptFlag, Resolution, StoreError, Swept,
};

/// The most jobs in one transaction.
const BATCH: usize = 64;

/// A job for the writer.
#[derive(Debug)]
pub(super) enum Job {
    Write(Write),
    /// Write the queued jobs, accept no more, and report when the database is closed.
    Close(oneshot::Sender<()>),
}

/// Something to write.
#[derive(Debug)]
pub(super) enum Write {
    Commit(Box<Encoded>, PendingReply<Version, CommitError>),
    /// A verified account.
    Account(Box<(Tenant, KeptAccount)>, PendingReply<AccountId, StoreError>),
    ForgetAccount(Box<(Tenant, AccountId)>, PendingReply<Forgetting, StoreError>),
    /// Hosts that tenants are served on.
    Served(ServedChange, PendingReply<(), StoreError>),
    Resolution(Box<(Tenant, FlagId, Resolution)>, PendingReply<Option<KeptFlag>, StoreError>),
    /// A flag without a session.
    Flag(Box<(Tenant, Flag)>, PendingReply<bool, StoreError>),
    /// Payments that were not begun.
    NotBegun(Box<(Tenant, SessionId, NotBegun)>, PendingReply<(), StoreError>),
    /// A reconciled restore.
    Reconciled(Box<(Tenant, String)>, PendingReply<(), StoreError>),
    /// Order numbers that may have been given before a restore.
    NumbersGiven(Box<(Tenant, String, u32)>, PendingReply<(), StoreError>),
    /// Events of existing orders.
    Events(Tenant, Vec<OrderEvent>, PendingReply<Vec<Sequence>, StoreError>),
    /// A lease of events.
    Claim(Box<(Tenant, Claim)>, PendingReply<Vec<Delivery>, StoreError>),
    /// The result of an event's try.
    DeliveryResult(Box<(Tenant, OrderEventId, DeliveryResult)>, PendingReply<bool, StoreError>),
    /// An event to be sent by hand.
    Retry(Box<(Tenant, OrderEventId, Timestamp)>, PendingReply<Option<Delivery>, StoreError>),
    StripeEvent(Box<(Tenant, KeptEvent)>, PendingReply<bool, StoreError>),
    Followed(Box<(Tenant, StripeEventId, EventState)>, PendingReply<(), StoreError>),
    /// Data to remove.
    Removal(Box<Removal>, PendingReply<Swept, StoreError>),
    /// A buyer to erase.
    Erasure(Box<(Tenant, Erasure)>, PendingReply<Option<bool>, StoreError>),
    /// A trial that shows whether writes succeed.
    Trial(PendingReply<(), StoreError>),
    /// The fingerprint of the master key that is used from now on.
    MasterKey(String, PendingReply<(), StoreError>),
}

/// The caller that waits for a job's reply, and the reply while it is not yet on disk.
#[derive(Debug)]
pub(super) struct PendingReply<T, E> {
    answer: Option<Result<T, E>>,
    caller: oneshot::Sender<Result<T, E>>,
}

impl<T, E: From<StoreError>> PendingReply<T, E> {
    pub(super) fn new() -> (Self, oneshot::Receiver<Result<T, E>>) {
        let (caller, receiver) = oneshot::channel();
        (Self { answer: None, caller }, receiver)
    }

    /// Sends the reply. A failure of the transaction takes precedence over a rejection, which may depend on a row
    /// that another job of the same transaction had written.
    fn send(self, transaction: Result<(), &Failed>) {
        let answer = match (transaction, self.answer) {
            (Ok(()), Some(answer)) => answer,
            (Ok(()), None) => Err(StoreError::NotWritten("it was not reached".to_owned()).into()),
            (Err(failed), _) => Err(failed.to_store_error().into()),
        };
        // A caller that has gone away needs no answer.
        drop(self.caller.send(answer));
    }
}

/// The task and its connection.
#[derive(Debug)]
pub(super) struct Writer {
    options: SqliteConnectOptions,
    /// `None` only after a failure: the next transaction begins on a new one.
    connection: Option<SqliteConnection>,
    jobs: mpsc::Receiver<Job>,
    lock: File,
    /// Receives the result of every transaction.
    writing: Arc<Writing>,
}

impl Writer {
    /// A writer of these jobs, which holds the database's lock until the last of them is done.
    pub(super) fn new(opened: OpenedStore, jobs: mpsc::Receiver<Job>, writing: Arc<Writing>) -> Self {
        let OpenedStore { options, connection, lock, .. } = opened;
        Self { options, connection: Some(connection), jobs, lock, writing }
    }

    /// Writes until the store is closed or dropped and the queue is empty.
    pub(super) async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut closers = Vec::new();
        while self.jobs.recv_many(&mut batch, BATCH).await > 0 {
            let mut writes = Vec::with_capacity(batch.len());
            for job in batch.drain(..) {
                match job {
                    Job::Write(write) => writes.push(write),
                    Job::Close(done) => {
                        self.jobs.close();
                        closers.push(done);
                    }
                }
            }
            if !writes.is_empty() && self.write(writes).await == Health::Lost {
                // The result of the failed write is not known: only a process that reads the file anew may continue.
                tracing::error!("store_stops_in_doubt");
                self.connection = None;
                break;
            }
        }
        if let Err(error) = self.finish().await {
            tracing::warn!(cause = %error, "database_not_closed_in_order");
        }
        drop(self.lock);
        for done in closers {
            // The caller may have gone away.
            let _: Result<(), ()> = done.send(());
        }
    }

    async fn write(&mut self, mut writes: Vec<Write>) -> Health {
        let written = self.transaction(&mut writes).await;
        self.writing.note(written.as_ref().copied().map_err(Failed::error));
        if let Err(failed) = &written {
            tracing::error!(cause = %failed.error(), writes = writes.len(), "store_transaction_failed");
            // The state of the connection is not known. Closing it rolls back any open transaction.
            if let Some(connection) = self.connection.take() {
                drop(connection.close().await);
            }
        }
        let health = written.as_ref().map_or_else(|failed| Health::after(failed.error()), |()| Health::Good);
        let transaction = written.as_ref().copied();
        for write in writes {
            match write {
                Write::Commit(_, asked) => asked.send(transaction),
                Write::Account(_, asked) => asked.send(transaction),
                Write::ForgetAccount(_, asked) => asked.send(transaction),
                Write::Served(_, asked) => asked.send(transaction),
                Write::Resolution(_, asked) => asked.send(transaction),
                Write::NotBegun(_, asked)
                | Write::Reconciled(_, asked)
                | Write::NumbersGiven(_, asked)
                | Write::Followed(_, asked)
                | Write::Trial(asked)
                | Write::MasterKey(_, asked) => {
                    asked.send(transaction);
                }
                Write::Events(_, _, asked) => asked.send(transaction),
                Write::Claim(_, asked) => asked.send(transaction),
                Write::DeliveryResult(_, asked) | Write::StripeEvent(_, asked) | Write::Flag(_, asked) => {
                    asked.send(transaction);
                }
                Write::Retry(_, asked) => asked.send(transaction),
                Write::Removal(_, asked) => asked.send(transaction),
                Write::Erasure(_, asked) => asked.send(transaction),
            }
        }
        health
    }

    async fn transaction(&mut self, writes: &mut [Write]) -> Result<(), Failed> {
        self.applied(writes).await.map_err(Failed::Applying)?.commit().await.map_err(Failed::Committing)
    }

    /// Executes all jobs, without the commit.
    async fn applied(&mut self, writes: &mut [Write]) -> Result<Transaction<'_, Sqlite>, sqlx::Error> {
        let connection = match self.connection.take() {
            Some(connection) => self.connection.insert(connection),
            None => self.connection.insert(self.options.connect().await?),
        };
        // Not deferred: a transaction that began with a read cannot always be upgraded to a write.
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
        for write in writes {
            let mut savepoint = transaction.begin().await?;
            match write {
                Write::Commit(encoded, asked) => {
                    let applied = apply::commit(&mut savepoint, encoded).await;
                    asked.answer = Some(release(savepoint, applied).await?);
                }
                Write::Account(remembering, asked) => {
                    let applied = apply::account(&mut savepoint, remembering).await;
                    asked.answer = Some(release(savepoint, applied).await?);
                }
                Write::ForgetAccount(forgetting, asked) => {
                    let applied = served::forget_account(&mut savepoint, forgetting).await;
                    asked.answer = Some(release(savepoint, applied).await?);
                }
                Write::Served(change, asked) => {
                    let applied = served::change(&mut savepoint, change).await;
                    asked.answer = Some(release(savepoint, applied).await?);
                }
                Write::Resolution(resolving, asked) => {
                    let (tenant, id, resolution) = resolving.as_ref();
                    let applied = journal::resolve(&mut savepoint, tenant, id, resolution).await;
                    asked.answer = Some(release(savepoint, applied).await?);
                }
                Write::Flag(flagging, asked) => {
                    let (tenant, flag) = flagging.as_ref();
                    let applied = journal::insert_flag(&mut savepoint, tenant, flag).await;
                    asked.answer = Some(release(savepoint, applied).await?);
                }
                Write::NotBegun(noting, asked) => {
                    let (tenant, session, note) = noting.as_ref();
                    let applied = journal::not_begun(&mut savepoint, (tenant, session), note).await;
                    asked.answer = Some(release(savepoint, applied).await?);
                }
                Write::Reconciled(reconciled, asked) => {
                    let (tenant, marker) = reconciled.as_ref();
                    let applied = restores::reconciled(&mut savepoint, tenant, marker).await;
                    asked.answer = Some(release(savepoint, applied).await?);
                }
                Write::NumbersGiven(given, asked) => {
                    let (tenant, marker, count) = given.as_ref();
                    let applied = restores::numbers_given(&mut savepoint, tenant, (marker, *count)).await;
                    asked.answer = Some(release(savepoint, applied).await?);
                }
                Write::Events(tenant, events, asked) => {
                    let applied = outbox::add(&mut savepoint, tenant, events).await;
                    asked.answer = Some(release(savepoint, applied).await?);
                }
                Write::Claim(claiming, asked) => {
                    let (tenant, claim) = claiming.as_ref();
                    let applied = outbox::claim(&mut savepoint, tenant, *claim).await;
                    asked.answer = Some(release(savepoint, applied).await?);
                }
                Write::DeliveryResult(settling, asked) => {
                    let (tenant, id, settlement) = settling.as_ref();
                    let applied = outbox::record_result(&mut savepoint, tenant, id, settlement).await;
                    asked.answer = Some(release(savepoint, applied).await?);
                }
                Write::Retry(retrying, asked) => {
                    let (tenant, id, now) = retrying.as_ref();
                    let applied = outbox::retry(&mut savepoint, tenant, id, *now).await;
                    asked.answer = Some(release(savepoint, applied).await?);
                }
                Write::StripeEvent(keeping, asked) => {
                    let (tenant, kept) = keeping.as_ref();
                    let applied = inbox::keep(&mut savepoint, tenant, kept).await;
                    asked.answer = Some(release(savepoint, applied).await?);
                }
                Write::Followed(following, asked) => {
                    let (tenant, id, state) = following.as_ref();
                    let applied = inbox::followed(&mut savepoint, tenant, id, *state).await;
                    asked.answer = Some(release(savepoint, applied).await?);
                }
                Write::Removal(removal, asked) => {
                    let applied = retention::remove(&mut savepoint, removal).await;
                    asked.answer = Some(release(savepoint, applied).await?);
                }
                Write::Erasure(erasing, asked) => {
                    let (tenant, erasure) = erasing.as_ref();
                    let applied = retention::erase_buyer(&mut savepoint, tenant, erasure).await;
                    asked.answer = Some(release(savepoint, applied).await?);
                }
                Write::Trial(asked) => {
                    let applied = writing::trial(&mut savepoint).await;
                    asked.answer = Some(release(savepoint, applied).await?);
                }
                Write::MasterKey(fingerprint, asked) => {
                    let applied = keys::used(&mut savepoint, fingerprint).await;
                    asked.answer = Some(release(savepoint, applied).await?);
                }
            }
        }
        Ok(transaction)
    }

    /// Moves the log into the file and empties it.
    async fn finish(&mut self) -> Result<(), sqlx::Error> {
        let Some(mut connection) = self.connection.take() else { return Ok(()) };
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await?;
        connection.close().await
    }
}

/// The phase in which a transaction failed.
#[derive(Debug)]
enum Failed {
    /// Before its commit: without a commit record none of it is ever read.
    Applying(sqlx::Error),
    /// During its commit.
    Committing(sqlx::Error),
}

impl Failed {
    const fn error(&self) -> &sqlx::Error {
        match self {
            Self::Applying(error) | Self::Committing(error) => error,
        }
    }

    /// The error for the callers whose writes were in it.
    fn to_store_error(&self) -> StoreError {
        match self {
            Self::Applying(error) => StoreError::NotWritten(error.to_string()),
            Self::Committing(error) if is_certain(code_of(error)) => {
                StoreError::NotWritten(error.to_string())
            }
            Self::Committing(error) => StoreError::Unavailable(error.to_string()),
        }
    }
}

/// Whether it is certain that a commit that failed with this error was not done. It is for `SQLITE_FULL`: the disk
/// had no room for the log up to and including the commit record, which comes last. After a failed sync, or a failure
/// in the log's index, that record may be in the log, and a new reader of the log may find it.
fn is_certain(code: Option<i64>) -> bool {
    const FULL: i64 = 13;
    code.is_some_and(|code| code & 0xff == FULL)
}

fn code_of(error: &sqlx::Error) -> Option<i64> {
    error.as_database_error().and_then(|error| error.code()?.parse::<i64>().ok())
}

/// Whether the database may be written to again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Good,
    /// A write or a sync failed in the file system, or the file is damaged.
    Lost,
}

impl Health {
    fn after(error: &sqlx::Error) -> Self {
        Self::after_code(code_of(error))
    }

    /// `SQLITE_IOERR`, `SQLITE_CORRUPT` and `SQLITE_NOTADB`, in the low byte of their extended codes. A full disk or
    /// a lock is temporary, and so is a lack of disk space for the log's index, which is allocated before anything is
    /// written.
    fn after_code(code: Option<i64>) -> Self {
        // `SQLITE_IOERR_SHMSIZE`.
        const NO_ROOM_FOR_THE_INDEX: i64 = 4874;
        match code.filter(|code| *code != NO_ROOM_FOR_THE_INDEX).map(|code| code & 0xff) {
            Some(10 | 11 | 26) => Self::Lost,
            Some(_) | None => Self::Good,
        }
    }
}

/// Keeps the effects of a job, or undoes them if it was rejected.
async fn release<T, E>(
    savepoint: Transaction<'_, Sqlite>,
    applied: Result<T, Failure<E>>,
) -> Result<Result<T, E>, sqlx::Error> {
    match applied {
        Ok(done) => {
            savepoint.commit().await?;
            Ok(Ok(done))
        }
        Err(Failure::Refused(refusal)) => {
            savepoint.rollback().await?;
            Ok(Err(refusal))
        }
        Err(Failure::Database(error)) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::super::open;
    use super::*;
    use crate::domain::ids::Mode;

    type Answers = Vec<oneshot::Receiver<Result<AccountId, StoreError>>>;

    /// Enough accounts to fill some pages of the file.
    fn writes(merchant: &str) -> (Vec<Write>, Answers) {
        let write = |number| {
            let (asked, answer) = PendingReply::new();
            let merchant = format!("{merchant}-{number}").parse().unwrap();
            let account = format!("acct_{}", "A".repeat(250)).parse().unwrap();
            let known = KeptAccount { account, key: None };
            (Write::Account(Box::new((Tenant { merchant, mode: Mode::Test }, known)), asked), answer)
        };
        (0..BATCH).map(write).unzip()
    }

    #[test]
    fn a_failed_sync_stops_all_writes_and_a_full_disk_does_not() {
        // `SQLITE_IOERR_FSYNC`.
        const FSYNC_FAILED: i64 = 1034;
        const FULL: i64 = 13;
        const BUSY: i64 = 5;
        const NO_ROOM_FOR_THE_INDEX: i64 = 4874;
        assert_eq!(Health::after_code(Some(FSYNC_FAILED)), Health::Lost);
        for passing in [Some(FULL), Some(BUSY), Some(NO_ROOM_FOR_THE_INDEX), None] {
            assert_eq!(Health::after_code(passing), Health::Good);
        }
    }

    #[test]
    fn a_failed_commit_is_known_undone_only_if_the_disk_is_full() {
        const FULL: i64 = 13;
        const FSYNC_FAILED: i64 = 1034;
        const NO_ROOM_FOR_THE_INDEX: i64 = 4874;
        assert!(is_certain(Some(FULL)));
        for in_doubt in [Some(FSYNC_FAILED), Some(NO_ROOM_FOR_THE_INDEX), None] {
            assert!(!is_certain(in_doubt), "{in_doubt:?}");
        }
        assert!(Failed::Applying(sqlx::Error::WorkerCrashed).to_store_error().nothing_was_written());
        assert!(!Failed::Committing(sqlx::Error::WorkerCrashed).to_store_error().nothing_was_written());
    }

    #[tokio::test]
    async fn a_full_disk_fails_a_whole_transaction_and_not_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let (mut opened, readers) = open::open(&folder.path().join("gateway.db")).await.unwrap();
        let limit = "PRAGMA max_page_count = 1";
        sqlx::query(limit).execute(&mut opened.connection).await.unwrap();
        let (_sender, jobs) = mpsc::channel(1);
        let writing = Arc::new(Writing::default());
        let mut writer = Writer::new(opened, jobs, Arc::clone(&writing));

        let (first, answers) = writes("first");
        writer.write(first).await;
        for answer in answers {
            let answer = answer.await.unwrap();
            assert!(
                matches!(&answer, Err(StoreError::NotWritten(why)) if why.contains("full")),
                "{answer:?}"
            );
        }
        let kept = || sqlx::query_scalar("SELECT count(*) FROM accounts").fetch_one(&readers);
        let none: i64 = kept().await.unwrap();
        assert_eq!(none, 0);

        // The limit belonged to the old connection.
        let (second, answers) = writes("second");
        writer.write(second).await;
        for answer in answers {
            answer.await.unwrap().unwrap();
        }
        let all: i64 = kept().await.unwrap();
        assert_eq!(usize::try_from(all).unwrap(), BATCH);
    }
}
