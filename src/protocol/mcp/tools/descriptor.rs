//! A tool's entry in `tools/list`.
//!
//! Invariants: all hints are explicit (hosts' reviews read them); every value for which ChatGPT has an older name is
//! written under both; status texts have at most 64 characters.

use serde_json::{Map, Value, json};

use super::ToolName;
use crate::protocol::apps::widget::Widget;

/// The parts of a tool's entry.
pub(super) struct Descriptor {
    pub(super) name: ToolName,
    /// The title for people.
    pub(super) title: &'static str,
    /// For the model: when to call it and what it returns.
    pub(super) description: &'static str,
    /// JSON Schema of the arguments.
    pub(super) input: Value,
    /// JSON Schema of `structuredContent`.
    pub(super) output: Value,
    /// Its effects.
    pub(super) hints: Hints,
    pub(super) callers: Callers,
    pub(super) shows: Option<Widget>,
    /// Shown while it runs, and after.
    pub(super) status: [&'static str; 2],
}

/// MCP's annotations.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "the protocol has these four independent hints")]
pub(super) struct Hints {
    pub(super) read_only: bool,
    pub(super) destructive: bool,
    pub(super) idempotent: bool,
    pub(super) open_world: bool,
}

impl Hints {
    /// Reads, and changes nothing.
    pub(super) const READ: Self =
        Self { read_only: true, destructive: false, idempotent: true, open_world: false };

    /// Adds or changes the shop's own data.
    pub(super) const WRITE: Self =
        Self { read_only: false, destructive: false, idempotent: false, open_world: false };
}

/// The callers of a tool.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Callers {
    Model,
    ModelAndWidget,
    /// The widget alone: MCP Apps hides it from the model.
    Widget,
    /// The host, after its payment sheet. Visibility has its default: it is not documented whether the host's own
    /// call works for a tool that is hidden from the model.
    Host,
}

impl Descriptor {
    /// The tool's entry.
    pub(super) fn to_json(&self) -> Value {
        let schemes = json!([{ "type": "noauth" }]);
        let [invoking, invoked] = self.status;
        debug_assert!(
            invoking.chars().count() <= 64 && invoked.chars().count() <= 64,
            "hosts refuse longer texts"
        );
        let mut ui = Map::new();
        let mut meta = Map::new();
        if let Some(widget) = self.shows {
            ui.insert("resourceUri".to_owned(), json!(widget.uri()));
            meta.insert("openai/outputTemplate".to_owned(), json!(widget.uri()));
        }
        if self.callers == Callers::Widget {
            ui.insert("visibility".to_owned(), json!(["app"]));
            meta.insert("openai/visibility".to_owned(), json!("private"));
        }
        if matches!(self.callers, Callers::Widget | Callers::ModelAndWidget) {
            meta.insert("openai/widgetAccessible".to_owned(), json!(true));
        }
        if !ui.is_empty() {
            meta.insert("ui".to_owned(), Value::Object(ui));
        }
        meta.insert("openai/toolInvocation/invoking".to_owned(), json!(invoking));
        meta.insert("openai/toolInvocation/invoked".to_owned(), json!(invoked));
        meta.insert("securitySchemes".to_owned(), schemes.clone());
        json!({
            "name": self.name.into_str(),
            "title": self.title,
            "description": self.description,
            "inputSchema": self.input,
            "outputSchema": self.output,
            "annotations": {
                "readOnlyHint": self.hints.read_only,
                "destructiveHint": self.hints.destructive,
                "idempotentHint": self.hints.idempotent,
                "openWorldHint": self.hints.open_world,
            },
            "securitySchemes": schemes,
            "_meta": meta,
        })
    }
}
