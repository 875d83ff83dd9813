//! `merchant-gateway backup --to FILE` and `merchant-gateway restore --from FILE`.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{Configured, say};
use crate::config::gateway::StoreConfig;
use crate::ports::{Clock, Ids, SystemClock, SystemEnvironment, SystemIds};
use crate::store::{back_up, restore};

/// Write a complete copy of the database; the gateway may keep serving.
#[derive(Debug, Args)]
pub(super) struct Backup {
    /// The file to write; it must not exist.
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    #[command(flatten)]
    configured: Configured,
}

/// Replace the database with a backup; no gateway may be serving from it.
#[derive(Debug, Args)]
pub(super) struct Restore {
    /// A file that `backup` wrote.
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    #[command(flatten)]
    configured: Configured,
}

fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

impl Backup {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.configured.load(&SystemEnvironment)?;
        let StoreConfig::Sqlite(path) = &config.store;
        let now = SystemClock.now();
        runtime()?.block_on(back_up(path, &self.to, now))?;
        say(&format!("wrote {}, as of {now}", self.to.display()));
        Ok(ExitCode::SUCCESS)
    }
}

impl Restore {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let config = self.configured.load(&SystemEnvironment)?;
        let StoreConfig::Sqlite(path) = &config.store;
        let id = format!("{:032x}", SystemIds.random_id());
        let restored = runtime()?.block_on(restore(path, &self.from, (id, SystemClock.now())))?;
        say(&format!("restored {} as of {}", path.display(), restored.taken));
        if let Some(aside) = restored.moved_to {
            say(&format!("the database that was there is now {}", aside.display()));
        }
        say(
            "at the next start every merchant first reads at Stripe what was paid since, and takes payments after that",
        );
        Ok(ExitCode::SUCCESS)
    }
}
