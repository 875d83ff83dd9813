//! `merchant-gateway reload`: makes the gateway that runs with this configuration read the merchants' files now.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::Value;

use super::healthcheck::admin_address;
use super::{Configured, print};
use crate::config::admin_token::AdminToken;
use crate::ports::SystemEnvironment;

/// How long the reading may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Make the running gateway with this configuration read the merchants' files and secrets now; exit code 0 if it finds no
/// problem.
#[derive(Debug, Args)]
pub(super) struct Reload {
    #[command(flatten)]
    configured: Configured,
}

impl Reload {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.configured.load(&SystemEnvironment)?;
        let token = config.admin.token.as_ref().context(
            "admin.token is not set, so the gateway takes no requests; set it, or send the process SIGHUP",
        )?;
        let token = AdminToken::load(token, &SystemEnvironment)?;
        let url = format!("http://{}/admin/v1/reload", admin_address(&config)?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let answer = runtime.block_on(ask(&url, &token)).with_context(|| {
            format!("no gateway answers at {url}; is it running with this configuration?")
        })?;
        let Some(problems) = answer["problems"].as_array() else {
            bail!("{}", answer["detail"].as_str().unwrap_or("the answer is not one of this gateway"));
        };
        for problem in problems {
            print(&told(problem))?;
        }
        print(&format!("merchants served: {}; problems: {}", answer["served"], problems.len()))?;
        Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// A problem as `check` writes it.
fn told(problem: &Value) -> String {
    let text = |key: &str| problem[key].as_str().unwrap_or_default();
    let served = if problem["served"] == true { " (served with its last good configuration)" } else { "" };
    let key = if text("key").is_empty() { String::new() } else { format!(" {}:", text("key")) };
    format!(
        "{}:{}:{}:{key} {}; {}{served}",
        text("file"),
        problem["line"],
        problem["column"],
        text("problem"),
        text("remedy")
    )
}

#[expect(clippy::disallowed_methods, reason = "it asks the gateway itself, not Stripe")]
async fn ask(url: &str, token: &AdminToken) -> anyhow::Result<Value> {
    let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
    let answer = http.post(url).bearer_auth(token.expose()).send().await?;
    Ok(serde_json::from_slice(&answer.bytes().await?)?)
}
