//! Reads a folder of merchants.
//!
//! Invariant: an invalid file never hides a valid one. Conflicting claims of two files are decided in `claims`.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Place, quoted, why_unread};
use super::parallel::in_parallel;
use super::tenant::{self, TenantConfig};
use super::web;
use crate::domain::ids::MerchantId;

const MOST_BYTES: u64 = 8 * 1024 * 1024;

/// The result of reading a folder, or a list of files.
#[derive(Debug, Default)]
pub struct TenantsRead {
    /// The merchants with valid files, in name order.
    pub tenants: Vec<Arc<TenantConfig>>,
    pub problems: Vec<Diagnostic>,
    /// The merchants whose file is not valid.
    pub unread: BTreeMap<MerchantId, PathBuf>,
    /// What can be read of those files otherwise.
    pub flawed: Vec<TenantConfig>,
}

impl TenantsRead {
    /// Leaves out the files that were removed after they had been listed. A link that leads nowhere is none of them.
    #[must_use]
    pub fn without_removed(mut self) -> Self {
        let is_removed =
            |file: &Path| file.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound);
        self.unread.retain(|_, file| !is_removed(file));
        self.problems.retain(|problem| !is_removed(&problem.file));
        self
    }
}

/// Reads every `*.toml` of a folder, in name order. `reserved` are the gateway's own hosts, which no merchant may have.
#[must_use]
pub fn read_tenants(dir: &Path, reserved: &[String]) -> TenantsRead {
    match tenant_files(dir) {
        Ok(files) => read_tenant_files(&files, reserved),
        Err(problem) => TenantsRead { problems: vec![problem], ..TenantsRead::default() },
    }
}

/// Configurations that were read before, by their files: a file with the same text is not parsed again.
pub type KnownTenants = BTreeMap<PathBuf, Arc<TenantConfig>>;

/// Reads these files, in the order given.
#[must_use]
pub fn read_tenant_files(files: &[PathBuf], reserved: &[String]) -> TenantsRead {
    read_changed_tenant_files(files, reserved, &KnownTenants::new())
}

/// The same, where many of the files may be as they were.
#[must_use]
pub fn read_changed_tenant_files(
    files: &[PathBuf],
    reserved: &[String],
    known: &KnownTenants,
) -> TenantsRead {
    let mut read = TenantsRead::default();
    let mut ids: BTreeMap<MerchantId, PathBuf> = BTreeMap::new();
    let contents = in_parallel(files, |file| read_unless_known(file, known.get(file)));
    for (file, content) in files.iter().zip(contents) {
        let problems = match content {
            (Some(tenant), mut problems) => {
                problems.extend(reserved_hosts(&tenant, reserved));
                let first = ids.entry(tenant.id().clone()).or_insert_with(|| file.clone());
                if first != file {
                    let id = quoted(tenant.id().as_str());
                    let problem = format!("the merchant {id} is already in {}", first.display());
                    let remedy = "rename one of the two files";
                    read.problems.push(Place::whole(file).problem(problem, remedy));
                    continue;
                }
                if problems.is_empty() {
                    read.tenants.push(tenant);
                } else {
                    read.flawed.push(Arc::unwrap_or_clone(tenant));
                }
                problems
            }
            (None, problems) => problems,
        };
        let id = file.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
        if let Some(id) = id.filter(|_| !problems.is_empty()) {
            read.unread.insert(id, file.clone());
        }
        read.problems.extend(problems);
    }
    read
}

/// The gateway's own hosts, which no merchant may have.
fn reserved_hosts(tenant: &TenantConfig, reserved: &[String]) -> Vec<Diagnostic> {
    let taken = tenant.host_places().filter(|(host, _)| reserved.iter().any(|own| own == host));
    taken
        .map(|(host, place)| {
            place.problem(
                format!("{} is one of the gateway's own hosts (public.base_hosts)", quoted(host)),
                "give the merchant a host of its own",
            )
        })
        .collect()
}

/// What is wrong with a host for a new merchant of these others: it is the gateway's own, or one of theirs.
#[must_use]
pub fn host_taken(host: &str, others: &[Arc<TenantConfig>], reserved: &[String]) -> Option<String> {
    let host = host.to_ascii_lowercase();
    if reserved.contains(&host) {
        return Some(format!("{host} is one of the gateway's own hosts (public.base_hosts)"));
    }
    let holder = others.iter().find(|tenant| tenant.hosts().contains(&host))?;
    Some(format!("{host} is a host of {} already", holder.file().display()))
}

/// What is wrong with a text as a merchant's host name, and what to do.
pub fn check_host_name(text: &str) -> Result<(), String> {
    web::host_name(text).map(drop).map_err(|wrong| format!("{text} {}; {}", wrong.problem, wrong.remedy))
}

/// Reads one merchant's file.
pub fn read_tenant(file: &Path) -> Result<TenantConfig, Vec<Diagnostic>> {
    match read_unless_known(file, None) {
        (Some(tenant), problems) if problems.is_empty() => Ok(Arc::unwrap_or_clone(tenant)),
        (_, problems) => Err(problems),
    }
}

fn read_unless_known(
    file: &Path,
    known: Option<&Arc<TenantConfig>>,
) -> (Option<Arc<TenantConfig>>, Vec<Diagnostic>) {
    if is_toml(file) && file.extension().is_some_and(|ending| ending != "toml") {
        let problem = "has a name that does not end with .toml in small letters, so it is not read";
        let right = file.with_extension("toml");
        let remedy = if right.exists() {
            format!("{} is there already: remove one of the two", right.display())
        } else {
            format!("rename it to {}", right.display())
        };
        return (None, vec![Place::whole(file).problem(problem, remedy)]);
    }
    let text = match read_text(file, MOST_BYTES) {
        Ok(text) => text,
        Err(problem) => return (None, vec![problem]),
    };
    if let Some(known) = known.filter(|known| known.source() == text) {
        return (Some(Arc::clone(known)), Vec::new());
    }
    let (tenant, problems) = tenant::read_text(file, &text);
    (tenant.map(Arc::new), problems)
}

/// The merchants' files of a folder, in name order; hidden files belong to editors and are left out.
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
        if !hidden && is_toml(&path) {
            files.push(path);
        }
    }
    // The order of the names as they are: comparing paths part by part takes long for thousands.
    files.sort_unstable_by(|one, other| one.as_os_str().cmp(other.as_os_str()));
    Ok(files)
}

/// Whether a file's name has the ending of TOML, in any case.
fn is_toml(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("toml"))
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
    // Checked before opening: opening a pipe would wait for its writer.
    if !std::fs::metadata(file).map_err(failed)?.is_file() {
        return Err(place.problem("is not a regular file", "name a file, or the folder of tenants"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(file).and_then(|open| open.take(most + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() as u64 > most {
        return Err(place.problem(format!("is longer than {} MiB", most / 1024 / 1024), "shorten it"));
    }
    if matches!(bytes[..], [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
        return Err(place.problem("is UTF-16 text", "save it as UTF-8"));
    }
    String::from_utf8(bytes).map_err(|_| place.problem("is not UTF-8 text", "save it as UTF-8"))
}
