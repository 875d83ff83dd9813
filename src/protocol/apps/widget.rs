//! The buy widget as an MCP resource: one HTML file for every merchant, between a head and a tail for each one.
//!
//! Must not import [`crate::protocol::mcp`]. Invariants: the HTML holds no merchant's text (branding and data arrive
//! with tool results), so its escaped bytes are shared; the only outside origins are the merchant's image hosts.
//!
//! Sources: MCP Apps 2026-01-26 (`ui.*`), OpenAI's plugin reference (`openai/*`, the older aliases).

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::domain::merchant::MerchantView;

/// The MIME type of MCP Apps.
pub const APP_MIME: &str = "text/html;profile=mcp-app";

/// ChatGPT's older MIME type, for hosts that support no other (`chatgpt.legacy_mime`).
pub const SKYBRIDGE_MIME: &str = "text/html+skybridge";

/// The widget's page: one file without outside references.
pub(super) const HTML: &str = include_str!("../../../widget/dist/buy.html");

/// The page as a JSON string, quotes included; escaped once.
static ESCAPED: LazyLock<String> = LazyLock::new(|| Value::from(HTML).to_string());

/// An address that the widget is served at. The address is part of the reviewed contract; hosts cache by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Widget {
    /// The widget's own address in contract version 1.
    Buy,
    /// The address that OpenAI's product-checkout contract prescribes for the tool `checkout_session`.
    CheckoutSession,
}

impl Widget {
    /// Both, in the order listed.
    pub const ALL: [Self; 2] = [Self::Buy, Self::CheckoutSession];

    /// The resource's URI.
    #[must_use]
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Buy => "ui://widget/buy-v1.html",
            Self::CheckoutSession => "ui://widget/checkout-session.html",
        }
    }

    /// The widget at a URI, compared as a whole.
    #[must_use]
    pub fn find(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|widget| widget.uri() == uri)
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Buy => "buy",
            Self::CheckoutSession => "checkout-session",
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::Buy => "Buy a product",
            Self::CheckoutSession => "Checkout",
        }
    }
}

/// The page's text as a JSON string, the middle of every `resources/read` answer.
#[must_use]
pub fn escaped_html() -> &'static str {
    &ESCAPED
}

/// The resource's line in `resources/list`.
#[must_use]
pub fn entry(widget: Widget, view: &MerchantView) -> Value {
    json!({
        "uri": widget.uri(),
        "name": widget.name(),
        "title": widget.title(),
        "description": DESCRIPTION,
        "mimeType": mime(view),
        "_meta": meta(view),
    })
}

/// The resource's contents in two halves, to be put around [`escaped_html`].
#[must_use]
pub fn contents(widget: Widget, view: &MerchantView) -> (String, String) {
    let head = format!(r#"{{"uri":"{}","mimeType":"{}","text":"#, widget.uri(), mime(view));
    (head, format!(r#","_meta":{}}}"#, meta(view)))
}

const DESCRIPTION: &str = "Shows products with their variants, takes a delivery address, shows shipping, tax and total, and lets the \
     shopper pay.";

const fn mime(view: &MerchantView) -> &'static str {
    if view.chatgpt.legacy_mime { SKYBRIDGE_MIME } else { APP_MIME }
}

/// The resource's `_meta`: each value under its standard name and under ChatGPT's older one.
fn meta(view: &MerchantView) -> Value {
    let images = image_origins(view);
    let mut ui = json!({
        "csp": { "connectDomains": [], "resourceDomains": images },
        "prefersBorder": true,
    });
    let mut meta = Map::new();
    if let (Some(domain), Some(ui)) = (&view.chatgpt.widget_domain, ui.as_object_mut()) {
        ui.insert("domain".to_owned(), json!(domain));
        meta.insert("openai/widgetDomain".to_owned(), json!(domain));
    }
    meta.insert("ui".to_owned(), ui);
    let mut older = json!({ "connect_domains": [], "resource_domains": images });
    if let (Some(host), Some(older)) = (view.hosts.first(), older.as_object_mut()) {
        // Where ChatGPT sends shoppers without a warning: the shop's own pages. It has no standard name.
        older.insert("redirect_domains".to_owned(), json!([format!("https://{host}")]));
    }
    meta.insert("openai/widgetCSP".to_owned(), older);
    meta.insert("openai/widgetPrefersBorder".to_owned(), json!(true));
    meta.insert("openai/widgetDescription".to_owned(), json!(DESCRIPTION));
    Value::Object(meta)
}

/// The origins of the catalog's pictures and of the logo, each once, sorted.
#[must_use]
pub fn image_origins(view: &MerchantView) -> BTreeSet<&str> {
    let pictures = view.catalog.products().iter().flat_map(|product| &product.images);
    pictures.chain(&view.chatgpt.brand.logo).filter_map(|url| origin(url)).collect()
}

/// Scheme and authority of an `https` address, without parts that could widen a policy: user names, spaces, quotes.
fn origin(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("https://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let plain = !host.is_empty()
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']'));
    if plain { url.get(.."https://".len() + host.len()) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_origin_of_a_picture_enters_the_policy() {
        assert_eq!(origin("https://cdn.example.com/a/b.png?x=1"), Some("https://cdn.example.com"));
        assert_eq!(origin("https://cdn.example.com:8443"), Some("https://cdn.example.com:8443"));
        for wrong in
            ["http://cdn.example.com/a", "https:///a", "https://a b/c", "https://*.com/x", "https://u@h/x"]
        {
            assert_eq!(origin(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_page_is_one_file_that_never_writes_markup_from_data() {
        assert!(!HTML.contains("innerHTML") && !HTML.contains("document.write"));
        assert!(!HTML.contains("src=\"http") && !HTML.contains("<link"));
        assert!(HTML.lines().count() < 450);
        assert_eq!(serde_json::from_str::<String>(escaped_html()).unwrap(), HTML);
    }
}
