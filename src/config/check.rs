//! The command `merchant-gateway check`: reads merchants' files and their secrets, and reports to a person or a
//! machine.
//!
//! Invariant: it changes nothing, makes no network request, and shows no secret.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::advice::{self, advice};
use super::claims::{Holders, same_networks, same_receivers};
use super::diagnostic::Diagnostic;
use super::gateway::GatewayConfig;
use super::tenant::TenantConfig;
use super::tenants_dir::{read_tenant_files, tenant_files};
use super::usable::usable;
use crate::ports::Environment;

/// The result of a check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Whether there are no problems.
    pub ok: bool,
    /// The files that were read, in order.
    pub files: Vec<PathBuf>,
    /// The merchants without a problem.
    pub merchants: Vec<CheckedMerchant>,
    pub problems: Vec<Diagnostic>,
    /// Settings that are valid, and more often a mistake.
    pub warnings: Vec<Diagnostic>,
}

/// The summary of a merchant without a problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckedMerchant {
    pub file: PathBuf,
    pub id: String,
    pub name: String,
    /// `test` or `live`.
    pub mode: &'static str,
    /// `active` or `suspended`.
    pub status: &'static str,
    pub hosts: Vec<String>,
    /// The number of its products, and their prices.
    pub sells: String,
    /// The highest total of a checkout, if it is limited.
    pub max_total: Option<String>,
    /// The countries that it sells to.
    pub sold_to: Vec<String>,
    pub shipping: Vec<String>,
    pub tax: String,
    /// The ways to pay, as the tools name them.
    pub payment_methods_offered: Vec<&'static str>,
    /// How long a price is honoured.
    pub quote_ttl_minutes: i64,
}

/// Checks these files and folders; without any, the gateway's folder of merchants.
#[must_use]
pub fn check(paths: &[PathBuf], gateway: &GatewayConfig, environment: &dyn Environment) -> CheckReport {
    let (files, mut problems) = expand(paths, &gateway.tenants.dir);
    let read = read_tenant_files(&files, &gateway.public.base_hosts);
    let mut warnings: Vec<Diagnostic> = read.tenants.iter().flat_map(|tenant| advice(tenant)).collect();
    warnings.extend(same_networks(&read.tenants));
    warnings.extend(same_receivers(&read.tenants));
    // Files are checked by themselves: only a running gateway knows which of two merchants was there first.
    let (usable, unusable) = usable(read, gateway, environment, &Holders::default());
    problems.extend(unusable);
    let merchants = usable.iter().map(|merchant| CheckedMerchant::of(&merchant.tenant)).collect();
    if files.is_empty() && problems.is_empty() {
        let searched = paths.first().unwrap_or(&gateway.tenants.dir);
        problems.push(super::diagnostic::Place::whole(searched).problem(
            "holds no merchant",
            "add a file such as harbor-coffee.toml, or name the folder that holds some",
        ));
    }
    CheckReport { ok: problems.is_empty(), files, merchants, problems, warnings }
}

/// Replaces folders by their files; each file occurs once, in the order given.
fn expand(paths: &[PathBuf], default: &Path) -> (Vec<PathBuf>, Vec<Diagnostic>) {
    let default = [default.to_path_buf()];
    let paths = if paths.is_empty() { &default } else { paths };
    let (mut files, mut problems, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for path in paths {
        // A path that does not exist counts as a folder if it is the configured one, and as a file otherwise.
        let found =
            if path.is_dir() || *path == default[0] { tenant_files(path) } else { Ok(vec![path.clone()]) };
        match found {
            Ok(found) => files.extend(found.into_iter().filter(|file| seen.insert(file.clone()))),
            Err(problem) => problems.push(problem),
        }
    }
    (files, problems)
}

impl CheckedMerchant {
    fn of(tenant: &TenantConfig) -> Self {
        Self {
            file: tenant.file().to_path_buf(),
            id: tenant.id().to_string(),
            name: tenant.name().to_owned(),
            mode: tenant.mode().into_str(),
            status: tenant.status().into_str(),
            hosts: tenant.hosts().to_vec(),
            sells: advice::goods(tenant),
            max_total: advice::most(tenant),
            sold_to: advice::sold_to(tenant),
            shipping: advice::shipping(tenant),
            tax: advice::tax(tenant),
            payment_methods_offered: advice::payment_methods_offered(tenant),
            quote_ttl_minutes: tenant.seed().checkout.quote_ttl.as_millis() / 60_000,
        }
    }
}

impl fmt::Display for CheckReport {
    /// One line per problem and per warning, a few per good merchant, and a sum.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{problem}")?;
        }
        for warning in &self.warnings {
            writeln!(f, "warning: {warning}")?;
        }
        for merchant in &self.merchants {
            let CheckedMerchant {
                file,
                name,
                mode,
                status,
                hosts,
                sells,
                max_total,
                sold_to,
                shipping,
                tax,
                payment_methods_offered,
                quote_ttl_minutes,
                ..
            } = merchant;
            let suspended = if *status == "suspended" { ", suspended" } else { "" };
            writeln!(f, "{}: ok: {name}, {mode} mode{suspended}, {}", file.display(), hosts.join(", "))?;
            write!(f, "  sells {sells}, to {}", sold_to.join(", "))?;
            match max_total {
                Some(most) => writeln!(f, ", at most {most} a checkout")?,
                None => writeln!(f)?,
            }
            if !shipping.is_empty() {
                writeln!(f, "  shipping: {}", shipping.join(", "))?;
            }
            writeln!(f, "  tax: {tax}")?;
            let ways = payment_methods_offered.join(", ");
            writeln!(f, "  paid by: {ways}; a price is honoured for {quote_ttl_minutes} minutes")?;
        }
        let files = counted(self.files.len(), "file");
        let warnings = counted(self.warnings.len(), "warning");
        match (self.ok, self.warnings.is_empty()) {
            (true, true) => write!(f, "{files} checked, all is well"),
            (true, false) => write!(f, "{files} checked, no problem, {warnings}"),
            (false, true) => write!(f, "{files} checked, {}", counted(self.problems.len(), "problem")),
            (false, false) => {
                write!(f, "{files} checked, {}, {warnings}", counted(self.problems.len(), "problem"))
            }
        }
    }
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
