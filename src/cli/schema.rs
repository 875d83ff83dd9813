//! `merchant-gateway schema tenant|gateway`: the JSON Schema of the files that an agency writes.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::print;
use crate::config::schema;

/// Print the JSON Schema of a configuration file, for use in an editor.
#[derive(Debug, Args)]
pub(super) struct Schema {
    /// Which kind of file.
    file: File,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum File {
    /// A merchant's file, tenants/*.toml.
    Tenant,
    /// The gateway's own, gateway.toml.
    Gateway,
}

impl Schema {
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let text = match self.file {
            File::Tenant => schema::TENANT,
            File::Gateway => schema::GATEWAY,
        };
        print(text.trim_end())?;
        Ok(ExitCode::SUCCESS)
    }
}
