//! The official conformance suite against every sample merchant, in both eras.
//!
//! All that a revision requires is run, and what the suite runs beside it without scoring it. Whatever does not pass
//! is named, with the reason, in `tests/it/clients/conformance/baseline.txt`; anything else that does not pass fails, and so
//! does an entry that passes, that never ran, or that is about no scenario. A warning or a skipped check counts as
//! one that does not pass.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::client::{Client, Speaks};
use crate::support::node;
use crate::support::samples::Sample;
use crate::support::test_gateway::TestGateway;

const PACKAGE: &str = "node_modules/@modelcontextprotocol/conformance";
const REVISIONS: [&str; 2] = ["2026-07-28", "2025-11-25"];

/// What came of one scenario: its checks, and whether each passed.
type Checks = BTreeMap<String, bool>;

/// What came of a run: the checks of every scenario.
type Run = BTreeMap<String, Checks>;

#[tokio::test]
async fn every_sample_merchant_passes_all_that_needs_no_fixtures() {
    let Some(scenarios) = REVISIONS.map(required).into_iter().collect::<Option<Vec<_>>>() else { return };
    let samples = Sample::all();
    let world = TestGateway::of_samples(&samples);
    let mut wrong = Vec::new();
    for sample in &samples {
        let url = world.url(&sample.endpoint());
        // With the server down some scenarios pass.
        answers(&url).await;
        let runs = std::thread::scope(|scope| {
            let url = &url;
            let run = |revision| scope.spawn(move || run(url, revision));
            REVISIONS.map(run).map(|running| running.join().unwrap())
        });
        answers(&url).await;
        for ((revision, run), required) in REVISIONS.into_iter().zip(runs).zip(&scenarios) {
            let checks = || run.values().flat_map(BTreeMap::values);
            let passed = checks().filter(|passed| **passed).count();
            let (scenarios, checks) = (run.len(), checks().count());
            println!(
                "{} in {revision}: {scenarios} scenarios, {passed} of {checks} checks passed",
                sample.id()
            );
            let found = deviations(&run, required, &baseline(revision, BASELINE));
            wrong.extend(found.into_iter().map(|what| format!("{} in {revision}: {what}", sample.id())));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The server is there, in both eras.
async fn answers(url: &str) {
    for speaks in [Speaks::Modern, Speaks::Legacy] {
        let opened = Client::new(url.to_owned(), speaks).open().await;
        assert!(opened["capabilities"]["tools"].is_object(), "{opened}");
    }
}

/// The server scenarios that a revision requires, as the suite's authors froze them, and those which go beyond it.
/// `None` when the suite is not installed.
fn required(revision: &str) -> Option<BTreeSet<String>> {
    const BEYOND: [(&str, &str); 2] =
        [("2026-07-28", "http-header-validation"), ("2025-11-25", "server-session-lifecycle")];
    node::command("", &[])?;
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(format!("tests/node/{PACKAGE}/requirements/{revision}.yaml"));
    let text = fs::read_to_string(file).unwrap();
    let section = text.lines().skip_while(|line| *line != "server:").skip(1);
    let entries = section.take_while(|line| line.is_empty() || line.starts_with([' ', '#']));
    let entries = entries.filter_map(|line| line.trim().strip_prefix("- ")).map(str::to_owned);
    let beyond = BEYOND.into_iter().filter(|(of, _)| *of == revision).map(|(_, name)| name.to_owned());
    let names: BTreeSet<String> = entries.chain(beyond).collect();
    assert!(names.len() > 30 && names.contains("tools-list"), "{names:?}");
    Some(names)
}

/// Runs the suite in one revision.
fn run(url: &str, revision: &str) -> Run {
    let folder = TempDir::new().unwrap();
    let results = folder.path().display().to_string();
    let arguments = ["server", "--url", url, "--requirements", revision, "--output-dir", &results];
    let output = node::run(&format!("{PACKAGE}/dist/index.js"), &arguments).unwrap();
    let mut run = Run::new();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let checks: Value =
            serde_json::from_str(&fs::read_to_string(path.join("checks.json")).unwrap()).unwrap();
        let former = run.insert(scenario(name).to_owned(), read(&checks));
        assert!(former.is_none(), "{name} ran twice");
    }
    assert!(!run.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    run
}

/// The scenario of a folder of results: `server-tools-list-2026-11-23T23-48-41-037Z`.
fn scenario(folder: &str) -> &str {
    const STAMP: usize = "-2026-11-23T23-48-41-037Z".len();
    let name = folder.strip_prefix("server-").unwrap_or_else(|| panic!("{folder} is no result"));
    &name[..name.len() - STAMP]
}

/// The checks of a scenario. One that is there several times passes when all of them do; a mere note passes.
fn read(checks: &Value) -> Checks {
    let mut read = Checks::new();
    for check in checks.as_array().unwrap() {
        let passed = match check["status"].as_str().unwrap() {
            "SUCCESS" | "INFO" => true,
            "FAILURE" | "WARNING" | "SKIPPED" => false,
            other => panic!("what is {other}?"),
        };
        *read.entry(check["id"].as_str().unwrap().to_owned()).or_insert(true) &= passed;
    }
    read
}

const BASELINE: &str = include_str!("conformance/baseline.txt");

/// What is known not to pass in a revision, as `scenario:check`. Each line is `revision scenario:check # why`.
fn baseline(revision: &str, text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| !(line.is_empty() || line.starts_with('#')));
    let mut named = BTreeSet::new();
    for line in lines {
        let (entry, why) = line.split_once(" # ").unwrap_or_else(|| panic!("{line}: say why"));
        assert!(why.len() > 10, "{line}: say why");
        let (of, check) = entry.split_once(' ').unwrap_or_else(|| panic!("{line}: name the revision"));
        assert!(REVISIONS.contains(&of), "{line}: name the revision");
        assert!(of != revision || named.insert(check.to_owned()), "{line} is there twice");
    }
    named
}

/// What is not as it should be with a run.
fn deviations(run: &Run, required: &BTreeSet<String>, known: &BTreeSet<String>) -> Vec<String> {
    let missing = required.iter().filter(|scenario| !run.contains_key(*scenario));
    let mut wrong: Vec<String> = missing.map(|scenario| format!("{scenario} did not run")).collect();
    let mut failed = BTreeSet::new();
    for (scenario, checks) in run {
        if checks.is_empty() {
            wrong.push(format!("{scenario} checked nothing"));
        }
        failed.extend(
            checks.iter().filter(|(_, passed)| !**passed).map(|(check, _)| format!("{scenario}:{check}")),
        );
    }
    wrong.extend(failed.difference(known).map(|entry| format!("{entry} does not pass")));
    for entry in known.difference(&failed) {
        let scenario = entry.split(':').next().unwrap_or_default();
        wrong.push(if run.contains_key(scenario) {
            format!("{entry} passes, or is gone: take it out of the baseline")
        } else {
            format!("{entry} is about no scenario that ran")
        });
    }
    wrong
}

#[test]
fn the_judge_notices_every_kind_of_surprise() {
    let checks = json!([
        { "id": "good", "status": "SUCCESS" },
        { "id": "note", "status": "INFO" },
        { "id": "known", "status": "FAILURE" },
        { "id": "twice", "status": "SUCCESS" },
        { "id": "twice", "status": "FAILURE" },
        { "id": "doubtful", "status": "WARNING" },
        { "id": "left-out", "status": "SKIPPED" },
    ]);
    let run = Run::from([("ping".to_owned(), read(&checks)), ("empty".to_owned(), Checks::new())]);
    let text = "# Words.\n\n2025-11-25 ping:known # it needs a tool\n2025-11-25 ping:good # it needs a tool\n\
                2025-11-25 pong:good # it needs a tool\n2026-07-28 ping:doubtful # it needs a tool\n";
    let required = ["ping", "tools-list"].map(str::to_owned).into();
    assert_eq!(
        deviations(&run, &required, &baseline("2025-11-25", text)),
        [
            "tools-list did not run",
            "empty checked nothing",
            "ping:doubtful does not pass",
            "ping:left-out does not pass",
            "ping:twice does not pass",
            "ping:good passes, or is gone: take it out of the baseline",
            "pong:good is about no scenario that ran",
        ]
    );
    assert_eq!(scenario("server-server-sse-polling-2026-11-23T23-48-41-037Z"), "server-sse-polling");
}
