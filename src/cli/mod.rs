//! The command line: one file per command. Exit code 0 only if there is no problem.
//!
//! May import everything; only `main` imports it. `anyhow` is used only here.

mod admin_client;
mod backup;
mod check;
#[cfg(feature = "emulator")]
mod demo;
mod descriptors;
mod doctor;
#[cfg(feature = "emulator")]
mod emulator;
mod gateway;
mod healthcheck;
mod master_key;
mod reload;
mod schema;
mod serve;
mod tenant;

use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};

use crate::config::diagnostic::Diagnostic;
use crate::config::gateway::GatewayConfig;
use crate::domain::time::Span;
use crate::ports::{Environment, SystemClock};
use crate::stripe::{StripeTransport, TransportConfig, in_words};

/// Host many merchants' shops for AI assistants in one process; each checkout is charged exactly once.
#[derive(Debug, Parser)]
#[command(name = "merchant-gateway", version, about, arg_required_else_help = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the merchants of the tenants folder.
    Serve(serve::Serve),
    /// Try it: sample shops, a host to shop in, an emulated Stripe and a database, all on this machine.
    #[cfg(feature = "emulator")]
    Demo(Box<demo::Demo>),
    /// Run the emulated Stripe alone, with an account for every merchant in test mode.
    #[cfg(feature = "emulator")]
    Emulator(emulator::Emulate),
    /// Check tenant files and list every problem.
    Check(check::Check),
    /// Ask Stripe and the internet whether merchants can sell, and say what to do where they cannot.
    Doctor(doctor::Examine),
    /// Write a complete copy of the database; the gateway may keep serving.
    Backup(backup::Backup),
    /// Replace the database with a backup; no gateway may be serving from it.
    Restore(backup::Restore),
    /// Print the JSON Schema of a configuration file, for use in an editor.
    Schema(schema::Schema),
    /// Check whether the running gateway with this configuration is ready; exit code 0 if it is.
    Healthcheck(healthcheck::Healthcheck),
    /// Make the running gateway with this configuration read the merchants' files and secrets now.
    Reload(reload::Reload),
    /// Write a merchant's file, or show the merchants of the running gateway with this configuration.
    Tenant(tenant::Tenant),
}

/// Where the gateway's own configuration comes from.
#[derive(Debug, Args)]
struct Configured {
    /// The gateway's configuration file; without it, gateway.toml where there is one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A setting that overrides the file and the environment, such as public.listen=127.0.0.1:9000. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
}

/// The file that is read if none is named.
const GATEWAY_FILE: &str = "gateway.toml";

fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) =
        text.split_once('=').ok_or("write it as key=value, such as public.listen=127.0.0.1:9000")?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

impl Configured {
    /// The same options as words of a command, with a space before each.
    fn options(&self) -> String {
        let file = self.config.iter().map(|file| format!(" --config {}", file.display()));
        let settings = self.settings.iter().map(|(key, value)| format!(" --set {key}={value}"));
        file.chain(settings).collect()
    }

    fn load(&self, environment: &dyn Environment) -> anyhow::Result<GatewayConfig> {
        let standard = PathBuf::from(GATEWAY_FILE);
        let file = self.config.as_deref().or_else(|| standard.exists().then_some(standard.as_path()));
        GatewayConfig::load(file, environment, &self.settings).map_err(|problems| problems_error(&problems))
    }

    /// Whether machines read standard error, as far as an otherwise invalid configuration shows it.
    fn is_for_machines(&self, environment: &dyn Environment) -> bool {
        let set =
            self.settings.iter().rev().find(|(key, _)| key == "log.format").map(|(_, value)| value.clone());
        let in_file = || {
            let file = self.config.clone().unwrap_or_else(|| PathBuf::from(GATEWAY_FILE));
            let table: toml::Table = std::fs::read_to_string(file).ok()?.parse().ok()?;
            Some(table.get("log")?.get("format")?.as_str()?.to_owned())
        };
        let format = set.or_else(|| environment.var("GATEWAY__LOG__FORMAT")).or_else(in_file);
        format.is_some_and(|format| format.trim() == "json")
    }
}

/// Problems of configuration as one error, one line each.
fn problems_error(problems: &[Diagnostic]) -> anyhow::Error {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    anyhow::anyhow!("the configuration has {} problem(s):\n{}", problems.len(), lines.join("\n"))
}

/// Runs the command that the process was started with.
#[must_use]
pub fn main() -> ExitCode {
    let ran = match CommandLine::parse().command {
        Command::Serve(command) => command.run(),
        #[cfg(feature = "emulator")]
        Command::Demo(command) => command.run(),
        #[cfg(feature = "emulator")]
        Command::Emulator(command) => command.run(),
        Command::Check(command) => command.run(),
        Command::Doctor(doctor) => doctor.run(),
        Command::Backup(command) => command.run(),
        Command::Restore(command) => command.run(),
        Command::Schema(command) => command.run(),
        Command::Healthcheck(command) => command.run(),
        Command::Reload(command) => command.run(),
        Command::Tenant(command) => command.run(),
    };
    ran.unwrap_or_else(|error| {
        for_a_moment(move || {
            let _ = writeln!(std::io::stderr(), "error: {}", in_words(error.as_ref()));
        });
        ExitCode::FAILURE
    })
}

/// Writes output that may have no reader: a full pipe must not keep a gateway from serving or a process from ending.
fn for_a_moment(write: impl FnOnce() + Send + 'static) {
    let (done, written) = mpsc::channel();
    let writing = std::thread::Builder::new().spawn(move || {
        write();
        let _ = done.send(());
    });
    if writing.is_ok() {
        let _ = written.recv_timeout(Duration::from_secs(2));
    }
}

/// Prints a message about work that is already done, so that a failing standard output does not matter.
fn say(text: &str) {
    let _ = write_out(text);
}

/// Prints a command's result to standard output; a failure is an error. A closed pipe is not, since its reader wants
/// no more.
fn print(text: &str) -> anyhow::Result<()> {
    match write_out(text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn write_out(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush())
}

/// How long a request to Stripe may take that a person waits for.
const PATIENCE: Span = Span::seconds(15);

/// The connection to Stripe of a command that serves nothing.
fn stripe_transport(config: &GatewayConfig) -> anyhow::Result<StripeTransport> {
    let settings = TransportConfig {
        api_base: config.stripe.api_base.clone(),
        version: config.stripe.version.clone(),
        token_parameter: config.stripe.token_parameter.clone(),
        connect_timeout: Span::seconds(5),
        charge_timeout: PATIENCE,
        read_timeout: PATIENCE,
    };
    StripeTransport::new(settings, Arc::new(SystemClock)).map_err(|error| anyhow::anyhow!(in_words(&error)))
}
