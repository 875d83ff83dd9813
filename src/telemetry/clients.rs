//! What clients do wrong on a connection, at the level that it has for an operator.
//!
//! actix-http says ERROR of whatever is no HTTP: a scanner that tries TLS on a plain port, a broken head. Nobody can mend
//! that, so it is told at DEBUG, as an event of ours.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// The parts of actix-http that know one connection and nothing else.
const OF_ONE_CONNECTION: [&str; 2] = ["actix_http::h1::decoder", "actix_http::h1::dispatcher"];

/// Tells such events at DEBUG instead.
pub(super) struct OfClients;

impl<S: Subscriber> Layer<S> for OfClients {
    fn event_enabled(&self, event: &Event<'_>, _context: Context<'_, S>) -> bool {
        let told = event.metadata();
        // The graver, the less.
        if *told.level() > Level::WARN || !OF_ONE_CONNECTION.contains(&told.target()) {
            return true;
        }
        let mut cause = Message::default();
        event.record(&mut cause);
        tracing::debug!(cause = cause.0, "connection_broken");
        false
    }
}

/// What an event says.
#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}
