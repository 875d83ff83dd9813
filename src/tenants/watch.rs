//! Notices changes of the folder of merchants and of its secrets, and reloads it.
//!
//! The system's notifications make a change take effect at once; a poll behind them finds what they miss, as on network
//! file systems.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::folder::Folder;
use crate::config::parallel::in_parallel;
use crate::stripe::in_words;
use crate::telemetry::millis;

/// How long nothing may change before the folder is read: a file that is being written is not read half.
const QUIET: Duration = Duration::from_millis(300);

/// How long a folder that never becomes quiet is not read.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often the folder is compared with what was read.
const POLL: Duration = Duration::from_secs(10);

/// The places whose changes reload the folder.
#[derive(Clone, Debug)]
pub struct Places {
    /// The folder of merchants.
    pub tenants: PathBuf,
    /// The folder of their secrets.
    pub secrets: PathBuf,
}

/// Notices changes from its beginning on, which is before the folder is first read: none is missed.
pub struct FolderWatch {
    places: Places,
    changed: Arc<Notify>,
    watched: Watched,
    /// The stamps of what was read; empty if it must be read again.
    read: Vec<Stamp>,
}

impl FolderWatch {
    /// Begins to notice changes.
    pub async fn begin(places: Places) -> Self {
        let changed = Arc::new(Notify::new());
        // Beside each other: with thousands of merchants either takes a second.
        let (watching, notify) = (places.clone(), Arc::clone(&changed));
        let watched = tokio::task::spawn_blocking(move || Watched::begin(&watching, &notify));
        let read = stamps(places.clone()).await;
        let watched = watched.await.unwrap_or(Watched { _watcher: None, secrets: false });
        Self { places, changed, watched, read }
    }
}

/// Reloads the folder whenever it changes, or is asked to, until a stop.
pub async fn watch_folder(
    folder: Arc<Folder>,
    (watch, asked): (FolderWatch, Arc<Notify>),
    mut stopped: watch::Receiver<bool>,
) {
    let FolderWatch { places, changed, mut watched, mut read } = watch;
    loop {
        tokio::select! {
            _ = stopped.changed() => return,
            () = asked.notified() => {}
            () = changed.notified() => rest(&changed).await,
            () = tokio::time::sleep(POLL) => {
                if stamps(places.clone()).await == read {
                    continue;
                }
            }
        }
        // Taken first: what changes during the reading is read again. Without stamps the next poll tries again.
        read = stamps(places.clone()).await;
        let began = Instant::now();
        match folder.reload().await {
            Ok(status) => {
                let (merchants, problems) = (status.merchants.len(), status.problems.len());
                let duration_ms = millis(began.elapsed());
                tracing::info!(merchants, problems, duration_ms, "tenants_reloaded");
                if !status.complete {
                    read.clear();
                }
            }
            Err(error) => {
                tracing::error!(cause = in_words(&error), "tenants_not_reloaded");
                read.clear();
            }
        }
        if !watched.secrets && places.secrets.is_dir() {
            watched = Watched::begin(&places, &changed);
        }
    }
}

/// Waits until nothing has changed for a while.
async fn rest(changed: &Notify) {
    let latest = Instant::now() + PATIENCE;
    while tokio::time::timeout(QUIET, changed.notified()).await.is_ok() && Instant::now() < latest {}
}

/// The system's notifications; where there are none, the poll has to do.
struct Watched {
    _watcher: Option<RecommendedWatcher>,
    /// Whether the folder of secrets is among them; it need not exist at first.
    secrets: bool,
}

impl Watched {
    fn begin(places: &Places, changed: &Arc<Notify>) -> Self {
        let notify = Arc::clone(changed);
        let heard = move |event: notify::Result<notify::Event>| {
            if event.is_ok_and(|event| !event.kind.is_access()) {
                notify.notify_one();
            }
        };
        let secrets = places.secrets.is_dir();
        let watching = notify::recommended_watcher(heard).and_then(|mut watcher| {
            watcher.watch(&places.tenants, RecursiveMode::NonRecursive)?;
            if secrets {
                watcher.watch(&places.secrets, RecursiveMode::Recursive)?;
            }
            Ok(watcher)
        });
        let watcher =
            watching.inspect_err(|error| tracing::warn!(cause = %error, "tenants_only_polled")).ok();
        Self { _watcher: watcher, secrets }
    }
}

/// A file's name, and what changes when it is written: its size, its time and its number.
type Stamp = (OsString, u64, Option<SystemTime>, u64);

/// The stamps of every file in these places.
async fn stamps(places: Places) -> Vec<Stamp> {
    let reading = tokio::task::spawn_blocking(move || {
        let of_tenants = entries(&places.tenants).map(|path| (path, 0));
        let found: Vec<(PathBuf, u32)> =
            of_tenants.chain(entries(&places.secrets).map(|path| (path, 1))).collect();
        let mut stamps = in_parallel(&found, |(path, depth)| stamps_of(path, *depth)).concat();
        stamps.sort();
        stamps
    });
    reading.await.unwrap_or_default()
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path())
}

/// The stamp of a file, or those of the files in a folder down to this depth.
fn stamps_of(path: &Path, depth: u32) -> Vec<Stamp> {
    use std::os::unix::fs::MetadataExt as _;
    let name = path.as_os_str().to_owned();
    match std::fs::metadata(path) {
        Ok(found) if found.is_dir() && depth > 0 => {
            entries(path).flat_map(|path| stamps_of(&path, depth - 1)).collect()
        }
        Ok(found) => vec![(name, found.len(), found.modified().ok(), found.ino())],
        Err(_) => vec![(name, 0, None, 0)],
    }
}
