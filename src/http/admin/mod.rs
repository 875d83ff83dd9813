//! The admin listener, for operators. None of its addresses exists on the public listener.
//!
//! `probes` need no token. Everything below `/admin/v1/` needs the one token: its handlers take an `Operator`, which
//! cannot be made without it. Rejections are `problem` details.

mod account;
mod body;
mod deliveries;
mod flags;
mod operator;
mod orders;
mod probes;
mod problem;
mod reply;
mod routes;
mod sessions;
mod stripe_events;
mod tenants;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::middleware::{ErrorHandlers, NormalizePath};
use actix_web::{App, web};

pub use probes::Probes;

use super::listener::{self, Listening};
use crate::actors::Directory;
use crate::config::admin_token::AdminToken;
use crate::ports::Clock;
use crate::tenants::Folder;
use problem::Problem;

/// How long a client may take to send its request's head.
const HEAD_DEADLINE: Duration = Duration::from_secs(5);

/// How long an idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

/// The largest body.
const MAX_BODY: usize = 64 * 1024;

/// The state that every handler shares.
pub struct Admin {
    pub directory: Arc<Directory>,
    pub folder: Arc<Folder>,
    /// The token; without one the API is disabled.
    pub token: Option<AdminToken>,
    pub clock: Arc<dyn Clock>,
}

/// Serves on a bound listener until it is stopped.
pub fn serve(listener: TcpListener, admin: Admin, probes: Probes) -> std::io::Result<Server> {
    let (admin, probes) = (web::Data::new(admin), web::Data::new(probes));
    let listening = Listening {
        workers: 1,
        connections: listener::OF_ADMIN,
        head_deadline: HEAD_DEADLINE,
        keep_alive: KEEP_ALIVE,
        grace_seconds: 1,
    };
    listener::serve(listener, listening, move || {
        App::new()
            .app_data(admin.clone())
            .app_data(probes.clone())
            .app_data(web::PayloadConfig::new(MAX_BODY))
            .configure(probes::configure)
            .service(
                web::scope("/admin/v1")
                    .wrap(ErrorHandlers::new().default_handler(problem::render_as_problem))
                    .configure(sessions::configure)
                    .configure(flags::configure)
                    .configure(orders::configure)
                    .configure(deliveries::configure)
                    .configure(stripe_events::configure)
                    .configure(account::configure)
                    .configure(tenants::configure),
            )
            .default_service(web::to(nothing_here))
            .wrap(NormalizePath::trim())
    })
}

async fn nothing_here() -> Result<actix_web::HttpResponse, Problem> {
    Err(Problem::not_found(
        "nothing answers here; there are /livez and /readyz, and below /admin/v1: tenants, problems and reload, and, each \
         with ?tenant= and a merchant's id, orders, sessions, flags, deliveries, stripe-events and account",
    ))
}
