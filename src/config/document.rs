//! A TOML file as a tree of values with their places, read key by key.
//!
//! Must not import `domain` or `ports`. Invariant: every problem is reported to the [`Source`], and reading
//! continues, so that one run reports every problem of a file. A key that no reader asked for is a problem too, so a
//! reader asks for all the keys it knows, whatever the values of the others.

use std::cell::RefCell;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, Place, quoted};

/// A file's text, and the problems found in it so far.
pub(super) struct Source<'d> {
    file: &'d Path,
    text: &'d str,
    /// The byte at which each line begins.
    lines: Vec<usize>,
    problems: RefCell<Vec<Diagnostic>>,
    warnings: RefCell<Vec<Diagnostic>>,
}

impl<'d> Source<'d> {
    pub(super) fn new(file: &'d Path, text: &'d str) -> Self {
        let starts = text.match_indices('\n').map(|(newline, _)| newline + 1);
        Self {
            file,
            text,
            lines: std::iter::once(0).chain(starts).collect(),
            problems: RefCell::new(Vec::new()),
            warnings: RefCell::new(Vec::new()),
        }
    }

    pub(super) fn file(&self) -> &Path {
        self.file
    }

    pub(super) fn text(&self) -> &'d str {
        self.text
    }

    /// Reads the text as TOML. A syntax error is reported, and is then the file's only problem.
    pub(super) fn parse(&self) -> Option<Spanned<DeTable<'d>>> {
        match DeTable::parse(self.text) {
            Ok(table) => Some(table),
            Err(error) => {
                let at = error.span().map_or(0, |span| span.start);
                self.report(
                    &self.place(at, String::new()),
                    format!("is not TOML: {}", error.message().trim()),
                    "correct the syntax here; nothing else was read",
                );
                None
            }
        }
    }

    /// The whole document as a section.
    pub(super) fn root<'s>(&'s self, table: &'s Spanned<DeTable<'s>>) -> Section<'s> {
        Section {
            source: self,
            table: Some(table.get_ref()),
            path: String::new(),
            at: 0,
            known: RefCell::new(Vec::new()),
        }
    }

    pub(super) fn report(&self, place: &Place, problem: impl Into<String>, remedy: impl Into<String>) {
        self.problems.borrow_mut().push(place.problem(problem, remedy));
    }

    /// Adds a warning about a value that is valid, and more often a mistake.
    pub(super) fn warn(&self, place: &Place, problem: impl Into<String>, remedy: impl Into<String>) {
        self.warnings.borrow_mut().push(place.problem(problem, remedy));
    }

    /// The warnings so far, in the order of the file.
    pub(super) fn take_warnings(&self) -> Vec<Diagnostic> {
        let mut warnings = self.warnings.take();
        warnings.sort_by_key(|warning| (warning.line, warning.column));
        warnings
    }

    /// The problems, in the order of the file.
    pub(super) fn into_problems(self) -> Vec<Diagnostic> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| (problem.line, problem.column));
        problems
    }

    fn place(&self, offset: usize, key: String) -> Place {
        let line = self.lines.partition_point(|start| *start <= offset);
        let start = self.lines.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let column = self.text.get(start..offset).unwrap_or("").chars().count() + 1;
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Place { file: self.file.to_path_buf(), line: number(line), column: number(column), key }
    }
}

/// A table, or the absence of one: then all its keys are absent too.
pub(super) struct Section<'d> {
    source: &'d Source<'d>,
    table: Option<&'d DeTable<'d>>,
    path: String,
    at: usize,
    /// Every key that was asked for: these are known, and an unknown key may be a misspelt one of them.
    known: RefCell<Vec<&'static str>>,
}

impl<'d> Section<'d> {
    /// Whether the table is present.
    pub(super) fn present(&self) -> bool {
        self.table.is_some()
    }

    /// Where the table begins.
    pub(super) fn place(&self) -> Place {
        self.source.place(self.at, self.path.clone())
    }

    /// Reports a problem of the table as a whole.
    pub(super) fn refuse(&self, problem: impl Into<String>, remedy: impl Into<String>) {
        self.source.report(&self.place(), problem, remedy);
    }

    /// The value of a key, if it is present.
    pub(super) fn field(&self, key: &'static str) -> Option<Field<'d>> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&key) {
            known.push(key);
        }
        let value = self.table?.get(key)?;
        Some(Field {
            source: self.source,
            path: self.child(key),
            at: value.span().start,
            value: value.get_ref(),
        })
    }

    /// The value of a required key. In an absent section, missing keys are not reported one by one.
    pub(super) fn required(&self, key: &'static str, remedy: &str) -> Option<Field<'d>> {
        let field = self.field(key);
        if field.is_none() && self.present() {
            self.missing(key, remedy);
        }
        field
    }

    /// Reports a problem at another place of the same file.
    pub(super) fn report(&self, place: &Place, problem: &str, remedy: &str) {
        self.source.report(place, problem, remedy);
    }

    /// Reports that a key is missing.
    pub(super) fn missing(&self, key: &str, remedy: &str) {
        let place = self.source.place(self.at, self.child(key));
        self.source.report(&place, "is missing", remedy);
    }

    /// Reports that a list is longer than allowed.
    pub(super) fn too_many(&self, key: &str, count: usize, most: usize) {
        let place = self.source.place(self.at, self.child(key));
        self.source.report(&place, format!("has {count} entries"), format!("keep at most {most}"));
    }

    /// The table under a key.
    pub(super) fn section(&self, key: &'static str) -> Section<'d> {
        match self.field(key) {
            Some(field) => field.section(),
            None => Section {
                source: self.source,
                table: None,
                path: self.child(key),
                at: self.at,
                known: RefCell::new(Vec::new()),
            },
        }
    }

    /// The tables under a key, `[[key]]`.
    pub(super) fn sections(&self, key: &'static str) -> Vec<Section<'d>> {
        let Some(field) = self.field(key) else { return Vec::new() };
        let items = field.items(&format!("begin each with [[{}]]", self.child(key)));
        items.iter().map(Field::section).filter(Section::present).collect()
    }

    /// Reports a key for a feature that is not built yet.
    pub(super) fn unsupported(&self, key: &'static str, remedy: &str) {
        if let Some(field) = self.field(key) {
            field.refuse("is not supported yet", remedy);
        }
    }

    /// Every key with its value, in the order of the file: for tables whose keys the merchant chooses.
    pub(super) fn entries(&self) -> Vec<(&'d str, Field<'d>)> {
        let mut entries: Vec<(usize, &'d str, Field<'d>)> = self
            .table
            .into_iter()
            .flat_map(|table| table.iter())
            .map(|(key, value)| {
                let name: &'d str = key.get_ref();
                let at = value.span().start;
                let path = self.child(name);
                (key.span().start, name, Field { source: self.source, path, at, value: value.get_ref() })
            })
            .collect();
        entries.sort_by_key(|(at, ..)| *at);
        entries.into_iter().map(|(_, name, field)| (name, field)).collect()
    }

    /// Reports every key that was not asked for.
    pub(super) fn finish(self) {
        let known = self.known.borrow();
        for (key, _) in self.table.into_iter().flat_map(|table| table.iter()) {
            let name: &str = key.get_ref();
            if known.contains(&name) {
                continue;
            }
            let place = self.source.place(key.span().start, self.child(name));
            let remedy = match nearest(name, known.iter().copied()) {
                Some(meant) => format!("did you mean {}?", quoted(meant)),
                None => format!("remove it; known here: {}", known.join(", ")),
            };
            self.source.report(&place, "is not a known key", remedy);
        }
    }

    fn child(&self, key: &str) -> String {
        let bare =
            !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        let key = if bare && key.len() <= 60 { key.to_owned() } else { quoted(key) };
        if self.path.is_empty() { key } else { format!("{}.{key}", self.path) }
    }
}

/// One value and its place.
pub(super) struct Field<'d> {
    source: &'d Source<'d>,
    path: String,
    at: usize,
    value: &'d DeValue<'d>,
}

impl<'d> Field<'d> {
    /// Where the value begins.
    pub(super) fn place(&self) -> Place {
        self.source.place(self.at, self.path.clone())
    }

    /// Reports a problem of this value.
    pub(super) fn refuse(&self, problem: impl Into<String>, remedy: impl Into<String>) {
        self.source.report(&self.place(), problem, remedy);
    }

    /// Adds a warning about a value that is valid, and more often a mistake.
    pub(super) fn warn(&self, problem: impl Into<String>, remedy: impl Into<String>) {
        self.source.warn(&self.place(), problem, remedy);
    }

    /// The text; `None` if the value is not one.
    pub(super) fn text(&self) -> Option<&'d str> {
        self.text_or("put it in quotes")
    }

    /// The text; with another remedy than the usual one.
    pub(super) fn text_or(&self, remedy: &str) -> Option<&'d str> {
        let text = self.value.as_str();
        if text.is_none() {
            self.wrong_type("a text", remedy);
        }
        text
    }

    /// The whole number; `None` if the value is not one that fits into 64 bits.
    pub(super) fn whole(&self) -> Option<i64> {
        self.whole_or("write a whole number, without quotes")
    }

    /// The whole number; with another remedy than the usual one.
    pub(super) fn whole_or(&self, remedy: &str) -> Option<i64> {
        let Some(number) = self.value.as_integer() else {
            self.wrong_type("a whole number", remedy);
            return None;
        };
        let fits = i64::from_str_radix(number.as_str(), number.radix()).ok();
        if fits.is_none() {
            self.refuse("is too large a number", remedy);
        }
        fits
    }

    /// The number with a decimal point, as it is written; `None` if the value is not one.
    pub(super) fn decimal(&self) -> Option<&'d str> {
        self.value.as_float().map(toml::de::DeFloat::as_str)
    }

    /// The text; `None` if the value is not one, which is not reported.
    pub(super) fn quoted(&self) -> Option<&'d str> {
        self.value.as_str()
    }

    /// The boolean; `None` if the value is not one.
    pub(super) fn switch(&self) -> Option<bool> {
        let switch = self.value.as_bool();
        if switch.is_none() {
            self.wrong_type("true or false", "write true or false, without quotes");
        }
        switch
    }

    /// Whether the value is a list.
    pub(super) fn is_list(&self) -> bool {
        self.value.is_array()
    }

    /// The items of a list; none if it is not a list, which is reported.
    pub(super) fn items(&self, remedy: &str) -> Vec<Field<'d>> {
        let Some(array) = self.value.as_array() else {
            self.wrong_type("a list", remedy);
            return Vec::new();
        };
        let item = |(index, item): (usize, &'d Spanned<DeValue<'d>>)| Field {
            source: self.source,
            path: format!("{}[{index}]", self.path),
            at: item.span().start,
            value: item.get_ref(),
        };
        array.iter().enumerate().map(item).collect()
    }

    /// The table; an absent one if it is not a table, which is reported.
    pub(super) fn section(&self) -> Section<'d> {
        let table = self.value.as_table();
        if table.is_none() {
            self.wrong_type("a table", &format!("write [{}] with keys below it", self.path));
        }
        Section {
            source: self.source,
            table,
            path: self.path.clone(),
            at: self.at,
            known: RefCell::new(Vec::new()),
        }
    }

    /// The meaning of one of these words.
    pub(super) fn choice<T: Copy>(&self, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let known: Vec<String> = words.iter().map(|(word, _)| quoted(word)).collect();
            let remedy = match nearest(text, words.iter().map(|(word, _)| *word)) {
                Some(meant) => format!("did you mean {}? Known are {}", quoted(meant), known.join(", ")),
                None => format!("write one of {}", known.join(", ")),
            };
            self.refuse(format!("does not know {}", quoted(text)), remedy);
        }
        found
    }

    fn wrong_type(&self, wanted: &str, remedy: &str) {
        let is = match self.value {
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "a whole number",
            DeValue::Float(_) => "a decimal number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.refuse(format!("must be {wanted}, but is {is}"), remedy);
    }
}

/// The known name that a wrong one was most likely meant to be: one with a few different letters, one that continues
/// after the wrong one's end, or one whose plural it is.
pub(super) fn nearest<'n>(wrong: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    const SHORTEST: usize = 3;
    let wrong = wrong.to_ascii_lowercase();
    let length = wrong.chars().count();
    let near = known.filter_map(|name| {
        let lower = name.to_ascii_lowercase();
        let other_letters = strsim::damerau_levenshtein(&wrong, &lower);
        // A plural, `taxes`, has at most two more letters.
        let is_plural = wrong.starts_with(&lower) && lower.chars().count() >= SHORTEST && other_letters <= 2;
        let is_near = lower.starts_with(&wrong) || is_plural || other_letters <= (length / 4).max(1);
        (length >= SHORTEST && is_near).then_some((other_letters, name))
    });
    near.min_by_key(|(other_letters, _)| *other_letters).map(|(_, name)| name)
}

/// The place of a dotted key in the text of a file; if it is missing, the place of its table.
pub(super) fn place_of(file: &Path, text: &str, key: &str) -> Place {
    let source = Source::new(file, text);
    let Ok(parsed) = DeTable::parse(text) else { return Place { key: key.to_owned(), ..Place::whole(file) } };
    let (mut table, mut at) = (Some(parsed.get_ref()), 0);
    for part in key.split('.') {
        let Some(value) = table.and_then(|table| table.get(part)) else { break };
        at = value.span().start;
        table = if let DeValue::Table(inner) = value.get_ref() { Some(inner) } else { None };
    }
    source.place(at, key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str, read: impl FnOnce(&Section<'_>)) -> Vec<String> {
        let source = Source::new(Path::new("a.toml"), text);
        if let Some(table) = source.parse() {
            let root = source.root(&table);
            read(&root);
            root.finish();
        }
        source.into_problems().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn an_unknown_key_is_told_with_the_nearest_known_one() {
        let found = problems("name = 'A'\ncurency = 'usd'\n", |root| {
            root.field("name");
            root.field("currency");
        });
        assert_eq!(found, ["a.toml:2:1: curency: is not a known key; did you mean \"currency\"?"]);
    }

    #[test]
    fn only_a_name_that_is_near_is_suggested() {
        let known =
            || ["store.url", "public.listen", "log.filter", "store.minimum_free_bytes", "tax"].into_iter();
        for (wrong, meant) in [
            ("foo", None),
            ("store.foo", None),
            ("st", None),
            ("stor.url", Some("store.url")),
            ("public_listen", Some("public.listen")),
            ("LOG.FLITER", Some("log.filter")),
            ("store.minimum_free", Some("store.minimum_free_bytes")),
            ("taxes", Some("tax")),
            ("taxation", None),
        ] {
            assert_eq!(nearest(wrong, known()), meant, "{wrong}");
        }
    }

    #[test]
    fn a_key_is_found_again_where_it_stands_or_where_it_is_missing() {
        let text = "name = 'A'\n\n[tax]\nprovider = 'fixed'\nshipping = false\n";
        let at = |key: &str| {
            let place = place_of(Path::new("a.toml"), text, key);
            (place.line, place.key)
        };
        assert_eq!(at("tax.shipping"), (5, "tax.shipping".to_owned()));
        assert_eq!(at("tax.rates"), (3, "tax.rates".to_owned()), "the table that lacks it");
        assert_eq!(at("webhook"), (1, "webhook".to_owned()), "the file that lacks it");
    }

    #[test]
    fn columns_count_characters_and_not_bytes() {
        let found = problems("a = { e = 'ööö', b = 1 }", |root| {
            let inner = root.section("a");
            inner.field("e");
            inner.field("b").unwrap().text();
            inner.finish();
        });
        assert_eq!(found, ["a.toml:1:22: a.b: must be a text, but is a whole number; put it in quotes"]);
    }

    #[test]
    fn a_syntax_error_stands_alone() {
        let found = problems("name = 'A'\nmode = \nhosts = 5\n", |_| {});
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("a.toml:2:8: is not TOML: "), "{found:?}");
    }

    #[test]
    fn items_are_numbered_from_zero_and_entries_keep_their_order() {
        let found = problems("[[p]]\n[[p]]\nprice = 1.5\n[t]\nz = 1\na = 2\n", |root| {
            for section in root.sections("p") {
                section.field("price").map(|price| price.whole());
                section.finish();
            }
            let names: Vec<&str> = root.section("t").entries().into_iter().map(|(name, _)| name).collect();
            assert_eq!(names, ["z", "a"]);
        });
        assert_eq!(
            found,
            [
                "a.toml:3:9: p[1].price: must be a whole number, but is a decimal number; write a whole number, \
                 without quotes"
            ]
        );
    }
}
