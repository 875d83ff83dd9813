//! The form of postal codes, by a country's pattern.
//!
//! Only letters and digits are compared: people leave out the separators, use other ones, or put the country's
//! letters before the code.

use std::sync::OnceLock;

use regex_lite::Regex;
use serde::Deserialize;

use super::address::CountryCode;

/// The form of a country's postal codes, without separators.
pub(super) struct PostalForm(Regex);

impl PostalForm {
    /// Made from a pattern of the table; `None` if the pattern is not valid.
    pub(super) fn of(pattern: &str) -> Option<Self> {
        Regex::new(&format!("^(?:{})$", without_blanks(pattern))).ok().map(Self)
    }

    /// The letters and digits of a postal code, in the country's form.
    pub(super) fn read(&self, country: CountryCode, code: &str) -> Option<String> {
        let (code, letters) = (bare(code), country.as_str());
        let after = |letters: &str| code.strip_prefix(letters).filter(|rest| begins_with_digit(rest));
        let without = letters.get(..1).and_then(after).or_else(|| after(letters)).map(str::to_owned);
        let with = format!("{letters}{code}");
        [Some(code.clone()), without, Some(with)].into_iter().flatten().find(|code| self.0.is_match(code))
    }
}

/// The letters and digits of a text.
pub(super) fn bare(text: &str) -> String {
    text.chars().filter(|char| char.is_alphanumeric()).collect()
}

/// How the postal codes of a region or territory begin. It is compiled once, when the first address is compared with
/// it.
#[derive(Deserialize)]
#[serde(from = "String")]
pub(super) struct Beginning {
    pattern: String,
    form: OnceLock<Option<Regex>>,
}

impl From<String> for Beginning {
    fn from(pattern: String) -> Self {
        Self { pattern, form: OnceLock::new() }
    }
}

impl Beginning {
    /// Whether the letters and digits of a postal code begin like this.
    pub(super) fn fits(&self, code: &str) -> bool {
        self.form().is_some_and(|form| form.is_match(code))
    }

    /// How narrow it is: a full code is shorter than a pattern for many.
    pub(super) const fn width(&self) -> usize {
        self.pattern.len()
    }

    fn form(&self) -> Option<&Regex> {
        self.form.get_or_init(|| Regex::new(&format!("^(?:{})", self.pattern)).ok()).as_ref()
    }
}

fn begins_with_digit(text: &str) -> bool {
    text.starts_with(|char: char| char.is_ascii_digit())
}

/// A pattern without the blanks and hyphens between the parts.
fn without_blanks(pattern: &str) -> String {
    let parts = pattern.replace("[ \\-]", "").replace(" ?", "").replace("-?", "");
    let mut in_class = false;
    let stays = |char: &char| {
        in_class = *char == '[' || (in_class && *char != ']');
        in_class || !matches!(char, ' ' | '-')
    };
    parts.chars().filter(stays).collect()
}

#[cfg(test)]
mod tests {
    use crate::domain::places::{Written, place};

    #[test]
    fn a_postal_code_is_known_however_its_parts_are_written() {
        for (country, region, postal_code) in [
            ("IN", "Delhi", "110 034"),
            ("PL", "", "00950"),
            ("PT", "", "2725079"),
            ("LV", "", "1073"),
            ("LV", "", "LV1073"),
            ("LT", "", "LT-04340"),
            ("MD", "", "MD-2001"),
            ("LU", "", "L-1009"),
            ("DE", "", "D-80331"),
            ("AT", "", "A-1010"),
            ("SE", "", "SE-114 55"),
            ("BB", "", "11000"),
            ("US", "CA", "900011234"),
            ("US", "CA", "90001\u{2013}1234"),
            ("US", "CA", "US 90001"),
            ("CA", "QC", "H3Z-2Y7"),
            ("JP", "Tokyo", "\u{3012}100-0001"),
            ("GB", "", "EC1Y  8SY"),
        ] {
            assert!(
                place(Written { country, region, city: "City", postal_code }).is_ok(),
                "{country} {postal_code}"
            );
        }
        for (country, region, postal_code) in [
            ("DE", "", "D-8033"),
            ("DE", "", "X-80331"),
            ("DE", "", "80331A"),
            ("GB", "", "GM1 1AA"),
            ("US", "CA", "US 10001"),
            ("IN", "Delhi", "110 03"),
        ] {
            assert!(
                place(Written { country, region, city: "City", postal_code }).is_err(),
                "{country} {postal_code}"
            );
        }
    }
}
