//! The public listener: every merchant's MCP endpoint and pages, and the endpoint for Stripe's webhooks.
//!
//! `Host` selects a merchant; on the gateway's own base hosts the prefix `/t/{tenant}` selects one instead, in test
//! mode only. One slash at the end of a path is ignored. No administration address exists here. Keys in URLs are
//! never logged.

mod body;
mod challenge;
mod checkout;
mod cors;
mod html;
mod language;
mod llms;
mod mcp;
mod mcp_line;
mod network;
mod orders;
mod tenant_request;
mod wallet_door;
mod webhooks;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::http::Method;
use actix_web::middleware::NormalizePath;
use actix_web::{App, FromRequest, Handler, HttpResponse, Resource, Responder, web};
use ipnet::IpNet;

use super::listener::{self, Listening};
use crate::actors::Directory;
use crate::ports::Clock;
use network::Proxies;

/// How long a client may take to send its request's head.
const HEAD_DEADLINE: Duration = Duration::from_secs(10);

/// How long an idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// The settings of the public listener.
#[derive(Clone, Debug)]
pub struct PublicSettings {
    /// The gateway's own host names, where `/t/{tenant}` selects a merchant.
    pub base_hosts: Vec<String>,
    /// Origins that may call besides a merchant's own.
    pub allowed_origins: Vec<String>,
    /// Proxies whose forwarding header is trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// The largest body that is read, in bytes.
    pub max_body: usize,
    /// Worker threads.
    pub workers: usize,
    /// How long open requests may continue after a stop, in seconds.
    pub grace_seconds: u64,
}

/// The state that every handler shares.
pub(crate) struct Public {
    directory: Arc<Directory>,
    settings: PublicSettings,
    proxies: Proxies,
    clock: Arc<dyn Clock>,
}

/// Serves on a bound listener until it is stopped.
pub fn serve(
    listener: TcpListener,
    directory: Arc<Directory>,
    settings: PublicSettings,
    clock: Arc<dyn Clock>,
) -> std::io::Result<Server> {
    let workers = settings.workers.max(1);
    let listening = Listening {
        workers,
        connections: listener::of_each_worker(workers),
        head_deadline: HEAD_DEADLINE,
        keep_alive: KEEP_ALIVE,
        grace_seconds: settings.grace_seconds,
    };
    let proxies = Proxies::new(settings.trusted_proxies.clone());
    let public = web::Data::new(Public { directory, settings, proxies, clock });
    listener::serve(listener, listening, move || {
        App::new()
            .app_data(public.clone())
            .service(web::scope("/t/{tenant}").configure(pages))
            .configure(pages)
            .default_service(web::to(not_found))
            .wrap(NormalizePath::trim())
    })
}

/// The addresses of a merchant, on its own host or under its prefix.
fn pages(config: &mut web::ServiceConfig) {
    config
        .service(
            web::resource("/mcp")
                .route(web::post().to(mcp::post))
                .route(web::method(Method::OPTIONS).to(mcp::preflight))
                .default_service(web::to(mcp::not_allowed)),
        )
        .configure(checkout::routes)
        .service(read("/orders/{order}", orders::page))
        .service(web::resource("/webhooks/stripe").route(web::post().to(webhooks::take)))
        .service(read("/llms.txt", llms::answer))
        .service(read("/.well-known/openai-apps-challenge", challenge::answer));
}

/// An address for reading, with HEAD as with GET.
fn read<F, A>(path: &str, handler: F) -> Resource
where
    F: Handler<A>,
    A: FromRequest + 'static,
    F::Output: Responder + 'static,
{
    web::resource(path).route(web::get().to(handler.clone())).route(web::head().to(handler))
}

/// The uniform reply for an address that does not exist, or not for this caller.
async fn not_found() -> HttpResponse {
    tenant_request::not_found()
}
