//! `/livez` and `/readyz`: for the machinery that starts, watches and drains the process. They need no token, and
//! tell nothing of any merchant but that it is left out.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::{HttpResponse, web};

use crate::domain::time::Timestamp;
use crate::runtime::Io;
use crate::store::Store;

/// How long the store may take to answer a probe.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the probes look at.
#[derive(Clone)]
pub struct Probes {
    store: Arc<dyn Store>,
    io: Io,
    stopping: Arc<AtomicBool>,
    left_out: Arc<LeftOut>,
}

/// The merchants that should be served and cannot be.
#[derive(Debug, Default)]
pub struct LeftOut {
    /// Their ids, or the names of their files where those are none.
    pub merchants: Vec<String>,
    /// Whether the gateway is not ready without them.
    pub required: bool,
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "left out: {}; `merchant-gateway check` says why", self.merchants.join(", "))
    }
}

impl Probes {
    /// Probes of a gateway that serves.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, io: Io, left_out: LeftOut) -> Self {
        Self { store, io, stopping: Arc::new(AtomicBool::new(false)), left_out: Arc::new(left_out) }
    }

    /// From now on the gateway is alive and not ready: it takes no new work.
    pub fn stopping(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    async fn why_not_ready(&self) -> Option<&'static str> {
        if self.stopping.load(Ordering::Acquire) {
            return Some("stopping");
        }
        let store = Arc::clone(&self.store);
        let reading =
            self.io.run(async move { store.due(Timestamp::from_seconds(0), None, 1).await.is_ok() });
        match tokio::time::timeout(PATIENCE, reading).await {
            Ok(Ok(true)) => None,
            Ok(Ok(false) | Err(_)) => Some("the store cannot be read"),
            Err(_) => Some("the store does not answer in time"),
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

/// Whether it can take work: send it none while it cannot.
async fn readyz(probes: web::Data<Probes>) -> HttpResponse {
    let left_out = (!probes.left_out.merchants.is_empty()).then(|| probes.left_out.to_string());
    let why = probes.why_not_ready().await.map(str::to_owned);
    let why = why.or_else(|| left_out.clone().filter(|_| probes.left_out.required));
    match (why, left_out) {
        (Some(why), _) => {
            HttpResponse::ServiceUnavailable().content_type("text/plain").body(format!("not ready: {why}\n"))
        }
        (None, Some(left_out)) => {
            HttpResponse::Ok().content_type("text/plain").body(format!("ready\n{left_out}\n"))
        }
        (None, None) => HttpResponse::Ok().content_type("text/plain").body("ready\n"),
    }
}
