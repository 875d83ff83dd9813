//! The logging macros of the source, read as text.

use std::fs;
use std::path::Path;

use crate::project::architecture::rust_files;

/// One logging macro.
pub struct Logged {
    /// The file it stands in.
    pub at: String,
    pub level: &'static str,
    /// All between its brackets.
    pub text: String,
}

impl Logged {
    /// The event's name: the macro's last text.
    pub fn name(&self) -> &str {
        name_of(&self.text)
    }

    /// The names of its fields.
    pub fn fields(&self) -> Vec<String> {
        fields_of(&self.text)
    }
}

/// The name in the text of a macro.
pub fn name_of(text: &str) -> &str {
    text.trim_end().trim_end_matches(',').trim_end_matches('"').rsplit('"').next().unwrap_or_default()
}

/// The names of the fields in the text of a macro.
pub fn fields_of(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for letter in text.chars() {
        match letter {
            '"' if !escaped => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' | ']' | '}' if !quoted => depth -= 1,
            _ => {}
        }
        escaped = letter == '\\' && !escaped;
        if letter == ',' && depth == 0 && !quoted {
            parts.push(String::new());
        } else {
            parts.last_mut().unwrap().push(letter);
        }
    }
    let parts = parts.iter().map(|part| part.trim());
    let fields = parts.filter(|part| !part.is_empty() && !part.starts_with('"'));
    fields
        .map(|field| field.split(" = ").next().unwrap_or_default().trim_start_matches(['%', '?']).to_owned())
        .collect()
}

/// Every logging macro of the source.
pub fn logged() -> Vec<Logged> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    for path in rust_files(&source) {
        let code = fs::read_to_string(&path).unwrap();
        for level in ["error", "warn", "info", "debug", "trace"] {
            for (at, start) in code.match_indices(&format!("tracing::{level}!(")) {
                let rest = &code[at + start.len()..];
                let (mut depth, mut quoted, mut escaped) = (1, false, false);
                let end = rest.find(|letter| {
                    match letter {
                        '"' if !escaped => quoted = !quoted,
                        '(' if !quoted => depth += 1,
                        ')' if !quoted => depth -= 1,
                        _ => {}
                    }
                    escaped = letter == '\\' && !escaped;
                    depth == 0
                });
                found.push(Logged {
                    at: path.display().to_string(),
                    level,
                    text: rest[..end.unwrap()].to_owned(),
                });
            }
        }
    }
    found
}
