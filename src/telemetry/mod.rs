//! The process's own output: structured logs on standard error, by the rules of `docs/LOGGING.md`.
//!
//! Invariant: logging never waits for standard error and never fails with it ([`lines`]). Nothing else writes there
//! while a gateway serves, not even a panic.

mod clients;
mod lines;

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::{self, IsTerminal as _};
use std::panic::PanicHookInfo;
use std::time::Duration;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::gateway::LogFilter;

use clients::OfClients;
pub use lines::Logging;

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// A duration in the form of log lines.
#[must_use]
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Logging is already set up.
#[derive(Debug, thiserror::Error)]
#[error("logging has already begun: {0}")]
pub struct TelemetryError(String);

/// Begins logging to standard error. The last lines are written when the returned value is dropped.
pub fn begin(format: LogFormat, filter: &LogFilter) -> Result<Logging, TelemetryError> {
    let targets = filter.targets();
    let (writer, logging) = lines::written_elsewhere(io::stderr());
    let subscriber = tracing_subscriber::fmt()
        .with_writer(writer)
        .with_max_level(LevelFilter::TRACE)
        // Its own errors would be printed to standard error, with a panic if that fails.
        .log_internal_errors(false)
        .with_ansi(io::stderr().is_terminal());
    let begun = match format {
        LogFormat::Text => subscriber.finish().with(targets).with(OfClients).try_init(),
        LogFormat::Json => {
            subscriber.json().flatten_event(true).finish().with(targets).with(OfClients).try_init()
        }
    };
    begun.map_err(|error| TelemetryError(error.to_string()))?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(logging)
}

/// Rust's own hook writes to standard error directly, and waits for it.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
    tracing::error!(
        thread = thread.name(),
        location = panic.location().map(tracing::field::display),
        cause = panic.payload_as_str(),
        backtrace,
        "panicked"
    );
}
