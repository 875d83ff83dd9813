//! Other people's clients buy from every sample merchant: TypeScript and Rust, in either era. (The Python ones stand
//! with the purchases.) What they say they bought is held against Stripe's ledger.

use rmcp::model::{CallToolRequestParams, ClientConfig, ProtocolVersion, ReadResourceRequestParams};
use rmcp::service::RunningService;
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::StreamableHttpClientTransportConfig;
use rmcp::{ClientLifecycleMode, ClientServiceExt, RoleClient};
use serde_json::{Value, json};
use stripe_emulator::{LedgerEntry, MintToken};

use crate::support::client::{Client, Speaks, session_name, total};
use crate::support::node;
use crate::support::samples::Sample;
use crate::support::test_gateway::TestGateway;

const MODERN: &str = "2026-07-28";
const LEGACY: &str = "2025-11-25";

/// A script of `tests/node` buys from every sample merchant, in the revision that its client is known to choose.
fn all_sell_to(script: &str, mode: &[&str], protocol: &str) {
    let samples = Sample::all();
    let world = TestGateway::of_samples(&samples);
    let stripe = world.emulator.base_url();
    for sample in &samples {
        let address = sample.address().to_string();
        let mut arguments = vec![world.url(&sample.endpoint()), stripe.clone(), sample.key(), address];
        arguments.extend(mode.iter().map(|mode| (*mode).to_owned()));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let Some(output) = node::run(script, &arguments) else { return };
        let bought: Value = serde_json::from_str(&node::said(&output)).unwrap();
        assert_eq!(bought["protocol"], protocol, "{}: {bought}", sample.id());
        assert_eq!(bought["status"], "completed", "{}: {bought}", sample.id());
        let amount = bought["total"].as_i64().unwrap();
        charged_once(&world, sample, bought["session"].as_str().unwrap(), amount);
    }
}

/// The ledger has one payment of this merchant: for this checkout, in its currency, on its account.
fn charged_once(world: &TestGateway, sample: &Sample, session: &str, amount: i64) {
    let shop = sample.shop();
    let of_shop = |entry: &LedgerEntry| entry.account == shop.account.account_id;
    let payments: Vec<LedgerEntry> = world.ledger().into_iter().filter(of_shop).collect();
    assert_eq!(payments.len(), 1, "{}: {payments:?}", sample.id());
    let payment = &payments[0];
    assert_eq!((payment.amount_received, payment.livemode), (amount, false));
    assert_eq!(payment.currency, sample.view().currency.code());
    assert_eq!(payment.metadata["checkout_session"], session_name(&json!(session)));
}

#[test]
fn the_typescript_sdk_of_the_legacy_era_buys() {
    all_sell_to("buy_with_sdk.mjs", &[], LEGACY);
}

#[test]
fn the_typescript_client_of_both_eras_buys_as_it_comes() {
    all_sell_to("buy_with_client.mjs", &[], LEGACY);
}

#[test]
fn the_typescript_client_picks_the_newest_revision_and_buys() {
    all_sell_to("buy_with_client.mjs", &["auto"], MODERN);
}

/// The official Rust SDK's client.
struct RustClient(RunningService<RoleClient, ClientConfig>);

impl RustClient {
    async fn open(url: &str, lifecycle: ClientLifecycleMode) -> Self {
        let http = Client::new(url.to_owned(), Speaks::Modern).http;
        let config = StreamableHttpClientTransportConfig::with_uri(url);
        let transport = StreamableHttpClientTransport::with_client(http, config);
        Self(ClientConfig::default().serve_with_lifecycle(transport, lifecycle).await.unwrap())
    }

    async fn works(&self, tool: &'static str, arguments: Value) -> Value {
        let Value::Object(arguments) = arguments else { panic!("{arguments} are no arguments") };
        let called = self.0.call_tool(CallToolRequestParams::new(tool).with_arguments(arguments)).await;
        let result = called.unwrap();
        assert_ne!(result.is_error, Some(true), "{result:?}");
        result.structured_content.unwrap()
    }

    /// Buys two of the first product for sale; gives the final result.
    async fn buy(&self, world: &TestGateway, sample: &Sample) -> Value {
        let tools = self.0.list_all_tools().await.unwrap();
        assert!(tools.iter().any(|tool| tool.name == "complete_checkout"));
        let resources = self.0.list_all_resources().await.unwrap();
        let asked = ReadResourceRequestParams::new(resources[0].uri.clone());
        let page = serde_json::to_value(self.0.read_resource(asked).await.unwrap()).unwrap();
        assert!(page["contents"][0]["text"].as_str().unwrap().contains("<html"));

        let found = self.works("search_products", json!({ "available_only": true })).await;
        let product = &found["products"][0];
        let variants = product["variants"].as_array().into_iter().flatten();
        let item = variants.into_iter().find(|variant| variant["availability"] == "in_stock");
        let items = json!([{ "id": item.unwrap_or(product)["id"], "quantity": 2 }]);
        let arguments = json!({ "items": items, "fulfillment_address": sample.address() });
        let sheet = self.works("create_checkout", arguments).await["checkout_session"].clone();
        assert_eq!(sheet["status"], "ready_for_payment", "{sheet}");
        let token = world.emulator.mint_token(&MintToken {
            account_id: sample.shop().account.account_id,
            payment_method: "pm_card_visa".to_owned(),
            currency: sample.view().currency.code().to_owned(),
            max_amount: total(&sheet),
            expires_at: None,
        });
        let payment = json!({
            "checkout_session_id": sheet["id"],
            "buyer": { "name": "Ada Lovelace", "email": "ada@example.com" },
            "payment_data": { "token": token.unwrap(), "provider": "stripe" },
        });
        let paid = self.works("complete_checkout", payment).await;
        assert_eq!(paid["status"], "completed", "{paid}");
        charged_once(world, sample, paid["order"]["checkout_session_id"].as_str().unwrap(), total(&sheet));
        paid
    }
}

async fn the_rust_client_buys(lifecycle: ClientLifecycleMode, protocol: &ProtocolVersion) {
    let samples = Sample::all();
    let world = TestGateway::of_samples(&samples);
    for sample in &samples {
        let client = RustClient::open(&world.url(&sample.endpoint()), lifecycle.clone()).await;
        let peer = client.0.peer_info().unwrap();
        assert_eq!(&peer.protocol_version, protocol);
        assert!(peer.instructions.as_ref().unwrap().contains(&sample.view().name));
        client.buy(&world, sample).await;
        client.0.cancel().await.unwrap();
    }
}

#[tokio::test]
async fn the_rust_client_of_the_legacy_era_buys() {
    the_rust_client_buys(ClientLifecycleMode::Initialize, &ProtocolVersion::V_2025_11_25).await;
}

#[tokio::test]
async fn the_rust_client_finds_the_newest_revision_and_buys() {
    let auto = ClientLifecycleMode::Auto {
        preferred_versions: vec![ProtocolVersion::V_2026_07_28, ProtocolVersion::V_2025_11_25],
        legacy_version: None,
    };
    the_rust_client_buys(auto, &ProtocolVersion::V_2026_07_28).await;
}
