//! `merchant-gateway serve`: the merchants of a folder, until a signal.

use std::net::TcpListener;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use clap::Args;

use super::gateway::{Gateway, Needs};
use super::{Configured, descriptors, for_a_moment, say};
use crate::config::gateway::{GatewayConfig, LogFilter, LogFormat as ConfiguredFormat};
use crate::ports::SystemEnvironment;
use crate::stripe::in_words;
use crate::telemetry::{self, LogFormat};

/// Serve the merchants of the tenants folder.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Serve even though the previous master key of the database is lost for good. Order links made with it stop working,
    /// and payments in progress are only read. Give this option once.
    #[arg(long)]
    master_key_lost: bool,
    #[command(flatten)]
    configured: Configured,
}

impl Serve {
    /// Serves. If machines read the log, the cause of a failure is a line of the log.
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let environment = Arc::new(SystemEnvironment);
        let for_machines = self.configured.is_for_machines(environment.as_ref());
        let config = match self.configured.load(environment.as_ref()) {
            Ok(config) => config,
            Err(error) if for_machines => {
                let _logging = telemetry::begin(LogFormat::Json, &LogFilter::default())?;
                return Ok(failed(&error));
            }
            Err(error) => return Err(error),
        };
        let format = match config.log.format {
            ConfiguredFormat::Text => LogFormat::Text,
            ConfiguredFormat::Json => LogFormat::Json,
        };
        let _logging = telemetry::begin(format, &config.log.filter)?;
        match self.serve(config, environment) {
            Err(error) if for_machines => Ok(failed(&error)),
            ended => ended,
        }
    }

    fn serve(self, config: GatewayConfig, environment: Arc<SystemEnvironment>) -> anyhow::Result<ExitCode> {
        descriptors::claim()?;
        let listen = config.public.listen;
        let listener = TcpListener::bind(listen).with_context(|| {
            format!("cannot listen on {listen}; set public.listen to a free address, such as 127.0.0.1:8090")
        })?;
        let admin = config.admin.listen;
        let admin = TcpListener::bind(admin).with_context(|| {
            format!("cannot listen on {admin}; set admin.listen to a free address, such as 127.0.0.1:8091")
        })?;
        tracing::info!(address = %admin.local_addr()?, "admin_listening");
        let master_key_lost = self.master_key_lost;
        let needs = Needs { listener, admin, environment, reloads_on_hangup: true, master_key_lost };
        let gateway = Gateway::start(config, needs)?;
        let address = gateway.address();
        for_a_moment(move || say(&format!("listening on http://{address}")));
        let left_out = gateway.left_out();
        if !left_out.is_empty() {
            let served = gateway.merchants().len();
            say(&format!("merchants served: {served}; left out: {} (the log says why)", left_out.join(", ")));
        }
        gateway.run_until_signal()?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Logs why it ended.
fn failed(error: &anyhow::Error) -> ExitCode {
    tracing::error!(cause = in_words(error.as_ref()), "serve_failed");
    ExitCode::FAILURE
}
