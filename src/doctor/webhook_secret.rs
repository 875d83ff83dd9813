//! The place of a new webhook endpoint's secret, which Stripe shows once.
//!
//! Invariant: no file that exists is changed, and the secret is in no message.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};

use crate::config::gateway::GatewayConfig;
use crate::config::tenant::TenantConfig;

const NAME: &str = "stripe_webhook_secret";

/// How many names are tried.
const MOST_NAMES: u32 = 100;

/// An empty file that only its owner may read.
pub(super) struct Place {
    file: std::fs::File,
    path: PathBuf,
    name: String,
}

/// What was done, in words.
pub(super) struct Told {
    pub(super) where_it_is: String,
    pub(super) next: String,
}

impl Place {
    /// Makes a new file in the merchant's folder of secrets.
    pub(super) fn new(config: &GatewayConfig, tenant: &TenantConfig) -> Result<Self, String> {
        let folder = config.secrets.dir.of(tenant.id());
        let failed = |error: std::io::Error| format!("{} cannot be written ({error})", folder.display());
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(failed)?;
        for number in 1..=MOST_NAMES {
            let name = if number == 1 { NAME.to_owned() } else { format!("{NAME}_{number}") };
            let path = folder.join(&name);
            match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
                Ok(file) => return Ok(Self { file, path, name }),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Err(format!("{} holds too many files named {NAME}", folder.display()))
    }

    /// Writes the secret.
    pub(super) fn write(mut self, secret: &SecretString) -> Result<Told, String> {
        let written = writeln!(self.file, "{}", secret.expose_secret()).and_then(|()| self.file.sync_all());
        written.map_err(|error| format!("{} ({error})", self.path.display()))?;
        Ok(Told {
            where_it_is: format!("its secret is in {}", self.path.display()),
            next: format!("add \"file:{}\" to stripe.webhook_secrets, and run doctor again", self.name),
        })
    }
}
