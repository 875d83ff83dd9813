//! Protocol revisions and the two eras that they fall into.
//!
//! Invariant: [`Version::ALL`] is what `server/discover` lists and what an unsupported-version error names, so the
//! latter is never more than the former.

use strum::{EnumString, IntoStaticStr};

/// A protocol revision that is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, IntoStaticStr, EnumString)]
#[strum(const_into_str)]
pub enum Version {
    /// The first with Streamable HTTP; assumed if a legacy request names none.
    #[strum(serialize = "2025-03-26")]
    V2025_03_26,
    /// Structured results.
    #[strum(serialize = "2025-06-18")]
    V2025_06_18,
    /// The last that begins with `initialize`.
    #[strum(serialize = "2025-11-25")]
    V2025_11_25,
    /// Stateless: every request describes itself.
    #[strum(serialize = "2026-07-28")]
    V2026_07_28,
}

/// How a request is read and answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Era {
    /// 2025-11-25 and earlier: `initialize`, then bare requests.
    Legacy,
    /// 2026-07-28 and later: version, client and capabilities in each request's `_meta`, mirrored in headers.
    Modern,
}

impl Version {
    /// Every revision that is served, newest first. 2024-11-05 is not: Streamable HTTP did not exist then.
    pub const ALL: [Self; 4] = [Self::V2026_07_28, Self::V2025_11_25, Self::V2025_06_18, Self::V2025_03_26];

    /// The revision that `initialize` returns if the client names an unknown one; never a modern one.
    pub const NEWEST_LEGACY: Self = Self::V2025_11_25;

    /// The revision of a legacy request without `MCP-Protocol-Version` (2025-06-18 and later: "SHOULD assume").
    pub const UNNAMED: Self = Self::V2025_03_26;

    /// The revision of this name, if it is served.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        name.parse().ok()
    }

    /// The era of the revision.
    #[must_use]
    pub const fn era(self) -> Era {
        match self {
            Self::V2025_03_26 | Self::V2025_06_18 | Self::V2025_11_25 => Era::Legacy,
            Self::V2026_07_28 => Era::Modern,
        }
    }

    /// The names of all revisions, newest first.
    #[must_use]
    pub fn names() -> [&'static str; 4] {
        Self::ALL.map(|version| version.into_str())
    }
}

/// Whether a version's name, known or not, belongs to 2026-07-28 or later. Revisions are dates, so they sort as text.
#[must_use]
pub fn names_modern(name: &str) -> bool {
    let date = name.len() == 10
        && name.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    date && name >= Version::V2026_07_28.into_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_date_is_modern_and_anything_else_is_not() {
        for modern in ["2026-07-28", "2026-12-01", "9999-01-01"] {
            assert!(names_modern(modern), "{modern}");
        }
        for other in ["2025-11-25", "2024-11-05", "", "next", "2026-07-27", "2026-7-28", "20260728aa"] {
            assert!(!names_modern(other), "{other}");
        }
    }
}
