//! Copies of a database that is served from, and putting one back.
//!
//! A restored database is dangerous: what was paid since looks payable. So the folder remembers every restore in a file
//! beside the database (`.restores`), which is written before the copy takes the database's place, and no merchant takes a
//! payment before what happened since is accounted for. Invariants: a backup is whole or not there; a restore that is
//! broken off leaves the database as it was, or is refused to be served from until it is done again.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::open::{self, OpenError};
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
    /// The target is there already.
    #[error("{} exists already; name a file that does not", .0.display())]
    Exists(PathBuf),
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

fn failed(error: &sqlx::Error) -> BackupError {
    BackupError::Database(error.to_string())
}

fn at(path: &Path) -> impl Fn(io::Error) -> BackupError + '_ {
    |source| BackupError::File { path: path.to_owned(), source }
}

/// A file beside the database.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// Writes a whole copy of a database, as of one moment, while it may be served from. `now` is from before.
pub async fn back_up(path: &Path, to: &Path, now: Timestamp) -> Result<(), BackupError> {
    if !path.is_file() {
        return Err(BackupError::Missing(path.to_owned()));
    }
    if to.exists() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let partial = beside(to, ".partial");
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
    let mut source = open::reader_options(path).connect().await.map_err(|error| failed(&error))?;
    let copied =
        sqlx::query("VACUUM INTO ?").bind(partial.to_string_lossy().into_owned()).execute(&mut source).await;
    copied.map_err(|error| failed(&error))?;
    source.close().await.map_err(|error| failed(&error))?;
    let mut copy = open::plain_options(partial).connect().await.map_err(|error| failed(&error))?;
    for statement in ["DELETE FROM backups", "INSERT INTO backups (taken) VALUES (?1)"] {
        let query = sqlx::query(statement);
        let query = if statement.contains('?') { query.bind(now.as_millis()) } else { query };
        query.execute(&mut copy).await.map_err(|error| failed(&error))?;
    }
    copy.close().await.map_err(|error| failed(&error))
}

/// What a restore did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// When the backup was taken.
    pub taken: Timestamp,
    /// Where the database that was there before is now, if there was one.
    pub moved_to: Option<PathBuf>,
}

/// Puts a backup in a database's place, which nobody may serve from meanwhile. `id` is new and unguessable.
pub async fn restore(path: &Path, from: &Path, id: String) -> Result<Restored, BackupError> {
    if !from.is_file() {
        return Err(BackupError::Missing(from.to_owned()));
    }
    // The lock and the files lie beside the database itself, not beside a link to it.
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let _lock = open::lock(path)?;
    let taken = examine_backup(from).await?;
    let coming = restoring(path);
    drop(fs::remove_file(&coming));
    let mut target =
        open::private(OpenOptions::new().write(true).create_new(true)).open(&coming).map_err(at(&coming))?;
    let mut source = File::open(from).map_err(at(from))?;
    io::copy(&mut source, &mut target).map_err(at(&coming))?;
    target.sync_all().map_err(at(&coming))?;
    // From here on a copy lies beside the database, and nobody serves from either before this is done.
    remember(path, Epoch { id: id.clone(), taken })?;
    let moved_to = path.exists().then(|| beside(path, &format!(".before-{id}")));
    if let Some(aside) = &moved_to {
        for ending in ["-wal", "-shm", ""] {
            let (old, new) = (beside(path, ending), beside(aside, ending));
            if old.exists() {
                fs::rename(&old, &new).map_err(at(&old))?;
            }
        }
    }
    fs::rename(&coming, path).map_err(at(path))?;
    sync_folder(path)?;
    Ok(Restored { taken, moved_to })
}

/// The copy that is on its way to the database's place.
pub(super) fn restoring(path: &Path) -> PathBuf {
    beside(path, ".restoring")
}

/// Looks whether a file is a whole backup that this program understands; when it was taken.
async fn examine_backup(from: &Path) -> Result<Timestamp, BackupError> {
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

/// Every restore of a folder's database.
pub(super) fn epochs(path: &Path) -> io::Result<Vec<Epoch>> {
    let file = beside(path, ".restores");
    match fs::read(&file) {
        Ok(text) => serde_json::from_slice(&text).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Keeps a restore, durably, beside those before it.
fn remember(path: &Path, epoch: Epoch) -> Result<(), BackupError> {
    let file = beside(path, ".restores");
    let mut epochs = epochs(path).map_err(at(&file))?;
    epochs.push(epoch);
    let text = serde_json::to_vec(&epochs).map_err(io::Error::other).map_err(at(&file))?;
    let partial = beside(&file, ".partial");
    let mut out = open::private(OpenOptions::new().write(true).create(true).truncate(true))
        .open(&partial)
        .map_err(at(&partial))?;
    out.write_all(&text).and_then(|()| out.sync_all()).map_err(at(&partial))?;
    fs::rename(&partial, &file).map_err(at(&file))?;
    sync_folder(&file)
}

/// Makes what was renamed in a file's folder outlive a crash.
fn sync_folder(file: &Path) -> Result<(), BackupError> {
    let folder =
        file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
}
