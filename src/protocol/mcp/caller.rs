//! The data in a request about itself and its sender: for logs, counters, traces and the per-shopper limit.
//!
//! Invariant: hints only, never authorization; every text is bounded and has no control characters.

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::era::{Era, Version};
use super::tools::ToolName;
use crate::domain::language::Language;
use crate::domain::merchant::MerchantView;
use crate::domain::origin::Host;
use crate::protocol::capability::Capability;

/// The longest hint that is kept, in bytes; a longer one is dropped, not cut, so that two never become equal.
const LONGEST: usize = 256;

/// A request and its sender.
#[derive(Clone, Debug)]
pub struct Caller {
    pub(super) era: Era,
    pub(super) version: Version,
    pub(super) method: &'static str,
    pub(super) id: Option<Box<RawValue>>,
    pub(super) user_agent: Option<String>,
    /// Its own name and version, in the message or else in the `User-Agent`.
    pub(super) client: Option<Host>,
    pub(super) hints: Hints,
    pub(super) tool: Option<ToolName>,
    pub(super) claimed: Option<Capability>,
}

/// The hints in `_meta`.
#[derive(Clone, Debug, Default)]
pub(super) struct Hints {
    subject: Option<String>,
    locale: Option<String>,
    traceparent: Option<String>,
}

impl Caller {
    /// The sender of a message that could not be read.
    pub(super) const fn unknown(era: Era, version: Version) -> Self {
        let hints = Hints { subject: None, locale: None, traceparent: None };
        Self {
            era,
            version,
            method: "unreadable",
            id: None,
            user_agent: None,
            client: None,
            hints,
            tool: None,
            claimed: None,
        }
    }

    /// Modern or legacy.
    #[must_use]
    pub const fn era(&self) -> Era {
        self.era
    }

    /// The protocol revision of the request.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The method, from a closed list, so that it can be a metric label: an unknown one is `other`.
    #[must_use]
    pub const fn method(&self) -> &'static str {
        self.method
    }

    /// The called tool, if it is one of ours.
    #[must_use]
    pub const fn tool(&self) -> Option<ToolName> {
        self.tool
    }

    /// The capability that a rejected call named, if it is readable; its MAC is not checked.
    #[must_use]
    pub const fn claimed(&self) -> Option<&Capability> {
        self.claimed.as_ref()
    }

    /// The client, if it names itself: in the message, else by its `User-Agent`.
    #[must_use]
    pub const fn client(&self) -> Option<&Host> {
        self.client.as_ref()
    }

    /// The `User-Agent`, as it was sent.
    #[must_use]
    pub fn user_agent(&self) -> Option<&str> {
        self.user_agent.as_deref()
    }

    /// `_meta["openai/subject"]`: the shopper, anonymous and forgeable.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.hints.subject.as_deref()
    }

    /// `_meta["openai/locale"]` (or the older `webplus/i18n`).
    #[must_use]
    pub fn locale(&self) -> Option<&str> {
        self.hints.locale.as_deref()
    }

    /// The language of messages to the shopper: the host's, else the merchant's.
    #[must_use]
    pub fn language(&self, view: &MerchantView) -> Language {
        self.locale().and_then(Language::of_tag).unwrap_or(view.language)
    }

    /// `_meta.traceparent`, W3C Trace Context; not checked for form.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.hints.traceparent.as_deref()
    }

    /// The trace that the request belongs to: the 32 digits of a well-formed `traceparent`. It connects the shop's
    /// logs with the host's.
    #[must_use]
    pub fn trace_id(&self) -> Option<&str> {
        trace_id(self.traceparent()?)
    }

    /// The request's id, to be echoed; `None` for a notification and for a message without a readable one.
    #[must_use]
    pub fn id(&self) -> Option<&RawValue> {
        self.id.as_deref()
    }
}

impl Hints {
    /// The hints of a request's params.
    pub(super) fn of(params: &Map<String, Value>) -> Self {
        let meta = params.get("_meta").and_then(Value::as_object);
        let text = |key: &str| meta.and_then(|meta| bounded(meta.get(key)));
        Self {
            subject: text("openai/subject"),
            locale: text("openai/locale").or_else(|| text("webplus/i18n")),
            traceparent: text("traceparent"),
        }
    }
}

/// The client's own name and version (`Implementation`): in `_meta` and, in the legacy era, in `initialize`.
pub(super) fn client(params: &Map<String, Value>) -> Option<Host> {
    let modern = params.get("_meta").and_then(|meta| meta.get("io.modelcontextprotocol/clientInfo"));
    let info = modern.or_else(|| params.get("clientInfo"))?;
    Host::of(info.get("name")?.as_str()?, info.get("version").and_then(Value::as_str))
}

fn bounded(value: Option<&Value>) -> Option<String> {
    let text = value?.as_str()?;
    let usable = (1..=LONGEST).contains(&text.len()) && !text.chars().any(char::is_control);
    usable.then(|| text.to_owned())
}

/// The trace of a `traceparent` (W3C Trace Context, 3.2): `00-`, 32 digits, `-`, 16 digits, `-`, 2 digits, all
/// hexadecimal in lower case and no id all zeros. Later versions than 00 may append more.
fn trace_id(traceparent: &str) -> Option<&str> {
    let mut fields = traceparent.splitn(5, '-');
    let mut digits = |count: usize| {
        let hexadecimal = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        fields.next().filter(|field| field.len() == count && field.bytes().all(hexadecimal))
    };
    let (version, evidence, parent, _flags) = (digits(2)?, digits(32)?, digits(16)?, digits(2)?);
    let known = version != "ff" && (version != "00" || fields.next().is_none());
    let zeros = |id: &str| id.bytes().all(|byte| byte == b'0');
    (known && !zeros(evidence) && !zeros(parent)).then_some(evidence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_read_from_a_well_formed_traceparent_only() {
        const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
        for good in ["00-TRACE-00f067aa0ba902b7-01", "cc-TRACE-00f067aa0ba902b7-01-what-comes"] {
            assert_eq!(trace_id(&good.replace("TRACE", TRACE)), Some(TRACE), "{good}");
        }
        for bad in [
            "",
            "00",
            "00-TRACE-00f067aa0ba902b7",
            "00-TRACE-00f067aa0ba902b7-01-more",
            "ff-TRACE-00f067aa0ba902b7-01",
            "00-TRACE-0000000000000000-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-TRACE-00f067aa0ba902b-011",
        ] {
            assert_eq!(trace_id(&bad.replace("TRACE", TRACE)), None, "{bad}");
        }
    }
}
