//! The command line: one file per command. Exit code 0 only when all is well.
//!
//! May import everything; nothing but `main` imports it. `anyhow` stays in here.

mod backup;
mod check;
#[cfg(feature = "emulator")]
mod demo;
mod descriptors;
#[cfg(feature = "emulator")]
mod emulator;
mod gateway;
mod healthcheck;
mod master_key;
mod schema;
mod serve;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::config::diagnostic::Diagnostic;
use crate::config::gateway::GatewayConfig;
use crate::ports::Environment;

/// Many merchants' shops for AI assistants in one process, each checkout charged exactly once.
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
    Demo(demo::Demo),
    /// Run the emulated Stripe alone, with an account for every merchant in test mode.
    #[cfg(feature = "emulator")]
    Emulator(emulator::Emulate),
    /// Explain what is wrong with tenant files, all of it at once.
    Check(check::Check),
    /// Write a whole copy of the database, while the gateway may go on serving.
    Backup(backup::Backup),
    /// Put a backup in the database's place, while no gateway serves from it.
    Restore(backup::Restore),
    /// Print the JSON Schema of a kind of file, for editors that know the schema of what they edit.
    Schema(schema::Schema),
    /// Ask the gateway that runs with this configuration whether it is ready; exit code 0 when it is.
    Healthcheck(healthcheck::Healthcheck),
}

/// Where the gateway's own configuration comes from.
#[derive(Debug, Args)]
struct Configured {
    /// The gateway's configuration file; without it, gateway.toml where there is one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// A setting that wins over file and environment, such as public.listen=127.0.0.1:9000. May be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
}

/// The file that is read when none is named.
const GATEWAY_FILE: &str = "gateway.toml";

fn setting(text: &str) -> Result<(String, String), String> {
    let (key, value) =
        text.split_once('=').ok_or("write it as key=value, such as public.listen=127.0.0.1:9000")?;
    Ok((key.trim().to_owned(), value.trim().to_owned()))
}

impl Configured {
    fn load(&self, environment: &dyn Environment) -> anyhow::Result<GatewayConfig> {
        let standard = PathBuf::from(GATEWAY_FILE);
        let file = self.config.as_deref().or_else(|| standard.exists().then_some(standard.as_path()));
        GatewayConfig::load(file, environment, &self.settings).map_err(|problems| told(&problems))
    }
}

/// Problems of configuration as one error, a line each.
fn told(problems: &[Diagnostic]) -> anyhow::Error {
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
        Command::Backup(command) => command.run(),
        Command::Restore(command) => command.run(),
        Command::Schema(command) => Ok(command.run()),
        Command::Healthcheck(command) => command.run(),
    };
    ran.unwrap_or_else(|error| {
        for_a_moment(move || {
            let _ = writeln!(std::io::stderr(), "error: {}", said(&error));
        });
        ExitCode::FAILURE
    })
}

/// Writes what may find nobody who reads it: a full pipe neither keeps a gateway from serving nor a process from ending.
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

/// An error with its causes, each said once: many messages hold their cause's text already. The number of a system's error
/// tells nobody more than its words.
fn said(error: &anyhow::Error) -> String {
    let mut said = String::new();
    for cause in error.chain() {
        let cause = without_number(&cause.to_string());
        if !said.contains(&cause) {
            said.push_str(if said.is_empty() { "" } else { ": " });
            said.push_str(&cause);
        }
    }
    said
}

/// A text without `(os error 2)`.
fn without_number(text: &str) -> String {
    const NUMBER: &str = " (os error ";
    let mut parts = text.split(NUMBER);
    let mut kept = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(')') {
            Some((number, rest)) if number.bytes().all(|byte| byte.is_ascii_digit()) => kept.push_str(rest),
            Some(_) | None => {
                kept.push_str(NUMBER);
                kept.push_str(part);
            }
        }
    }
    kept
}

/// Writes lines for a person or a script to standard output. A reader that has gone is no failure.
fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_said_once_and_without_its_number() {
        #[derive(Debug, thiserror::Error)]
        #[error("{file}: {source}; look at its folder")]
        struct Failed {
            file: &'static str,
            source: std::io::Error,
        }
        let failed = Failed { file: "a.sqlite3", source: std::io::Error::from_raw_os_error(2) };
        let error = anyhow::Error::from(failed).context("the store cannot be opened");
        assert_eq!(
            said(&error),
            "the store cannot be opened: a.sqlite3: No such file or directory; look at its folder"
        );
        assert_eq!(without_number("a (os error x) b (os error 13)"), "a (os error x) b");
    }
}
