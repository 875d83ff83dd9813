//! A purchase in a currency whose amounts are not any number of minor units.

use serde_json::json;

use crate::support::client::{Speaks, total};
use crate::support::operator::Operator;
use crate::support::test_gateway::{Shop, TestGateway, account};

const ICELANDIC: &str = r#"
name = "Wool and Salt"
mode = "test"
hosts = ["wool.localhost"]
currency = "isk"
[stripe]
network_id = "profile_test_wool"
secret_key = "env:MERCHANT_WOOL__STRIPE_KEY"
[checkout]
countries = ["IS"]
[tax]
provider = "fixed"
shipping = false
elsewhere = "24"
[[products]]
id = "hat"
title = "Hat"
price = 349900
[[shipping]]
id = "post"
title = "Post"
price = 99000
"#;

#[tokio::test]
async fn amounts_in_krona_are_whole_ones_in_quotes_taxes_and_refunds() {
    let world = TestGateway::of_shops(vec![Shop {
        id: "wool".to_owned(),
        file: ICELANDIC.to_owned(),
        variable: "MERCHANT_WOOL__STRIPE_KEY".to_owned(),
        webhook_variable: None,
        account: account("acct_wool", "sk_test_wool1", true, "profile_test_wool"),
    }]);
    let client = world.client_of("wool", Speaks::Modern);
    let wished = json!({
        "items": [{ "id": "hat", "quantity": 1 }],
        "fulfillment_address": {
            "name": "Ada Lovelace", "line_one": "Laugavegur 1", "city": "Reykjavik", "country": "IS",
            "postal_code": "101",
        },
    });
    let sheet = client.works("create_checkout", wished).await["checkout_session"].clone();
    // 3,499 kr and 24 % of it, which is 839.76 kr, and 990 kr.
    assert_eq!(total(&sheet), 349_900 + 84_000 + 99_000, "{sheet}");
    let token = world.token_of("acct_wool", "pm_card_visa", "isk", total(&sheet));
    let paid = client.complete(&sheet["id"], &token).await;
    assert_eq!(paid["structuredContent"]["status"], "completed", "{paid}");
    assert_eq!(world.ledger()[0].amount, total(&sheet));

    let operator = Operator::of(&world);
    let refund = "orders/1001/refunds?tenant=wool";
    let (status, refused) = operator.post_once(refund, "part", json!({ "amount": 150 })).await;
    assert_eq!((status, &refused["code"]), (400, &json!("refund_not_a_whole_step")), "{refused}");
    assert_eq!(refused["detail"], "a refund in ISK is a multiple of 100 minor units");
    let (status, given) = operator.post_once(refund, "part", json!({ "amount": 100 })).await;
    assert_eq!((status, &given["refund"]["status"]), (200, &json!("succeeded")), "{given}");
}
