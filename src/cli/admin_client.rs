//! Asks the admin API of the gateway that runs with this configuration.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::Configured;
use super::healthcheck::admin_address;
use crate::config::admin_token::AdminToken;
use crate::ports::SystemEnvironment;

/// How long an answer may take: a reload reads every merchant's file.
const PATIENCE: Duration = Duration::from_mins(1);

/// A client with the gateway's own token.
pub(super) struct AdminClient {
    base: String,
    token: AdminToken,
}

impl AdminClient {
    pub(super) fn of(configured: &Configured) -> anyhow::Result<Self> {
        let config = configured.load(&SystemEnvironment)?;
        let token = config.admin.token.as_ref().context(
            "admin.token is not set here; set it as the gateway has it, such as by --set admin.token=env:GATEWAY_ADMIN_TOKEN",
        )?;
        let token = AdminToken::load(token, &SystemEnvironment)?;
        Ok(Self { base: format!("http://{}/admin/v1", admin_address(&config)?), token })
    }

    pub(super) fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.ask(reqwest::Method::GET, path)
    }

    pub(super) fn post(&self, path: &str) -> anyhow::Result<Value> {
        self.ask(reqwest::Method::POST, path)
    }

    fn ask(&self, method: reqwest::Method, path: &str) -> anyhow::Result<Value> {
        let url = format!("{}/{path}", self.base);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (status, answer) = runtime.block_on(self.answer(method, &url)).with_context(|| {
            format!("no gateway answers at {url}; is it running with this configuration?")
        })?;
        if status != 200 {
            bail!("{}", answer["detail"].as_str().unwrap_or("the answer is not one of this gateway"));
        }
        Ok(answer)
    }

    #[expect(clippy::disallowed_methods, reason = "it asks the gateway itself, not Stripe")]
    async fn answer(&self, method: reqwest::Method, url: &str) -> anyhow::Result<(u16, Value)> {
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
        let answer = http.request(method, url).bearer_auth(self.token.expose()).send().await?;
        Ok((answer.status().as_u16(), serde_json::from_slice(&answer.bytes().await?)?))
    }
}
