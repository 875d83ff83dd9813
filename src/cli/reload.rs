//! `merchant-gateway reload`: makes the gateway that runs with this configuration read the merchants' files now.

use std::process::ExitCode;

use clap::Args;
use serde::Deserialize as _;
use serde_json::Value;

use super::admin_client::AdminClient;
use super::{Configured, print};
use crate::config::diagnostic::Diagnostic;

/// Make the running gateway with this configuration read the merchants' files and secrets now; exit code 0 if it finds no
/// problem.
#[derive(Debug, Args)]
pub(super) struct Reload {
    #[command(flatten)]
    configured: Configured,
}

impl Reload {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let answer = AdminClient::of(&self.configured)?.post("reload")?;
        let problems = answer["problems"].as_array().map(Vec::as_slice).unwrap_or_default();
        for problem in problems {
            print(&told(problem)?)?;
        }
        print(&format!("merchants served: {}; problems: {}", answer["served"], problems.len()))?;
        Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// A problem of the admin API as `check` writes it.
pub(super) fn told(problem: &Value) -> anyhow::Result<String> {
    let served = if problem["served"] == true { " (served with its last good configuration)" } else { "" };
    Ok(format!("{}{served}", Diagnostic::deserialize(problem)?))
}
