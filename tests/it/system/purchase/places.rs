//! Purchases to places whose addresses have fewer fields than most.

use serde_json::json;

use crate::support::abroad::{ACCOUNT, abroad};
use crate::support::client::{Speaks, total};
use crate::support::test_gateway::TestGateway;

#[tokio::test]
async fn an_address_without_a_city_can_be_paid_for() {
    let world = TestGateway::of_shops(vec![abroad()]);
    let client = world.client_of("abroad", Speaks::Modern);
    for address in [
        json!({ "name": "Ada", "line_one": "1 Orchard Road", "country": "SG", "postal_code": "238823" }),
        json!({ "name": "Ada", "line_one": "1 Al Rigga Road", "country": "AE", "state": "Dubai" }),
    ] {
        let wished = json!({ "items": [{ "id": "hat", "quantity": 1 }], "fulfillment_address": address });
        let sheet = client.works("create_checkout", wished).await["checkout_session"].clone();
        let token = world.token_of(ACCOUNT, "pm_card_visa", "usd", total(&sheet));
        let paid = client.complete(&sheet["id"], &token).await;
        assert_eq!(paid["structuredContent"]["status"], "completed", "{paid}");
    }
    assert_eq!(world.ledger().len(), 2);
}
