//! `/livez` and `/readyz`: for the machinery that starts, watches and drains the process. They need no token and tell
//! nothing of any merchant.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::{HttpResponse, web};

use crate::domain::checkout::due::Priority;
use crate::domain::time::Timestamp;
use crate::runtime::{DiskSpace, Io};
use crate::store::Store;

/// How long the store may take to answer a probe, which may have to write something.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the probes look at.
#[derive(Clone)]
pub struct Probes {
    store: Arc<dyn Store>,
    io: Io,
    disk: Arc<DiskSpace>,
    stopping: Arc<AtomicBool>,
}

impl Probes {
    /// Probes of a gateway that serves.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, io: Io, disk: Arc<DiskSpace>) -> Self {
        Self { store, io, disk, stopping: Arc::new(AtomicBool::new(false)) }
    }

    /// From now on the gateway is alive and not ready: it takes no new work.
    pub fn stopping(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    async fn why_not_ready(&self) -> Option<String> {
        if self.stopping.load(Ordering::Acquire) {
            return Some("stopping".to_owned());
        }
        let store = Arc::clone(&self.store);
        let trying = self.io.run(async move {
            if let Err(error) =
                store.tenants_with_due_sessions(Timestamp::from_seconds(0), Priority::Payment).await
            {
                return Some(format!("the database cannot be read: {error}"));
            }
            let written = store.writable().await;
            written.err().map(|error| format!("the database cannot be written: {error}"))
        });
        match tokio::time::timeout(PATIENCE, trying).await {
            Ok(Ok(why)) => why,
            Ok(Err(lost)) => Some(format!("the database was not asked: {lost}")),
            Err(_) => Some("the database does not answer in time".to_owned()),
        }
    }
}

pub(super) fn routes(config: &mut web::ServiceConfig) {
    config.route("/livez", web::get().to(livez)).route("/readyz", web::get().to(readyz));
}

/// Whether the process answers at all: restart it when it does not.
async fn livez() -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain").body("alive\n")
}

/// Whether it can take work, which it has tried: send it none while it cannot.
async fn readyz(probes: web::Data<Probes>) -> HttpResponse {
    match probes.why_not_ready().await {
        None if probes.disk.is_low() => {
            let body = "ready\nlittle disk space is left: no new checkout begins, all others go on\n";
            HttpResponse::Ok().content_type("text/plain").body(body)
        }
        None => HttpResponse::Ok().content_type("text/plain").body("ready\n"),
        Some(why) => {
            HttpResponse::ServiceUnavailable().content_type("text/plain").body(format!("not ready: {why}\n"))
        }
    }
}
