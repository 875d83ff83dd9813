//! Purchases from every shop over HTTP and MCP 2026-07-28: one in the way of a host with a payment sheet, and one in the way
//! of an agent's wallet, where the shop takes its payments.
//!
//! The printed receipt is then compared with the emulator's ledger: exactly that payment, exactly that amount.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::shopper::{Shopper, buyer, text, total};
use super::{PATIENCE, wallet};
use crate::cli::gateway::Gateway;
use crate::cli::say;
use crate::config::tenant::TenantConfig;
use stripe_emulator::{Emulator, LedgerEntry, MintToken};

/// Buys from every merchant and prints the receipts; fails at the first unexpected result.
pub(super) fn from_all(gateway: &Gateway, emulator: &Emulator) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    ensure!(!gateway.merchants().is_empty(), "there is no merchant to buy from");
    ensure!(
        gateway.wait_until_payable(PATIENCE),
        "the shops' Stripe accounts are not known after {PATIENCE:?}"
    );
    for merchant in gateway.merchants() {
        let shopper = Shopper::new(gateway, merchant)?;
        let bought = runtime.block_on(in_the_sheet(&shopper, emulator));
        say(&bought.with_context(|| format!("the purchase from {} failed", merchant.id()))?);
        if merchant.view(0, None).checkout.wallet {
            let bought = runtime.block_on(with_a_wallet(&shopper, emulator));
            say(&bought
                .with_context(|| format!("the purchase with a wallet from {} failed", merchant.id()))?);
        }
    }
    Ok(())
}

async fn in_the_sheet(shopper: &Shopper<'_>, emulator: &Emulator) -> anyhow::Result<String> {
    let shown = shopper.ready_checkout().await?;
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
    let payment = json!({ "token": token, "provider": "stripe", "billing_address": null });
    let arguments = json!({ "checkout_session_id": sheet["id"], "buyer": buyer(), "payment_data": payment });
    let paid = shopper.call("complete_checkout", arguments).await?;
    ensure!(paid["status"] == "completed", "the payment did not complete: {paid}");

    let permalink = text(&paid, "/order/permalink_url")?;
    let page = shopper.http.get(permalink).send().await?;
    ensure!(page.status().is_success(), "the order's page answers {}", page.status());
    let payment = only_payment(emulator, text(&paid, "/order/checkout_session_id")?, total)?;
    Ok(receipt(shopper.merchant, &paid, ("in the payment sheet", &payment)))
}

async fn with_a_wallet(shopper: &Shopper<'_>, emulator: &Emulator) -> anyhow::Result<String> {
    let shown = shopper.ready_checkout().await?;
    let total = total(&shown["checkout_session"]).context("the checkout has no total")?;
    let address = text(&shown, "/wallet_payment/url")?;
    let paid = wallet::pay(&shopper.http, address, emulator).await?;
    let payment = only_payment(emulator, text(&paid.order, "/order/checkout_session_id")?, total)?;
    let confirmed = text(&paid.receipt, "/reference")?;
    ensure!(confirmed == payment.payment_intent, "the receipt is for {confirmed}");
    Ok(receipt(shopper.merchant, &paid.order, ("with an agent's wallet", &payment)))
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

fn receipt(merchant: &TenantConfig, paid: &Value, (how, payment): (&str, &LedgerEntry)) -> String {
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
    receipt.push(format!("  paid {how}, charged once: {}\n", payment.payment_intent));
    receipt.join("\n")
}
