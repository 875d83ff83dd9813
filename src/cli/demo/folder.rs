//! The demo's folder: its database, its keys, and the sample merchants if no others are given.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

use crate::config::secrets::SecretRef;
use crate::ports::{Ids, SystemIds};

/// The sample merchants, so that the demo needs no file of the source tree.
const SAMPLES: [(&str, &str); 3] = [
    ("fern-and-thread.toml", include_str!("../../../tenants/fern-and-thread.toml")),
    ("harbor-coffee.toml", include_str!("../../../tenants/harbor-coffee.toml")),
    ("kumo-prints.toml", include_str!("../../../tenants/kumo-prints.toml")),
];

/// The default folder of tenant files, `./tenants`.
const TENANTS: &str = "tenants";

/// The demo's files.
pub(super) struct DemoFolder {
    pub(super) tenants: PathBuf,
    pub(super) database: PathBuf,
    /// The merchants' generated secrets, where their files refer to files.
    pub(super) secrets: PathBuf,
    pub(super) master_key: String,
    pub(super) admin_token: String,
}

impl DemoFolder {
    /// Writes the secrets that merchants' files expect in files.
    pub(super) fn write_secrets(&self, secrets: &[(SecretRef, String)]) -> anyhow::Result<()> {
        for (place, secret) in secrets {
            let SecretRef::File(path) = place else { continue };
            let path = self.secrets.join(path);
            let failed = || format!("cannot write {}", path.display());
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder).with_context(failed)?;
            }
            let mut file = fs::OpenOptions::new();
            let mut file =
                file.write(true).create(true).truncate(true).mode(0o600).open(&path).with_context(failed)?;
            file.write_all(secret.as_bytes()).with_context(failed)?;
        }
        Ok(())
    }
}

/// Creates the folder and its missing files.
pub(super) fn prepare(data: &Path, tenants: Option<&Path>) -> anyhow::Result<DemoFolder> {
    fs::create_dir_all(data).with_context(|| format!("cannot make the demo's folder {}", data.display()))?;
    let tenants = match tenants {
        Some(named) => {
            ensure!(
                named.is_dir(),
                "{} is no folder; --tenants names one that holds one file per merchant",
                named.display()
            );
            named.to_owned()
        }
        None if Path::new(TENANTS).is_dir() => PathBuf::from(TENANTS),
        None => write_samples(data)?,
    };
    Ok(DemoFolder {
        tenants,
        database: data.join("gateway.sqlite3"),
        secrets: data.join("secrets"),
        master_key: kept(&data.join("master.key"))?,
        admin_token: kept(&data.join("admin.token"))?,
    })
}

fn write_samples(data: &Path) -> anyhow::Result<PathBuf> {
    let folder = data.join(TENANTS);
    fs::create_dir_all(&folder)?;
    for (name, text) in SAMPLES {
        fs::write(folder.join(name), text).with_context(|| format!("cannot write the sample {name}"))?;
    }
    Ok(folder)
}

/// The secret of earlier runs, or a new one.
fn kept(path: &Path) -> anyhow::Result<String> {
    if path.exists() {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        return Ok(text.trim().to_owned());
    }
    let mut bytes = [0_u8; 32];
    SystemIds.fill(&mut bytes);
    let key = hex::encode(bytes);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{key}").with_context(|| format!("cannot write {}", path.display()))?;
    Ok(key)
}
