//! The four layers of the gateway's configuration, merged by the `config` crate, with the place of each value.

use std::collections::BTreeMap;
use std::path::Path;

use ::config::{Config, File, FileFormat, Value};
use serde::de::DeserializeOwned;

use super::{DEFAULT, PREFIX, Read, keys};
use crate::config::diagnostic::{Diagnostic, Place};
use crate::config::document::Source;
use crate::config::tenants_dir::read_text;
use crate::ports::Environment;

const MOST_BYTES: u64 = 1024 * 1024;

/// The merged values, their places, and their problems.
pub(super) struct Layers {
    merged: Config,
    places: BTreeMap<String, Place>,
    problems: Vec<Diagnostic>,
}

impl Layers {
    /// Merges the layers. An invalid value in one of them is reported, and the rest of it is still checked.
    pub(super) fn merge(
        file: Option<&Path>,
        environment: &dyn Environment,
        overrides: &[(String, String)],
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut problems = Vec::new();
        let mut places = BTreeMap::new();
        let mut builder = Config::builder().add_source(File::from_str(DEFAULT, FileFormat::Toml));
        if let Some(path) = file {
            match read_text(path, MOST_BYTES) {
                Ok(text) => {
                    let (is_toml, found) = check_file(path, &text, &mut places);
                    problems.extend(found);
                    if is_toml {
                        builder = builder.add_source(File::from_str(&text, FileFormat::Toml));
                    }
                }
                Err(problem) => problems.push(problem),
            }
        }
        let mut values: Vec<(String, Value)> = Vec::new();
        problems.extend(near_misses(environment));
        let mut set = |key: String, text: &str, place: Place| match keys::read_text(&key, text, &place) {
            Ok(value) => {
                places.insert(key.clone(), place);
                values.push((key, value));
            }
            Err(problem) => problems.push(problem),
        };
        for (name, text) in environment.vars_with_prefix(PREFIX) {
            let key = name.strip_prefix(PREFIX).unwrap_or(&name).to_ascii_lowercase().replace("__", ".");
            set(key, &text, Place { key: name, ..Place::whole("environment") });
        }
        for (key, text) in overrides {
            set(key.clone(), text, Place { key: key.clone(), ..Place::whole("command line") });
        }
        for (key, value) in values {
            builder = builder.set_override(key, value).map_err(|error| unmergeable(&error))?;
        }
        match builder.build() {
            Ok(merged) => Ok(Self { merged, places, problems }),
            Err(_) if !problems.is_empty() => Err(problems),
            Err(error) => Err(unmergeable(&error)),
        }
    }

    /// The value of a key that every configuration has.
    pub(super) fn read<T: DeserializeOwned, R>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(T) -> Read<R>,
    ) -> Option<R> {
        if self.has_problem(key) {
            return None;
        }
        match self.merged.get::<T>(key) {
            Ok(value) => self.accept(key, read(value)),
            Err(_) => self
                .accept(key, Err(("cannot be read".to_owned(), "see the default for its form".to_owned()))),
        }
    }

    /// The value of a key that may be unset; an empty text counts as unset.
    pub(super) fn read_optional<R>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(String) -> Read<R>,
    ) -> Option<R> {
        if self.has_problem(key) {
            return None;
        }
        match self.merged.get::<String>(key) {
            Ok(text) if !text.is_empty() => self.accept(key, read(text)),
            Ok(_) | Err(_) => None,
        }
    }

    /// Whether a file, a variable or the command line sets this key.
    pub(super) fn is_set(&self, key: &str) -> bool {
        self.places.contains_key(key)
    }

    /// All problems, those of the file in the order of the file.
    pub(super) fn into_problems(mut self) -> Vec<Diagnostic> {
        self.problems.sort_by_key(|problem| (problem.line, problem.column));
        self.problems
    }

    /// Whether a problem was already reported for a key: for itself, a part of it, or its whole section.
    fn has_problem(&self, key: &str) -> bool {
        let section = key.split_once('.').map_or(key, |(section, _)| section);
        self.problems.iter().any(|problem| {
            let reported = problem.key.as_str();
            reported == key
                || reported == section
                || reported.strip_prefix(key).is_some_and(|part| part.starts_with('['))
        })
    }

    fn accept<R>(&mut self, key: &'static str, read: Read<R>) -> Option<R> {
        match read {
            Ok(value) => Some(value),
            Err((problem, remedy)) => {
                let default = || Place { key: key.to_owned(), ..Place::whole("the default configuration") };
                let place = self.places.get(key).cloned().unwrap_or_else(default);
                self.problems.push(place.problem(problem, remedy));
                None
            }
        }
    }
}

/// Variables that look like a setting and set nothing.
fn near_misses(environment: &dyn Environment) -> impl Iterator<Item = Diagnostic> {
    let others = environment.vars_with_prefix("").into_iter().filter(|(name, _)| !name.starts_with(PREFIX));
    others.filter_map(|(name, _)| {
        let remedy = format!("write {}, or unset it", keys::near_variable(&name)?);
        Some(Place { key: name, ..Place::whole("environment") }.problem("is not read", remedy))
    })
}

/// Whether a file's text is TOML at all, and its problems.
fn check_file(path: &Path, text: &str, places: &mut BTreeMap<String, Place>) -> (bool, Vec<Diagnostic>) {
    let source = Source::new(path, text);
    let table = source.parse();
    if let Some(table) = &table {
        let root = source.root(table);
        keys::walk(&root, |section, key, place| {
            places.insert(format!("{section}.{key}"), place);
        });
        root.finish();
    }
    (table.is_some(), source.into_problems())
}

/// The problem of a merge that fails although each layer is valid. The error is left out: it may quote a value.
fn unmergeable(_: &::config::ConfigError) -> Vec<Diagnostic> {
    vec![
        Place::whole("configuration")
            .problem("the layers do not fit together", "compare them with the default"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_holds_exactly_the_known_keys() {
        let mut places = BTreeMap::new();
        let found = check_file(Path::new("gateway.default.toml"), DEFAULT, &mut places);
        assert_eq!(found, (true, Vec::new()));
        for (section, key, _) in &keys::KEYS {
            let documented =
                places.contains_key(&format!("{section}.{key}")) || DEFAULT.contains(&format!("# {key} ="));
            assert!(documented, "{section}.{key}");
        }
    }
}
