//! A tool's result: `CallToolResult` of every revision.
//!
//! Invariant: structured content is inserted as it was rendered, never parsed and written again.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

/// The result of a tool call.
#[derive(Clone, Debug)]
pub struct ToolResult {
    texts: Vec<String>,
    structured: Option<Box<RawValue>>,
    is_error: bool,
    meta: Map<String, Value>,
}

impl ToolResult {
    /// A failure, with a text that says what to do. Business failures are results, not JSON-RPC errors, so that a
    /// model reads them (2026-07-28 "Tools, error handling").
    #[must_use]
    pub fn error(text: String) -> Self {
        Self { texts: vec![text], structured: None, is_error: true, meta: Map::new() }
    }

    /// Whether it is a failure.
    pub(in super::super) const fn is_error(&self) -> bool {
        self.is_error
    }

    /// A result with a sentence and data. The data is also a text block, for clients that read nothing else.
    pub(super) fn data(sentence: String, content: &impl Serialize) -> Option<Self> {
        let json = serde_json::to_string(content).ok()?;
        let texts = vec![sentence, json.clone()];
        Some(Self {
            texts,
            structured: Some(RawValue::from_string(json).ok()?),
            is_error: false,
            meta: Map::new(),
        })
    }

    /// A result whose data is not in the text blocks.
    pub(super) fn stored(sentence: String, json: String) -> Option<Self> {
        let structured = RawValue::from_string(json).ok()?;
        Some(Self { texts: vec![sentence], structured: Some(structured), is_error: false, meta: Map::new() })
    }

    /// Adds data that only the widget sees (`_meta` of the result).
    pub(super) fn with_meta(mut self, key: &str, value: &impl Serialize) -> Self {
        if let Ok(value) = serde_json::to_value(value) {
            self.meta.insert(key.to_owned(), value);
        }
        self
    }

    /// The result's JSON without its closing brace, and the inside of its `_meta`.
    pub(in super::super) fn into_json(self) -> (String, String) {
        let content: Vec<Value> =
            self.texts.into_iter().map(|text| json!({ "type": "text", "text": text })).collect();
        let mut head = format!(r#"{{"content":{}"#, Value::Array(content));
        if let Some(structured) = &self.structured {
            head.push_str(r#","structuredContent":"#);
            head.push_str(structured.get());
        }
        head.push_str(if self.is_error { r#","isError":true"# } else { r#","isError":false"# });
        let meta = if self.meta.is_empty() { String::new() } else { Value::Object(self.meta).to_string() };
        let inside =
            meta.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default().to_owned();
        (head, inside)
    }
}
