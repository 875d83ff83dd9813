//! The server's description of itself: `server/discover` (modern) and `initialize` (legacy).
//!
//! Invariant: everything declared is served, and everything served is declared.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::era::{Era, Version};
use super::result_meta::{Cache, SERVER_INFO, tail};
use crate::domain::ids::Mode;
use crate::domain::merchant::{MerchantStatus, MerchantView};
use crate::protocol::apps::widget::APP_MIME;
use crate::protocol::mpp;

/// Tools and resources, without change notices, and MCP Apps (`io.modelcontextprotocol/ui`).
static CAPABILITIES: LazyLock<Value> = LazyLock::new(|| {
    json!({
        "tools": {},
        "resources": {},
        "extensions": { "io.modelcontextprotocol/ui": { "mimeTypes": [APP_MIME] } },
    })
});

/// The result of `server/discover` (2026-07-28).
#[must_use]
pub(super) fn discover(view: &MerchantView) -> String {
    let known = json!({
        "supportedVersions": Version::names(),
        "capabilities": capabilities(view),
        "instructions": instructions(view),
    });
    open(&known) + &tail(Era::Modern, Cache::Discovery, "")
}

/// The result of `initialize`: the client's revision if it is a legacy one that is served, else our newest legacy one
/// (2025-11-25 "Version Negotiation"). The result never names a modern revision.
#[must_use]
pub(super) fn initialize(requested: &str, view: &MerchantView) -> String {
    let version = Version::find(requested).filter(|version| version.era() == Era::Legacy);
    let known = json!({
        "protocolVersion": version.unwrap_or(Version::NEWEST_LEGACY).into_str(),
        "capabilities": capabilities(view),
        "instructions": instructions(view),
    });
    let info = SERVER_INFO.as_str();
    format!(r#"{},"serverInfo":{info}}}"#, open(&known))
}

/// The capabilities of a merchant's server: all alike, but for payments in MCP.
fn capabilities(view: &MerchantView) -> Value {
    let mut capabilities = CAPABILITIES.clone();
    if view.checkout.mcp_payment {
        capabilities["experimental"] = mpp::mcp::capability();
    }
    capabilities
}

/// An object's JSON without its closing brace.
fn open(object: &Value) -> String {
    let mut text = object.to_string();
    text.pop();
    text
}

/// The instructions for a model before it calls a tool: the shop, its goods, how to buy; short.
#[must_use]
pub fn instructions(view: &MerchantView) -> String {
    let mut text = format!("The shop of {}", view.name);
    let categories = categories(view);
    if !categories.is_empty() {
        text.push_str(", selling ");
        text.push_str(&categories.join(", "));
    }
    text.push_str(". Prices are in ");
    text.push_str(&view.currency.upper());
    text.push_str(", before tax and shipping.");
    if view.mode == Mode::Test {
        text.push_str(" This is a test shop: no real money moves.");
    }
    text.push_str(
        " Find products with search_products; show one with show-buy-product-widget, where the shopper chooses a \
         variant, a quantity and an address. To start a checkout with items that are already chosen, call \
         checkout_session with their ids and quantities. The shopper pays in the widget; never ask for card details. \
         get_checkout reports the state of a checkout and, once paid, its order.",
    );
    if view.status == MerchantStatus::Suspended {
        text.push_str(" The shop takes no orders at the moment.");
    }
    text
}

/// The first few categories, in the catalog's order.
#[must_use]
pub fn categories(view: &MerchantView) -> Vec<&str> {
    const MOST: usize = 6;
    let mut found: Vec<&str> = Vec::new();
    for product in view.catalog.products() {
        let category = product.category.as_str();
        if !category.is_empty() && !found.contains(&category) {
            found.push(category);
            if found.len() == MOST {
                break;
            }
        }
    }
    found
}
