//! An agent's wallet in small: it answers a challenge over HTTP 402 with a token of the emulator's.

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::header::HeaderMap;
use serde_json::{Map, Value, json};
use stripe_emulator::{Emulator, MintToken};

use super::key;
use super::shopper::{Shopper, text};
use crate::cli::gateway::Gateway;
use crate::cli::say;
use crate::config::tenant::TenantConfig;

/// A public client of the protocol, in the version that the tests use. It does not bring `viem`, and npm finds the two at odds.
const CLIENT: &str = "npx --yes --legacy-peer-deps -p mppx@0.11.0 -p viem@2 mppx";

/// What a wallet holds after it has paid.
pub(super) struct Paid {
    pub(super) order: Value,
    pub(super) receipt: Value,
}

/// Pays at a wallet's address as its owner approves.
pub(super) async fn pay(http: &reqwest::Client, address: &str, emulator: &Emulator) -> anyhow::Result<Paid> {
    let asked = http.get(address).send().await?;
    ensure!(asked.status() == 402, "the address answers {} in place of a challenge", asked.status());
    let challenge = challenge(asked.headers()).context("the answer has no challenge")?;
    let request = decoded(text(&challenge, "/request")?)?;
    let network = text(&request, "/methodDetails/networkId")?;
    let token = emulator.mint_token(&MintToken {
        account_id: emulator.account_of_network(network).context("the emulator does not know the shop")?,
        payment_method: "pm_card_visa".to_owned(),
        currency: text(&request, "/currency")?.to_owned(),
        max_amount: text(&request, "/amount")?.parse()?,
        expires_at: None,
    })?;
    let credential = json!({ "challenge": challenge, "payload": { "spt": token } });
    let authorization = format!("Payment {}", URL_SAFE_NO_PAD.encode(credential.to_string()));
    let paid = http.post(address).header("authorization", authorization).send().await?;
    let (status, receipt) = (paid.status(), paid.headers().get("payment-receipt").cloned());
    let order: Value = serde_json::from_slice(&paid.bytes().await?)?;
    ensure!(status == 200, "the payment was answered with {status}: {order}");
    let receipt = receipt.context("the answer has no receipt")?;
    Ok(Paid { order, receipt: decoded(receipt.to_str()?)? })
}

/// The challenge of an answer, as it will be echoed.
fn challenge(headers: &HeaderMap) -> Option<Value> {
    let header = headers.get("www-authenticate")?.to_str().ok()?.strip_prefix("Payment ")?;
    let parameter = |parameter: &str| {
        let (name, value) = parameter.split_once('=')?;
        Some((name.to_owned(), Value::from(value.trim_matches('"'))))
    };
    header.split(", ").map(parameter).collect::<Option<Map<_, _>>>().map(Value::Object)
}

fn decoded(text: &str) -> anyhow::Result<Value> {
    Ok(serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text)?)?)
}

/// Prints a checkout that a wallet can pay, and the command of a public client that pays it.
pub(super) fn introduce(gateway: &Gateway, emulator: &Emulator) -> anyhow::Result<()> {
    let takes_wallets = |merchant: &&Arc<TenantConfig>| merchant.view(0, None).checkout.wallet;
    let Some(merchant) = gateway.merchants().iter().find(takes_wallets) else { return Ok(()) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let shown = runtime.block_on(Shopper::new(gateway, merchant)?.ready_checkout())?;
    let address = text(&shown, "/wallet_payment/url")?;
    say(&format!("\nPay a checkout of {} with an agent's wallet", merchant.name()));
    say(&format!("  address           {address}"));
    say("  with a public client, where Node is installed, in one command:");
    say(&format!(
        "  MPPX_STRIPE_SECRET_KEY={} MPPX_STRIPE_SPT_URL={}/v1/test_helpers/shared_payment/granted_tokens {CLIENT} \
         {address} -X POST -M paymentMethod=pm_card_visa -i",
        key(merchant),
        emulator.base_url(),
    ));
    Ok(())
}
