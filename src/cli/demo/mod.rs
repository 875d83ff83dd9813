//! `merchant-gateway demo`: a complete system on this machine: sample shops, a host to shop in, an emulated Stripe, a
//! database.
//!
//! Its folder keeps the database and the master key from one run to the next. Each merchant's key is generated at the
//! start and known to the emulator alone.

mod buy;
mod folder;
mod shopper;
mod wallet;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Args;

use super::emulator::machine_clock;
use super::gateway::{Gateway, Needs};
use super::{problems_error, say};
use crate::config::gateway::{GatewayConfig, LogFilter};
use crate::config::secrets::SecretRef;
use crate::config::tenant::TenantConfig;
use crate::config::tenants_dir::read_tenants;
use crate::domain::ids::Mode;
use crate::ports::{FixedEnvironment, Ids as _, SystemIds};
use crate::telemetry::{self, LogFormat};
use stripe_emulator::{
    AccountSeed, Emulator, EmulatorOptions, Host, HostMerchant, HostOptions, KeySeed, WebhookEndpoint,
};

/// Try it: sample shops, a host to shop in, an emulated Stripe and a database, all on this machine.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Buy something from every shop, print the receipts and stop.
    #[arg(long)]
    buy: bool,
    /// The folder of the demo's database and key; without it demo-data, with a folder in it for --tenants and for --buy.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The folder of tenant files; without it ./tenants, or the built-in samples where there is none.
    #[arg(long, value_name = "DIR")]
    tenants: Option<PathBuf>,
    /// The port on 127.0.0.1; 0 takes a free one, as does --buy.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The port of the emulated host's page on 127.0.0.1; 0 takes a free one. With --buy there is no page.
    #[arg(long, value_name = "PORT", default_value_t = 8090)]
    host_port: u16,
    /// The port of the admin API on 127.0.0.1; 0 takes a free one, as does --buy.
    #[arg(long, value_name = "PORT", default_value_t = 8081)]
    admin_port: u16,
    /// What is logged to standard error, in the form of log.filter.
    #[arg(long, default_value = "warn")]
    log: LogFilter,
}

/// How long the shops may take to become ready.
const PATIENCE: Duration = Duration::from_secs(30);

/// The names of the variables with the demo's secrets, in its generated environment.
const MASTER_KEY: &str = "DEMO_MASTER_KEY";
const ADMIN_TOKEN: &str = "DEMO_ADMIN_TOKEN";

impl Demo {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let _logging = telemetry::begin(LogFormat::Text, &self.log)?;
        let data = self.data.clone().unwrap_or_else(|| self.usual_data());
        let folder = folder::prepare(&data, self.tenants.as_deref())?;
        let listener = self.listener(self.port, "--port")?;
        let admin = self.listener(self.admin_port, "--admin-port")?;
        // Before the gateway starts: a failure later would stop it with its work begun.
        let page = self.listener(self.host_port, "--host-port")?;
        let address = listener.local_addr()?;
        let read = read_tenants(&folder.tenants, &[]);
        if !read.problems.is_empty() {
            return Err(problems_error(&read.problems));
        }
        refuse_live(&read.tenants)?;
        let accounts = read.tenants.iter().map(|tenant| account(tenant)).collect();
        let emulator = Emulator::start(EmulatorOptions { accounts, ..EmulatorOptions::new(machine_clock()) })
            .context("the emulator")?;
        let secrets: Vec<(SecretRef, String)> =
            read.tenants.iter().flat_map(|tenant| secrets(tenant)).collect();
        folder.write_secrets(&secrets)?;
        let variables = secrets.into_iter().filter_map(|(place, secret)| match place {
            SecretRef::Env(name) => Some((name, secret)),
            SecretRef::File(_) => None,
        });
        let own = [
            (MASTER_KEY.to_owned(), folder.master_key.clone()),
            (ADMIN_TOKEN.to_owned(), folder.admin_token.clone()),
        ];
        let environment = FixedEnvironment::new(variables.chain(own));
        let config = GatewayConfig::load(None, &environment, &overrides(&folder, address, &emulator))
            .map_err(|problems| problems_error(&problems))?;
        let admin_address = admin.local_addr()?;
        let environment = Arc::new(environment);
        let needs = Needs { listener, admin, environment, reloads_on_hangup: false, master_key_lost: false };
        let gateway = Gateway::start(config, needs)?;
        if !gateway.problems().is_empty() {
            let problems = problems_error(gateway.problems());
            gateway.stop()?;
            return Err(problems);
        }
        send_webhooks(&gateway, &emulator)?;
        if self.buy {
            let bought = buy::from_all(&gateway, &emulator);
            gateway.stop()?;
            bought?;
            return Ok(ExitCode::SUCCESS);
        }
        let host = host(page, &gateway, &emulator).context("the emulated host")?;
        introduce(&gateway, &emulator, &host);
        // A shop that sells nothing at present is no reason not to serve it.
        if gateway.wait_until_payable(PATIENCE)
            && let Err(error) = wallet::introduce(&gateway, &emulator)
        {
            say(&format!("\nNo checkout for an agent's wallet was made: {error:#}"));
        }
        introduce_admin(&gateway, admin_address, &folder.admin_token);
        let tenants = self.tenants.as_deref().map(|dir| format!(" --tenants {}", dir.display()));
        let tenants = tenants.unwrap_or_default();
        say(&format!("\nOne whole purchase per shop: cargo run --locked -- demo --buy{tenants}"));
        gateway.run_until_signal()?;
        Ok(ExitCode::SUCCESS)
    }

    /// A folder for each folder of tenants: one's merchants are not removed because another's are served. A purchase does
    /// not disturb a demo that is being served.
    fn usual_data(&self) -> PathBuf {
        let mut data = PathBuf::from("demo-data");
        data.extend(self.tenants.as_deref().and_then(Path::file_name));
        if self.buy {
            data.push("buy");
        }
        data
    }

    fn listener(&self, port: u16, option: &str) -> anyhow::Result<TcpListener> {
        let port = if self.buy { 0 } else { port };
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        TcpListener::bind(address).with_context(|| {
            format!("cannot listen on {address}; choose another port with {option}, or 0 for a free one")
        })
    }
}

/// The demo takes no real money: it gives every merchant an emulated account.
fn refuse_live(tenants: &[Arc<TenantConfig>]) -> anyhow::Result<()> {
    let live = tenants.iter().filter(|tenant| tenant.mode() == Mode::Live);
    let ids: Vec<&str> = live.map(|tenant| tenant.id().as_str()).collect();
    ensure!(
        ids.is_empty(),
        "the demo serves test mode only, and in live mode are: {}; name a folder without them with --tenants",
        ids.join(", ")
    );
    Ok(())
}

/// The page to shop in.
fn host(page: TcpListener, gateway: &Gateway, emulator: &Emulator) -> std::io::Result<Host> {
    let merchant = |merchant: &Arc<TenantConfig>| HostMerchant {
        id: merchant.id().to_string(),
        name: merchant.name().to_owned(),
        mcp_url: mcp_url(gateway, merchant),
    };
    let merchants = gateway.merchants().iter().map(merchant).collect();
    Host::start(HostOptions { page, merchants, random_id: Arc::new(|| SystemIds.random_id()) }, emulator)
}

fn overrides(folder: &folder::DemoFolder, address: SocketAddr, emulator: &Emulator) -> Vec<(String, String)> {
    let tenants = folder.tenants.display().to_string();
    [
        ("public.listen", address.to_string()),
        ("admin.token", format!("env:{ADMIN_TOKEN}")),
        ("public.link_base", format!("http://{address}")),
        ("tenants.dir", tenants),
        ("secrets.dir", folder.secrets.display().to_string()),
        ("store.url", format!("sqlite:{}", folder.database.display())),
        ("stripe.api_base", emulator.base_url()),
        ("secrets.master_key", format!("env:{MASTER_KEY}")),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .to_vec()
}

/// The places of a merchant's secrets at Stripe, with generated ones.
fn secrets(tenant: &TenantConfig) -> Vec<(SecretRef, String)> {
    let keys = tenant.stripe_keys().map(|place| (place.clone(), key(tenant)));
    let of_webhooks = tenant.stripe_webhooks().map(|place| (place.clone(), webhook_secret(tenant)));
    keys.chain(of_webhooks).collect()
}

/// A merchant's generated key.
fn key(tenant: &TenantConfig) -> String {
    format!("sk_test_demo_{}", tenant.id().as_str().replace('-', "_"))
}

/// The generated secret of a merchant's webhooks.
fn webhook_secret(tenant: &TenantConfig) -> String {
    format!("whsec_demo_known_on_this_machine_only_{}", tenant.id().as_str().replace('-', "_"))
}

/// Makes the emulator send its events to every merchant that accepts them, as an agency configures in Stripe's
/// dashboard.
fn send_webhooks(gateway: &Gateway, emulator: &Emulator) -> anyhow::Result<()> {
    for merchant in gateway.merchants() {
        if merchant.stripe_webhooks().next().is_some() {
            let url = format!("http://{}/t/{}/webhooks/stripe", gateway.address(), merchant.id());
            let account = account(merchant).account_id;
            emulator.add_webhook_endpoint(&WebhookEndpoint::new(
                &account,
                &url,
                &webhook_secret(merchant),
            ))?;
        }
    }
    Ok(())
}

/// A merchant's account at the emulator; the same at every start, as the store has it.
fn account(tenant: &TenantConfig) -> AccountSeed {
    let account_id = tenant.account().map_or_else(
        || format!("acct_demo_{}", tenant.id().as_str().replace('-', "_")),
        |account| account.as_str().to_owned(),
    );
    AccountSeed {
        account_id,
        secret_keys: vec![KeySeed { key: key(tenant), may_read_account: true }],
        network_id: tenant.view(0, None).network_id.as_str().to_owned(),
    }
}

fn mcp_url(gateway: &Gateway, merchant: &TenantConfig) -> String {
    format!("http://{}/t/{}/mcp", gateway.address(), merchant.id())
}

fn introduce(gateway: &Gateway, emulator: &Emulator, host: &Host) {
    say("merchant-gateway demo: test mode, no real money. Ctrl-C stops it.\n");
    say("Emulated host: shop here, in a browser");
    say(&format!("  page              {}/\n", host.url()));
    for merchant in gateway.merchants() {
        say(merchant.name());
        say(&format!("  MCP endpoint      {}", mcp_url(gateway, merchant)));
        if let Some(name) = merchant.hosts().first() {
            say(&format!("  on its own host   http://{name}:{}/mcp", gateway.address().port()));
        }
    }
    say("\nEmulated Stripe");
    say(&format!("  API               {}", emulator.base_url()));
    say(&format!("  ledger            {}/_emulator/ledger", emulator.base_url()));
}

/// Prints how an operator can read the demo's orders.
fn introduce_admin(gateway: &Gateway, address: SocketAddr, token: &str) {
    let Some(merchant) = gateway.merchants().last() else { return };
    say("\nAdmin API, for orders, refunds, parcels, timelines");
    say(&format!("  curl -H 'Authorization: Bearer {token}' \\"));
    say(&format!("    'http://{address}/admin/v1/orders?tenant={}'", merchant.id()));
}
