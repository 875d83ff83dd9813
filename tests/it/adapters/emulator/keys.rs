//! Who may ask, and in which version of the API.

use stripe_emulator::{AccountSeed, KeySeed, MintToken, Refusal};

use super::{OTHER_KEY, SHOP, SHOP_KEY, SHOP_LIVE_KEY, SHOP_NARROW_KEY, Stripe};

const GA: &str = "2026-10-28.endive";

#[tokio::test]
async fn a_key_reads_its_account() {
    let stripe = Stripe::start();
    let read = stripe.get("/v1/account").send().await;
    assert_eq!((read.status, read.id()), (200, SHOP));
    assert_eq!(read.body["charges_enabled"], true);
    assert_eq!(read.header("stripe-version"), Some(super::PREVIEW));
    assert!(read.header("request-id").is_some_and(|id| id.starts_with("req_")));
}

#[tokio::test]
async fn an_account_that_is_not_activated_makes_test_payments_only() {
    let stripe = Stripe::start();
    stripe.emulator.deactivate(SHOP).unwrap();
    let read = stripe.get("/v1/account").send().await;
    assert_eq!((read.status, &read.body["charges_enabled"]), (200, &serde_json::Value::Bool(false)));
    let token = MintToken {
        account_id: SHOP.to_owned(),
        payment_method: "pm_card_visa".to_owned(),
        currency: "usd".to_owned(),
        max_amount: 100_000,
        expires_at: None,
    };
    let live_token = stripe.emulator.mint_live_token(&token).unwrap();
    let refused = stripe.pay(&live_token).key(SHOP_LIVE_KEY).send().await;
    assert_eq!(refused.error(), (400, "invalid_request_error", Some("testmode_charges_only"), None));
    assert_eq!(stripe.pay(&stripe.token("pm_card_visa")).send().await.status, 200);
}

#[tokio::test]
async fn a_narrow_key_may_not_read_the_account() {
    let stripe = Stripe::start();
    let refused = stripe.get("/v1/account").key(SHOP_NARROW_KEY).send().await;
    assert_eq!(refused.error(), (403, "invalid_request_error", None, None));
    let message = refused.body["error"]["message"].as_str().unwrap();
    assert!(message.contains("does not have the required permissions"), "{message}");
    assert!(message.contains("rk_test_****3333") && !message.contains(SHOP_NARROW_KEY), "{message}");
}

#[tokio::test]
async fn a_key_is_taken_as_bearer_or_as_basic_user() {
    let stripe = Stripe::start();
    // base64 of `sk_test_shop_000000001111:`
    let basic = "Basic c2tfdGVzdF9zaG9wXzAwMDAwMDAwMTExMTo=";
    let read = stripe.get("/v1/account").header("Authorization", basic).send().await;
    assert_eq!(read.id(), SHOP);
}

#[tokio::test]
async fn missing_unknown_and_publishable_keys_are_refused() {
    let stripe = Stripe::start();
    let missing = stripe.get("/v1/account").header("Authorization", "-").send().await;
    assert_eq!(missing.error(), (401, "invalid_request_error", None, None));
    let unknown = stripe.get("/v1/account").key("sk_test_aaaaaaaaaaaaaabcd").send().await;
    assert_eq!(unknown.status, 401);
    assert_eq!(unknown.body["error"]["message"], "Invalid API Key provided: sk_test_****abcd");
    let publishable = stripe.get("/v1/account").key("pk_test_aaaaaaaaaaaaaabcd").send().await;
    assert_eq!(publishable.error().2, Some("secret_key_required"));
    let recorded = serde_json::to_string(&stripe.emulator.exchanges()).unwrap();
    assert!(!recorded.contains("aaaa"), "{recorded}");
}

#[tokio::test]
async fn a_rotated_key_expires() {
    let stripe = Stripe::start();
    let new_key = "sk_test_shop_000000005555";
    let seed = |key: &str| AccountSeed {
        account_id: SHOP.to_owned(),
        secret_keys: vec![KeySeed { key: key.to_owned(), may_read_account: true }],
        network_id: "profile_test_renamed".to_owned(),
    };
    let token = stripe.token("pm_card_visa");
    stripe.emulator.add_account(&seed(new_key)).unwrap();
    let old = stripe.get("/v1/account").key(SHOP_KEY).send().await;
    assert_eq!(old.error(), (401, "invalid_request_error", Some("api_key_expired"), None));
    assert_eq!(stripe.pay(&token).key(new_key).send().await.status, 200);
    assert_eq!(stripe.emulator.account_of_network("profile_test_renamed").as_deref(), Some(SHOP));
    let stolen = stripe.emulator.add_account(&seed(OTHER_KEY));
    assert!(matches!(stolen, Err(Refusal::KeyOfAnotherAccount { .. })));
    let nonsense = stripe.emulator.add_account(&seed("pk_test_1"));
    assert!(matches!(nonsense, Err(Refusal::NotASecretKey { .. })));
}

#[tokio::test]
async fn stripe_account_must_be_the_keys_own() {
    let stripe = Stripe::start();
    let own = stripe.get("/v1/account").header("Stripe-Account", SHOP).send().await;
    assert_eq!(own.status, 200);
    let foreign = stripe.get("/v1/account").header("Stripe-Account", "acct_other").send().await;
    assert_eq!(foreign.error(), (403, "invalid_request_error", Some("account_invalid"), None));
}

#[tokio::test]
async fn tokens_do_not_exist_outside_the_preview() {
    let stripe = Stripe::start();
    let token = stripe.token("pm_card_visa");
    for version in [GA, "2026-03-25.preview", "-"] {
        let read = stripe.get(&format!("/v1/shared_payment/granted_tokens/{token}"));
        let read = read.header("Stripe-Version", version).send().await;
        assert_eq!(read.error(), (404, "invalid_request_error", None, None), "{version}");
        let paid = stripe.pay(&token).header("Stripe-Version", version).send().await;
        let param = "payment_method_data[shared_payment_granted_token]";
        assert_eq!(
            paid.error(),
            (400, "invalid_request_error", Some("parameter_unknown"), Some(param)),
            "{version}"
        );
    }
    assert!(stripe.emulator.ledger().is_empty());
}

#[tokio::test]
async fn a_version_that_is_none_is_refused() {
    let stripe = Stripe::start();
    let reply = stripe.get("/v1/account").header("Stripe-Version", "newest").send().await;
    assert_eq!(reply.status, 400);
}

#[tokio::test]
async fn an_unknown_address_is_named() {
    let stripe = Stripe::start();
    let reply = stripe.post("/v1/payment_intent", "amount=1").send().await;
    assert_eq!(reply.status, 404);
    let message = reply.body["error"]["message"].as_str().unwrap();
    assert!(message.starts_with("Unrecognized request URL (POST: /v1/payment_intent)"), "{message}");
}
