//! One purchase per shop, in the way of a host: over HTTP and MCP 2026-07-28, paid with a token of the emulator's.
//!
//! The printed receipt is then compared with the emulator's ledger: exactly that payment, exactly that amount.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

use crate::cli::gateway::Gateway;
use crate::cli::say;
use crate::config::tenant::TenantConfig;
use stripe_emulator::{Emulator, LedgerEntry, MintToken};

/// How long the shops may take to become ready.
const PATIENCE: Duration = Duration::from_secs(30);

/// The MCP revision of the requests.
const VERSION: &str = "2026-07-28";

/// Buys from every merchant and prints the receipts; fails at the first unexpected result.
pub(super) fn from_all(gateway: &Gateway, emulator: &Emulator) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    ensure!(!gateway.merchants().is_empty(), "there is no merchant to buy from");
    ensure!(
        gateway.wait_until_payable(PATIENCE),
        "the shops' Stripe accounts are not known after {PATIENCE:?}"
    );
    for merchant in gateway.merchants() {
        let shopper = Shopper::new(&format!("http://{}/t/{}/mcp", gateway.address(), merchant.id()))?;
        let bought = runtime.block_on(buy(&shopper, merchant, emulator));
        let receipt = bought.with_context(|| format!("the purchase from {} failed", merchant.id()))?;
        say(&receipt);
    }
    Ok(())
}

async fn buy(shopper: &Shopper, merchant: &TenantConfig, emulator: &Emulator) -> anyhow::Result<String> {
    let found = shopper.call("search_products", json!({ "available_only": true })).await?;
    let item = first_item(&found).context("nothing is for sale")?;
    let mut shown =
        shopper.call("create_checkout", json!({ "items": [{ "id": item, "quantity": 2 }] })).await?;
    if status(&shown) == "not_ready_for_payment" {
        let id = text(&shown, "/checkout_session/id")?.to_owned();
        let address = address(merchant);
        shown = shopper
            .call("update_checkout", json!({ "checkout_session_id": id, "fulfillment_address": address }))
            .await?;
    }
    ensure!(status(&shown) == "ready_for_payment", "the checkout is not payable: {shown}");

    let sheet = &shown["checkout_session"];
    let total = total(sheet).context("the checkout has no total")?;
    let network = text(sheet, "/payment_provider/merchant_id")?;
    let token = emulator.mint_token(&MintToken {
        account_id: emulator.account_of_network(network).context("the emulator does not know the shop")?,
        payment_method: "pm_card_visa".to_owned(),
        currency: text(sheet, "/currency")?.to_lowercase(),
        max_amount: total,
        expires_at: None,
    })?;
    let buyer = json!({ "name": "Ada Lovelace", "email": "ada@example.com", "phone_number": null });
    let payment = json!({ "token": token, "provider": "stripe", "billing_address": null });
    let arguments = json!({ "checkout_session_id": sheet["id"], "buyer": buyer, "payment_data": payment });
    let paid = shopper.call("complete_checkout", arguments).await?;
    ensure!(paid["status"] == "completed", "the payment did not complete: {paid}");

    let permalink = text(&paid, "/order/permalink_url")?;
    let page = shopper.http.get(permalink).send().await?;
    ensure!(page.status().is_success(), "the order's page answers {}", page.status());
    let payment = only_payment(emulator, text(&paid, "/order/checkout_session_id")?, total)?;
    Ok(receipt(merchant, &paid, &payment))
}

/// The id for buying the first product.
fn first_item(found: &Value) -> Option<String> {
    let product = found["products"].as_array()?.first()?;
    let in_stock = |variant: &&Value| variant["availability"] == "in_stock";
    let variant = product["variants"].as_array().and_then(|variants| variants.iter().find(in_stock));
    variant.unwrap_or(product)["id"].as_str().map(str::to_owned)
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

fn total(sheet: &Value) -> Option<i64> {
    sheet["totals"].as_array()?.iter().find(|row| row["type"] == "total")?["amount"].as_i64()
}

fn text<'a>(value: &'a Value, pointer: &str) -> anyhow::Result<&'a str> {
    value.pointer(pointer).and_then(Value::as_str).with_context(|| format!("{pointer} is missing in {value}"))
}

/// The one payment of this checkout in the ledger.
fn only_payment(emulator: &Emulator, session: &str, total: i64) -> anyhow::Result<LedgerEntry> {
    // Stripe has the checkout's id, which is the first part of the host's capability.
    let id = session.get(..36).unwrap_or(session);
    let of_session = |entry: &LedgerEntry| entry.metadata.values().any(|value| value == id);
    let mut payments: Vec<LedgerEntry> = emulator.ledger().into_iter().filter(of_session).collect();
    ensure!(payments.len() == 1, "the ledger has {} payments for {id}", payments.len());
    let payment = payments.remove(0);
    ensure!(payment.amount_received == total, "{} was charged instead of {total}", payment.amount_received);
    Ok(payment)
}

fn receipt(merchant: &TenantConfig, paid: &Value, payment: &LedgerEntry) -> String {
    let empty = Vec::new();
    let lines = paid["line_items"].as_array().unwrap_or(&empty).iter().map(|line| {
        let name = line["name"].as_str().unwrap_or_default();
        format!("  {} × {name}", line["item"]["quantity"])
    });
    let currency: Result<crate::domain::money::Currency, _> = payment.currency.parse();
    let rows = paid["totals"].as_array().unwrap_or(&empty).iter().map(|row| {
        let amount = row["amount"].as_i64().unwrap_or_default();
        let shown = currency.as_ref().map_or_else(
            |_| amount.to_string(),
            |currency| crate::domain::money::Money::new(amount, *currency).to_string(),
        );
        format!("  {:<24}{shown:>16}", row["display_text"].as_str().unwrap_or_default())
    });
    let mut receipt =
        vec![format!("{} — order {}", merchant.name(), paid["order"]["id"].as_str().unwrap_or("?"))];
    receipt.extend(lines);
    receipt.extend(rows);
    // The order page ends with this process, so its address is not printed.
    receipt.push(format!("  charged once: {}\n", payment.payment_intent));
    receipt.join("\n")
}

/// A host that shops over MCP.
struct Shopper {
    http: reqwest::Client,
    endpoint: String,
}

impl Shopper {
    #[expect(
        clippy::disallowed_methods,
        reason = "a shopper of the demo, who talks to the gateway and not to Stripe"
    )]
    fn new(endpoint: &str) -> anyhow::Result<Self> {
        Ok(Self { http: reqwest::Client::builder().no_proxy().build()?, endpoint: endpoint.to_owned() })
    }

    /// Calls a tool and returns its `structuredContent`.
    async fn call(&self, tool: &str, arguments: Value) -> anyhow::Result<Value> {
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
