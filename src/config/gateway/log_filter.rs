//! The filter of log events.
//!
//! Invariant: the gateway's own ERROR events are always written, so that no filter silences it.

use std::fmt;
use std::str::FromStr;

use tracing_subscriber::filter::{LevelFilter, Targets};

use crate::config::diagnostic::quoted;
use crate::config::document::nearest;

/// The crate of the gateway's own events.
const OWN: &str = "merchant_gateway";

/// The libraries that write log lines.
const LIBRARIES: [&str; 22] = [
    "actix",
    "actix_http",
    "actix_router",
    "actix_rt",
    "actix_server",
    "actix_web",
    "hyper",
    "hyper_rustls",
    "hyper_util",
    "log",
    "mio",
    "reqwest",
    "rustls",
    "rustls_platform_verifier",
    "sqlx",
    "sqlx_core",
    "sqlx_sqlite",
    "tokio",
    "tokio_util",
    "tower",
    "tower_http",
    "want",
];

/// The levels by name, the quietest first.
const LEVELS: [(&str, LevelFilter); 6] = [
    ("off", LevelFilter::OFF),
    ("error", LevelFilter::ERROR),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
    ("trace", LevelFilter::TRACE),
];

/// A level for all events, and levels for parts of the program, such as `warn,merchant_gateway=info`.
#[derive(Clone, Debug, PartialEq)]
pub struct LogFilter(Targets);

impl LogFilter {
    /// The filter in the form of the library that applies it.
    #[must_use]
    pub fn targets(&self) -> Targets {
        self.0.clone()
    }
}

impl Default for LogFilter {
    /// The gateway's events from INFO up, and warnings of libraries.
    fn default() -> Self {
        Self(Targets::new().with_default(LevelFilter::WARN).with_target(OWN, LevelFilter::INFO))
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text that is not a filter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}; {remedy}")]
pub struct LogFilterError {
    /// The problem, as the rest of a sentence whose subject is the filter.
    pub problem: String,
    pub remedy: String,
}

impl FromStr for LogFilter {
    type Err = LogFilterError;

    fn from_str(text: &str) -> Result<Self, LogFilterError> {
        let (mut general, mut own) = (None, None);
        let mut parts = Vec::new();
        for directive in text.split(',').map(str::trim).filter(|directive| !directive.is_empty()) {
            match directive.split_once('=') {
                None => general = Some(level(directive)?),
                Some((name, said)) => {
                    let (name, level) = (part(name.trim())?, level(said.trim())?);
                    // The gateway's errors are written even if its other events are not.
                    let is_own = name == OWN || name.starts_with("merchant_gateway::");
                    let level = if is_own { level.max(LevelFilter::ERROR) } else { level };
                    if name == OWN {
                        own = Some(level);
                    }
                    parts.push((name.to_owned(), level));
                }
            }
        }
        if general.is_none() && parts.is_empty() {
            return Err(LogFilterError { problem: "is empty".to_owned(), remedy: write_a_level() });
        }
        let general = general.unwrap_or(LevelFilter::OFF);
        if own.is_none() && general == LevelFilter::OFF {
            parts.push((OWN.to_owned(), LevelFilter::ERROR));
        }
        Ok(Self(Targets::new().with_default(general).with_targets(parts)))
    }
}

fn level(text: &str) -> Result<LevelFilter, LogFilterError> {
    let found = LEVELS.iter().find(|(name, _)| text.eq_ignore_ascii_case(name));
    found.map(|(_, level)| *level).ok_or_else(|| {
        let meant = nearest(text, LEVELS.iter().map(|(name, _)| *name));
        let remedy = match meant {
            Some(meant) => format!("did you mean {}?", quoted(meant)),
            None if part(text).is_ok() => {
                format!("write a level behind it, such as {}", quoted(&format!("{text}=info")))
            }
            None => write_a_level(),
        };
        LogFilterError { problem: format!("holds {}, which is no level", quoted(text)), remedy }
    })
}

fn write_a_level() -> String {
    let names = LEVELS.map(|(name, _)| name).join(", ");
    format!("write a level ({names}), such as \"warn\", or \"warn,merchant_gateway=debug\"")
}

/// A part of the program that may write log lines: a crate's name, or a path that begins with one.
fn part(text: &str) -> Result<&str, LogFilterError> {
    let known = || LIBRARIES.into_iter().chain([OWN]);
    let name = text.split_once("::").map_or(text, |(name, _)| name);
    if known().any(|known| known == name) {
        return Ok(text);
    }
    let remedy = match nearest(&name.replace('-', "_"), known()) {
        Some(meant) => format!("did you mean {}?", quoted(meant)),
        None => format!("use {OWN}, or a library: {}", LIBRARIES.join(", ")),
    };
    Err(LogFilterError { problem: format!("names {}, which writes no log lines", quoted(text)), remedy })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_library_is_one_that_is_compiled_in() {
        let lock = include_str!("../../../Cargo.lock");
        for library in LIBRARIES {
            let name = library.replace('_', "-");
            assert!(lock.contains(&format!("name = \"{name}\"\n")), "{library}");
        }
    }
}
