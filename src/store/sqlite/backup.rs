//! Copies of a database in service.
//!
//! A copy contains its date and the restores that its database knew; a pending reconciliation stays pending wherever
//! the copy is restored. Invariant: a backup is complete or does not exist.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::folder::{self, FileError, at, sync_folder};
use super::open::{self, OpenError, OpenTrouble};
use super::restores;
use crate::domain::time::Timestamp;
use crate::store::RestoreMarker;

/// How a SQLite database begins (sqlite.org/fileformat.html, section 1.2).
const MAGIC: &[u8] = b"SQLite format 3\0";

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
    /// It may be intact, and this user cannot read it.
    #[error("the backup {} cannot be read ({why}); let the user who runs this command read the file and enter its folder, and keep the file: nothing says that it is damaged", path.display())]
    Unreadable {
        path: PathBuf,
        /// The text of the system or of SQLite.
        why: String,
    },
    /// A folder, or a device.
    #[error("{} is no file; --from names a file that the backup command wrote", .0.display())]
    NotAFile(PathBuf),
    /// Not a SQLite database.
    #[error("{} is no database; --from names a file that the backup command wrote", .0.display())]
    NoDatabase(PathBuf),
    /// A SQLite database of another program.
    #[error("{} is a database of another program; --from names a file that the backup command wrote", .0.display())]
    Foreign(PathBuf),
    /// The target exists already.
    #[error("{} exists already; name a file that does not", .0.display())]
    Exists(PathBuf),
    /// The file is at the database's place, or at the place of a copy on its way there.
    #[error("{} lies in the database's own place; move it elsewhere first, and restore it from there", .0.display())]
    InPlace(PathBuf),
    /// The file was not made by `backup`.
    #[error("{} is not a backup made by this program: it does not say when it was taken; use a file that the backup command wrote", .0.display())]
    NotABackup(PathBuf),
    /// The copy is damaged.
    #[error("the backup {} is damaged ({why}); use another one", path.display())]
    Damaged {
        path: PathBuf,
        /// SQLite's text.
        why: String,
    },
    /// The backup cannot be written.
    #[error("the backup {} cannot be written: {source}; {}", path.display(), remedy(source.kind()))]
    Unwritable {
        path: PathBuf,
        /// The system's text.
        source: io::Error,
    },
    /// A file cannot be written or moved.
    #[error("{}: {source}; {}", path.display(), remedy(source.kind()))]
    File {
        /// The file.
        path: PathBuf,
        /// The system's text.
        source: io::Error,
    },
    /// SQLite failed.
    #[error("the copy failed: {why}; {remedy}")]
    Database {
        /// SQLite's text.
        why: String,
        /// What to do.
        remedy: &'static str,
    },
}

impl From<FileError> for BackupError {
    fn from(FileError { path, source }: FileError) -> Self {
        Self::File { path, source }
    }
}

fn failed(error: &sqlx::Error) -> BackupError {
    let remedy = open::trouble(error).map_or("run the command again", |trouble| match trouble {
        OpenTrouble::NotADatabase | OpenTrouble::Damaged => "the database is damaged: restore a backup",
        OpenTrouble::Full => "make room on the disk, or name a file on another one",
        OpenTrouble::Access => "let the user who runs this command read the database and write the copy",
    });
    BackupError::Database { why: error.to_string(), remedy }
}

/// The action for a file that cannot be written.
fn remedy(kind: io::ErrorKind) -> &'static str {
    let is = |known: &[io::ErrorKind]| known.contains(&kind);
    if is(&[io::ErrorKind::NotFound, io::ErrorKind::NotADirectory]) {
        "its folder must exist"
    } else if is(&[io::ErrorKind::PermissionDenied]) {
        "let the user who runs this command write there"
    } else if is(&[io::ErrorKind::ReadOnlyFilesystem]) {
        "that disk is read-only, use another one"
    } else if is(&[io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded]) {
        "make room on that disk, or use another one"
    } else {
        "that place must be one where files can be written"
    }
}

/// Writes a complete copy of a database, from one moment, while it may be in service. `now` is an earlier moment.
pub async fn back_up(path: &Path, to: &Path, now: Timestamp) -> Result<(), BackupError> {
    match fs::metadata(path) {
        Ok(known) if known.is_file() => {}
        Ok(_) => return Err(OpenError::NotAFile { path: path.to_owned() }.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(BackupError::Missing(path.to_owned()));
        }
        Err(source) => return Err(OpenError::File { path: path.to_owned(), source }.into()),
    }
    if to.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    // The folder's files are beside the database itself, not beside a link to it.
    let path = &path.canonicalize().map_err(at(path))?;
    let partial = folder::beside(to, ".partial");
    // Created here, so that other users can never read it.
    drop(fs::remove_file(&partial));
    let unwritable = |source| BackupError::Unwritable { path: to.to_owned(), source };
    folder::private(OpenOptions::new().write(true).create_new(true)).open(&partial).map_err(unwritable)?;
    let copied = copy(path, &partial, now).await;
    let done = copied.and_then(|()| {
        File::open(&partial).and_then(|file| file.sync_all()).map_err(unwritable)?;
        // Not a rename, which would replace a file that was created meanwhile.
        fs::hard_link(&partial, to).map_err(unwritable)?;
        sync_folder(to).map_err(BackupError::from)
    });
    drop(fs::remove_file(&partial));
    if done.is_ok() {
        // The backup is complete without it.
        drop(fs::write(folder::backup_note(path), now.as_millis().to_string()));
    }
    done
}

/// When a database was last backed up; `None` if that is not known.
#[must_use]
pub fn last_backup(path: &Path) -> Option<Timestamp> {
    let path = path.canonicalize().ok()?;
    let noted = fs::read_to_string(folder::backup_note(&path)).ok()?;
    noted.trim().parse().ok().map(Timestamp::from_millis)
}

async fn copy(path: &Path, partial: &Path, now: Timestamp) -> Result<(), BackupError> {
    open::examine(path).await?;
    let markers = folder::markers(path).map_err(at(path))?;
    let mut source = open::reader_options(path).connect().await.map_err(|error| failed(&error))?;
    let copied =
        sqlx::query("VACUUM INTO ?").bind(partial.to_string_lossy().into_owned()).execute(&mut source).await;
    copied.map_err(|error| failed(&error))?;
    source.close().await.map_err(|error| failed(&error))?;
    let mut copy = open::plain_options(partial).connect().await.map_err(|error| failed(&error))?;
    open::migrate(partial, &mut copy).await?;
    let marked = mark(&mut copy, now, &markers).await;
    marked.map_err(|error| failed(&error))?;
    copy.close().await.map_err(|error| failed(&error))
}

/// Writes into a copy its date, and every restore that its folder knows.
async fn mark(
    copy: &mut SqliteConnection,
    now: Timestamp,
    markers: &[RestoreMarker],
) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM backups").execute(&mut *copy).await?;
    sqlx::query("INSERT INTO backups (taken) VALUES (?1)").bind(now.as_millis()).execute(&mut *copy).await?;
    restores::add(copy, markers).await
}

/// Checks whether a file is a complete backup that this program understands, and returns its date.
pub(super) async fn examine_backup(from: &Path) -> Result<Timestamp, BackupError> {
    look_at(from)?;
    open::examine(from).await.map_err(|error| {
        if let OpenError::NotOurs { path } = error {
            BackupError::Foreign(path)
        } else if let OpenError::Database { path, why, trouble } = error {
            unread(path, why, trouble)
        } else {
            error.into()
        }
    })?;
    let read = |error: sqlx::Error| unread(from.to_owned(), error.to_string(), open::trouble(&error));
    let mut copy: SqliteConnection = open::reader_options(from).connect().await.map_err(read)?;
    let sound: String =
        sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut copy).await.map_err(read)?;
    if sound != "ok" {
        return Err(BackupError::Damaged { path: from.to_owned(), why: sound });
    }
    let taken: Result<Option<i64>, _> =
        sqlx::query_scalar("SELECT max(taken) FROM backups").fetch_one(&mut copy).await;
    copy.close().await.map_err(read)?;
    let taken = taken.ok().flatten().ok_or_else(|| BackupError::NotABackup(from.to_owned()))?;
    Ok(Timestamp::from_millis(taken))
}

/// Before SQLite opens it, rejects a file that may not be read or does not begin like a database.
fn look_at(from: &Path) -> Result<(), BackupError> {
    let unreadable = |error: io::Error| {
        if error.kind() == io::ErrorKind::NotFound {
            BackupError::NoBackup(from.to_owned())
        } else {
            BackupError::Unreadable { path: from.to_owned(), why: error.to_string() }
        }
    };
    if !fs::metadata(from).map_err(unreadable)?.is_file() {
        return Err(BackupError::NotAFile(from.to_owned()));
    }
    let mut head = Vec::new();
    let begun = File::open(from).and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut head));
    begun.map_err(unreadable)?;
    if head == MAGIC { Ok(()) } else { Err(BackupError::NoDatabase(from.to_owned())) }
}

/// The error for a backup that could not be read to its end: damaged only if SQLite says so.
fn unread(path: PathBuf, why: String, trouble: Option<OpenTrouble>) -> BackupError {
    match trouble {
        Some(OpenTrouble::Damaged | OpenTrouble::NotADatabase) => BackupError::Damaged { path, why },
        Some(OpenTrouble::Access | OpenTrouble::Full) | None => BackupError::Unreadable { path, why },
    }
}
