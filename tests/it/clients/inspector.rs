//! The MCP Inspector's command line against every sample merchant, in both eras: it lists, calls, reads the app's
//! metadata, and judges whether other hosts can take the tools' schemas.

use std::process::Command;

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::node;
use crate::support::samples::Sample;
use crate::support::test_gateway::TestGateway;

const PROGRAM: &str = "node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js";

/// Its exit codes, as it documents them.
const OK: i32 = 0;
const NO_APP: i32 = 2;
const TOOL_ERROR: i32 = 5;

/// The Inspector as it meets one merchant in one era.
struct Inspector<'a> {
    url: String,
    era: &'a str,
    /// It keeps a catalog in the home folder.
    home: TempDir,
}

impl Inspector<'_> {
    /// Runs it, which must end with this code; gives what it says as JSON. `None` when it is not installed.
    fn run(&self, arguments: &[&str], code: i32) -> Option<Value> {
        self.run_and_hear(arguments, code).map(|(said, _)| said)
    }

    /// The same, with what it complains of.
    fn run_and_hear(&self, arguments: &[&str], code: i32) -> Option<(Value, String)> {
        let target = ["--cli", "--server-url", &self.url, "--transport", "http", "--protocol-era", self.era];
        let mut all: Vec<&str> = target.to_vec();
        all.extend(["--format", "json", "--quiet"]);
        all.extend(arguments);
        let mut command: Command = node::command(PROGRAM, &all)?;
        let output = command.env("HOME", self.home.path()).output().unwrap();
        let (said, complained) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let what = format!("{arguments:?} in the {} era: {said}\n{complained}", self.era);
        assert_eq!(output.status.code(), Some(code), "{what}");
        let said = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {what}"));
        Some((said, complained.into_owned()))
    }
}

fn in_every_era(look: impl Fn(&Inspector<'_>, &Sample) -> Option<()>) {
    let samples = Sample::all();
    let world = TestGateway::of_samples(&samples);
    for sample in &samples {
        for era in ["modern", "legacy"] {
            let home = TempDir::new().unwrap();
            let inspector = Inspector { url: world.url(&sample.endpoint()), era, home };
            if look(&inspector, sample).is_none() {
                return;
            }
        }
    }
}

#[test]
fn the_inspector_lists_the_tools_and_finds_their_schemas_portable() {
    in_every_era(|inspector, _| {
        let (said, complained) = inspector.run_and_hear(&["--method", "tools/list", "--strict"], OK)?;
        assert_eq!((said.get("schemaFindings"), complained.as_str()), (None, ""));
        let names = said.to_string();
        assert!(names.contains("\"search_products\"") && names.contains("\"complete_checkout\""), "{said}");
        Some(())
    });
}

#[test]
fn the_inspector_calls_tools_and_tells_a_refusal_by_its_exit_code() {
    in_every_era(|inspector, _| {
        let search = ["--method", "tools/call", "--tool-name", "search_products"];
        let found = inspector.run(&search, OK)?;
        let total = found.pointer("/result/structuredContent/total");
        assert!(total.and_then(Value::as_u64).is_some_and(|total| total > 0), "{found}");
        let wrong = [&search[..], &["--tool-args-json", r#"{"limit":0}"#]].concat();
        let refused = inspector.run(&wrong, TOOL_ERROR)?;
        assert!(refused.to_string().contains("limit"), "{refused}");
        Some(())
    });
}

#[test]
fn the_inspector_reads_where_a_tools_widget_is() {
    in_every_era(|inspector, _| {
        let of = |tool| ["--method", "tools/call", "--tool-name", tool, "--app-info"];
        for (tool, uri) in [
            ("show-buy-product-widget", "ui://widget/buy-v1.html"),
            ("checkout_session", "ui://widget/checkout-session.html"),
        ] {
            let app = inspector.run(&of(tool), OK)?;
            assert!(app.to_string().contains(&json!(uri).to_string()), "{app}");
        }
        inspector.run(&of("search_products"), NO_APP)?;
        Some(())
    });
}
