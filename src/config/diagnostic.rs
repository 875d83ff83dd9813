//! Problems of a configuration, with their place and their remedy.
//!
//! Must not import anything of this crate. Invariant: no message contains a secret's value, and its quotes from a
//! file are short and cannot control a terminal.

use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A place in a configuration: a key of a file, or of the environment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file; `environment` or `command line` for values set there.
    pub file: PathBuf,
    /// The line, from 1; 0 for the whole file, or without a file.
    pub line: u32,
    /// The column in characters, from 1; 0 like the line.
    pub column: u32,
    /// The dotted key, such as `products[2].variants[0].price`; empty without a key.
    pub key: String,
}

impl Place {
    /// A file as a whole.
    #[must_use]
    pub fn whole(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into(), line: 0, column: 0, key: String::new() }
    }

    /// A problem at this place.
    #[must_use]
    pub fn problem(&self, problem: impl Into<String>, remedy: impl Into<String>) -> Diagnostic {
        Diagnostic {
            file: self.file.clone(),
            line: self.line,
            column: self.column,
            key: self.key.clone(),
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }
}

impl fmt::Display for Place {
    /// `file:line:column`, or the file alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line > 0 { write!(f, ":{}:{}", self.line, self.column) } else { Ok(()) }
    }
}

/// One problem of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// The file; `environment` or `command line` for values set there.
    pub file: PathBuf,
    /// The line, from 1; 0 for the whole file, or without a file.
    pub line: u32,
    /// The column in characters, from 1; 0 like the line.
    pub column: u32,
    /// The dotted key; empty without a key.
    pub key: String,
    /// The problem, as the rest of a sentence whose subject is the key.
    pub problem: String,
    pub remedy: String,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if self.line > 0 {
            write!(f, "{}:{}:", self.line, self.column)?;
        }
        if !self.key.is_empty() {
            write!(f, " {}:", self.key)?;
        }
        write!(f, " {}; {}", self.problem, self.remedy)
    }
}

/// Why a file or a folder is not readable, in words.
pub(super) fn why_unread(what: &str, kind: ErrorKind) -> String {
    let is = |known| kind == known;
    if is(ErrorKind::NotFound) {
        format!("there is no such {what}")
    } else if is(ErrorKind::PermissionDenied) {
        "this program may not read it".to_owned()
    } else if is(ErrorKind::NotADirectory) {
        "it, or a part of its path, is no folder".to_owned()
    } else if is(ErrorKind::IsADirectory) {
        "it is a folder".to_owned()
    } else {
        format!("the system says: {kind}")
    }
}

/// A text from a file, safe and short enough for a message.
pub(super) fn quoted(text: &str) -> String {
    const SHOWN: usize = 60;
    let mut shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    format!("\"{shown}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_as_place_key_problem_and_remedy() {
        let place = Place {
            file: "tenants/harbor-coffee.toml".into(),
            line: 12,
            column: 9,
            key: "shipping[1].price".to_owned(),
        };
        let problem = place.problem("must not be negative", "write minor units, such as 599 for 5.99 USD");
        assert_eq!(
            problem.to_string(),
            "tenants/harbor-coffee.toml:12:9: shipping[1].price: must not be negative; write minor units, such as \
             599 for 5.99 USD"
        );
        let whole = Place::whole("tenants/a.toml").problem("cannot be read", "check its permissions");
        assert_eq!(whole.to_string(), "tenants/a.toml: cannot be read; check its permissions");
    }

    #[test]
    fn why_something_cannot_be_read_is_told_in_words() {
        assert_eq!(why_unread("file", ErrorKind::NotFound), "there is no such file");
        assert_eq!(why_unread("folder", ErrorKind::PermissionDenied), "this program may not read it");
        assert_eq!(why_unread("file", ErrorKind::TimedOut), "the system says: timed out");
    }

    #[test]
    fn what_is_quoted_is_short_and_harmless() {
        assert_eq!(quoted("a\u{1b}[2J\u{202e}b"), "\"a\\u{1b}[2J\\u{202e}b\"");
        assert_eq!(quoted(&"x".repeat(100)).chars().count(), 63);
    }
}
