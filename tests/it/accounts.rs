//! Which Stripe account each merchant's key opens, and what the shops do until that is known.

use merchant_gateway::emulator::{Fault, FaultPlan, RequestKind};
use serde_json::json;

use crate::support::client::{Speaks, total};
use crate::support::world::{Shop, World, account};

const ACCOUNT: RequestKind = RequestKind::ReadAccount;

/// One of many small shops.
fn shop(number: usize) -> Shop {
    let file = format!(
        r#"
name = "Shop {number}"
mode = "test"
hosts = ["shop-{number}.localhost"]
currency = "usd"
[stripe]
network_id = "profile_test_shop{number}"
secret_key = "env:MERCHANT_SHOP_{number}_STRIPE_KEY"
[tax]
provider = "none"
[[products]]
id = "gift-note"
title = "Gift Note"
price = 300
shippable = false
"#
    );
    Shop {
        id: format!("shop-{number}"),
        file,
        variable: format!("MERCHANT_SHOP_{number}_STRIPE_KEY"),
        webhook_variable: None,
        account: account(
            &format!("acct_shop{number}"),
            &format!("sk_test_shop{number}x"),
            true,
            &format!("profile_test_shop{number}"),
        ),
    }
}

#[tokio::test]
async fn a_thousand_merchants_start_under_1024_descriptors_and_are_payable_while_stripe_is_slow() {
    const SHOPS: usize = 1000;
    let slow = Fault::DelayBefore { millis: 2000 };
    let mut world = World::closed((0..SHOPS).map(shop).collect());
    world.descriptors = Some(1024);
    world.settings.push(("GATEWAY__LOG__FILTER", "info"));
    world.emulator.set_faults(FaultPlan::none().next(ACCOUNT, slow, 8));
    world.start_gateway();
    world.kill();

    // From now on every reading takes two seconds: what is remembered is taken at once.
    world.emulator.set_faults(FaultPlan::none().next(ACCOUNT, slow, u32::MAX));
    world.start_until("stripe_account_remembered", SHOPS);
    assert!(!world.log().contains("stripe_account_known"), "no shop has waited for Stripe");
    let http = world.client(Speaks::Modern).http;
    let ready = http.get(format!("http://{}/readyz", world.admin_address())).send().await.unwrap();
    assert_eq!(ready.status(), 200);
    let client = world.client_of("shop-999", Speaks::Modern);
    let note = json!({ "items": [{ "id": "gift-note", "quantity": 1 }] });
    let sheet = client.works("create_checkout", note).await["checkout_session"].clone();
    let token = world.token_of("acct_shop999", "pm_card_visa", "usd", total(&sheet));
    let paid = client.complete(&sheet["id"], &token).await;
    assert_eq!(paid["structuredContent"]["status"], "completed", "{paid}");
    assert_eq!(world.ledger().len(), 1);
}

#[test]
fn a_remembered_account_counts_only_for_the_key_that_it_was_verified_with() {
    let mut world = World::start();
    world.kill();
    world.start_until("stripe_account_remembered", 2);
    world.kill();

    // A key that was never verified, and Stripe is not reached: nothing is taken from the store for it.
    let shop = world.shops.iter_mut().find(|shop| shop.id == crate::support::world::SHOP).unwrap();
    shop.account.secret_keys[0].key = "sk_test_canaryNewKey".to_owned();
    world.emulator.set_faults(FaultPlan::none().next(ACCOUNT, Fault::DropBefore, 2));
    world.start_until("stripe_account_unknown", 1);
    let remembered = world.log().matches("stripe_account_remembered").count();
    assert_eq!(remembered, 1, "only the other shop's: {}", world.log());
}
