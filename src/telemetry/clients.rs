//! Client errors on a connection, at the level that they have for an operator.
//!
//! actix-http logs an ERROR for every request that is not HTTP: a scanner that tries TLS on a plain port, a broken
//! head. An operator cannot correct that, so it is logged at DEBUG, as an event of ours.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// The modules of actix-http that handle a single connection only.
const OF_ONE_CONNECTION: [&str; 2] = ["actix_http::h1::decoder", "actix_http::h1::dispatcher"];

/// Logs such events at DEBUG instead.
pub(super) struct OfClients;

impl<S: Subscriber> Layer<S> for OfClients {
    fn event_enabled(&self, event: &Event<'_>, _context: Context<'_, S>) -> bool {
        let metadata = event.metadata();
        // In this order more severe levels are smaller.
        if *metadata.level() > Level::WARN || !OF_ONE_CONNECTION.contains(&metadata.target()) {
            return true;
        }
        let mut cause = Message::default();
        event.record(&mut cause);
        tracing::debug!(cause = cause.0, "connection_broken");
        false
    }
}

/// The text of an event.
#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}
