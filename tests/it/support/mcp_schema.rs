//! Every message that we emit, against the JSON Schema that the revision's authors published.
//!
//! The schemas are read from `CONTRACTS_DIR` (default `../shared/reference/data` beside the package). Where they are
//! absent the check is skipped with a word on stderr; in CI (`CI=true`) that is a failure.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::Validator;
use serde_json::{Value, json};

/// The published schemas, and the validators made of them so far.
pub(crate) struct McpSchema {
    folder: PathBuf,
    validators: Mutex<HashMap<(String, String), Arc<Validator>>>,
}

static SCHEMA: LazyLock<Option<McpSchema>> = LazyLock::new(McpSchema::find);

impl McpSchema {
    /// The schemas, if they are at hand.
    pub(crate) fn get() -> Option<&'static Self> {
        SCHEMA.as_ref()
    }

    #[expect(clippy::disallowed_methods, reason = "a test's own setting, read once")]
    fn find() -> Option<Self> {
        let default = concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/reference/data");
        let data = std::env::var("CONTRACTS_DIR").unwrap_or_else(|_| default.to_owned());
        let folder = PathBuf::from(data).join("mcp");
        if folder.join("2026-07-28/schema.json").is_file() {
            return Some(Self { folder, validators: Mutex::default() });
        }
        let ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!ci, "MCP's schemas are not in {}; set CONTRACTS_DIR", folder.display());
        eprintln!("MCP's schemas are not in {}; messages are not checked against them", folder.display());
        None
    }

    /// What is wrong with an answer to `method` in `version`. `body` is empty for 202.
    pub(crate) fn check_response(
        &self,
        version: &str,
        method: &str,
        status: u16,
        body: &[u8],
    ) -> Vec<String> {
        if status == 202 {
            return if body.is_empty() { Vec::new() } else { vec!["202 has a body".to_owned()] };
        }
        let message: Value = match serde_json::from_slice(body) {
            Ok(message) => message,
            Err(error) => return vec![format!("not JSON: {error}")],
        };
        if message.get("error").is_some() {
            self.check_error(version, status, message)
        } else {
            self.check_result(version, method, status, &message)
        }
    }

    fn check_result(&self, version: &str, method: &str, status: u16, message: &Value) -> Vec<String> {
        let modern = version >= "2026-07-28";
        let mut wrong = Vec::new();
        if status != 200 {
            wrong.push(format!("a result with status {status}"));
        }
        let envelope = match version {
            "2025-03-26" | "2025-06-18" => "JSONRPCResponse",
            _ => "JSONRPCResultResponse",
        };
        wrong.extend(self.against(version, envelope, message));
        let result = message.get("result").unwrap_or(&Value::Null);
        let definition = match method {
            "server/discover" => "DiscoverResult",
            "initialize" => "InitializeResult",
            "ping" => "EmptyResult",
            "tools/list" => "ListToolsResult",
            "tools/call" => "CallToolResult",
            "resources/list" => "ListResourcesResult",
            "resources/read" => "ReadResourceResult",
            "resources/templates/list" => "ListResourceTemplatesResult",
            other => return vec![format!("no result is defined for {other}")],
        };
        wrong.extend(self.against(version, definition, result));
        if modern {
            wrong.extend(self.against(version, &format!("{definition}Response"), message));
            if result.pointer("/_meta/io.modelcontextprotocol~1serverInfo/name").is_none() {
                wrong.push("serverInfo is missing in _meta".to_owned());
            }
        } else if result.get("resultType").is_some() {
            wrong.push("a legacy result names a resultType".to_owned());
        }
        wrong
    }

    fn check_error(&self, version: &str, status: u16, mut message: Value) -> Vec<String> {
        let definition = match version {
            "2025-03-26" | "2025-06-18" => "JSONRPCError",
            _ => "JSONRPCErrorResponse",
        };
        // The older schemas demand an id even where none could be read; only refused messages may lack one.
        if message.get("id").is_none() && status >= 400 {
            message["id"] = json!(0);
        }
        let mut wrong = self.against(version, definition, &message);
        if version >= "2026-07-28" {
            let error = &message["error"];
            match error["code"].as_i64() {
                Some(-32020) => wrong.extend(self.against(version, "HeaderMismatchError", &message)),
                Some(-32022) => {
                    wrong.extend(self.against(version, "UnsupportedProtocolVersionError", &message));
                }
                Some(-32600) => wrong.extend(self.against(version, "InvalidRequestError", error)),
                Some(-32601) => wrong.extend(self.against(version, "MethodNotFoundError", error)),
                Some(-32602) => wrong.extend(self.against(version, "InvalidParamsError", error)),
                Some(-32700) => wrong.extend(self.against(version, "ParseError", error)),
                Some(code) if (-32099..=-32000).contains(&code) => wrong.push(format!("{code} is reserved")),
                Some(_) | None => {}
            }
        }
        wrong
    }

    fn against(&self, version: &str, definition: &str, value: &Value) -> Vec<String> {
        let validator = self.validator(version, definition);
        let said = validator.iter_errors(value);
        said.map(|error| format!("{version} {definition}: {error} at {}", error.instance_path())).collect()
    }

    fn validator(&self, version: &str, definition: &str) -> Arc<Validator> {
        let key = (version.to_owned(), definition.to_owned());
        let mut known = self.validators.lock().unwrap();
        let made = known.entry(key).or_insert_with(|| {
            let text = std::fs::read_to_string(self.folder.join(version).join("schema.json")).unwrap();
            let mut schema: Value = serde_json::from_str(&text).unwrap();
            let place = if schema.get("$defs").is_some() { "$defs" } else { "definitions" };
            assert!(schema[place].get(definition).is_some(), "{version} defines no {definition}");
            schema["$ref"] = json!(format!("#/{place}/{definition}"));
            // In draft-07 a `$ref` beside other keywords hides them, which suits: only the definition is wanted.
            Arc::new(jsonschema::validator_for(&schema).unwrap())
        });
        Arc::clone(made)
    }
}

/// What is wrong with a tool's `structuredContent` by its own `outputSchema`: not valid, or holding what the schema
/// does not describe.
pub(crate) fn check_structured_content(output_schema: &Value, content: &Value) -> Vec<String> {
    let mut closed = output_schema.clone();
    close(&mut closed);
    let validator = jsonschema::validator_for(&closed).unwrap();
    validator.iter_errors(content).map(|error| format!("{error} at {}", error.instance_path())).collect()
}

/// Makes every object of a schema take only what it describes.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if members.contains_key("properties") {
                members.insert("additionalProperties".to_owned(), json!(false));
            }
            members.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
