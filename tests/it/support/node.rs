//! Other people's JavaScript packages, and a browser, run as they are.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use merchant_gateway::ports::{Environment, SystemEnvironment};

/// A command line that runs a program of `tests/node` in the Node.js that `make setup` installs there. `None` when it
/// is not installed, which is said; under `CI=true` it fails.
pub fn command(script: &str, arguments: &[&str]) -> Option<Command> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/node");
    let node = folder.join("node_modules/.bin/node");
    if !is_here(&node, "run `make setup`") {
        return None;
    }
    let mut command = Command::new(node);
    command.current_dir(&folder).arg(folder.join(script)).args(arguments);
    Some(command)
}

/// The same, run to its end.
pub fn run(script: &str, arguments: &[&str]) -> Option<Output> {
    command(script, arguments).map(|mut command| command.output().unwrap())
}

/// The browser: `TEST_CHROMIUM`, or Debian's. `None` when there is none, which is said; under `CI=true` it fails.
pub fn chromium() -> Option<PathBuf> {
    let path = SystemEnvironment
        .var("TEST_CHROMIUM")
        .map_or_else(|| PathBuf::from("/usr/bin/chromium"), PathBuf::from);
    is_here(&path, "install it (on Debian: apt-get install chromium) or set TEST_CHROMIUM").then_some(path)
}

fn is_here(path: &Path, remedy: &str) -> bool {
    if path.exists() {
        return true;
    }
    let why = format!("{} is not here; {remedy}", path.display());
    assert!(SystemEnvironment.var("CI").as_deref() != Some("true"), "{why}");
    eprintln!("skipped: {why}");
    false
}

/// What a program said, when it ended well.
pub fn said(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    said
}
