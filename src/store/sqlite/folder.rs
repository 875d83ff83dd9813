//! The files beside the database that no backup contains: every restore (`.restores`), and how often the database was
//! opened (`.openings`), which reveals an older copy in its place.
//!
//! Invariant: each file is replaced as a whole, durably.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::store::RestoreMarker;

/// A file that cannot be read, written or moved.
#[derive(Debug)]
pub(super) struct FileError {
    pub(super) path: PathBuf,
    /// The system's text.
    pub(super) source: io::Error,
}

/// The error of this file.
pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> FileError + '_ {
    |source| FileError { path: path.to_owned(), source }
}

/// A file that only its owner may read and write.
pub(super) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Makes a rename in a file's folder survive a crash.
pub(super) fn sync_folder(file: &Path) -> Result<(), FileError> {
    let folder =
        file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
}

/// A file beside the database.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// The copy on its way to the database's place.
pub(super) fn restoring(path: &Path) -> PathBuf {
    beside(path, ".restoring")
}

/// The note of when the database was last backed up.
pub(super) fn backup_note(path: &Path) -> PathBuf {
    beside(path, ".last-backup")
}

fn restores(path: &Path) -> PathBuf {
    beside(path, ".restores")
}

fn openings_file(path: &Path) -> PathBuf {
    beside(path, ".openings")
}

/// A stored restore.
#[derive(Debug, Serialize, Deserialize)]
struct Remembered {
    #[serde(flatten)]
    marker: RestoreMarker,
    /// Whether files are still being moved for it.
    #[serde(default)]
    moving: bool,
}

fn remembered(path: &Path) -> io::Result<Vec<Remembered>> {
    match fs::read(restores(path)) {
        Ok(text) => serde_json::from_slice(&text).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn remember(path: &Path, all: &[Remembered]) -> Result<(), FileError> {
    let file = restores(path);
    let text = serde_json::to_vec(all).map_err(io::Error::other).map_err(at(&file))?;
    replace(&file, &text).map_err(at(&file))?;
    sync_folder(&file)
}

/// Every restore of a folder's database.
pub(super) fn markers(path: &Path) -> io::Result<Vec<RestoreMarker>> {
    Ok(remembered(path)?.into_iter().map(|known| known.marker).collect())
}

/// Records a restore whose files are moved from now on, in addition to the earlier ones. A restore that was
/// interrupted while files were moved continues under its id, so that the files it has already moved stay together.
pub(super) fn begin(
    path: &Path,
    marker: RestoreMarker,
    broken_off: bool,
) -> Result<RestoreMarker, FileError> {
    let mut all = remembered(path).map_err(at(&restores(path)))?;
    let former = all.iter().position(|known| known.moving && broken_off).map(|at| all.remove(at));
    let marker = RestoreMarker { id: former.map_or(marker.id, |former| former.marker.id), ..marker };
    all.push(Remembered { marker: marker.clone(), moving: true });
    remember(path, &all)?;
    Ok(marker)
}

/// Marks every file as being in its place.
pub(super) fn finish(path: &Path) -> Result<(), FileError> {
    let mut all = remembered(path).map_err(at(&restores(path)))?;
    if !all.iter().any(|known| known.moving) {
        return Ok(());
    }
    for known in &mut all {
        known.moving = false;
    }
    remember(path, &all)
}

/// How often the database was opened, as the folder has it.
pub(super) fn openings(path: &Path) -> io::Result<Option<i64>> {
    match fs::read_to_string(openings_file(path)) {
        Ok(text) => text.trim().parse().map(Some).map_err(io::Error::other),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Records how often the database was opened. The database must have the count already, so that it is never behind
/// the folder.
pub(super) fn remember_openings(path: &Path, count: i64) -> io::Result<()> {
    replace(&openings_file(path), count.to_string().as_bytes())
}

/// Removes the count of openings.
pub(super) fn forget_openings(path: &Path) -> io::Result<()> {
    match fs::remove_file(openings_file(path)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn replace(file: &Path, text: &[u8]) -> io::Result<()> {
    let partial = beside(file, ".partial");
    let mut out = private(OpenOptions::new().write(true).create(true).truncate(true)).open(&partial)?;
    let written = out.write_all(text).and_then(|()| out.sync_all()).and_then(|()| fs::rename(&partial, file));
    if written.is_err() {
        drop(fs::remove_file(&partial));
    }
    written
}
