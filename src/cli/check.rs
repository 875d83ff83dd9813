//! `merchant-gateway check [PATH…]`: all problems and warnings of tenant files, in one run.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{Configured, print};
use crate::config::check::check;
use crate::ports::SystemEnvironment;

/// Check tenant files and list every problem.
#[derive(Debug, Args)]
pub(super) struct Check {
    /// Files, or folders of files; without any, the configured tenants folder.
    paths: Vec<PathBuf>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
    /// Fail on warnings too.
    #[arg(long)]
    strict: bool,
    #[command(flatten)]
    configured: Configured,
}

impl Check {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let environment = SystemEnvironment;
        let config = self.configured.load(&environment)?;
        let report = check(&self.paths, &config, &environment);
        if self.json {
            print(&serde_json::to_string_pretty(&report)?)?;
        } else {
            print(&report.to_string())?;
        }
        let well = report.ok && (report.warnings.is_empty() || !self.strict);
        Ok(if well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
