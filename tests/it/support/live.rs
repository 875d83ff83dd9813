//! A shop in live mode at the emulated Stripe, on a host of its own: made from the sample of the usual shop.

use stripe_emulator::{AccountSeed, KeySeed, MintToken};

use super::test_gateway::{TestGateway, WEBHOOK_SECRET, usual_shops};

pub const SHOP: &str = "blue-door";
pub const HOST: &str = "shop.blue-door.shop";
pub const ACCOUNT: &str = "acct_bluedoor";
pub const TEST_KEY: &str = "sk_test_bluedoor1";
pub const LIVE_KEY: &str = "rk_live_bluedoor1";

/// Lets a gateway take live payments at the emulated Stripe.
pub const ALLOWED: (&str, &str) = ("GATEWAY__STRIPE__ALLOW_LIVE_ON_LOOPBACK", "true");

/// The shop's account, with a key for each mode.
pub fn add_account(world: &TestGateway) {
    let key = |key: &str| KeySeed { key: key.to_owned(), may_read_account: true };
    let account = AccountSeed {
        account_id: ACCOUNT.to_owned(),
        secret_keys: vec![key(TEST_KEY), key(LIVE_KEY)],
        network_id: "profile_bluedoor".to_owned(),
    };
    world.emulator.add_account(&account).unwrap();
}

/// The shop's file in test mode.
pub fn test_file() -> String {
    usual_shops()[0]
        .file
        .replace("coffee.localhost", "blue.localhost")
        .replace("profile_test_harborcoffee", "profile_test_bluedoor")
        .replace("env:MERCHANT_HARBOR_COFFEE__STRIPE_KEY", "file:stripe-key")
}

/// Its file in live mode.
pub fn live_file() -> String {
    test_file()
        .replace("mode = \"test\"", "mode = \"live\"")
        .replace("blue.localhost", HOST)
        .replace("profile_test_bluedoor", "profile_bluedoor")
        .replace("harbor-coffee.example", "blue-door.shop")
        .replace(
            "# webhook_secrets = [\"env:MERCHANT_HARBOR_COFFEE__STRIPE_WEBHOOK_SECRET\"]",
            "webhook_secrets = [\"file:stripe-webhook-secret\"]",
        )
}

pub fn put_live_secrets(world: &TestGateway) {
    world.put_secret(SHOP, "stripe-key", LIVE_KEY);
    world.put_secret(SHOP, "stripe-webhook-secret", WEBHOOK_SECRET);
}

/// Opens the shop in live mode beside the shops of a world that serves them and has its account.
pub fn open(world: &TestGateway) {
    let shops = world.shops.len() + 1;
    put_live_secrets(world);
    world.put_tenant(SHOP, &live_file());
    world.wait_for("\"tenant_opened\"", shops);
    world.wait_for("\"stripe_account_known\"", shops);
}

/// A token of live mode, granted to this account.
pub fn token_of(world: &TestGateway, account: &str, amount: i64) -> String {
    let token = MintToken {
        account_id: account.to_owned(),
        payment_method: "pm_card_visa".to_owned(),
        currency: "usd".to_owned(),
        max_amount: amount,
        expires_at: None,
    };
    world.emulator.mint_live_token(&token).unwrap()
}
