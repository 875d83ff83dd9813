//! What `merchant-gateway check` does: reads merchants' files and their secrets, and tells a person or a machine.
//!
//! Invariant: nothing is changed, nothing is asked over the network, no secret is shown.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::diagnostic::Diagnostic;
use super::gateway::GatewayConfig;
use super::tenant::TenantConfig;
use super::tenants_dir::{read_tenant_files, tenant_files};
use super::usable::usable;
use crate::ports::Environment;

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckReport {
    /// Whether all is well.
    pub ok: bool,
    /// The files that were read, in order.
    pub files: Vec<PathBuf>,
    /// The merchants without a problem.
    pub merchants: Vec<CheckedMerchant>,
    /// Everything that is wrong.
    pub problems: Vec<Diagnostic>,
}

/// A merchant without a problem, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckedMerchant {
    /// Its file.
    pub file: PathBuf,
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// `test` or `live`.
    pub mode: &'static str,
    /// Its hosts.
    pub hosts: Vec<String>,
    /// How many products it sells.
    pub products: usize,
}

/// Checks these files and folders; none means the gateway's folder of merchants.
#[must_use]
pub fn check(paths: &[PathBuf], gateway: &GatewayConfig, environment: &dyn Environment) -> CheckReport {
    let (files, mut problems) = expand(paths, &gateway.tenants.dir);
    let read = read_tenant_files(&files, &gateway.public.base_hosts);
    problems.extend(read.problems);
    let (usable, unusable) = usable(read.tenants, gateway, environment);
    problems.extend(unusable);
    let merchants = usable.iter().map(|merchant| CheckedMerchant::of(&merchant.tenant)).collect();
    if files.is_empty() && problems.is_empty() {
        let searched = paths.first().unwrap_or(&gateway.tenants.dir);
        problems.push(super::diagnostic::Place::whole(searched).problem(
            "holds no merchant",
            "add a file such as harbor-coffee.toml, or name the folder that holds some",
        ));
    }
    CheckReport { ok: problems.is_empty(), files, merchants, problems }
}

/// Folders become their files; each file stands once, in the order given.
fn expand(paths: &[PathBuf], default: &Path) -> (Vec<PathBuf>, Vec<Diagnostic>) {
    let default = [default.to_path_buf()];
    let paths = if paths.is_empty() { &default } else { paths };
    let (mut files, mut problems, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for path in paths {
        // What is not there is taken for a folder when it is the configured one, and for a file otherwise.
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
            mode: tenant.mode().as_str(),
            hosts: tenant.hosts().to_vec(),
            products: tenant.catalog().products().len(),
        }
    }
}

impl fmt::Display for CheckReport {
    /// One line per problem, one per good merchant, and a sum.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "{problem}")?;
        }
        for merchant in &self.merchants {
            let CheckedMerchant { file, name, mode, hosts, products, .. } = merchant;
            let products = counted(*products, "product");
            writeln!(f, "{}: ok: {name}, {mode} mode, {products}, {}", file.display(), hosts.join(", "))?;
        }
        let files = counted(self.files.len(), "file");
        if self.ok {
            write!(f, "{files} checked, all is well")
        } else {
            write!(f, "{files} checked, {}", counted(self.problems.len(), "problem"))
        }
    }
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
