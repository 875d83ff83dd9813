//! The published schemas against the readers: the same keys, the same choices, the same bounds.

use std::path::{Path, PathBuf};

use merchant_gateway::config::diagnostic::Diagnostic;
use merchant_gateway::config::gateway::{DEFAULT, GatewayConfig};
use merchant_gateway::config::schema;
use merchant_gateway::config::tenant::parse_tenant;
use merchant_gateway::config::tenants_dir::tenant_files;
use merchant_gateway::ports::FixedEnvironment;
use serde_json::Value as Json;

fn tenants() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tenants")
}

const UNKNOWN: &str = "qqqqqqqqqqqqqqqqqqqq";

/// What a reader finds wrong with a file.
type Reader = fn(&str) -> Vec<Diagnostic>;

fn read_tenant(text: &str) -> Vec<Diagnostic> {
    parse_tenant(Path::new("harbor-coffee.toml"), text).err().unwrap_or_default()
}

fn read_gateway(text: &str) -> Vec<Diagnostic> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("gateway.toml");
    std::fs::write(&file, text).unwrap();
    GatewayConfig::load(Some(&file), &FixedEnvironment::default(), &[]).err().unwrap_or_default()
}

fn schema_of(text: &str) -> Json {
    serde_json::from_str(text).unwrap()
}

/// A file as an editor's schema sees it.
fn as_json(text: &str) -> Json {
    serde_json::to_value(toml::from_str::<toml::Table>(text).unwrap()).unwrap()
}

#[test]
fn every_sample_and_the_default_fit_their_schema() {
    let tenant = jsonschema::validator_for(&schema_of(schema::TENANT)).unwrap();
    for file in tenant_files(&tenants()).unwrap() {
        let text = std::fs::read_to_string(&file).unwrap();
        let problems: Vec<String> =
            tenant.iter_errors(&as_json(&text)).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{}: {problems:?}", file.display());
    }
    let gateway = jsonschema::validator_for(&schema_of(schema::GATEWAY)).unwrap();
    for file in ["src/config/gateway.default.toml", "deploy/gateway.toml"] {
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        assert!(gateway.is_valid(&as_json(&text)), "{file}");
    }
    assert!(!tenant.is_valid(&as_json("name = 1")), "a schema that refuses nothing proves nothing");
}

#[test]
fn every_gateway_setting_defaults_to_its_schema_default() {
    let schema = schema_of(schema::GATEWAY);
    let default = as_json(DEFAULT);
    for (section, of) in schema["properties"].as_object().unwrap() {
        for (key, of) in of["properties"].as_object().unwrap() {
            assert_eq!(default[section].get(key), of.get("default"), "{section}.{key}");
        }
    }
}

#[test]
fn the_tenant_schema_matches_its_readers_keys_and_bounds() {
    let text = std::fs::read_to_string(tenants().join("harbor-coffee.toml")).unwrap();
    let schema = schema_of(schema::TENANT);
    let asked = Probe { schema: &schema, read: read_tenant, base: toml::from_str(&text).unwrap() }.all();
    assert!(asked > 120, "{asked} questions are too few for this schema");
}

#[test]
fn the_gateway_schema_matches_its_readers_keys_and_bounds() {
    let schema = schema_of(schema::GATEWAY);
    let mut base: toml::Table = toml::from_str(DEFAULT).unwrap();
    // A buyer is kept no longer than the checkout.
    base["retention"]["unpaid_sessions_days"] = toml::Value::Integer(3650);
    let asked = Probe { schema: &schema, read: read_gateway, base }.all();
    assert!(asked > 20, "{asked} questions are too few for this schema");
}

/// A part of a key's path.
#[derive(Clone)]
enum Step {
    Key(String),
    First,
}

/// Puts questions to a reader, by changing one value of a file that is right.
struct Probe<'a> {
    schema: &'a Json,
    read: Reader,
    base: toml::Table,
}

impl Probe<'_> {
    /// Asks everything that the schema says; gives the number of questions.
    fn all(&self) -> usize {
        assert!((self.read)(&self.base.to_string()).is_empty(), "the file to start from is right");
        self.node(self.schema, &mut Vec::new())
    }

    fn node(&self, node: &Json, path: &mut Vec<Step>) -> usize {
        let node = self.resolved(node);
        let mut asked = self.choices(&node, path) + self.bounds(&node, path) + self.lengths(&node, path);
        if let Some(properties) = node.get("properties").and_then(Json::as_object) {
            let known = self.known_keys(path);
            for key in &known {
                if !properties.contains_key(key) {
                    path.push(Step::Key(key.clone()));
                    let problems = self.with(path, toml::Value::String("x".to_owned()));
                    let refused =
                        problems.iter().any(|problem| problem.problem.contains("not supported yet"));
                    assert!(refused, "{} is read and missing in the schema: {problems:?}", dotted(path));
                    path.pop();
                }
            }
            for (key, of) in properties {
                assert!(
                    known.contains(key),
                    "{}.{key} is in the schema and unknown to the reader",
                    dotted(path)
                );
                path.push(Step::Key(key.clone()));
                asked += 1 + self.node(of, path);
                path.pop();
            }
        }
        if let Some(items) = node.get("items") {
            path.push(Step::First);
            asked += self.node(items, path);
            path.pop();
        }
        asked
    }

    fn resolved(&self, node: &Json) -> Json {
        match node.get("$ref").and_then(Json::as_str) {
            Some(reference) => self.schema.pointer(reference.strip_prefix('#').unwrap()).unwrap().clone(),
            None => node.clone(),
        }
    }

    /// Every key that the reader asks for in a section: it lists them when it meets one that is like none of them.
    fn known_keys(&self, path: &[Step]) -> Vec<String> {
        let mut unknown = path.to_vec();
        unknown.push(Step::Key(UNKNOWN.to_owned()));
        let problems = self.with(&unknown, toml::Value::Integer(1));
        let list = problems.iter().find_map(|problem| problem.remedy.strip_prefix("remove it; known here: "));
        let list = list.unwrap_or_else(|| panic!("{}: {problems:?}", dotted(path)));
        list.split(", ").map(str::to_owned).collect()
    }

    fn choices(&self, node: &Json, path: &[Step]) -> usize {
        let Some(choices) = node.get("enum").and_then(Json::as_array) else { return 0 };
        for choice in choices {
            self.accepts(path, toml::Value::String(choice.as_str().unwrap().to_owned()));
        }
        self.refuses(path, toml::Value::String(UNKNOWN.to_owned()));
        choices.len() + 1
    }

    fn bounds(&self, node: &Json, path: &[Step]) -> usize {
        let bound = |name| node.get(name).and_then(Json::as_i64);
        if let Some(least) = bound("minimum") {
            self.refuses(path, toml::Value::Integer(least - 1));
        }
        let Some(most) = bound("maximum") else { return usize::from(bound("minimum").is_some()) };
        self.refuses(path, toml::Value::Integer(most + 1));
        if !matches!(path.last(), Some(Step::First)) {
            for within in bound("minimum").into_iter().chain([most]) {
                self.accepts(path, toml::Value::Integer(within));
            }
        }
        4
    }

    fn lengths(&self, node: &Json, path: &[Step]) -> usize {
        let Some(most) = node.get("maxLength").and_then(Json::as_u64) else { return 0 };
        let text = |length: u64| toml::Value::String("x".repeat(usize::try_from(length).unwrap()));
        self.refuses(path, text(most + 1));
        // A currency is three letters, and not any.
        if node.get("minLength") != node.get("maxLength") {
            self.accepts(path, text(most));
        }
        2
    }

    fn accepts(&self, path: &[Step], value: toml::Value) {
        let said = format!("{} = {value}", dotted(path));
        let problems = self.of(path, value);
        assert!(problems.is_empty(), "the schema allows {said}, the reader does not: {problems:?}");
    }

    fn refuses(&self, path: &[Step], value: toml::Value) {
        let said = format!("{} = {value}", dotted(path));
        assert!(!self.of(path, value).is_empty(), "the schema forbids {said}, the reader does not");
    }

    /// What the reader says of the changed value itself.
    fn of(&self, path: &[Step], value: toml::Value) -> Vec<Diagnostic> {
        let key = dotted(path);
        self.with(path, value).into_iter().filter(|problem| problem.key == key).collect()
    }

    fn with(&self, path: &[Step], value: toml::Value) -> Vec<Diagnostic> {
        let mut file = toml::Value::Table(self.base.clone());
        let mut place = &mut file;
        for step in path {
            place = match step {
                Step::Key(key) => place
                    .as_table_mut()
                    .unwrap_or_else(|| panic!("{} is no table", dotted(path)))
                    .entry(key)
                    .or_insert_with(|| toml::Value::Table(toml::Table::new())),
                Step::First => {
                    if !place.is_array() {
                        *place = toml::Value::Array(vec![toml::Value::Table(toml::Table::new())]);
                    }
                    &mut place.as_array_mut().unwrap()[0]
                }
            };
        }
        *place = value;
        (self.read)(&toml::to_string(&file).unwrap())
    }
}

/// A path as diagnostics write it.
fn dotted(path: &[Step]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => {
                text.push('.');
                text.push_str(key);
            }
            Step::First => text.push_str("[0]"),
        }
    }
    text
}

#[test]
fn the_committed_schemas_are_those_that_the_command_prints() {
    for (file, kind) in [("tenants/schema.json", "tenant"), ("deploy/gateway.schema.json", "gateway")] {
        let printed = std::process::Command::new(env!("CARGO_BIN_EXE_merchant-gateway"))
            .args(["schema", kind])
            .output()
            .unwrap();
        let path: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
        let committed = std::fs::read(&path).unwrap_or_default();
        assert!(printed.status.success());
        assert!(printed.stdout == committed, "{file} has drifted; run `make generate`");
    }
}
