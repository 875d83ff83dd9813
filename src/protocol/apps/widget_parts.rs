//! The buy widget as parts of a page of the gateway's own: its style, its script, and the policy source for that
//! script.
//!
//! Must not import [`crate::protocol::mcp`]. Invariant: style and script are those of [`super::widget`]'s one file, byte
//! for byte, so that the hash admits this script in a page's policy, and no other.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::widget::HTML;

/// The parts that the widget adds to a page; it also needs an element whose id is `app`.
#[derive(Debug)]
pub struct WidgetParts {
    /// The text of its style element.
    pub style: &'static str,
    /// The text of its script element.
    pub script: &'static str,
    /// The script as a source of a Content-Security-Policy, quotes included.
    pub script_source: String,
}

static PARTS: LazyLock<WidgetParts> = LazyLock::new(|| {
    let script = element("script");
    let hash = STANDARD.encode(Sha256::digest(script));
    WidgetParts { style: element("style"), script, script_source: format!("'sha256-{hash}'") }
});

impl WidgetParts {
    /// The parts, extracted from the file once.
    #[must_use]
    pub fn get() -> &'static Self {
        &PARTS
    }
}

/// The text of the file's one element of this name: the build ensures that neither text contains its end tag.
fn element(name: &str) -> &'static str {
    let inside =
        HTML.split_once(&format!("<{name}>")).and_then(|(_, rest)| rest.split_once(&format!("</{name}>")));
    inside.map(|(text, _)| text).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_has_one_style_and_one_script_and_both_are_found() {
        let parts = WidgetParts::get();
        for (name, text) in [("style", parts.style), ("script", parts.script)] {
            assert!(text.len() > 1000 && HTML.contains(&format!("<{name}>{text}</{name}>")), "{name}");
            assert_eq!(HTML.matches(&format!("<{name}")).count(), 1, "{name}");
        }
    }

    #[test]
    fn the_hash_has_the_form_of_a_policys_source() {
        assert_eq!(
            format!("'sha256-{}'", STANDARD.encode(Sha256::digest("alert('Hello, world.');"))),
            "'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng='",
            "the example of MDN"
        );
        assert!(WidgetParts::get().script_source.starts_with("'sha256-"));
    }
}
