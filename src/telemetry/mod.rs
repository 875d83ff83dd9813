//! What the process tells about itself: structured logs on standard error.
//!
//! Rules: an event's name is its message, in `snake_case`; a failure is logged once, where it is handled; a field's
//! unit is in its name; bodies, tokens, keys and queries are never fields.

use std::io;

use tracing_subscriber::EnvFilter;

/// How log lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Why logging could not begin.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter does not parse.
    #[error("log.filter: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Something else logs already.
    #[error("logging has already begun: {0}")]
    Begun(String),
}

/// Begins to log on standard error. `filter` is in `tracing`'s `EnvFilter` form, such as `info,sqlx=warn`.
pub fn begin(format: LogFormat, filter: &str) -> Result<(), TelemetryError> {
    let subscriber = tracing_subscriber::fmt()
        .with_writer(io::stderr)
        .with_env_filter(EnvFilter::try_new(filter)?)
        .with_ansi(io::IsTerminal::is_terminal(&io::stderr()));
    let begun = match format {
        LogFormat::Text => subscriber.try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
    };
    begun.map_err(|error| TelemetryError::Begun(error.to_string()))
}
