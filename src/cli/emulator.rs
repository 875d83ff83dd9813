//! `merchant-gateway emulator`: the emulated Stripe in a process of its own, for a gateway in another one.
//!
//! It reads the same configuration as `serve` and uses the same secrets, so that each merchant's key belongs to that
//! merchant's account here as it would at Stripe. Merchants in live mode are left out: no live key belongs here.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::Context as _;
use clap::Args;
use secrecy::ExposeSecret as _;

use super::gateway::signal;
use super::{Configured, problems_error, say};
use crate::config::gateway::GatewayConfig;
use crate::config::tenant::TenantConfig;
use crate::config::tenants_dir::read_tenants;
use crate::domain::ids::Mode;
use crate::ports::{Clock as _, Environment, SystemClock, SystemEnvironment};
use stripe_emulator::{AccountSeed, Emulator, EmulatorOptions, FaultPlan, KeySeed};

/// How often the folder of merchants is compared with the accounts.
const LOOKS_AGAIN: Duration = Duration::from_secs(1);

/// Run the emulated Stripe alone, with an account for every merchant in test mode.
///
/// A merchant that is added later gets its account within a second. Payments and webhook endpoints are forgotten at the end.
#[derive(Debug, Args)]
pub(super) struct Emulate {
    /// The port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 12111)]
    port: u16,
    /// Have a bad day: connections break, answers are lost, late or errors, by chance from this seed.
    #[arg(long, value_name = "SEED")]
    faults: Option<u64>,
    #[command(flatten)]
    configured: Configured,
}

impl Emulate {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let environment = SystemEnvironment;
        let config = self.configured.load(&environment)?;
        let read = read_tenants(&config.tenants.dir, &config.public.base_hosts);
        let (mut accounts, mut problems) = (Vec::new(), read.problems);
        let (mut lines, mut left_out) = (Vec::new(), Vec::new());
        for tenant in read.tenants {
            match (tenant.mode(), tenant.resolve_secrets(&environment, &config.secrets.dir)) {
                (Mode::Live, _) => left_out.push(format!("{:<24} left out: it is in live mode", tenant.id())),
                (Mode::Test, Ok(secrets)) => {
                    let account = account(&tenant, secrets.stripe_key.expose_secret());
                    lines.push(format!("{:<24} {}", tenant.id(), account.account_id));
                    accounts.push(account);
                }
                (Mode::Test, Err(wrong)) => problems.extend(wrong),
            }
        }
        if !problems.is_empty() {
            return Err(problems_error(&problems));
        }
        let mut known = accounts.clone();
        let options = EmulatorOptions { port: self.port, accounts, ..EmulatorOptions::new(machine_clock()) };
        let emulator = Emulator::start(options).with_context(|| {
            format!(
                "cannot serve the emulated Stripe on 127.0.0.1:{}; choose another port with --port, or 0 for a free one",
                self.port
            )
        })?;
        if let Some(seed) = self.faults {
            emulator.set_faults(FaultPlan::bad_day(seed));
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let stop = runtime.block_on(async { signal(None) })?;
        say(&format!("listening on {}", emulator.base_url()));
        lines.iter().chain(&left_out).for_each(|line| say(line));
        say(&format!("serve against it with GATEWAY__STRIPE__API_BASE={}", emulator.base_url()));
        runtime.block_on(async {
            let mut stop = std::pin::pin!(stop);
            while tokio::time::timeout(LOOKS_AGAIN, &mut stop).await.is_err() {
                add_new(&config, &environment, &emulator, &mut known);
            }
        });
        Ok(ExitCode::SUCCESS)
    }
}

/// Opens an account for each merchant in test mode that was added, or whose key was changed. Mistakes are `serve`'s to
/// report.
fn add_new(
    config: &GatewayConfig,
    environment: &dyn Environment,
    emulator: &Emulator,
    known: &mut Vec<AccountSeed>,
) {
    let read = read_tenants(&config.tenants.dir, &config.public.base_hosts);
    for tenant in read.tenants.iter().filter(|tenant| tenant.mode() == Mode::Test) {
        let Ok(secrets) = tenant.resolve_secrets(environment, &config.secrets.dir) else { continue };
        let account = account(tenant, secrets.stripe_key.expose_secret());
        if known.contains(&account) {
            continue;
        }
        match emulator.add_account(&account) {
            Ok(()) => say(&format!("{:<24} {}", tenant.id(), account.account_id)),
            Err(refused) => say(&format!("{:<24} not known here: {refused}", tenant.id())),
        }
        known.push(account);
    }
}

/// The machine's clock, in the emulator's form.
pub(super) fn machine_clock() -> stripe_emulator::Clock {
    Arc::new(|| UNIX_EPOCH + Duration::from_millis(SystemClock.now().as_millis().unsigned_abs()))
}

/// A merchant's account; the same at every start, as a gateway's store has it.
fn account(tenant: &TenantConfig, key: &str) -> AccountSeed {
    let made_up = || format!("acct_emulated_{}", tenant.id().as_str().replace('-', "_"));
    AccountSeed {
        account_id: tenant.account().map_or_else(made_up, |account| account.as_str().to_owned()),
        secret_keys: vec![KeySeed { key: key.to_owned(), may_read_account: true }],
        network_id: tenant.view(0, None).network_id.as_str().to_owned(),
    }
}
