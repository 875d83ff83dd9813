//! The place of a new webhook endpoint's secret, which Stripe shows once.
//!
//! Invariant: no file that exists is changed, and the secret is in no message.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};

use crate::config::gateway::GatewayConfig;
use crate::config::tenant::TenantConfig;

const NAME: &str = "stripe_webhook_secret";

/// How many names are tried.
const MOST_NAMES: u32 = 100;

/// A new file that only its owner may read; it is removed again unless a secret is written to it.
pub(super) struct Place {
    file: std::fs::File,
    path: PathBuf,
    name: String,
    is_written: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.is_written {
            // An empty file is in nobody's way.
            drop(std::fs::remove_file(&self.path));
        }
    }
}

/// The secret that was written last for a merchant: its path, and its name in a reference.
pub(super) fn written(config: &GatewayConfig, tenant: &TenantConfig) -> Option<(PathBuf, String)> {
    let folder = config.secrets.dir.of(tenant.id());
    let written = names().map(|name| (folder.join(&name), name)).take_while(|(path, _)| path.exists());
    written.last()
}

/// The names that are tried, one after the other.
fn names() -> impl Iterator<Item = String> {
    (1..=MOST_NAMES).map(|number| if number == 1 { NAME.to_owned() } else { format!("{NAME}_{number}") })
}

/// Gives a file to the owner of the folder of secrets: whoever runs this command, the gateway's user must read it.
fn give_to_owner(path: &Path, of: &Path) -> std::io::Result<()> {
    let owner = std::fs::metadata(of)?;
    if std::fs::metadata(path)?.uid() == owner.uid() {
        return Ok(());
    }
    std::os::unix::fs::chown(path, Some(owner.uid()), Some(owner.gid()))
}

/// Where a secret was written, and what to do next, in words.
pub(super) struct Written {
    pub(super) where_it_is: String,
    pub(super) next: String,
}

impl Place {
    /// Makes a new file in the merchant's folder of secrets.
    pub(super) fn new(config: &GatewayConfig, tenant: &TenantConfig) -> Result<Self, String> {
        let folder = config.secrets.dir.of(tenant.id());
        let failed = |error: std::io::Error| format!("{} cannot be written ({error})", folder.display());
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
        give_to_owner(&folder, config.secrets.dir.path()).map_err(failed)?;
        for name in names() {
            let path = folder.join(&name);
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
                Ok(file) => {
                    let place = Self { file, path, name, is_written: false };
                    give_to_owner(&place.path, config.secrets.dir.path()).map_err(failed)?;
                    return Ok(place);
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Err(format!("{} holds too many files named {NAME}", folder.display()))
    }

    /// Writes the secret.
    pub(super) fn write(mut self, secret: &SecretString) -> Result<Written, String> {
        let written = writeln!(self.file, "{}", secret.expose_secret()).and_then(|()| self.file.sync_all());
        written.map_err(|error| format!("{} ({error})", self.path.display()))?;
        self.is_written = true;
        Ok(Written {
            where_it_is: format!("its secret is in {}", self.path.display()),
            next: format!("add \"file:{}\" to stripe.webhook_secrets, and run doctor again", self.name),
        })
    }
}
