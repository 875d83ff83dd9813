//! Other people's Python packages, run as they are.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use merchant_gateway::ports::{Environment, SystemEnvironment};

/// Runs a script of `tests/python` in the environment that `make setup` makes. `None` when there is no such
/// environment, which is said; under `CI=true` it fails.
pub fn run(script: &str, arguments: &[&str]) -> Option<Output> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = SystemEnvironment
        .var("TEST_PYTHON")
        .map_or_else(|| manifest.join(".tools/python/bin/python"), PathBuf::from);
    if !python.exists() {
        let why = format!(
            "{} is not here; make a virtual environment from tests/python/requirements.txt or set TEST_PYTHON",
            python.display()
        );
        assert!(SystemEnvironment.var("CI").as_deref() != Some("true"), "{why}");
        eprintln!("skipped: {why}");
        return None;
    }
    let script = manifest.join("tests/python").join(script);
    Some(Command::new(python).arg(script).args(arguments).output().unwrap())
}

/// What a script said, when it ended well.
pub fn said(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    said
}
