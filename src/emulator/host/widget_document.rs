//! A widget as a document for the sandbox: the merchant's HTML, `window.openai` before it, the policy it asked for.
//!
//! Must not import servers. Invariants: the policy admits only origins that the resource's `_meta` names, never a
//! source that could widen it (quotes, spaces, semicolons, schemes without a host); nothing in the globals can end the
//! script that carries them.
//!
//! Sources: MCP Apps 2026-01-26, "Content Security Policy"; OpenAI's plugin reference (`openai/widgetCSP`).

use serde_json::Value;

/// `window.openai`, as a function of what it begins with.
const BRIDGE: &str = include_str!("page/widget-bridge.js");

/// The MIME types under which a widget may come: the standard's and ChatGPT's older one.
const MIME_TYPES: [&str; 2] = ["text/html;profile=mcp-app", "text/html+skybridge"];

/// A widget, ready to be served.
#[derive(Clone, Debug)]
pub(super) struct WidgetDocument {
    /// The whole HTML.
    pub(super) html: String,
    /// Its `Content-Security-Policy`, without who may frame it.
    pub(super) policy: String,
    /// What its `_meta` asked for and is not granted.
    pub(super) left_out: Vec<String>,
}

impl WidgetDocument {
    /// The document of a `resources/read` result; an error says what is wrong with the resource.
    pub(super) fn of(result: &Value, setup: &Value) -> Result<Self, String> {
        let contents = &result["contents"][0];
        let html = contents["text"].as_str().ok_or("the resource has no text")?;
        let mime = contents["mimeType"].as_str().unwrap_or_default();
        if !MIME_TYPES.contains(&mime) {
            return Err(format!("its MIME type is \"{mime}\" and not {}", MIME_TYPES.join(" or ")));
        }
        let mut left_out = Vec::new();
        let policy = policy(&contents["_meta"], &mut left_out);
        Ok(Self { html: with_bridge(html, setup), policy, left_out })
    }
}

/// The HTML with the bridge as its first script, behind the doctype so that the page stays in standards mode.
fn with_bridge(html: &str, setup: &Value) -> String {
    let setup = setup.to_string().replace('<', "\\u003c");
    let script = format!("<script>({BRIDGE})({setup});</script>");
    let lower = html.to_ascii_lowercase();
    let tag_end = |tag: &str| lower.find(tag).and_then(|at| Some(at + lower[at..].find('>')? + 1));
    let at = tag_end("<head>").or_else(|| tag_end("<head ")).or_else(|| tag_end("<!doctype")).unwrap_or(0);
    format!("{}{script}{}", &html[..at], &html[at..])
}

fn policy(meta: &Value, left_out: &mut Vec<String>) -> String {
    let mut named = |standard: &str, alias: &str| {
        let list = [&meta["ui"]["csp"][standard], &meta["openai/widgetCSP"][alias]]
            .into_iter()
            .find_map(Value::as_array);
        let mut sources = String::new();
        for source in list.into_iter().flatten() {
            match source.as_str().filter(|source| is_origin(source)) {
                Some(source) => {
                    sources.push(' ');
                    sources.push_str(source);
                }
                None => left_out.push(format!("{standard}: {source}")),
            }
        }
        sources
    };
    let connect = named("connectDomains", "connect_domains");
    let resource = named("resourceDomains", "resource_domains");
    let frame = named("frameDomains", "frame_domains");
    let base = named("baseUriDomains", "base_uri_domains");
    let or_none = |sources: String| if sources.is_empty() { " 'none'".to_owned() } else { sources };
    format!(
        "default-src 'none'; script-src 'unsafe-inline'{resource}; style-src 'unsafe-inline'{resource}; \
         img-src data:{resource}; font-src data:{resource}; media-src data:{resource}; connect-src{}; \
         frame-src{}; base-uri{}; object-src 'none'; form-action 'none'",
        or_none(connect),
        or_none(frame),
        or_none(base),
    )
}

/// Whether a text is an origin with a host, its first label perhaps `*`.
fn is_origin(text: &str) -> bool {
    let rest = ["https://", "wss://"].into_iter().find_map(|scheme| text.strip_prefix(scheme));
    let Some(authority) = rest else { return false };
    let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let name = host.strip_prefix("*.").unwrap_or(host);
    let numeric = |port: &str| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    name.split('.').all(label) && port.is_none_or(numeric)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(meta: &Value) -> WidgetDocument {
        let contents = json!([{ "mimeType": "text/html;profile=mcp-app", "text": "<p>", "_meta": meta }]);
        WidgetDocument::of(&json!({ "contents": contents }), &json!({})).unwrap()
    }

    #[test]
    fn a_widget_reaches_nothing_that_it_did_not_ask_for() {
        let silent = document(&json!({}));
        assert!(silent.policy.contains("default-src 'none'") && silent.policy.contains("connect-src 'none'"));
        assert!(silent.policy.contains("img-src data:; ") && silent.policy.contains("frame-src 'none'"));
        let asking = json!({ "ui": { "csp": {
            "connectDomains": ["https://api.shop.example"], "resourceDomains": ["https://*.cdn.example:8443"],
        } } });
        let asked = document(&asking);
        assert!(asked.policy.contains("connect-src https://api.shop.example;"), "{}", asked.policy);
        assert!(asked.policy.contains("img-src data: https://*.cdn.example:8443;"), "{}", asked.policy);
        assert!(asked.left_out.is_empty());
    }

    #[test]
    fn the_older_policy_name_counts_if_the_standard_one_is_absent() {
        let older = document(&json!({ "openai/widgetCSP": { "resource_domains": ["https://a.example"] } }));
        assert!(older.policy.contains("img-src data: https://a.example;"), "{}", older.policy);
    }

    #[test]
    fn a_source_that_would_widen_the_policy_is_left_out_and_told() {
        let wrong = [
            "https:",
            "*",
            "'unsafe-eval'",
            "https://",
            "https://a.example; script-src *",
            "https://a b",
            "http://a.example",
            "data:",
            "https://*",
        ];
        let refused = document(&json!({ "ui": { "csp": { "resourceDomains": wrong } } }));
        assert_eq!(refused.left_out.len(), wrong.len(), "{:?}", refused.left_out);
        assert_eq!(refused.policy, document(&json!({})).policy);
    }

    #[test]
    fn the_bridge_precedes_widget_scripts_and_data_cannot_end_it() {
        let html = "<!doctype html>\n<html><HEAD lang=\"en\"><script>mine()</script></head></html>";
        let shown = with_bridge(html, &json!({ "toolInput": "</script><script>evil()" }));
        assert!(shown.starts_with("<!doctype html>\n<html><HEAD lang=\"en\"><script>("), "{shown}");
        assert!(shown.find("window.openai").unwrap() < shown.find("mine()").unwrap());
        assert!(!shown.contains("</script><script>evil()"));
        assert!(with_bridge("<!doctype html><p>", &json!({})).starts_with("<!doctype html><script>("));
        assert!(!BRIDGE.contains("</script"));
    }

    #[test]
    fn only_html_of_a_widgets_kind_is_shown() {
        let plain = json!({ "contents": [{ "mimeType": "text/html", "text": "<p>" }] });
        assert!(WidgetDocument::of(&plain, &json!({})).unwrap_err().contains("text/html;profile=mcp-app"));
        assert!(WidgetDocument::of(&json!({ "contents": [] }), &json!({})).is_err());
    }
}
