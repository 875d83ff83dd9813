//! Opens the file: checks that it is ours, that no other process serves from it, and that its schema is known.
//!
//! Invariant: a rejected file keeps its content.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::folder::{self, beside, restoring};
use super::restores;
use crate::store::RestoreMarker;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection, SqlitePool};

/// The migrations, embedded, forward only. The compiler notices a changed file, but not a new one: touch this
/// file after adding one.
static MIGRATIONS: Migrator = sqlx::migrate!("src/store/migrations/sqlite");

/// Marks our databases (`PRAGMA application_id`): the letters `MGWY`.
const APPLICATION_ID: i64 = 0x4d47_5759;

/// The number of simultaneous readers. They are short, and SQLite's readers do not wait for its writer.
const READERS: u32 = 4;

/// How long a connection waits for a lock that another one holds.
const PATIENCE: Duration = Duration::from_secs(5);

/// The largest part of the write-ahead log that remains as a file once its content is in the database.
const LOG_KEPT: &str = "16777216";

/// Why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file or its folder cannot be used.
    #[error("the database {} cannot be opened: {source}; its folder must exist and be writable", path.display())]
    File {
        /// The database.
        path: PathBuf,
        /// The system's text.
        source: io::Error,
    },
    /// A folder, or a device.
    #[error("{path} is no file, so no database can be there; set store.url to a file's path, such as sqlite:{path}/merchant-gateway.sqlite3", path = path.display())]
    NotAFile {
        /// The path in store.url.
        path: PathBuf,
    },
    /// Two processes would each assume to be the only writer.
    #[error("another process is already using the database {}; stop it first, or give this one a file of its own", path.display())]
    InUse {
        /// The database.
        path: PathBuf,
    },
    /// The file has other content.
    #[error("{} is not a database of this program; move it away, or name another file", path.display())]
    NotOurs {
        /// The file.
        path: PathBuf,
    },
    /// A newer version of the program has used it.
    #[error("the database {} has schema {found}, and this version of the program knows schemas up to {known}; run the newer version, or restore a backup from before the upgrade", path.display())]
    NewerSchema {
        /// The database.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema known.
        known: i64,
    },
    /// A restore was interrupted.
    #[error("a restore of the database {path} was broken off; run it again, which completes it. To go back instead, first put every file that it has moved to {path}.before-… back into place, and only then remove {copy}", path = path.display(), copy = copy.display())]
    Restoring {
        /// The database.
        path: PathBuf,
        /// The copy that was on its way to its place.
        copy: PathBuf,
    },
    /// A backup is at the database's place without a recorded restore.
    #[error("{} is a backup that was put here without the restore command, so payments since the backup would not be found; move it elsewhere and run: merchant-gateway restore --from FILE", .0.display())]
    NotRestored(PathBuf),
    /// An older copy is at the database's place.
    #[error("{} is older than the database that was last served from here, so what was paid since would look unpaid; put that one back, or restore a file that the backup command wrote: merchant-gateway restore --from FILE", .0.display())]
    Older(PathBuf),
    /// SQLite failed.
    #[error("the database {} cannot be opened: {why}; {}", path.display(), remedy(*trouble))]
    Database {
        /// The database.
        path: PathBuf,
        /// The text of SQLite or of the migration.
        why: String,
        /// The kind of failure, if SQLite names it.
        trouble: Option<OpenTrouble>,
    },
}

/// Kinds of SQLite failures with different remedies (sqlite.org/rescode.html).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenTrouble {
    /// This user may not read or write the file or its folder.
    Access,
    /// There is no space left.
    Full,
    /// The file's content is damaged.
    Damaged,
    /// The file is not a SQLite database.
    NotADatabase,
}

/// The kind of failure that SQLite reports.
pub(super) fn trouble(error: &sqlx::Error) -> Option<OpenTrouble> {
    let code: u32 = error.as_database_error()?.code()?.parse().ok()?;
    // The lowest byte of an extended code is the kind.
    match code & 0xff {
        3 | 8 | 14 | 23 => Some(OpenTrouble::Access),
        11 => Some(OpenTrouble::Damaged),
        13 => Some(OpenTrouble::Full),
        26 => Some(OpenTrouble::NotADatabase),
        _ => None,
    }
}

fn remedy(trouble: Option<OpenTrouble>) -> &'static str {
    match trouble {
        Some(OpenTrouble::Access) => "let the user who runs this program read and write it and its folder",
        Some(OpenTrouble::Full) => "make room on its disk",
        Some(OpenTrouble::Damaged | OpenTrouble::NotADatabase) => {
            "it is damaged: keep it, and restore a backup: merchant-gateway restore --from FILE"
        }
        None => {
            "if its disk is sound and this happens again, restore a backup: merchant-gateway restore --from FILE"
        }
    }
}

/// An open database, for its writer.
pub(super) struct OpenedStore {
    /// The options for connecting again.
    pub(super) options: SqliteConnectOptions,
    pub(super) connection: SqliteConnection,
    /// Held as long as the writer may write.
    pub(super) lock: File,
    /// Every restore of it, the oldest first.
    pub(super) markers: Vec<RestoreMarker>,
}

/// Opens the database, see [`super::SqliteStore::open`]: what the writer needs, and connections that cannot write.
pub(super) async fn open(path: &Path) -> Result<(OpenedStore, SqlitePool), OpenError> {
    let unusable = |source| OpenError::File { path: path.to_owned(), source };
    refuse_half_restored(path)?;
    if path.is_dir() {
        return Err(OpenError::NotAFile { path: path.to_owned() });
    }
    let path = real_file(path).map_err(unusable)?;
    refuse_half_restored(&path)?;
    let lock = lock(&path)?;
    let markers = folder::markers(&path)
        .map_err(|source| OpenError::File { path: beside(&path, ".restores"), source })?;
    let begun = examine(&path).await?;
    let former = former_openings(&path, begun)?;
    if begun {
        refuse_misplaced(&path, &markers, former).await?;
    }

    let options = writer_options(&path);
    let mut connection = options.connect().await.map_err(|error| database(&path, &error))?;
    migrate(&path, &mut connection).await?;
    let markers = take_over(&path, &mut connection, (&markers, former)).await?;

    let readers = SqlitePoolOptions::new().max_connections(READERS).acquire_timeout(PATIENCE);
    let readers = readers.test_before_acquire(false).connect_with(reader_options(&path)).await;
    let readers = readers.map_err(|error| database(&path, &error))?;
    Ok((OpenedStore { options, connection, lock, markers }, readers))
}

/// Brings a database's schema up to date.
pub(super) async fn migrate(path: &Path, connection: &mut SqliteConnection) -> Result<(), OpenError> {
    MIGRATIONS.run(connection).await.map_err(|error| {
        if let MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) = &error {
            return database(path, error);
        }
        OpenError::Database { path: path.to_owned(), why: error.to_string(), trouble: None }
    })
}

/// How often the database here was opened before; zero if it is new.
fn former_openings(path: &Path, begun: bool) -> Result<i64, OpenError> {
    let unusable = |source| OpenError::File { path: beside(path, ".openings"), source };
    if !begun {
        folder::forget_openings(path).map_err(unusable)?;
    }
    Ok(folder::openings(path).map_err(unusable)?.unwrap_or(0))
}

/// Rejects a copy that was put in the database's place without a restore: a backup identifies itself, and any other
/// copy was opened less often than the folder's count.
async fn refuse_misplaced(path: &Path, markers: &[RestoreMarker], former: i64) -> Result<(), OpenError> {
    let failed = |error: sqlx::Error| database(path, &error);
    let options = options_of(path);
    let mut connection = options.connect().await.map_err(failed)?;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name IN ('backups', 'openings')",
    )
    .fetch_all(&mut connection)
    .await
    .map_err(failed)?;
    let has = |name: &str| tables.iter().any(|table| table == name);
    let mut taken: Option<i64> = None;
    if has("backups") {
        let newest = sqlx::query_scalar("SELECT max(taken) FROM backups").fetch_one(&mut connection);
        taken = newest.await.map_err(failed)?;
    }
    let mut opened: Option<i64> = None;
    if has("openings") {
        let count = sqlx::query_scalar("SELECT max(count) FROM openings").fetch_one(&mut connection);
        opened = count.await.map_err(failed)?;
    }
    connection.close().await.map_err(failed)?;
    if taken.is_some_and(|taken| !markers.iter().any(|marker| marker.taken.as_millis() == taken)) {
        return Err(OpenError::NotRestored(path.to_owned()));
    }
    if opened.unwrap_or(0) < former { Err(OpenError::Older(path.to_owned())) } else { Ok(()) }
}

/// Takes a database into service, all or nothing: it is no longer a backup, knows every restore that the folder or
/// itself has, and counts this opening. The folder's count is written afterwards, so that a crash between the two
/// never leaves it ahead.
async fn take_over(
    path: &Path,
    connection: &mut SqliteConnection,
    (remembered, former): (&[RestoreMarker], i64),
) -> Result<Vec<RestoreMarker>, OpenError> {
    let failed = |error: sqlx::Error| database(path, &error);
    let mut transaction = connection.begin().await.map_err(failed)?;
    restores::add(&mut transaction, remembered).await.map_err(failed)?;
    let markers = restores::all(&mut transaction).await.map_err(failed)?;
    sqlx::query("DELETE FROM backups").execute(&mut *transaction).await.map_err(failed)?;
    let count: i64 = sqlx::query_scalar("UPDATE openings SET count = max(count, ?1) + 1 RETURNING count")
        .bind(former)
        .fetch_one(&mut *transaction)
        .await
        .map_err(failed)?;
    transaction.commit().await.map_err(failed)?;
    folder::remember_openings(path, count)
        .map_err(|source| OpenError::File { path: beside(path, ".openings"), source })?;
    Ok(markers)
}

/// While a copy is on its way to the database's place, it is not known which of the two is complete.
fn refuse_half_restored(path: &Path) -> Result<(), OpenError> {
    let copy = restoring(path);
    if copy.exists() { Err(OpenError::Restoring { path: path.to_owned(), copy }) } else { Ok(()) }
}

/// Creates the file if there is none, readable by its owner only, and returns its path without links and relative
/// parts.
///
/// A file that exists is not opened here: closing it again would drop the locks that SQLite may hold on it in
/// this process (sqlite.org/howtocorrupt.html, section 2.2).
fn real_file(path: &Path) -> io::Result<PathBuf> {
    match folder::private(OpenOptions::new().write(true).create_new(true)).open(path) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    let path = path.canonicalize()?;
    if path.is_file() { Ok(path) } else { Err(io::Error::other("it is not a file")) }
}

/// Takes the lock file beside the database. The system releases it when the process ends, in whatever way.
pub(super) fn lock(path: &Path) -> Result<File, OpenError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let failed = |source| OpenError::File { path: path.to_owned(), source };
    let lock = folder::private(OpenOptions::new().write(true).create(true).truncate(false)).open(&beside);
    let lock = lock.map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Checks whose file it is, on a connection that leaves no trace in a foreign one. Returns whether it has any
/// content.
pub(super) async fn examine(path: &Path) -> Result<bool, OpenError> {
    let failed = |error: sqlx::Error| database(path, &error);
    let options = options_of(path);
    let mut connection = options.connect().await.map_err(failed)?;
    let tables: i64 = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema")
        .fetch_one(&mut connection)
        .await
        .map_err(failed)?;
    let owner: i64 =
        sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut connection).await.map_err(failed)?;
    if tables == 0 && owner == 0 {
        sqlx::query("PRAGMA application_id = 0x4d475759").execute(&mut connection).await.map_err(failed)?;
    } else if owner != APPLICATION_ID {
        return Err(OpenError::NotOurs { path: path.to_owned() });
    }
    if tables > 0 {
        refuse_newer(path, &mut connection).await?;
    }
    connection.close().await.map_err(failed)?;
    Ok(tables > 0)
}

async fn refuse_newer(path: &Path, connection: &mut SqliteConnection) -> Result<(), OpenError> {
    let failed = |error: sqlx::Error| database(path, &error);
    // A crash before the first tables of a new database can leave it without this one.
    let migrated: bool = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = '_sqlx_migrations')",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(failed)?;
    if !migrated {
        return Ok(());
    }
    let found: Option<i64> = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations")
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    let known = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
    match found {
        Some(found) if found > known => Err(OpenError::NewerSchema { path: path.to_owned(), found, known }),
        Some(_) | None => Ok(()),
    }
}

/// The settings of every connection. Temporary files would need a writable folder outside the database's own, which a
/// read-only container lacks; there, a transaction of more than a few commits fails.
fn options_of(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).busy_timeout(PATIENCE).pragma("temp_store", "MEMORY")
}

/// The one connection that writes.
///
/// `secure_delete` overwrites deleted data with zeros, so that an erased token does not remain in a free part of the
/// file. It remains in the write-ahead log until that is overwritten or emptied on closing, and in earlier backups;
/// there the token's encryption protects it.
fn writer_options(path: &Path) -> SqliteConnectOptions {
    options_of(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .pragma("secure_delete", "ON")
        .pragma("journal_size_limit", LOG_KEPT)
}

/// Connections that cannot write, whatever the statement. (The journal mode belongs to the file and is already set.)
pub(super) fn reader_options(path: &Path) -> SqliteConnectOptions {
    options_of(path).read_only(true)
}

/// A connection to a copy that is not in service.
pub(super) fn plain_options(path: &Path) -> SqliteConnectOptions {
    options_of(path).synchronous(SqliteSynchronous::Full)
}

pub(super) fn database(path: &Path, error: &sqlx::Error) -> OpenError {
    let trouble = trouble(error);
    if trouble == Some(OpenTrouble::NotADatabase) {
        return OpenError::NotOurs { path: path.to_owned() };
    }
    OpenError::Database { path: path.to_owned(), why: error.to_string(), trouble }
}
