//! `/livez` and `/readyz`: for the systems that start, monitor and drain the process. They need no token, and about
//! merchants they report only which are rejected or take no payments, and why.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::{HttpResponse, web};

use super::routes;
use crate::actors::Directory;
use crate::domain::checkout::model::Priority;
use crate::domain::time::Timestamp;
use crate::payments::Dependencies;
use crate::runtime::DiskSpace;
use crate::store::Store;
use crate::tenants::Folder;

/// How long the store may take to answer a probe, which may include a write.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many merchants are named for one reason; a process may serve thousands.
const MOST_NAMED: usize = 10;

/// The data that the probes check.
#[derive(Clone)]
pub struct Probes {
    store: Arc<dyn Store>,
    disk: Arc<DiskSpace>,
    directory: Arc<Directory>,
    stopping: Arc<AtomicBool>,
    folder: Arc<Folder>,
    /// Whether the gateway is not ready while a merchant is left out.
    all_required: bool,
}

impl Probes {
    /// The probes of a gateway in service.
    #[must_use]
    pub fn new(
        deps: &Dependencies,
        directory: Arc<Directory>,
        (folder, all_required): (Arc<Folder>, bool),
    ) -> Self {
        Self {
            store: Arc::clone(&deps.store),
            disk: Arc::clone(&deps.disk),
            directory,
            stopping: Arc::new(AtomicBool::new(false)),
            folder,
            all_required,
        }
    }

    /// From now on the gateway is alive and not ready: it accepts no new work.
    pub fn stopping(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    async fn why_not_ready(&self) -> Option<String> {
        if self.stopping.load(Ordering::Acquire) {
            return Some("stopping".to_owned());
        }
        let trying = async {
            let never = Timestamp::from_seconds(0);
            if let Err(error) = self.store.tenants_with_due_sessions(never, Priority::Payment).await {
                return Some(format!("the database cannot be read: {error}"));
            }
            let written = self.store.writable().await;
            written.err().map(|error| format!("the database cannot be written: {error}"))
        };
        let late = |_| Some("the database does not answer in time".to_owned());
        tokio::time::timeout(PATIENCE, trying).await.unwrap_or_else(late)
    }
}

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.service(routes::read("/livez", livez)).service(routes::read("/readyz", readyz));
}

/// The first few of many names, and how many more there are.
fn some_of(names: &[String]) -> String {
    let shown = names.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(MOST_NAMED) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Whether the process answers at all: if not, restart it.
async fn livez() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("alive\n")
}

/// Whether it can accept work, which it checks with a trial: if not, send it none.
async fn readyz(probes: web::Data<Probes>) -> HttpResponse {
    let mut notes = Vec::new();
    if probes.disk.is_low() {
        notes.push("little disk space is left: no new checkout begins, all others go on".to_owned());
    }
    let off = probes.directory.payments_off();
    if !off.is_empty() {
        let named: Vec<String> = off.iter().map(|(merchant, why)| format!("{merchant} ({why})")).collect();
        notes.push(format!("take no payments: {}", some_of(&named)));
    }
    let status = probes.folder.status();
    let wrong = |what: &str, merchants: &[String]| {
        (!merchants.is_empty())
            .then(|| format!("{what}: {}; `merchant-gateway check` says why", some_of(merchants)))
    };
    notes.extend(wrong("keep their last good configuration", &status.outdated()));
    let left_out = wrong("left out", &status.left_out());
    // The reason comes first, before the notes.
    let why = match probes.why_not_ready().await {
        None if probes.all_required => left_out,
        why => {
            notes.extend(left_out);
            why
        }
    };
    let (mut answer, first) = match why {
        Some(why) => (HttpResponse::ServiceUnavailable(), format!("not ready: {why}")),
        None => (HttpResponse::Ok(), "ready".to_owned()),
    };
    let lines: Vec<String> = std::iter::once(first).chain(notes).collect();
    answer.content_type("text/plain").body(lines.join("\n") + "\n")
}
