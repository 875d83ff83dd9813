//! The admin listener: what those who run the gateway reach. Nothing of it answers on the public listener.

mod probes;

use std::net::TcpListener;
use std::time::Duration;

use actix_web::dev::Server;
use actix_web::{App, HttpServer, web};

pub use probes::Probes;

/// How long a client may take to send its request's head.
const HEAD_DEADLINE: Duration = Duration::from_secs(5);

/// Serves on a bound listener until it is stopped.
pub fn serve(listener: TcpListener, probes: Probes) -> std::io::Result<Server> {
    let probes = web::Data::new(probes);
    let server = HttpServer::new(move || App::new().app_data(probes.clone()).configure(probes::routes))
        .workers(1)
        .client_request_timeout(HEAD_DEADLINE)
        .shutdown_timeout(1)
        .disable_signals()
        .listen(listener)?;
    Ok(server.run())
}
