//! Recorded exchanges, checked against Stripe's published schema.
//!
//! Requests are held to it closed (no unknown key, no unknown enum value), answers open where Stripe may add values,
//! yet an answer of the emulator must have each field that Stripe always sends and none that Stripe does not have.
//! The OpenAPI subset is looked for in `$CONTRACTS_DIR/stripe`; without it the checks are skipped, except under `CI`.

#![expect(clippy::expect_used, reason = "a schema that cannot be read should stop the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::Validator;
use merchant_gateway::ports::{Environment, SystemEnvironment};
use serde_json::{Map, Value, json};
use stripe_emulator::Exchange;

const FILE: &str = "stripe/stripe-subset-2026-09-30.preview.openapi.json";
const COMPONENTS: &str = "#/components/schemas/";
/// The types call `payment_method_data[type]` required; Stripe's own token examples leave it out.
const METHOD_DATA: &str = "PaymentIntentCreateParamsPaymentMethodData";

/// Whether a schema judges what is sent to Stripe or what Stripe answers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Direction {
    Request,
    Answer,
}

/// The OpenAPI subset, with its validators compiled when they are first needed.
pub(crate) struct StripeSchema {
    document: Value,
    compiled: Mutex<BTreeMap<(Direction, String), Arc<Validator>>>,
}

impl StripeSchema {
    /// The schema; `None` when its file is not on this machine.
    pub(crate) fn load() -> Option<&'static Self> {
        static LOADED: LazyLock<Option<StripeSchema>> = LazyLock::new(StripeSchema::read);
        LOADED.as_ref()
    }

    fn read() -> Option<Self> {
        let folder = SystemEnvironment.var("CONTRACTS_DIR").map_or_else(
            || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/reference/data"),
            PathBuf::from,
        );
        let file = folder.join(FILE);
        let Ok(text) = std::fs::read_to_string(&file) else {
            let why = format!("{} is not here; set CONTRACTS_DIR", file.display());
            assert!(SystemEnvironment.var("CI").as_deref() != Some("true"), "{why}");
            eprintln!("skipped: exchanges are not checked against Stripe's schema: {why}");
            return None;
        };
        let document = serde_json::from_str(&text).expect("the OpenAPI subset is JSON");
        Some(Self { document, compiled: Mutex::default() })
    }

    /// All that is wrong with an exchange: its address, headers, parameters and answer.
    pub(crate) fn check_exchange(&self, exchange: &Exchange) -> Vec<String> {
        let mut violations = check_headers(exchange);
        match self.operation(exchange) {
            None => violations.push("Stripe has no such operation".to_owned()),
            Some(operation) => {
                let query = &operation["x-query-schema"];
                let body =
                    &operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"];
                if query.is_null() && !exchange.query.is_empty() {
                    violations.push("a query where Stripe takes a form body".to_owned());
                }
                violations.extend(self.check_parameters("query", query, &tree(&exchange.query)));
                violations.extend(self.check_parameters("body", body, &exchange.body));
            }
        }
        violations.extend(self.check_answer(exchange));
        label(exchange, violations)
    }

    /// What is wrong with the answer alone: for requests that are wrong on purpose.
    pub(crate) fn check_answer(&self, exchange: &Exchange) -> Vec<String> {
        let error = json!({"$ref": format!("{COMPONENTS}error")});
        let answer = |operation: &Value, status: &str| {
            operation["responses"][status]["content"]["application/json"]["schema"].clone()
        };
        let schema = match (self.operation(exchange), exchange.status) {
            (Some(operation), 200) => answer(operation, "200"),
            (Some(operation), _) => answer(operation, "default"),
            (None, _) => error,
        };
        self.violations("answer", Direction::Answer, &schema, &exchange.response)
    }

    fn operation(&self, exchange: &Exchange) -> Option<&Value> {
        let paths = self.document["paths"].as_object()?;
        let method = exchange.method.to_lowercase();
        paths
            .iter()
            .filter(|(template, _)| matches_template(template, &exchange.path))
            // `/v1/payment_intents/search` before `/v1/payment_intents/{intent}`.
            .min_by_key(|(template, _)| template.matches('{').count())
            .and_then(|(_, operations)| operations.get(&method))
    }

    fn check_parameters(&self, place: &str, schema: &Value, given: &Value) -> Vec<String> {
        if schema.is_null() {
            return Vec::new();
        }
        let coerced = self.coerce(given, schema);
        self.violations(place, Direction::Request, schema, &coerced)
    }

    fn violations(&self, place: &str, direction: Direction, schema: &Value, instance: &Value) -> Vec<String> {
        let validator = self.validator(direction, schema);
        validator
            .iter_errors(instance)
            .map(|error| format!("{place}{}: {error}", error.instance_path()))
            .collect()
    }

    fn validator(&self, direction: Direction, schema: &Value) -> Arc<Validator> {
        let mut compiled = self.compiled.lock().expect("no validator panicked");
        let entry = compiled.entry((direction, schema.to_string()));
        Arc::clone(entry.or_insert_with(|| Arc::new(self.compile(direction, schema))))
    }

    /// A schema of its own with all that it refers to, in plain JSON Schema.
    fn compile(&self, direction: Direction, schema: &Value) -> Validator {
        let mut definitions = Map::new();
        let mut wanted = BTreeSet::new();
        let mut root = plain(schema, direction, &mut wanted);
        while let Some(name) = wanted.pop_first() {
            if definitions.contains_key(&name) {
                continue;
            }
            let component = &self.document["components"]["schemas"][&name];
            let mut definition = plain(component, direction, &mut wanted);
            if name == METHOD_DATA {
                definition["required"] = json!([]);
                definition["anyOf"] =
                    json!([{"required": ["type"]}, {"required": ["shared_payment_granted_token"]}]);
            }
            if name == "error" {
                definition["properties"]["error"]["required"] = json!(["type", "message"]);
            }
            definitions.insert(name, definition);
        }
        root["$defs"] = Value::Object(definitions);
        root["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
        jsonschema::validator_for(&root).expect("the subset is a schema")
    }

    /// Wire strings as the types that the schema names: `"5"` → `5`, `{"0": "a"}` → `["a"]`.
    fn coerce(&self, given: &Value, schema: &Value) -> Value {
        let schema = self.resolve(schema);
        if let Some(alternatives) = schema["anyOf"].as_array() {
            return alternatives
                .iter()
                .map(|alternative| (self.resolve(alternative), self.coerce(given, alternative)))
                .find(|(alternative, coerced)| fits(alternative, coerced))
                .map_or_else(|| given.clone(), |(_, coerced)| coerced);
        }
        match (schema["type"].as_str(), given) {
            (Some("integer"), Value::String(text)) => {
                text.parse::<i64>().map_or_else(|_| given.clone(), Value::from)
            }
            (Some("number"), Value::String(text)) => {
                text.parse::<f64>().map_or_else(|_| given.clone(), Value::from)
            }
            (Some("boolean"), Value::String(text)) => {
                text.parse::<bool>().map_or_else(|_| given.clone(), Value::from)
            }
            (Some("array"), Value::Object(items)) => {
                let indexed: Option<BTreeMap<u32, &Value>> =
                    items.iter().map(|(index, item)| Some((index.parse().ok()?, item))).collect();
                indexed.map_or_else(
                    || given.clone(),
                    |items| items.values().map(|item| self.coerce(item, &schema["items"])).collect(),
                )
            }
            (Some("object"), Value::Object(fields)) => fields
                .iter()
                .map(|(name, value)| {
                    let field = schema["properties"].get(name).unwrap_or(&schema["additionalProperties"]);
                    (name.clone(), self.coerce(value, field))
                })
                .collect(),
            _ => given.clone(),
        }
    }

    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str().and_then(|reference| reference.strip_prefix(COMPONENTS)) {
            Some(name) => &self.document["components"]["schemas"][name],
            None => schema,
        }
    }
}

fn check_headers(exchange: &Exchange) -> Vec<String> {
    let mut violations = Vec::new();
    if exchange.headers.stripe_version.is_none() {
        violations.push("no Stripe-Version".to_owned());
    }
    if exchange.method == "POST" && exchange.headers.idempotency_key.is_none() {
        violations.push("a POST without Idempotency-Key".to_owned());
    }
    violations
}

fn label(exchange: &Exchange, violations: Vec<String>) -> Vec<String> {
    violations
        .into_iter()
        .map(|violation| format!("{} {}: {violation}", exchange.method, exchange.path))
        .collect()
}

fn matches_template(template: &str, path: &str) -> bool {
    let (template, path) = (template.split('/'), path.split('/'));
    template.clone().count() == path.clone().count()
        && template
            .zip(path)
            .all(|(pattern, part)| pattern == part || (pattern.starts_with('{') && !part.is_empty()))
}

/// Whether a coerced value is of an alternative's type; what else is wrong with it, the validator says.
fn fits(schema: &Value, value: &Value) -> bool {
    if let Some(words) = schema["enum"].as_array() {
        return words.contains(value);
    }
    match schema["type"].as_str() {
        Some("integer") => value.is_i64(),
        Some("boolean") => value.is_boolean(),
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        _ => value.is_string(),
    }
}

/// The pairs of a query as a tree, in the form of `Exchange::body`.
fn tree(pairs: &[(String, String)]) -> Value {
    let mut root = json!({});
    for (name, value) in pairs {
        let mut place = &mut root;
        for segment in name.split('[').map(|segment| segment.trim_end_matches(']')) {
            let segment = match (segment, place.as_object()) {
                ("", Some(fields)) => fields.len().to_string(),
                _ => segment.to_owned(),
            };
            if !place[&segment].is_object() {
                place[&segment] = json!({});
            }
            place = &mut place[&segment];
        }
        *place = Value::from(value.as_str());
    }
    root
}

/// OpenAPI's dialect as plain JSON Schema; the components that it refers to are added to `wanted`.
fn plain(schema: &Value, direction: Direction, wanted: &mut BTreeSet<String>) -> Value {
    let Value::Object(fields) = schema else { return schema.clone() };
    let is_open_enum = direction == Direction::Answer && fields.contains_key("x-open-enum");
    let mut result = Map::new();
    for (keyword, value) in fields {
        let value = match keyword.as_str() {
            "nullable" | "format" => continue,
            "enum" if is_open_enum => continue,
            extension if extension.starts_with("x-") => continue,
            "$ref" => {
                let name =
                    value.as_str().and_then(|text| text.strip_prefix(COMPONENTS)).expect("local references");
                wanted.insert(name.to_owned());
                Value::from(format!("#/$defs/{name}"))
            }
            "properties" => value
                .as_object()
                .expect("properties are an object")
                .iter()
                .map(|(name, field)| (name.clone(), plain(field, direction, wanted)))
                .collect(),
            "items" | "additionalProperties" => plain(value, direction, wanted),
            "anyOf" => value
                .as_array()
                .expect("alternatives are a list")
                .iter()
                .map(|alternative| plain(alternative, direction, wanted))
                .collect(),
            _ => value.clone(),
        };
        result.insert(keyword.clone(), value);
    }
    if direction == Direction::Answer {
        close_answer(fields, &mut result);
    }
    let result = Value::Object(result);
    if fields.get("nullable") == Some(&Value::Bool(true)) {
        json!({"anyOf": [result, {"type": "null"}]})
    } else {
        result
    }
}

/// In an answer, what cannot be null is always there, and what has no name at Stripe is not.
fn close_answer(fields: &Map<String, Value>, result: &mut Map<String, Value>) {
    let Some(properties) =
        fields.get("properties").and_then(Value::as_object).filter(|known| !known.is_empty())
    else {
        return;
    };
    let always: Vec<&String> = properties
        .iter()
        .filter(|(_, field)| field.get("nullable") != Some(&Value::Bool(true)))
        .map(|(name, _)| name)
        .collect();
    result.insert("required".to_owned(), json!(always));
    result.entry("additionalProperties").or_insert(Value::Bool(false));
}
