//! Copies of a database that is served from.
//!
//! A copy says inside from when it is, and which restores its database knew of: where one of them is not accounted for, that
//! debt goes with the copy to wherever it is put back. Invariant: a backup is whole or not there.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::folder;
use super::open::{self, OpenError};
use super::restores;
use crate::domain::time::Timestamp;
use crate::store::Epoch;

/// Why a backup or a restore was not done. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The database cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// There is no database.
    #[error("there is no database {}; store.url says where it is", .0.display())]
    Missing(PathBuf),
    /// There is no backup.
    #[error("there is no backup {}; --from names a file that the backup command wrote", .0.display())]
    NoBackup(PathBuf),
    /// The target is there already.
    #[error("{} exists already; name a file that does not", .0.display())]
    Exists(PathBuf),
    /// The file lies where the database belongs, or is on its way there.
    #[error("{} lies in the database's own place; move it elsewhere first, and restore it from there", .0.display())]
    InPlace(PathBuf),
    /// The file was not made by `backup`.
    #[error("{} is not a backup made by this program: it does not say when it was taken; use a file that the backup command wrote", .0.display())]
    NotABackup(PathBuf),
    /// The copy is damaged.
    #[error("the backup {} is damaged ({why}); use another one", path.display())]
    Damaged {
        /// The backup.
        path: PathBuf,
        /// What SQLite says.
        why: String,
    },
    /// A file cannot be written or moved.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// SQLite failed.
    #[error("the copy failed: {0}")]
    Database(String),
}

pub(super) fn failed(error: &sqlx::Error) -> BackupError {
    BackupError::Database(error.to_string())
}

pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> BackupError + '_ {
    |source| BackupError::File { path: path.to_owned(), source }
}

/// Writes a whole copy of a database, as of one moment, while it may be served from. `now` is from before.
pub async fn back_up(path: &Path, to: &Path, now: Timestamp) -> Result<(), BackupError> {
    if !path.is_file() {
        return Err(BackupError::Missing(path.to_owned()));
    }
    if to.exists() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    // What the folder remembers lies beside the database itself, not beside a link to it.
    let path = &path.canonicalize().map_err(at(path))?;
    let partial = folder::beside(to, ".partial");
    // Made here, so that it is nobody else's to read from the first byte on.
    drop(fs::remove_file(&partial));
    open::private(OpenOptions::new().write(true).create_new(true)).open(&partial).map_err(at(&partial))?;
    let copied = copy(path, &partial, now).await;
    let done = copied.and_then(|()| {
        File::open(&partial).and_then(|file| file.sync_all()).map_err(at(&partial))?;
        // Not a rename, which would replace what came to be there meanwhile.
        fs::hard_link(&partial, to).map_err(at(to))?;
        sync_folder(to)
    });
    drop(fs::remove_file(&partial));
    done
}

async fn copy(path: &Path, partial: &Path, now: Timestamp) -> Result<(), BackupError> {
    open::examine(path).await?;
    let epochs = folder::epochs(path).map_err(at(path))?;
    let mut source = open::reader_options(path).connect().await.map_err(|error| failed(&error))?;
    let copied =
        sqlx::query("VACUUM INTO ?").bind(partial.to_string_lossy().into_owned()).execute(&mut source).await;
    copied.map_err(|error| failed(&error))?;
    source.close().await.map_err(|error| failed(&error))?;
    let mut copy = open::plain_options(partial).connect().await.map_err(|error| failed(&error))?;
    open::migrate(partial, &mut copy).await?;
    let marked = mark(&mut copy, now, &epochs).await;
    marked.map_err(|error| failed(&error))?;
    copy.close().await.map_err(|error| failed(&error))
}

/// Writes into a copy from when it is, and every restore that its folder remembers.
async fn mark(copy: &mut SqliteConnection, now: Timestamp, epochs: &[Epoch]) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM backups").execute(&mut *copy).await?;
    sqlx::query("INSERT INTO backups (taken) VALUES (?1)").bind(now.as_millis()).execute(&mut *copy).await?;
    restores::add(copy, epochs).await
}

/// Looks whether a file is a whole backup that this program understands, and when it was taken.
pub(super) async fn examine_backup(from: &Path) -> Result<Timestamp, BackupError> {
    let damaged = |why: String| BackupError::Damaged { path: from.to_owned(), why };
    open::examine(from).await.map_err(|error| {
        if let OpenError::Database { why, .. } = error { damaged(why) } else { error.into() }
    })?;
    let mut copy: SqliteConnection =
        open::reader_options(from).connect().await.map_err(|error| failed(&error))?;
    let sound: Result<String, _> = sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut copy).await;
    match sound {
        Ok(said) if said == "ok" => {}
        Ok(said) => return Err(damaged(said)),
        Err(error) => return Err(damaged(error.to_string())),
    }
    let taken: Result<Option<i64>, _> =
        sqlx::query_scalar("SELECT max(taken) FROM backups").fetch_one(&mut copy).await;
    copy.close().await.map_err(|error| failed(&error))?;
    let taken = taken.ok().flatten().ok_or_else(|| BackupError::NotABackup(from.to_owned()))?;
    Ok(Timestamp::from_millis(taken))
}

/// Makes what was renamed in a file's folder outlive a crash.
pub(super) fn sync_folder(file: &Path) -> Result<(), BackupError> {
    let folder =
        file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
}
