//! A program that shops over HTTP, as a host and as an agent do.

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

use crate::cli::gateway::Gateway;
use crate::config::tenant::TenantConfig;

/// The MCP revision of the requests.
const VERSION: &str = "2026-07-28";

/// A program that shops at one merchant.
pub(super) struct Shopper<'a> {
    pub(super) http: reqwest::Client,
    pub(super) merchant: &'a TenantConfig,
    endpoint: String,
}

impl<'a> Shopper<'a> {
    #[expect(
        clippy::disallowed_methods,
        reason = "a shopper of the demo, who talks to the gateway and not to Stripe"
    )]
    pub(super) fn new(gateway: &Gateway, merchant: &'a TenantConfig) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().build()?;
        Ok(Self { http, merchant, endpoint: super::mcp_url(gateway, merchant) })
    }

    /// A checkout of two pieces of the first product, which can be paid: the data of a session tool.
    pub(super) async fn ready_checkout(&self) -> anyhow::Result<Value> {
        let found = self.call("search_products", json!({ "available_only": true })).await?;
        let item = first_item(&found).context("nothing is for sale")?;
        let items = json!({ "items": [{ "id": item, "quantity": 2 }], "buyer": buyer() });
        let mut shown = self.call("create_checkout", items).await?;
        if status(&shown) == "not_ready_for_payment" {
            let id = text(&shown, "/checkout_session/id")?;
            let to = json!({ "checkout_session_id": id, "fulfillment_address": address(self.merchant) });
            shown = self.call("update_checkout", to).await?;
        }
        ensure!(status(&shown) == "ready_for_payment", "the checkout is not payable: {shown}");
        Ok(shown)
    }

    /// Calls a tool and returns its `structuredContent`.
    pub(super) async fn call(&self, tool: &str, arguments: Value) -> anyhow::Result<Value> {
        let meta = json!({
            "io.modelcontextprotocol/protocolVersion": VERSION,
            "io.modelcontextprotocol/clientCapabilities": {},
            "io.modelcontextprotocol/clientInfo": { "name": "merchant-gateway-demo", "version": env!("CARGO_PKG_VERSION") },
        });
        let params = json!({ "name": tool, "arguments": arguments, "_meta": meta });
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params });
        let response = self
            .http
            .post(&self.endpoint)
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .header("mcp-protocol-version", VERSION)
            .header("mcp-method", "tools/call")
            .header("mcp-name", tool)
            .body(message.to_string())
            .send()
            .await?;
        let status = response.status();
        let answer: Value = serde_json::from_slice(&response.bytes().await?)
            .with_context(|| format!("{tool} answered {status} without JSON"))?;
        let result = &answer["result"];
        if !status.is_success() || result["isError"] == true || !result.is_object() {
            bail!("{tool} answered {status}: {answer}");
        }
        Ok(result["structuredContent"].clone())
    }
}

/// The id for buying the first product.
fn first_item(found: &Value) -> Option<String> {
    let product = found["products"].as_array()?.first()?;
    let in_stock = |variant: &&Value| variant["availability"] == "in_stock";
    let variant = product["variants"].as_array().and_then(|variants| variants.iter().find(in_stock));
    variant.unwrap_or(product)["id"].as_str().map(str::to_owned)
}

/// The buyer of every purchase.
pub(super) fn buyer() -> Value {
    json!({ "name": "Ada Lovelace", "email": "ada@example.com", "phone_number": null })
}

/// An address that the merchant delivers to and whose tax it knows.
fn address(merchant: &TenantConfig) -> Value {
    use crate::domain::places;
    use crate::domain::tax::TaxRule;
    let view = merchant.view(0, None);
    let region = match &view.tax {
        TaxRule::Fixed(table) => table.rates.first().map(|rate| (rate.country, rate.state.clone())),
        TaxRule::None => None,
    };
    let elsewhere = || view.checkout.countries.first().map(|country| (*country, None));
    let (country, state) = region.or_else(elsewhere).unzip();
    let (state, postal_code) =
        country.map(|country| places::example(country, state.flatten().as_deref())).unwrap_or_default();
    json!({
        "name": "Ada Lovelace", "line_one": "12 Mill Lane", "city": "Springfield",
        "state": state, "country": country, "postal_code": postal_code,
    })
}

fn status(shown: &Value) -> &str {
    shown["checkout_session"]["status"].as_str().unwrap_or_default()
}

/// The total of a payment sheet, in minor units.
pub(super) fn total(sheet: &Value) -> Option<i64> {
    sheet["totals"].as_array()?.iter().find(|row| row["type"] == "total")?["amount"].as_i64()
}

/// A text that must be there.
pub(super) fn text<'a>(value: &'a Value, pointer: &str) -> anyhow::Result<&'a str> {
    value.pointer(pointer).and_then(Value::as_str).with_context(|| format!("{pointer} is missing in {value}"))
}
