//! Restores a backup to a database's place.
//!
//! A restored database is dangerous: sessions that were paid since the backup seem payable. So the folder records the
//! restore before the copy takes the database's place, and no merchant takes a payment before the restore is
//! reconciled. Invariants: existing data is moved, never lost; an interrupted restore leaves the database as it was,
//! or the database is refused until the restore is run again, which completes it.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::backup::{BackupError, examine_backup};
use super::folder::{self, at, beside, restoring, sync_folder};
use super::open::{self, OpenError};
use crate::domain::time::Timestamp;
use crate::store::RestoreMarker;

/// The files of a database: its log, the log's index, a rollback journal, the database itself.
const FILES: [&str; 4] = ["-wal", "-shm", "-journal", ""];

/// The result of a restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// When the backup was taken.
    pub taken: Timestamp,
    /// Where the previous database was moved, if there was one.
    pub moved_to: Option<PathBuf>,
}

/// Restores a backup to a database's place; no process may serve from it meanwhile. `id` is new and unguessable.
pub async fn restore(
    path: &Path,
    from: &Path,
    (id, now): (String, Timestamp),
) -> Result<Restored, BackupError> {
    if path.is_dir() {
        return Err(OpenError::NotAFile { path: path.to_owned() }.into());
    }
    // The lock and the files are beside the database itself, not beside a link to it.
    let path = &path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let coming = restoring(path);
    let real = |path: &Path| path.canonicalize().ok();
    if [path, &coming].into_iter().any(|place| real(place).is_some_and(|place| Some(place) == real(from))) {
        return Err(BackupError::InPlace(from.to_owned()));
    }
    let _lock = open::lock(path)?;
    let taken = examine_backup(from).await?;
    let broken_off = coming.exists();
    if !broken_off {
        // The last restore was completed, although it may not have been able to record that.
        folder::finish(path)?;
    }
    bring(from, &coming)?;
    // From here on a copy is beside the database, and neither is served from before this is done.
    let marker = folder::begin(path, RestoreMarker { id, taken, restored: now }, broken_off)?;
    let moved_to = move_aside(path, &beside(path, &format!(".before-{}", marker.id)))?;
    // The count belongs to the former database, not to the restored one.
    folder::forget_openings(path).map_err(at(path))?;
    fs::rename(&coming, path).map_err(at(path))?;
    sync_folder(path)?;
    folder::finish(path)?;
    Ok(Restored { taken, moved_to })
}

/// Puts a copy beside the database, as a whole or not at all.
fn bring(from: &Path, coming: &Path) -> Result<(), BackupError> {
    let partial = beside(coming, ".partial");
    drop(fs::remove_file(&partial));
    let brought =
        copy_whole(from, &partial).and_then(|()| Ok(fs::rename(&partial, coming).map_err(at(coming))?));
    if brought.is_err() {
        drop(fs::remove_file(&partial));
    }
    brought?;
    Ok(sync_folder(coming)?)
}

fn copy_whole(from: &Path, to: &Path) -> Result<(), BackupError> {
    let mut target =
        folder::private(OpenOptions::new().write(true).create_new(true)).open(to).map_err(at(to))?;
    let unreadable =
        |error: io::Error| BackupError::Unreadable { path: from.to_owned(), why: error.to_string() };
    let mut source = File::open(from).map_err(unreadable)?;
    io::copy(&mut source, &mut target).map_err(at(to))?;
    Ok(target.sync_all().map_err(at(to))?)
}

/// Moves every existing file of a database: a remaining log would be used for the new database. Returns where to, if
/// a file was moved now or before an interruption.
fn move_aside(path: &Path, aside: &Path) -> Result<Option<PathBuf>, BackupError> {
    for ending in FILES {
        let (old, new) = (beside(path, ending), beside(aside, ending));
        match (old.exists(), new.exists()) {
            (true, false) => fs::rename(&old, &new).map_err(at(&old))?,
            (true, true) => return Err(BackupError::Exists(new)),
            (false, _) => {}
        }
    }
    sync_folder(path)?;
    Ok(FILES.iter().any(|ending| beside(aside, ending).exists()).then(|| aside.to_owned()))
}
