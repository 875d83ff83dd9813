//! A finding, and the report of all.
//!
//! Invariant: a finding that is not good has a remedy.

use std::fmt;

use serde::Serialize;

use crate::config::diagnostic::Diagnostic;
use strum::IntoStaticStr;

/// How good a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, IntoStaticStr)]
#[serde(rename_all = "UPPERCASE")]
#[strum(serialize_all = "UPPERCASE")]
pub enum Verdict {
    Pass,
    /// It does not apply, or could not be checked.
    Skip,
    /// The shop can sell, and something is not as it should be.
    Warn,
    /// The shop, or a part of it, does not work.
    Fail,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The merchant's id; `None` for the gateway.
    pub merchant: Option<String>,
    /// What was checked, in a word or two.
    pub check: &'static str,
    pub verdict: Verdict,
    /// What was found.
    pub found: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl Finding {
    fn new(check: &'static str, verdict: Verdict, found: impl Into<String>) -> Self {
        Self { merchant: None, check, verdict, found: found.into(), remedy: None }
    }

    pub(super) fn pass(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Verdict::Pass, found)
    }

    pub(super) fn skip(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Verdict::Skip, found)
    }

    pub(super) fn warn(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..Self::new(check, Verdict::Warn, found) }
    }

    pub(super) fn fail(check: &'static str, found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { remedy: Some(remedy.into()), ..Self::new(check, Verdict::Fail, found) }
    }
}

/// Everything that was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The gateway's own first, then each merchant's.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Adds a mistake in a merchant's file or secrets, because of which nothing else of it was checked.
    pub fn add_problem(&mut self, merchant: &str, problem: &Diagnostic) {
        let place = if problem.key.is_empty() { String::new() } else { format!("{}: ", problem.key) };
        let finding = Finding::fail("file", format!("{place}{}", problem.problem), problem.remedy.clone());
        self.findings.push(Finding { merchant: Some(merchant.to_owned()), ..finding });
    }

    /// Whether nothing failed.
    #[must_use]
    pub fn is_well(&self) -> bool {
        self.findings.iter().all(|finding| finding.verdict != Verdict::Fail)
    }

    /// How many findings have this verdict.
    #[must_use]
    pub fn count(&self, verdict: Verdict) -> usize {
        self.findings.iter().filter(|finding| finding.verdict == verdict).count()
    }
}

impl fmt::Display for Report {
    /// Each finding on a line, below its merchant, with its remedy on the next; a sum at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown: Option<&Option<String>> = None;
        for finding in &self.findings {
            let Finding { merchant, check, verdict, found, remedy } = finding;
            if shown != Some(merchant) {
                let gap = if shown.is_some() { "\n" } else { "" };
                writeln!(f, "{gap}{}", merchant.as_deref().unwrap_or("gateway"))?;
                shown = Some(merchant);
            }
            let verdict: &str = verdict.into();
            writeln!(f, "  {verdict}  {check:<18} {found}")?;
            if let Some(remedy) = remedy {
                writeln!(f, "        {:<18} {remedy}", "")?;
            }
        }
        let [pass, warn, fail, skip] =
            [Verdict::Pass, Verdict::Warn, Verdict::Fail, Verdict::Skip].map(|verdict| self.count(verdict));
        write!(f, "\n{pass} passed, {warn} warned, {fail} failed, {skip} skipped")
    }
}
