//! A folder of merchants, read whole.
//!
//! Invariants: a bad file never hides a good one; of two merchants that claim one host, name or Stripe account, the one first
//! in name order keeps it.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::diagnostic::{Diagnostic, Place, quoted, why_unread};
use super::tenant::{TenantConfig, parse_tenant};
use crate::domain::ids::{AccountId, MerchantId};

const MOST_BYTES: u64 = 8 * 1024 * 1024;

/// What a folder, or a list of files, gave.
#[derive(Debug, Default)]
pub struct TenantsRead {
    /// The merchants without a problem, in name order.
    pub tenants: Vec<TenantConfig>,
    /// Everything that is wrong with the others.
    pub problems: Vec<Diagnostic>,
}

/// Reads every `*.toml` of a folder, in name order. `reserved` are the gateway's own hosts, which no merchant may have.
#[must_use]
pub fn read_tenants(dir: &Path, reserved: &[String]) -> TenantsRead {
    match tenant_files(dir) {
        Ok(files) => read_tenant_files(&files, reserved),
        Err(problem) => TenantsRead { tenants: Vec::new(), problems: vec![problem] },
    }
}

/// Reads these files, in the order given, and judges them against each other like those of one folder.
#[must_use]
pub fn read_tenant_files(files: &[PathBuf], reserved: &[String]) -> TenantsRead {
    let mut read = TenantsRead::default();
    let mut claims = Claims { reserved, ..Claims::default() };
    let mut parsed = Vec::new();
    for file in files {
        match read_tenant(file) {
            Ok(tenant) => parsed.push(tenant),
            Err(problems) => read.problems.extend(problems),
        }
    }
    for tenant in parsed {
        let problems = claims.claim(&tenant);
        if problems.is_empty() {
            read.tenants.push(tenant);
        } else {
            read.problems.extend(problems);
        }
    }
    read
}

/// Reads one merchant's file.
pub fn read_tenant(file: &Path) -> Result<TenantConfig, Vec<Diagnostic>> {
    let text = read_text(file, MOST_BYTES).map_err(|problem| vec![problem])?;
    parse_tenant(file, &text)
}

/// The merchants' files of a folder, in name order; hidden ones are an editor's and left out.
pub fn tenant_files(dir: &Path) -> Result<Vec<PathBuf>, Diagnostic> {
    let failed = |error: &std::io::Error| {
        let why = why_unread("folder", error.kind());
        Place::whole(dir).problem(
            format!("the folder of merchants cannot be read ({why})"),
            "create it, or set tenants.dir to the folder that holds one file per merchant",
        )
    };
    let entries = std::fs::read_dir(dir).map_err(|error| failed(&error))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| failed(&error))?.path();
        let hidden = path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Reads a text file of bounded size.
pub(super) fn read_text(file: &Path, most: u64) -> Result<String, Diagnostic> {
    let place = Place::whole(file);
    let failed = |error: std::io::Error| {
        place.problem(
            format!("cannot be read ({})", why_unread("file", error.kind())),
            "check the path and its permissions",
        )
    };
    // Asked before opening: opening a pipe would wait for its writer.
    if !std::fs::metadata(file).map_err(failed)?.is_file() {
        return Err(place.problem("is not a regular file", "name a file, or the folder of tenants"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(file).and_then(|open| open.take(most + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() as u64 > most {
        return Err(place.problem(format!("is longer than {} MiB", most / 1024 / 1024), "shorten it"));
    }
    String::from_utf8(bytes).map_err(|_| place.problem("is not UTF-8 text", "save it as UTF-8"))
}

/// Names, hosts and Stripe accounts, and who has them.
#[derive(Default)]
struct Claims<'r> {
    reserved: &'r [String],
    ids: BTreeMap<MerchantId, PathBuf>,
    hosts: BTreeMap<String, Place>,
    accounts: BTreeMap<AccountId, Holder>,
}

/// The merchant that is paid into an account.
struct Holder {
    place: Place,
    shares: bool,
}

impl Claims<'_> {
    /// Gives a merchant its name and hosts, or tells who has them already.
    fn claim(&mut self, tenant: &TenantConfig) -> Vec<Diagnostic> {
        if let Some(first) = self.ids.get(tenant.id()) {
            let problem =
                format!("the merchant {} is already in {}", quoted(tenant.id().as_str()), first.display());
            return vec![Place::whole(tenant.file()).problem(problem, "rename one of the two files")];
        }
        let mut problems = Vec::new();
        for (host, place) in tenant.host_places() {
            if self.reserved.iter().any(|own| own == host) {
                problems.push(place.problem(
                    format!("{} is one of the gateway's own hosts (public.base_hosts)", quoted(host)),
                    "give the merchant a host of its own",
                ));
            } else if let Some(first) = self.hosts.get(host) {
                problems.push(place.problem(
                    format!("{} already belongs to {first}", quoted(host)),
                    "give each merchant hosts of its own",
                ));
            }
        }
        let account = tenant.account().and_then(|account| Some((account, self.accounts.get(account)?)));
        if let Some((account, first)) = account
            && !(first.shares && tenant.shared_account())
        {
            problems.push(already_paid(tenant, &format!("the Stripe account {account}"), &first.place));
        }
        if problems.is_empty() {
            if let Some(account) = tenant.account() {
                let holder =
                    Holder { place: tenant.account_place().clone(), shares: tenant.shared_account() };
                self.accounts.entry(account.clone()).or_insert(holder);
            }
            self.ids.insert(tenant.id().clone(), tenant.file().to_path_buf());
            self.hosts.extend(tenant.host_places().map(|(host, place)| (host.to_owned(), place.clone())));
        }
        problems
    }
}

/// Of two merchants on one Stripe account the second is refused, unless both files say that it is meant so.
pub(super) fn already_paid(tenant: &TenantConfig, account: &str, first: &Place) -> Diagnostic {
    tenant.account_place().problem(
        format!("{account} already belongs to {first}"),
        "give each merchant an account of its own, or write shared_account = true below [stripe] in both files",
    )
}
