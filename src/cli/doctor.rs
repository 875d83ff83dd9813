//! `merchant-gateway doctor [TENANT…]`: whether merchants can sell, as far as a program can find out.

use std::collections::BTreeSet;
use std::io::{IsTerminal as _, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::ensure;
use clap::Args;

use super::{Configured, print, stripe_transport};
use crate::config::claims::Holders;
use crate::config::gateway::GatewayConfig;
use crate::config::tenant::TenantConfig;
use crate::config::tenants_dir::read_tenants;
use crate::config::usable::{UsableMerchant, usable};
use crate::doctor::Doctor;
use crate::doctor::checklist::{self, Step};
use crate::doctor::finding::Report;
use crate::domain::ids::{MerchantId, Mode};
use crate::ports::{Environment, SystemClock, SystemEnvironment, SystemIds};

/// Ask Stripe and the internet whether merchants can sell, and say what to do where they cannot.
#[derive(Debug, Args)]
pub(super) struct Examine {
    /// The ids of merchants; without any, all of the tenants folder.
    tenants: Vec<MerchantId>,
    /// Create the webhook endpoint at Stripe, or correct its events. Nothing else is changed.
    #[arg(long)]
    fix: bool,
    /// Reach the shops at this address, in place of the one that their hosts lead to: before DNS is changed.
    #[arg(long, value_name = "ADDRESS:PORT")]
    via: Option<SocketAddr>,
    /// Answer in JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    configured: Configured,
}

/// The merchants that are asked for.
struct Wanted {
    /// Those that can be looked at.
    merchants: Vec<UsableMerchant>,
    /// The problems of the others.
    report: Report,
    /// The modes of all.
    modes: Vec<Mode>,
}

impl Examine {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let environment = SystemEnvironment;
        let config = Arc::new(self.configured.load(&environment)?);
        let Wanted { merchants, mut report, modes } = self.merchants(&config, &environment)?;
        let clock = Arc::new(SystemClock);
        let doctor = Doctor {
            stripe: stripe_transport(&config)?,
            keyring: config.secrets.keyring(&environment),
            clock,
            ids: Arc::new(SystemIds),
            fix: self.fix,
            via: self.via,
            has_others: !report.findings.is_empty(),
            config,
        };
        let progress = Progress::of(merchants.len());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let examined =
            runtime.block_on(doctor.examine(&merchants, |merchant| progress.finished(merchant)))?;
        progress.end();
        report.findings.splice(..0, examined.findings);
        let is_live = modes.contains(&Mode::Live);
        let steps = checklist::steps(is_live);
        if self.json {
            let answer = serde_json::json!({
                "ok": report.is_well(), "findings": report.findings, "checklist": steps,
            });
            print(&serde_json::to_string_pretty(&answer)?)?;
        } else {
            print(&report.to_string())?;
            print(&in_lines(&steps))?;
        }
        Ok(if report.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// The merchants that are asked for.
    fn merchants(&self, config: &GatewayConfig, environment: &dyn Environment) -> anyhow::Result<Wanted> {
        let read = read_tenants(&config.tenants.dir, &config.public.base_hosts);
        let known: BTreeSet<MerchantId> = read
            .tenants
            .iter()
            .map(|tenant| tenant.id().clone())
            .chain(read.unread.keys().cloned())
            .collect();
        let unknown: Vec<&str> =
            self.tenants.iter().filter(|id| !known.contains(*id)).map(MerchantId::as_str).collect();
        ensure!(unknown.is_empty(), "{} has no file of {}", config.tenants.dir.display(), unknown.join(", "));
        let is_wanted =
            |id: &str| self.tenants.is_empty() || self.tenants.iter().any(|wanted| wanted.as_str() == id);
        let all = read.tenants.iter().map(AsRef::as_ref).chain(&read.flawed);
        let modes = all.filter(|tenant| is_wanted(tenant.id().as_str())).map(TenantConfig::mode).collect();
        let (mut merchants, problems) = usable(read, config, environment, &Holders::default());
        merchants.retain(|merchant| is_wanted(merchant.tenant.id().as_str()));
        let mut report = Report::default();
        for problem in &problems {
            let of = problem.file.file_stem().unwrap_or_default().to_string_lossy();
            if is_wanted(&of) {
                report.add_problem(&of, problem);
            }
        }
        Ok(Wanted { merchants, report, modes })
    }
}

fn in_lines(steps: &[Step]) -> String {
    let line = |Step { task, place }: &Step| format!("\n  [ ] {task}\n      {place}");
    format!("\nOnly a person can do this:{}", steps.iter().map(line).collect::<String>())
}

/// A line on a terminal that says how many merchants are finished.
struct Progress {
    of: usize,
    finished: AtomicUsize,
    is_shown: bool,
}

impl Progress {
    fn of(count: usize) -> Self {
        let is_shown = std::io::stderr().is_terminal() && count > 1;
        Self { of: count, finished: AtomicUsize::new(0), is_shown }
    }

    fn finished(&self, merchant: &MerchantId) {
        let finished = self.finished.fetch_add(1, Ordering::Relaxed) + 1;
        self.show(&format!("\r\u{1b}[K{finished} of {} merchants: {merchant}", self.of));
    }

    fn end(&self) {
        self.show("\r\u{1b}[K");
    }

    fn show(&self, text: &str) {
        if self.is_shown {
            let mut terminal = std::io::stderr();
            // Progress can be lost.
            drop(terminal.write_all(text.as_bytes()).and_then(|()| terminal.flush()));
        }
    }
}
