//! `merchant-gateway healthcheck`: whether the gateway that runs with this configuration is ready. For containers, which
//! have no other client.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;

use super::{Configured, say};
use crate::config::gateway::GatewayConfig;
use crate::ports::SystemEnvironment;

/// How long the gateway may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Check whether the running gateway with this configuration is ready; exit code 0 if it is.
#[derive(Debug, Args)]
pub(super) struct Healthcheck {
    #[command(flatten)]
    configured: Configured,
}

impl Healthcheck {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let url = format!("http://{}/readyz", admin_address(&self.configured.load(&SystemEnvironment)?)?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (status, answer) = runtime.block_on(ask(&url)).with_context(|| {
            format!("no gateway answers at {url}; is it running with this configuration?")
        })?;
        say(answer.trim_end());
        Ok(if status == 200 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// The address at which the admin listener of the gateway with this configuration is reached from the machine itself.
pub(super) fn admin_address(config: &GatewayConfig) -> anyhow::Result<SocketAddr> {
    let listen = config.admin.listen;
    ensure!(listen.port() != 0, "admin.listen takes any free port; set a fixed one, so that it can be asked");
    Ok(reachable(listen))
}

/// The address at which a listener on all addresses is reached from the machine itself.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[expect(clippy::disallowed_methods, reason = "it asks the gateway itself, not Stripe")]
async fn ask(url: &str) -> reqwest::Result<(u16, String)> {
    let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
    let answer = http.get(url).send().await?;
    Ok((answer.status().as_u16(), answer.text().await?))
}
